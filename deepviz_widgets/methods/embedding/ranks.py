"""In which order images are shown when there is not room for all of them."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.spatial import cKDTree

from .checks import as_positions

_DEEPEST = 12  # levels of the quadtree: cells of 1/4096 of the map


def ranks(positions: Any) -> np.ndarray:
    """Order images so that any first part of them is spread over the whole map.

    On each level of a quadtree every cell that has images but none shown yet shows one: of those that it holds, the one
    farthest from what the level above shows, so that few lie side by side; among equals, the one nearest to the middle
    of the cell.

    Parameters
    ----------
    positions : array (N, 2)

    Returns
    -------
    ndarray (N,) int32
        The place of each image in the order, 0 first; a permutation.

    Examples
    --------
    >>> ranks([[0, 0], [0.01, 0], [1, 1]]).tolist().index(2) == 1
    True
    """
    taken = as_positions(positions).astype(np.float64)
    number = len(taken)
    if not number:
        return np.zeros(0, np.int32)
    span = float(np.ptp(taken, 0).max()) or 1.0
    unit = (taken - taken.min(0)) / span * (1 - 1e-9)
    shown, order = np.zeros(number, bool), []
    for level in range(_DEEPEST + 1):
        picked = _picked(unit, shown, level)
        shown[picked] = True
        order.append(picked)
        if shown.all():
            break
    rest = np.flatnonzero(~shown)  # images in one spot: in the order they came
    order.append(rest)
    found = np.empty(number, np.int32)
    found[np.concatenate(order)] = np.arange(number, dtype=np.int32)
    return found


def _picked(unit: np.ndarray, shown: np.ndarray, level: int) -> np.ndarray:
    """Return one image of each cell of a level in which none is shown, the emptiest places first."""
    side = 1 << level
    place = np.floor(unit * side).astype(np.int64)
    cells = place[:, 0] * side + place[:, 1]
    free = np.flatnonzero(~shown)
    taken = np.unique(cells[shown])
    free = free[~np.isin(cells[free], taken)]
    if not len(free):
        return free
    centre = np.abs((place[free] + 0.5) / side - unit[free]).max(1)
    far = np.zeros(len(free))
    if shown.any():
        far = cKDTree(unit[shown]).query(unit[free])[0]
    order = np.lexsort((centre, -np.round(far * side, 6), cells[free]))
    first = np.concatenate([[True], np.diff(cells[free][order]) != 0])
    chosen = order[first]
    return free[chosen[np.lexsort((free[chosen], -far[chosen]))]]
