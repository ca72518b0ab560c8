"""Convolutions whose weights stand in memory as oneDNN wants them: it puts them into that order in every call else.

The functions are there for compiled models; where torch has them no more, or they are slower, torch's own are called.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor, nn

# activations that run within the convolution; not ReLU, which would make zeros of what is not a number
ACTIVATIONS: dict[type[nn.Module], str] = {nn.Hardswish: "hardswish", nn.SiLU: "swish"}
APART: dict[str, Callable[..., Tensor]] = {"hardswish": F.hardswish, "swish": F.silu}
_FEWEST = 64  # cells below which a call of torch's own is set up faster
_ROUNDS = 12
_SLOWER = 1.5


class Packed:
    """A convolution, and what may come after it; the weights (O, C / groups, kernel) are put into order on first use.

    Where they stand `alone`, they are given up as they were, to save memory.
    """

    def __init__(self, weight: Tensor, bias: Tensor | None, *, stride: tuple[int, ...] = (1, 1),
                 dilation: tuple[int, ...] = (1, 1), groups: int = 1, activation: str = "none", alone: bool = False):
        self.weight, self.bias, self.activation, self._alone = weight, bias, activation, alone
        self._settings = list(stride), list(dilation), groups
        self._ordered: Tensor | None = None

    def __call__(self, maps: Tensor, padding: tuple[int, int] = (0, 0)) -> Tensor:
        """Convolve maps (P, C, H, W), channels last in memory, and return maps like them."""
        stride, dilation, groups = self._settings
        if not self.pays(maps):
            out = F.conv2d(maps, self.weight, self.bias, stride, padding, dilation, groups)
            return out if self.activation == "none" else APART[self.activation](out, inplace=True)
        if self._ordered is None:
            self._ordered = torch.ops.mkldnn._reorder_convolution_weight(
                self.weight, padding, stride, dilation, groups, list(maps.shape))
            self.weight = self.weight[:0] if self._alone else self.weight
        return torch.ops.mkldnn._convolution_pointwise(
            maps, self._ordered, self.bias, padding, stride, dilation, groups, self.activation, [], "")

    @property
    def bytes(self) -> int:
        """Memory of the weights in order, as far as they are."""
        return 0 if self._ordered is None else self._ordered.numel() * self._ordered.element_size()

    def pays(self, maps: Tensor) -> bool:
        """Tell whether the order is of use for these maps."""
        if self._ordered is not None and self._alone:
            return True
        if maps.device.type != "cpu" or not maps.dtype == self.weight.dtype == torch.float32:
            return False
        return maps.numel() >= _FEWEST * maps.shape[1] and _works(torch.get_num_threads())


@lru_cache(maxsize=8)
def _works(threads: int) -> bool:
    """Try it on this machine, once for each number of threads: right, and not slower by more than a busy machine is."""
    del threads
    generator = torch.Generator().manual_seed(0)
    maps = torch.rand((4, 256, 9, 9), generator=generator).to(memory_format=torch.channels_last)
    weight = torch.rand((256, 256, 1, 1), generator=generator)

    def ours() -> Tensor:
        return torch.ops.mkldnn._convolution_pointwise(maps, ordered, None, [0, 0], [1, 1], [1, 1], 1, "none", [], "")

    def theirs() -> Tensor:
        return F.conv2d(maps, weight)

    with torch.no_grad():
        try:
            ordered = torch.ops.mkldnn._reorder_convolution_weight(weight, 0, 1, 1, 1, list(maps.shape))
            if not torch.allclose(ours(), theirs(), rtol=1e-4):
                return False
        except (RuntimeError, AttributeError, TypeError):
            return False
        seconds = [(_seconds(ours), _seconds(theirs)) for _ in range(_ROUNDS)]
    return min(one for one, _ in seconds) < _SLOWER * min(other for _, other in seconds)


def _seconds(run: Callable[[], object]) -> float:
    began = time.perf_counter()
    run()
    return time.perf_counter() - began
