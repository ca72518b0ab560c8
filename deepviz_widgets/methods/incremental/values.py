"""What a map is while a zone goes through the network: the changed crops, or whole maps where these cover too much."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from .geometry import Axis, overlaps, steps


@dataclass(frozen=True, eq=False)
class Box:
    """The changed part of a map for each position of a zone; everywhere else it is the clean map.

    Attributes
    ----------
    crop : Tensor (P, h, w, C)
        Positions in raster order, channels last in memory.
    y, x : Axis
        Which rows and columns.
    last : bool
        Whether the map itself is (N, H, W, C), as within ConvNeXt, and not (N, C, H, W).
    """

    crop: Tensor
    y: Axis
    x: Axis
    last: bool = False

    @property
    def positions(self) -> int:
        """How many positions."""
        return len(self.y) * len(self.x)

    @property
    def maps(self) -> Tensor:
        """The crops as a batch of maps (P, C, h, w)."""
        return self.crop.permute(0, 3, 1, 2)

    def like(self, crop: Tensor) -> Box:
        """Return other values at the same places."""
        return Box(crop, self.y, self.x, self.last)


def rows_of(maps: Tensor) -> Tensor:
    """Return maps (P, C, h, w) as crops (P, h, w, C), without a copy where channels are last in memory."""
    return maps.permute(0, 2, 3, 1).contiguous()


def gather(
    clean: Tensor, y: tuple[int, ...], height: int, x: tuple[int, ...], width: int, into: Tensor | None = None
) -> Tensor:
    """Cut windows out of a clean map (H, W, C): one for each combination of `y` and `x`, (P, height, width, C).

    They are written `into` memory that is given.
    """
    channels = clean.shape[2]
    row, column, _ = clean.stride()
    shape = (len(y), len(x), height, width, channels)
    out = clean.new_empty(shape) if into is None else into.view(shape)
    for top, many, down in steps(y):
        for left, wide, right in steps(x):
            view = clean.as_strided(
                (many, wide, height, width, channels), (down * row, right * column, row, column, 1),
                clean.storage_offset() + y[top] * row + x[left] * column,
            )
            out[top : top + many, left : left + wide] = view
    return out.view(-1, height, width, channels)


def paste(window: Tensor, y: tuple[int, ...], x: tuple[int, ...], box: Box, by: int = 0, bx: int = 0) -> None:
    """Write the changed cells into windows that begin at `y` and `x`, in a map padded by `by` and `bx` before."""
    rows = overlaps(y, window.shape[1], tuple(start + by for start in box.y.start), box.y.length)
    columns = overlaps(x, window.shape[2], tuple(start + bx for start in box.x.start), box.x.length)
    into = window.unflatten(0, (len(y), len(x)))
    crop = box.crop.view(len(y), len(x), *box.crop.shape[1:])
    for top, stop, to, of, height in rows:
        for left, end, to_x, of_x, width in columns:
            into[top:stop, left:end, to : to + height, to_x : to_x + width] = (
                crop[top:stop, left:end, of : of + height, of_x : of_x + width]
            )


def windowed(box: Box, clean: Tensor, y: Axis, x: Axis) -> Tensor:
    """Return the crops (P, h, w, C) at other stored places, with the clean map (H, W, C) around the change."""
    if (box.y.start, box.y.length, box.x.start, box.x.length) == (y.start, y.length, x.start, x.length):
        return box.crop
    window = gather(clean, y.start, y.length, x.start, x.length)
    paste(window, y.start, x.start, box)
    return window


def whole(box: Box, clean: Tensor) -> Tensor:
    """Return the maps themselves for every position, (P, C, H, W) or (P, H, W, C), channels last in memory."""
    height, width = box.y.cells, box.x.cells
    if box.crop.shape[1:3] == (height, width):
        maps = box.crop
    else:
        maps = clean.repeat(box.positions, 1, 1, 1)  # always a copy: one position would otherwise write the clean map
        paste(maps, (0,) * len(box.y), (0,) * len(box.x), box)
    return maps if box.last else maps.permute(0, 3, 1, 2)


def sums(box: Box, clean: Tensor, total: Tensor) -> Tensor:
    """Return the sum over each map, (P, C): the clean total, less what was in the box, plus what is there now."""
    was = gather(clean, box.y.start, box.y.length, box.x.start, box.x.length)
    return total + (box.crop - was).sum((1, 2))


def padded(clean: Tensor, top: int, bottom: int, left: int, right: int, value: float) -> Tensor:
    """Pad a clean map (H, W, C) on its four sides."""
    if top == bottom == left == right == 0:
        return clean
    return torch.nn.functional.pad(clean, (0, 0, left, right, top, bottom), value=value)
