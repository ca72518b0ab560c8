"""Matrix products by whichever library is fastest here: the BLAS behind `F.linear`, or oneDNN, which torch brings too.

On processors of another maker than its own, the usual BLAS runs at half the speed that oneDNN reaches.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor

Product = Callable[[Tensor, Tensor, "Tensor | None"], Tensor]

_GAIN = 1.15  # how much faster than `F.linear` another way must be to be taken
_LARGE = 16 << 20  # bytes of weights of which the ways differ: some put them into another order in every call
_ROWS, _FEW = 64, 8  # fewer rows than this are not worth a detour; where the weights are large, fewer than these
_ROUNDS = 24  # of a fraction of a millisecond each, so that on a busy machine some are undisturbed
_BUDGET = 0.3  # seconds after which a busy machine is timed no longer


def linear(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """Multiply the last axis of x (..., C) by weight (O, C) and add the bias (O,)."""
    return _way(x, weight)(x, weight, bias)


def _way(x: Tensor, weight: Tensor) -> Product:
    rows, large = x.numel() // max(1, x.shape[-1]), weight.nbytes >= _LARGE
    fit = x.device.type == "cpu" and x.dtype == weight.dtype == torch.float32 and x.is_contiguous()
    return fastest(torch.get_num_threads(), large) if fit and rows >= (_FEW if large else _ROWS) else F.linear


def _by_convolution(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    images = x.shape[0] if x.dim() > 2 else 1
    maps = x.reshape(images, -1, 1, x.shape[-1]).permute(0, 3, 1, 2)
    return F.conv2d(maps, weight[:, :, None, None], bias).permute(0, 2, 3, 1).reshape(*x.shape[:-1], len(weight))


def _pointwise(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """Call oneDNN's product, which is there for compiled models; where torch has it no more, it is not chosen."""
    return torch.ops.mkldnn._linear_pointwise(x, weight, bias, "none", [], "")


@lru_cache(maxsize=16)
def fastest(threads: int, large: bool = False) -> Product:
    """Time all ways on this machine, some tenths of a second at most; the answer is kept for each number of threads."""
    del threads
    generator = torch.Generator().manual_seed(0)
    rows, channels, outputs = (100, 4096, 4096) if large else (400, 256, 256)  # the large do not fit into a cache
    x, row = torch.rand((rows, channels), generator=generator), torch.rand(channels, generator=generator)
    weight = row * torch.rand((outputs, 1), generator=generator)
    ways: tuple[Product, ...] = (F.linear, _by_convolution, _pointwise)
    with torch.no_grad():
        wanted = F.linear(x, weight)
        seconds = dict.fromkeys(ways, float("inf"))
        stop = time.perf_counter() + _BUDGET
        for done in range(_ROUNDS):
            for way in ways:
                seconds[way] = min(seconds[way], _seconds(way, x, weight, wanted))
            if time.perf_counter() > stop and done:
                break
    best = min(seconds, key=seconds.__getitem__)
    return best if seconds[best] * _GAIN < seconds[F.linear] else F.linear


def _seconds(way: Product, x: Tensor, weight: Tensor, wanted: Tensor) -> float:
    """Time one product, infinite where it fails or is wrong."""
    began = time.perf_counter()
    try:
        found = way(x, weight, None)
    except (RuntimeError, AttributeError, TypeError):
        return float("inf")
    taken = time.perf_counter() - began
    return taken if torch.allclose(found, wanted, rtol=1e-4) else float("inf")
