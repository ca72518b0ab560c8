"""Which inputs each output of a window operation reads along one axis, as a table (outputs, inputs) of booleans."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor

from .boxes import EMPTY, small

_PROBED = 1 << 22  # values in one probe, for memory's sake


@lru_cache(maxsize=512)
def window(inputs: int, outputs: int, kernel: int, stride: int, padding: int, dilation: int) -> Tensor:
    """Return the table of a convolution or a pooling; taps outside the map read nothing."""
    return _taps(torch.arange(inputs) - torch.arange(outputs)[:, None] * stride + padding, kernel, dilation)


@lru_cache(maxsize=512)
def transposed(inputs: int, outputs: int, kernel: int, stride: int, padding: int, dilation: int) -> Tensor:
    """Return the table of a transposed convolution."""
    return _taps(torch.arange(outputs)[:, None] + padding - torch.arange(inputs) * stride, kernel, dilation)


def _taps(offset: Tensor, kernel: int, dilation: int) -> Tensor:
    return (offset >= 0) & (offset <= dilation * (kernel - 1)) & (offset % dilation == 0)


@lru_cache(maxsize=512)
def adaptive(inputs: int, outputs: int) -> Tensor:
    """Return the table of an adaptive pooling: cell u reads from floor(u n / m) up to ceil((u + 1) n / m)."""
    unit, cell = torch.arange(outputs)[:, None], torch.arange(inputs)
    start, stop = unit * inputs // outputs, -(-(unit + 1) * inputs // outputs)
    return (cell >= start) & (cell < stop)


def probed(run: Callable[[Tensor], Any], shape: tuple[int, int], which: int) -> Tensor:
    """Find the table of a linear, separable operation on maps of `shape`, by running it on one-hot rows or columns."""
    size = shape[which]
    step = max(1, _PROBED // (shape[0] * shape[1]))
    found = []
    for start in range(0, size, step):
        lines = torch.eye(size)[start : start + step]
        basis = lines[:, :, None] if which == 0 else lines[:, None, :]
        answer = run(basis.expand(len(lines), *shape)[None])[0]
        found.append(answer[:, :, 0] if which == 0 else answer[:, 0, :])
    return (torch.cat(found) != 0).T.contiguous()


def read(plane: Tensor, dim: int, table: Tensor) -> Tensor:
    """Return the plane of the outputs of a window operation along one dimension."""
    shape = list(plane.shape)
    shape[dim] = table.shape[0]
    plane = small(plane)
    if plane.shape[dim] == 1:  # all inputs read the same, so do all windows over them
        return plane.expand(shape)
    rows = plane.movedim(dim, -1).unsqueeze(-2)
    least = torch.where(table, rows, EMPTY).amin(-1)
    return least.movedim(-1, dim).expand(shape)
