"""The map as a grid: every image in a cell of its own, and the true distances across the borders of the cells."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.optimize import linear_sum_assignment

from ...words import count
from .checks import as_positions, as_values

_SIDE = 16  # of the blocks whose images are assigned to their cells at least cost


def grid(positions: Any, *, columns: int | None = None, refine: bool = True) -> np.ndarray:
    """Put every image into a cell of its own so that neighbours on the map stay neighbours.

    The images are halved along the longer side again and again until each has a cell; then blocks of cells that overlap
    give their images to their cells anew at the least total squared distance.

    Parameters
    ----------
    positions : array (N, 2)
    columns : int, optional
        About as many as rows by default. The cells are those of the first N in reading order from the bottom: only the
        last row may be shorter.
    refine : bool
        Whether to assign blocks anew; without, it is a few percent worse and faster.

    Returns
    -------
    ndarray (N, 2) int32
        Column and row of each image, from the lower left; no cell twice.

    References
    ----------
    A. Karpathy, *t-SNE visualization of CNN codes*, 2014; M. Klingemann, *RasterFairy*, 2015, for the idea of slicing.

    Examples
    --------
    >>> grid([[0, 0], [9, 0], [0, 5], [9, 7]]).tolist()
    [[0, 0], [1, 0], [0, 1], [1, 1]]
    """
    taken = as_positions(positions).astype(np.float64)
    number = len(taken)
    if not number:
        return np.zeros((0, 2), np.int32)
    width = columns or math.ceil(math.sqrt(number))
    if width < 1:
        raise ValueError(f"A grid has at least one column; columns is {columns}.")
    height = -(-number // width)
    last = number - width * (height - 1)
    cells = _sliced(taken, width, height, last)
    if refine:
        _refine(_unit(taken, width, height), cells, width, height)
    return cells


def _sliced(taken: np.ndarray, width: int, height: int, last: int) -> np.ndarray:
    """Give cells by halving: rows and images split together, so that counts always fit."""
    cells = np.empty((len(taken), 2), np.int32)
    work = [(np.arange(len(taken)), 0, width, 0, height)]
    while work:
        ids, left, right, low, high = work.pop()
        if len(ids) <= 1 or (right - left == 1 and high - low == 1):
            cells[ids] = (left, low)
            continue
        axis = 0 if right - left >= high - low else 1
        cut = (left + right) // 2 if axis == 0 else (low + high) // 2
        first = (left, cut, low, high) if axis == 0 else (left, right, low, cut)
        second = (cut, right, low, high) if axis == 0 else (left, right, cut, high)
        many = _room(*first, width, height, last)
        order = ids[np.argpartition(taken[ids, axis], many - 1)] if 0 < many < len(ids) else ids
        for part, box in ((order[:many], first), (order[many:], second)):
            if len(part):
                work.append((part, *box))
    return cells


def _room(left: int, right: int, low: int, high: int, width: int, height: int, last: int) -> int:
    """Return how many cells a box has; those right of `last` in the top row are no cells."""
    room = (right - left) * (high - low)
    return room - max(0, right - max(left, last)) if high == height else room


def _unit(taken: np.ndarray, width: int, height: int) -> np.ndarray:
    """Return positions on the scale of the cells, evenly filled: by rank, as a grid has no gaps."""
    unit = np.empty_like(taken)
    for axis, cells in ((0, width), (1, height)):
        order = np.argsort(taken[:, axis], kind="stable")
        unit[order, axis] = (np.arange(len(taken)) + 0.5) / len(taken) * cells - 0.5
    return unit


def _refine(unit: np.ndarray, cells: np.ndarray, width: int, height: int) -> None:
    """Assign the images of overlapping blocks to their cells anew, at the least total squared distance."""
    at = np.full((height, width), -1, np.int64)
    at[cells[:, 1], cells[:, 0]] = np.arange(len(cells))
    for shift in (0, _SIDE // 2):
        for low in range(-shift, height, _SIDE):
            for left in range(-shift, width, _SIDE):
                part = at[max(0, low) : low + _SIDE, max(0, left) : left + _SIDE]
                ids = part[part >= 0]
                if len(ids) < 2:
                    continue
                spots = cells[ids].copy()
                apart = unit[ids][:, None] - spots[None]
                images, chosen = linear_sum_assignment(np.einsum("ijk,ijk->ij", apart, apart))
                cells[ids[images]] = spots[chosen]
                at[spots[chosen][:, 1], spots[chosen][:, 0]] = ids[images]


@dataclass(frozen=True, eq=False)
class Seams:
    """True distances across the borders of the cells of a grid.

    Attributes
    ----------
    right, up : ndarray (rows, columns) float32
        From each cell to the one right of it and to the one above; NaN where there is none. Row 0 is the lowest.
    high : float
        The largest of them.
    """

    right: np.ndarray
    up: np.ndarray
    high: float


def seams(features: Any, cells: Any) -> Seams:
    """Measure the distance between the features of images in neighbouring cells.

    Where a border is high, the map has put images side by side that are far apart.

    Parameters
    ----------
    features : Features or array (N, F)
    cells : ndarray (N, 2) int
        What `grid` returned.

    Returns
    -------
    Seams

    References
    ----------
    A. Karpathy, *t-SNE visualization of CNN codes*, 2014.

    Examples
    --------
    >>> found = seams([[0.0], [3.0], [1.0], [1.0]], [[0, 0], [1, 0], [0, 1], [1, 1]])
    >>> found.right[0, 0], found.up[0, 1], found.high
    (np.float32(3.0), np.float32(2.0), 3.0)
    """
    values, places = as_values(features), np.asarray(cells)
    if places.shape != (len(values), 2) or places.dtype.kind not in "iu":
        raise ValueError(f"Cells are whole numbers, {count(len(values))} × 2; these have the shape {places.shape}.")
    columns, rows = (places.max(0) + 1) if len(places) else (0, 0)
    at = np.full((rows, columns), -1, np.int64)
    at[places[:, 1], places[:, 0]] = np.arange(len(values))
    right, up = (np.full((rows, columns), np.nan, np.float32) for _ in range(2))
    right[:, :-1] = _between(values, at[:, :-1], at[:, 1:])
    up[:-1] = _between(values, at[:-1], at[1:])
    known = np.concatenate([part[np.isfinite(part)] for part in (right, up)])
    return Seams(right, up, float(known.max()) if len(known) else 0.0)


def _between(values: np.ndarray, one: np.ndarray, other: np.ndarray) -> np.ndarray:
    found = np.full(one.shape, np.nan, np.float32)
    both = np.flatnonzero((one >= 0) & (other >= 0))
    a, b = one.ravel()[both], other.ravel()[both]
    for start in range(0, len(both), 8192):
        apart = values[a[start : start + 8192]].astype(np.float64) - values[b[start : start + 8192]]
        found.ravel()[both[start : start + 8192]] = np.sqrt(np.einsum("ij,ij->i", apart, apart))
    return found
