"""Whole maps next to each other, with the padding between them shared: tiles then cover several with less waste.

Two maps of 7 cells and their padding take three tiles of 5 outputs, where each alone takes two.
"""

from __future__ import annotations

from torch import Tensor

from .workspace import Workspace


def joined_length(count: int, length: int, gap: int) -> int:
    """Return how many outputs maps with gaps between them have along an axis."""
    return count * length + (count - 1) * gap


def joined(maps: Tensor, padding: tuple[int, int], down: int, across: int, space: Workspace) -> Tensor:
    """Lay maps (P, h, w, C) out as mosaics of `down` x `across`, padded with zeros, (M, H, W, C).

    Where the last is not full, its other places hold zeros. It lasts until the next call.
    """
    count, height, width, channels = maps.shape
    (py, px), each = padding, down * across
    mosaics = -(-count // each)
    shape = (mosaics, joined_length(down, height, py) + 2 * py, joined_length(across, width, px) + 2 * px, channels)
    window = space.take("mosaic", shape, maps)
    for row in range(down + 1):
        window[:, row * (height + py) : row * (height + py) + py] = 0.0
    for column in range(across + 1):
        window[:, :, column * (width + px) : column * (width + px) + px] = 0.0
    for place, top, left in _places(down, across, height + py, width + px):
        some = maps[place::each]
        cells = window[:, py + top : py + top + height, px + left : px + left + width]
        cells[: len(some)] = some
        cells[len(some) :] = 0.0
    return window


def apart(outputs: Tensor, count: int, size: tuple[int, int], gap: tuple[int, int], down: int, across: int) -> Tensor:
    """Return the outputs (P, h, w, O) for each of the maps that were joined; undoes `joined` where sizes are kept."""
    if down == across == 1:
        return outputs
    found = outputs.new_empty((count, *size, outputs.shape[3]))
    for place, top, left in _places(down, across, size[0] + gap[0], size[1] + gap[1]):
        some = found[place :: down * across]
        some.copy_(outputs[: len(some), top : top + size[0], left : left + size[1]])
    return found


def _places(down: int, across: int, height: int, width: int) -> list[tuple[int, int, int]]:
    """List the places of a mosaic: number, top and left."""
    return [(row * across + column, row * height, column * width) for row in range(down) for column in range(across)]
