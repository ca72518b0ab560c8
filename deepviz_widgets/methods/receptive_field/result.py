"""`ReceptiveField`: what the units of one layer can see of the image."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ...words import size


@dataclass(frozen=True, eq=False)
class ReceptiveField:
    """What the units of one layer can see of the image. Never read a number here without its `status`.

    Attributes
    ----------
    layer : str
    call : int
        Which call of the layer, counted from 0.
    size : (int, int)
        Height and width in pixels of what one unit reads, of the largest where units differ; without a border, so
        it may exceed the image.
    stride : (float, float) or None
        Pixels from one unit to the next, down and right; None where units do not lie on a regular lattice, and
        (0, 0) where all read the same.
    padding : (float, float) or None
        The field of unit (0, 0) starts that far above and to the left of the image: unit u starts at
        u * stride - padding (Araujo et al.). None with the stride.
    status : {"exact", "upper bound", "whole image", "data dependent", "unknown"}
        "exact": the clipped box of every unit is exactly the box around what it is connected to. "upper bound": it
        contains that, and for some units is larger. "whole image": all units read everything. "data dependent" and
        "unknown": what is read depends on the values, or goes through an operation that is not known; the box is
        the whole image.
    why : str
        The reason, in a sentence.
    image : (int, int)
        Height and width of the network's input.
    grid : (int, int)
        Rows and columns of units.
    boxes : ndarray (rows, columns, 4) int32
        Top, left, bottom, right of each unit, ending at the border of the image; all 0 for a unit that reads nothing.
    """

    layer: str
    call: int
    size: tuple[int, int]
    stride: tuple[float, float] | None
    padding: tuple[float, float] | None
    status: str
    why: str
    image: tuple[int, int]
    grid: tuple[int, int]
    boxes: np.ndarray
    _lattice: tuple[Any, Any] = field(repr=False, default=(None, None))

    @property
    def edges(self) -> np.ndarray | None:
        """Top and bottom of each row of units, then left and right of each column: (2 rows + 2 columns,) float32.

        None where what is read is not known, or where the boxes of a row do not have one top and bottom.
        """
        rows, columns = self.boxes[:, :1, ::2], self.boxes[:1, :, 1::2]
        if self.status not in ("exact", "upper bound", "whole image"):
            return None
        if (self.boxes[..., ::2] != rows).any() or (self.boxes[..., 1::2] != columns).any():
            return None
        return np.concatenate([*rows[:, 0].T, *columns[0].T]).astype(np.float32)

    @property
    def larger_than_image(self) -> bool:
        """Whether the field of a unit is higher or wider than the image, which is normal in deep layers."""
        return self.size[0] > self.image[0] or self.size[1] > self.image[1]

    def box(self, y: int, x: int) -> tuple[int, int, int, int]:
        """Return top, left, bottom, right of a unit's field in input pixels, half-open.

        It may reach beyond the image where the units lie on a regular lattice, and ends at its border elsewhere.

        Raises
        ------
        ValueError
            For a unit outside the map.
        """
        clipped = self.clipped(y, x)
        ends = [
            (clipped[which], clipped[which + 2]) if axis is None else
            (math.floor(axis.stride * unit + axis.start), math.ceil(axis.stride * unit + axis.stop))
            for which, (axis, unit) in enumerate(zip(self._lattice, (y, x), strict=True))
        ]
        return ends[0][0], ends[1][0], ends[0][1], ends[1][1]

    def clipped(self, y: int, x: int) -> tuple[int, int, int, int]:
        """Return top, left, bottom, right of what a unit reads of the image itself, in pixels, half-open.

        Raises
        ------
        ValueError
            For a unit outside the map.
        """
        if not (0 <= y < self.grid[0] and 0 <= x < self.grid[1]):
            raise ValueError(
                f"Layer {self.layer!r} gives a map of {size(self.grid)}; there is no unit ({y}, {x}), counted from 0."
            )
        top, left, bottom, right = (int(edge) for edge in self.boxes[y, x])
        return top, left, bottom, right
