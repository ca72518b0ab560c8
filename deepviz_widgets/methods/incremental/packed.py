"""Convolutions whose weights stand in memory as oneDNN wants them: it puts them into that order in every call else.

The functions are there for compiled models; where torch has them no more, or they are slower, torch's own are called.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import lru_cache
from threading import Lock
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

# activations that run within the convolution; not ReLU, which would make zeros of what is not a number
ACTIVATIONS: dict[type[nn.Module], str] = {nn.Hardswish: "hardswish", nn.SiLU: "swish"}
_APART: dict[str, Callable[..., Tensor]] = {"hardswish": F.hardswish, "swish": F.silu}
_FEWEST = 64  # cells below which a call of torch's own is set up faster
_ROUNDS = 12
_SLOWER = 1.5


def activated(out: Tensor, activation: str) -> Tensor:
    """Do what a convolution does to its answer where that did not run within it; overwrites the answer."""
    return out if activation == "none" else _APART[activation](out, inplace=True)


class Packed:
    """A convolution, and what may come after it; the weights (O, C / groups, kernel) are put into order on first use.

    Which order oneDNN wants depends on the maps, and in that of others it can take a hundred times as long. So it is
    asked for every shape, once, and gets what it wants; most shapes want the same, which is kept once.
    """

    def __init__(self, weight: Tensor, bias: Tensor | None, *, stride: tuple[int, ...] = (1, 1),
                 dilation: tuple[int, ...] = (1, 1), groups: int = 1, activation: str = "none"):
        self.weight, self.bias, self.activation = weight, bias, activation
        self._settings = list(stride), list(dilation), groups
        self._orders: dict[bytes, Tensor] = {}  # by what oneDNN calls them
        self._order_of: dict[tuple[int, ...], Tensor] = {}
        self._lock = Lock()  # workers share the weights

    def __call__(self, maps: Tensor, padding: tuple[int, int] = (0, 0)) -> Tensor:
        """Convolve maps (P, C, H, W), channels last in memory, and return maps like them."""
        stride, dilation, groups = self._settings
        if not self.pays(maps):
            return activated(F.conv2d(maps, self.weight, self.bias, stride, padding, dilation, groups), self.activation)
        key = (*maps.shape, *padding, torch.get_num_threads())
        weight = self._order_of.get(key)
        if weight is None:
            with self._lock:
                weight = self._order_of[key] = self._ordered(maps, padding)
        return torch.ops.mkldnn._convolution_pointwise(
            maps, weight, self.bias, padding, stride, dilation, groups, self.activation, [], "")

    def _ordered(self, maps: Tensor, padding: tuple[int, int]) -> Tensor:
        """Put the weights into the order for such maps."""
        ordered = _order(self.weight, padding, *self._settings, list(maps.shape))
        return self._orders.setdefault(_name(ordered), ordered)

    @property
    def bytes(self) -> int:
        """Memory of the weights in order, as far as they are."""
        return sum(order.numel() * order.element_size() for order in self._orders.values())

    def pays(self, maps: Tensor) -> bool:
        """Tell whether the order is of use for these maps."""
        if maps.device.type != "cpu" or not maps.dtype == self.weight.dtype == torch.float32:
            return False
        return maps.numel() >= _FEWEST * maps.shape[1] and _works(torch.get_num_threads())


def _order(weight: Tensor, *settings: Any) -> Tensor:
    return torch.ops.mkldnn._reorder_convolution_weight(weight, *settings)


def _name(ordered: Tensor) -> bytes:
    """Return oneDNN's own description of an order."""
    return torch.ops.mkldnn._get_mkldnn_serialized_md(ordered).numpy().tobytes()


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
            ordered = _order(weight, 0, 1, 1, 1, list(maps.shape))
            if not _name(ordered) or not torch.allclose(ours(), theirs(), rtol=1e-4):
                return False
        except (RuntimeError, AttributeError, TypeError):
            return False
        seconds = [(_seconds(ours), _seconds(theirs)) for _ in range(_ROUNDS)]
    return min(one for one, _ in seconds) < _SLOWER * min(other for _, other in seconds)


def _seconds(run: Callable[[], object]) -> float:
    began = time.perf_counter()
    run()
    return time.perf_counter() - began
