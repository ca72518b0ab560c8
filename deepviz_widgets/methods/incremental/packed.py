"""Convolutions whose weights stand in memory as oneDNN wants them: it puts them into that order in every call else.

The functions are there for compiled models; where torch has them no more, or they are slower, torch's own are called.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import lru_cache
from threading import Lock

import torch
import torch.nn.functional as F
from torch import Tensor, nn

# activations that run within the convolution; not ReLU, which would make zeros of what is not a number
ACTIVATIONS: dict[type[nn.Module], str] = {nn.Hardswish: "hardswish", nn.SiLU: "swish"}
APART: dict[str, Callable[..., Tensor]] = {"hardswish": F.hardswish, "swish": F.silu}
_FEWEST = 64  # cells below which a call of torch's own is set up faster
_ROUNDS = 12
_SLOWER = 1.5
_ORDERS = 3  # kept of one convolution's weights
_TIMED = 3  # calls of each shape
_SLOW, _GAIN = 2.5, 1.3  # an order is tried where others run so much faster, and kept where it gains so much
_SET_UP, _BRIEF = 0.02, 0.002  # seconds that say nothing: the first call of a shape compiles it


class _Order:
    """The weights in the order that maps of one shape use, and what they took so far."""

    def __init__(self, weight: Tensor):
        self.weight, self.seconds, self.timed, self.settled = weight, float("inf"), 0, False



class Packed:
    """A convolution, and what may come after it; the weights (O, C / groups, kernel) are put into order on first use.

    Which order is fast depends on the maps: in that of others oneDNN can take a hundred times as long, as it puts the
    weights into order in every call. So calls are timed, and maps that are slow get an order of their own.
    Where the weights stand `alone`, they are given up as they were, to save memory.
    """

    def __init__(self, weight: Tensor, bias: Tensor | None, *, stride: tuple[int, ...] = (1, 1),
                 dilation: tuple[int, ...] = (1, 1), groups: int = 1, activation: str = "none", alone: bool = False):
        self.weight, self.bias, self.activation, self._alone = weight, bias, activation, alone
        self._settings = list(stride), list(dilation), groups
        self._orders: list[Tensor] = []
        self._order_of: dict[tuple[int, ...], _Order] = {}
        self._lock = Lock()  # workers share the weights
        self._rate = 0.0  # cells of maps a second, at best

    def __call__(self, maps: Tensor, padding: tuple[int, int] = (0, 0)) -> Tensor:
        """Convolve maps (P, C, H, W), channels last in memory, and return maps like them."""
        stride, dilation, groups = self._settings
        if not self.pays(maps):
            out = F.conv2d(maps, self.weight, self.bias, stride, padding, dilation, groups)
            return out if self.activation == "none" else APART[self.activation](out, inplace=True)
        key = (*maps.shape, *padding, torch.get_num_threads())
        order = self._order_of.get(key)
        if order is None:
            with self._lock:
                weight = self._orders[-1] if self._orders else self._ordered(maps, padding)
                order = self._order_of.setdefault(key, _Order(weight))
        if order.settled:
            return self._run(maps, order.weight, padding)
        out, seconds = self._timed(maps, order.weight, padding)
        with self._lock:
            return self._settle(order, seconds, maps, padding, out)

    def _settle(self, order: _Order, seconds: float, maps: Tensor, padding: tuple[int, int], out: Tensor) -> Tensor:
        """Judge what a call took: other maps were faster by so much that another order is worth a try."""
        order.timed += 1
        order.seconds = min(order.seconds, seconds)
        rate = maps.numel() / max(order.seconds, 1e-9)
        self._rate = max(self._rate, rate)
        slow = rate * _SLOW < self._rate and order.seconds > (_SET_UP if order.timed == 1 else _BRIEF)
        if slow and len(self._orders) < _ORDERS:
            own = self._ordered(maps, padding)
            self._run(maps, own, padding)
            out, seconds = self._timed(maps, own, padding)
            if seconds * _GAIN < order.seconds:
                order.weight, order.seconds = own, seconds
            used = {id(other.weight) for other in self._order_of.values()}
            self._orders = [kept for kept in self._orders if id(kept) in used]
            order.settled = True
        elif slow and order.timed == 1:  # the fastest of those that there are
            for other in self._orders:
                out, seconds = self._timed(maps, other, padding)
                if seconds < order.seconds:
                    order.weight, order.seconds = other, seconds
        order.settled = order.settled or order.timed >= _TIMED
        return out

    def _timed(self, maps: Tensor, weight: Tensor, padding: tuple[int, int]) -> tuple[Tensor, float]:
        began = time.perf_counter()
        out = self._run(maps, weight, padding)
        return out, time.perf_counter() - began

    def _run(self, maps: Tensor, weight: Tensor, padding: tuple[int, int]) -> Tensor:
        stride, dilation, groups = self._settings
        return torch.ops.mkldnn._convolution_pointwise(
            maps, weight, self.bias, padding, stride, dilation, groups, self.activation, [], "")

    def _ordered(self, maps: Tensor, padding: tuple[int, int]) -> Tensor:
        """Put the weights into the order for such maps."""
        stride, dilation, groups = self._settings
        weight = self.weight if self.weight.numel() else self._orders[0].to_dense()
        self._orders.append(torch.ops.mkldnn._reorder_convolution_weight(
            weight, padding, stride, dilation, groups, list(maps.shape)))
        self.weight = self.weight[:0] if self._alone else self.weight
        return self._orders[-1]

    @property
    def bytes(self) -> int:
        """Memory of the weights in order, as far as they are."""
        return sum(order.numel() * order.element_size() for order in self._orders)

    def pays(self, maps: Tensor) -> bool:
        """Tell whether the order is of use for these maps."""
        if self._orders and self._alone:
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
