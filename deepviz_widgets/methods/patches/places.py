"""The places of a layer's answer to images of one size: their grid, and the receptive field of each."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass

import numpy as np

from ..receptive_field import ReceptiveField

__all__ = ["Places", "places_of"]

UNKNOWN = ("unknown", "The field of this layer's places is not known, so the whole image is shown.")


@dataclass(frozen=True, eq=False)
class Places:
    """A grid of places and what each reads of the image.

    Attributes
    ----------
    grid : (int, int)
    shape : tuple of int
        Of the layer's answer to one image.
    field, says : str
        Status of the receptive field and the reason.
    boxes : ndarray, which broadcasts to (rows, columns, 4), int32
        Top, left, bottom, right, in one row or column only along which they do not vary.
    """

    grid: tuple[int, int]
    shape: tuple[int, ...]
    field: str
    says: str
    boxes: tuple[np.ndarray, np.ndarray] = dataclasses.field(repr=False)

    @property
    def size(self) -> tuple[int, ...]:
        """What makes a grid larger than another, in whatever order they are met."""
        return math.prod(self.grid), *self.grid, *self.shape

    def at(self, places: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return rows, columns and boxes (..., 4) of places counted in raster order."""
        ys, xs = places // self.grid[1], places % self.grid[1]
        down, across = (np.broadcast_to(part, (*self.grid, 2))[ys, xs] for part in self.boxes)
        boxes = np.stack([down[..., 0], across[..., 0], down[..., 1], across[..., 1]], -1)
        return ys.astype(np.int32), xs.astype(np.int32), boxes.astype(np.int32)

    def all(self) -> np.ndarray:
        """Return the boxes of all places, (P, 4) int32."""
        return self.at(np.arange(math.prod(self.grid)))[2]


def places_of(
    known: ReceptiveField | None, grid: tuple[int, int], shape: tuple[int, ...], image: tuple[int, int]
) -> Places:
    """Take the boxes from a receptive field, the whole image where it does not fit the answer."""
    if known is None or known.grid != grid or known.boxes.shape[:2] != grid:
        whole = np.array([[0, 0]], np.int32)[None] + np.array([0, 1], np.int32)
        return Places(grid, shape, *UNKNOWN, (whole * image[0], whole * image[1]))
    down, across = known.boxes[..., ::2], known.boxes[..., 1::2]
    return Places(grid, shape, known.status, known.why, (_small(down), _small(across)))


def _small(part: np.ndarray) -> np.ndarray:
    """Keep one row, or one column, where all are the same."""
    for axis in (0, 1):
        first = part.take([0], axis)
        if (part == first).all():
            part = first
    return part.copy()
