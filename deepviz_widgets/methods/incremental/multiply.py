"""Matrix products by whichever library is faster here: the 1 x 1 convolution of oneDNN, or the BLAS behind `F.linear`.

On processors of another maker than its own, the usual BLAS runs at half the speed that oneDNN reaches.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor

_ROUNDS = 24  # of a fraction of a millisecond each, so that on a busy machine some are undisturbed
_GAIN = 1.15  # how much faster a convolution must be to be taken
_ROWS = 64  # fewer rows than this are not worth a detour


def linear(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """Multiply the last axis of x (..., C) by weight (O, C) and add the bias (O,)."""
    rows = x.numel() // x.shape[-1] if x.shape[-1] else 0
    if rows < _ROWS or not _convolves(x, weight):
        return F.linear(x, weight, bias)
    images = x.shape[0] if x.dim() > 2 else 1
    flat = x.reshape(images, -1, 1, x.shape[-1]).permute(0, 3, 1, 2)
    out = F.conv2d(flat, weight[:, :, None, None], bias)
    return out.permute(0, 2, 3, 1).reshape(*x.shape[:-1], len(weight))


def products(cells: Tensor, weight: Tensor, positions: int) -> Tensor:
    """Multiply (n, T, C) by (n, O, C): one product for each of n, (n, T, O)."""
    if not _convolves(cells, weight):
        return torch.bmm(cells, weight.transpose(1, 2))
    one = cells.view(len(cells), positions, -1, 1, cells.shape[-1]).permute(0, 1, 4, 2, 3)
    found = [F.conv2d(x, w[:, :, None, None]) for x, w in zip(one, weight, strict=True)]
    return torch.stack([each.permute(0, 2, 3, 1).reshape(cells.shape[1], -1) for each in found])


def _convolves(x: Tensor, weight: Tensor) -> bool:
    return x.device.type == "cpu" and x.dtype == weight.dtype == torch.float32 and convolution_is_faster(
        torch.get_num_threads())


@lru_cache(maxsize=8)
def convolution_is_faster(threads: int) -> bool:
    """Time both once on this machine, a few milliseconds."""
    del threads  # the answer may differ with the number of threads, so it is kept for each
    generator = torch.Generator().manual_seed(0)
    x = torch.rand((400, 256), generator=generator)
    weight = torch.rand((256, 256), generator=generator)
    maps = x.view(16, 25, 1, 256).permute(0, 3, 1, 2)
    with torch.no_grad():
        blas, dnn = lambda: F.linear(x, weight), lambda: F.conv2d(maps, weight[:, :, None, None])
        times = [(_seconds(blas), _seconds(dnn)) for _ in range(_ROUNDS)]
    return min(a for a, _ in times) > _GAIN * min(b for _, b in times)


def _seconds(run: Callable[[], object]) -> float:
    began = time.perf_counter()
    run()
    return time.perf_counter() - began
