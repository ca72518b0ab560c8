"""In which order positions are computed: a coarse lattice, finer ones, then where the map varies most."""

from __future__ import annotations

from collections import deque

import numpy as np

_FIRST = 7  # positions a side of the first lattice
_COARSE = 0.3  # share of all positions up to which lattices are refined evenly (measured: then adapting pays)
_BLOCK = 5  # positions a side of what is computed together: neighbours change the same part of a feature map
_TILE = 4  # positions a side of what is compared
_AROUND = 2  # positions about a tile that are refined with it, as many take less time for each
_ROUNDS, _A_ROUND = 2, 64  # how often the places that vary most are chosen anew, and for how many positions at least


class Order:
    """Hands out every position of a lattice exactly once, neighbours in blocks.

    The blocks do not depend on how fast they are computed, only on the values, so the same values give the same order.

    Parameters
    ----------
    rows, columns : int
    pending : ndarray (rows * columns,) bool
        Which positions are to be handed out.

    Attributes
    ----------
    begun : bool
        Whether any were.

    Examples
    --------
    >>> order = Order(25, 25, np.ones(625, bool))
    >>> first = order.blocks(np.full(625, np.nan))
    >>> sum(map(len, first)), max(map(len, first))
    (49, 16)
    """

    def __init__(self, rows: int, columns: int, pending: np.ndarray):
        self.shape = (rows, columns)
        self.left = pending.reshape(self.shape).copy()
        self._levels = deque(_levels(rows, columns))
        self._a_round = 1
        self.begun = False

    def blocks(self, values: np.ndarray) -> list[np.ndarray]:
        """Return the next blocks of positions, each (n,) int; none when all are handed out.

        `values` (P,) is the map so far, NaN where not known.
        """
        self.begun = True
        while self._levels:
            down, right = self._levels.popleft()
            found = self._take(np.isin(np.arange(self.shape[0]), down)[:, None]
                               & np.isin(np.arange(self.shape[1]), right)[None, :])
            if found:
                self._a_round = max(_A_ROUND, -(-int(self.left.sum()) // _ROUNDS))
                return found
        if not self.left.any():
            return []
        blocks: list[np.ndarray] = []
        for top, first in _most_varied(values.reshape(self.shape), self.left):
            if sum(map(len, blocks)) >= self._a_round:
                break
            tile = np.zeros(self.shape, bool)
            tile[_around(top, first)] = True
            blocks += self._take(tile)
        return blocks

    def _take(self, where: np.ndarray) -> list[np.ndarray]:
        chosen = where & self.left
        self.left &= ~chosen
        return blocks_of(chosen)


def _levels(rows: int, columns: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """List the rows and columns of even lattices, each within the next, up to a share of all positions."""
    levels: list[tuple[np.ndarray, np.ndarray]] = []
    side = _FIRST
    while not levels or len(levels[-1][0]) * len(levels[-1][1]) < _COARSE * rows * columns:
        down, right = (np.unique(np.linspace(0, n - 1, min(n, side)).round().astype(int)) for n in (rows, columns))
        if levels and len(down) * len(right) > 2 * _COARSE * rows * columns:
            break
        levels.append((down, right))
        side = 2 * side - 1
    return levels


def blocks_of(chosen: np.ndarray) -> list[np.ndarray]:
    """Split chosen cells (rows, columns) into grids of neighbouring rows and columns, as (n,) positions."""
    alike: dict[bytes, list[int]] = {}
    for row in np.flatnonzero(chosen.any(1)):
        alike.setdefault(chosen[row].tobytes(), []).append(int(row))
    blocks = []
    for rows in alike.values():
        columns = np.flatnonzero(chosen[rows[0]])
        for down in _parts(np.array(rows)):
            blocks += [(down[:, None] * chosen.shape[1] + right).ravel() for right in _parts(columns)]
    return blocks


def _parts(numbers: np.ndarray) -> list[np.ndarray]:
    """Cut into nearly equal runs of at most a block's side."""
    return np.array_split(numbers, -(-len(numbers) // _BLOCK))


def cut(block: np.ndarray, columns: int, most: int) -> list[np.ndarray]:
    """Cut a block of positions into grids of at most so many."""
    if len(block) <= most:
        return [block]
    rows, right = np.unique(block // columns), np.unique(block % columns)
    side = max(1, min(len(rows), int(np.sqrt(most))))
    width = max(1, most // side)
    return [
        (down[:, None] * columns + part).ravel()
        for down in np.array_split(rows, -(-len(rows) // side))
        for part in np.array_split(right, -(-len(right) // width))
    ]


def _most_varied(values: np.ndarray, left: np.ndarray) -> list[tuple[int, int]]:
    """List the tiles (row, column) that hold cells to compute, the one with the most varied surroundings first."""
    tiles = [
        (down, right)
        for down in range(0, values.shape[0], _TILE) for right in range(0, values.shape[1], _TILE)
        if left[down : down + _TILE, right : right + _TILE].any()
    ]
    return sorted(tiles, key=lambda tile: -_spread(values, *tile))


def _around(down: int, right: int) -> tuple[slice, slice]:
    """Return the rows and columns of a tile and of what lies about it."""
    rows, columns = (slice(max(0, at - _AROUND), at + _TILE + _AROUND) for at in (down, right))
    return rows, columns


def _spread(values: np.ndarray, down: int, right: int) -> float:
    near = values[_around(down, right)]
    near = near[np.isfinite(near)]
    return float(near.max() - near.min()) if len(near) > 1 else np.inf
