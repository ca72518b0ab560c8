"""Where the patch stands: a regular lattice over a region of the image, or the segments of a mask."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...words import size

Side = int | Sequence[int] | None


@dataclass(frozen=True, eq=False)
class Lattice:
    """Positions of one patch.

    Attributes
    ----------
    image : (int, int)
        Height and width of the network's input.
    region : (int, int, int, int)
        Top, left, bottom, right (half open) of what is covered.
    patch, stride : (int, int)
        Height and width, step down and step to the right; (0, 0) for segments.
    rows, columns : int
        Position `p = row * columns + column`; segments are one row.
    boxes : ndarray (P, 4) int32
        Top, left, bottom, right (half open) of each position; of a segment the box around it.
    labels : ndarray (H, W) int or None
        For segments: which position hides a pixel, -1 for none.
    """

    image: tuple[int, int]
    region: tuple[int, int, int, int]
    patch: tuple[int, int]
    stride: tuple[int, int]
    rows: int
    columns: int
    boxes: np.ndarray
    labels: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.boxes)

    def masks(self, positions: np.ndarray) -> np.ndarray:
        """Return what some positions hide, (n, H, W) bool."""
        if self.labels is not None:
            return self.labels[None] == np.asarray(positions)[:, None, None]
        down, right = np.arange(self.image[0])[:, None], np.arange(self.image[1])[None, :]
        top, left, bottom, end = (side[:, None, None] for side in self.boxes[positions].T)
        return (down >= top) & (down < bottom) & (right >= left) & (right < end)

    def changed(self, differs: np.ndarray) -> np.ndarray:
        """Return how many pixels that differ from their fill, (H, W) bool, each position hides, (P,)."""
        if self.labels is not None:
            inside = self.labels >= 0
            return np.bincount(self.labels[inside], weights=differs[inside], minlength=len(self))
        sums = np.pad(np.cumsum(np.cumsum(differs, 0, dtype=np.int64), 1), ((1, 0), (1, 0)))
        top, left, bottom, right = self.boxes.T
        return sums[bottom, right] - sums[top, right] - sums[bottom, left] + sums[top, left]

    def covering(self, values: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Sum `values * weights` and `weights` over the positions that cover each pixel, two (H, W) float64."""
        summed = np.stack([np.where(weights > 0, values, 0) * weights, weights]).astype(np.float64)
        if self.labels is not None:
            padded = np.pad(summed, ((0, 0), (0, 1)))  # label -1 reads the 0 at the end
            return padded[0][self.labels], padded[1][self.labels]
        corners = np.zeros((2, self.image[0] + 1, self.image[1] + 1))
        top, left, bottom, right = self.boxes.T
        for sign, row, column in ((1, top, left), (-1, top, right), (-1, bottom, left), (1, bottom, right)):
            for plane, numbers in zip(corners, summed, strict=True):
                np.add.at(plane, (row, column), sign * numbers)
        spread = corners.cumsum(1).cumsum(2)[:, :-1, :-1]
        # the running sums of floats end near 0, not on it, where nothing covers a pixel
        return np.where(spread[1] > 0.5, spread[0], 0), np.round(spread[1])


def usual_side(image: Sequence[int]) -> int:
    """Return the side of the patch where none is given: a seventh of the image's shorter one, at least 8 pixels."""
    return max(8, min(image) // 7)


def lattice(image: tuple[int, int], patch: Side = None, stride: Side = None, region: Any = None) -> Lattice:
    """Lay a patch over a region: first at its top left, the last of a row or column cut at its edge.

    Parameters
    ----------
    image : (int, int)
        Height and width of the network's input.
    patch : int or (int, int), optional
        Its side, or height and width; `max(8, shorter side // 7)` by default. Larger than the region is cut to it.
    stride : int or (int, int), optional
        Steps down and to the right, at most the patch; a quarter of it by default.
    region : (int, int, int, int), optional
        Top, left, bottom, right (half open); the whole image by default.

    Returns
    -------
    Lattice
        With `ceil((D - patch) / stride) + 1` positions along a side D, as Captum has them.

    Raises
    ------
    ValueError
        For an empty patch, a stride larger than the patch, a region outside the image.

    Examples
    --------
    >>> found = lattice((224, 224), 15, 8)
    >>> found.rows, found.columns, found.boxes[-1].tolist()
    (28, 28, [216, 216, 224, 224])
    """
    top, left, bottom, right = _region(image, region)
    sides = (bottom - top, right - left)
    wanted = _pair(patch, "patch") if patch is not None else (usual_side(image),) * 2
    cut = (min(wanted[0], sides[0]), min(wanted[1], sides[1]))
    step = _pair(stride, "stride") if stride is not None else (max(1, cut[0] // 4), max(1, cut[1] // 4))
    for length, side, axis in zip(step, sides, (0, 1), strict=True):
        if length > cut[axis] and cut[axis] < side:
            raise ValueError(
                f"A stride of {length} leaves gaps between patches of {cut[axis]} px; take a stride of at most "
                f"{cut[axis]}, or a patch of at least {length}."
            )
    step = (min(step[0], cut[0]), min(step[1], cut[1]))
    rows, columns = (-(-(side - length) // move) + 1 for side, length, move in zip(sides, cut, step, strict=True))
    tops, lefts = top + step[0] * np.arange(rows), left + step[1] * np.arange(columns)
    tops, lefts = (grid.ravel() for grid in np.meshgrid(tops, lefts, indexing="ij"))
    boxes = np.stack([tops, lefts, np.minimum(tops + cut[0], bottom), np.minimum(lefts + cut[1], right)], 1)
    return Lattice(image, (top, left, bottom, right), cut, step, rows, columns, boxes.astype(np.int32))


def segments_of(image: tuple[int, int], segments: Any) -> Lattice:
    """Take an integer mask (H, W): each number from 0 up is a segment, hidden as one; negative ones stay.

    Raises
    ------
    ValueError
        If it is no integer mask of the size of the network's input, or has no segment.
    """
    mask = np.asarray(segments)
    if mask.shape != tuple(image) or mask.dtype.kind not in "iub":
        raise ValueError(
            f"Segments are an integer mask of the size of the network's input, {size(image)}; "
            f"this is {size(mask.shape)} of {mask.dtype}."
        )
    numbers, labels = np.unique(mask.astype(np.int64), return_inverse=True)
    labels = labels.reshape(mask.shape) - int((numbers < 0).sum())
    total = int((numbers >= 0).sum())
    if not total:
        raise ValueError("The mask has no segment: every number in it is negative.")
    labels = np.maximum(labels, -1)
    boxes = np.stack([_around(labels == position) for position in range(total)])
    return Lattice(image, (0, 0, *image), (0, 0), (0, 0), 1, total, boxes, labels)


def _around(mask: np.ndarray) -> np.ndarray:
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    return np.array([rows[0], columns[0], rows[-1] + 1, columns[-1] + 1], np.int32)


def _region(image: tuple[int, int], region: Any) -> tuple[int, int, int, int]:
    if region is None:
        return (0, 0, *image)
    sides = tuple(region)
    if len(sides) != 4 or any(side != int(side) for side in sides):
        raise ValueError(f"A region is (top, left, bottom, right) in whole pixels; {region!r} is not.")
    top, left, bottom, right = (int(side) for side in sides)
    if not (0 <= top < bottom <= image[0] and 0 <= left < right <= image[1]):
        raise ValueError(
            f"The region {(top, left, bottom, right)} does not lie inside the network's input of {size(image)} px."
        )
    return top, left, bottom, right


def _pair(value: Any, what: str) -> tuple[int, int]:
    """Take a side or (down, right), in whole pixels from 1 up."""
    both = tuple(value) if isinstance(value, (tuple, list, np.ndarray)) else (value, value)
    if len(both) != 2 or any(isinstance(side, (str, bool)) or side != int(side) or side < 1 for side in both):
        raise ValueError(f"A {what} is a number of pixels from 1 up, or one down and one to the right; not {value!r}.")
    return int(both[0]), int(both[1])
