"""The nearest neighbours of every row, found once, a block at a time."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from ...words import count, plural
from .checks import as_values, refuse_not_finite

Rows = slice | np.ndarray
_BLOCK = 1 << 24  # distances held at once
_CLOSE = 0.02  # squared distances below this share of the squared lengths have lost digits and are taken again


@dataclass(frozen=True, eq=False)
class Neighbours:
    """The k nearest other rows of each row, nearest first.

    Attributes
    ----------
    ids : ndarray (N, k) int32
    distances : ndarray (N, k) float32
        Euclidean, in the space of the features.
    """

    ids: np.ndarray
    distances: np.ndarray

    @property
    def k(self) -> int:
        """How many neighbours each row has."""
        return self.ids.shape[1]

    def first(self, k: int) -> Neighbours:
        """Return the k nearest only."""
        return Neighbours(self.ids[:, :k], self.distances[:, :k])


class Finder:
    """Finds nearest neighbours by comparing each row with all, exactly, in blocks.

    Parameters
    ----------
    values : ndarray (N, F)
    """

    def __init__(self, values: np.ndarray):
        values = np.asarray(values, np.float32)
        self.middle = values.mean(0, dtype=np.float64).astype(np.float32)  # fewer digits are lost around the middle
        self.rows = values - self.middle
        scale = float(np.abs(self.rows).max())
        self.scale = scale if np.isfinite(scale) and scale > 0 else 1.0
        self.rows = np.ascontiguousarray(self.rows / self.scale)  # squares of huge numbers would overflow
        self.lengths = np.einsum("ij,ij->i", self.rows, self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def step(self) -> int:
        """How many rows are compared with all at once."""
        return max(1, min(512, _BLOCK // len(self.rows)))

    def near(self, block: Rows, k: int) -> Neighbours:
        """Return the k nearest other rows of a block of rows."""
        return self.nearest(block, self.squares(block), k)

    def nearest(self, block: Rows, squares: np.ndarray, k: int) -> Neighbours:
        """Return the k nearest of rows whose squared distances to all are known."""
        return self._nearest(self.rows[block], self.lengths[block], squares, k)

    def squares(self, block: Rows) -> np.ndarray:
        """Return the squared distances of a block of rows to all, scaled, with each row infinitely far from itself."""
        squares = self._squares(self.rows[block], self.lengths[block])
        squares[np.arange(len(squares)), np.arange(len(self.rows))[block]] = np.inf
        return squares

    def query(self, values: np.ndarray, k: int) -> Neighbours:
        """Return the k nearest rows of other values (M, F)."""
        others = np.ascontiguousarray((np.asarray(values, np.float32) - self.middle) / self.scale)
        lengths = np.einsum("ij,ij->i", others, others)
        step = max(1, _BLOCK // len(self.rows))
        parts = [
            self._nearest(part, of, self._squares(part, of), k)
            for start in range(0, len(others), step)
            for part, of in [(others[start : start + step], lengths[start : start + step])]
        ]
        return _joined(parts)

    def _squares(self, block: np.ndarray, lengths: np.ndarray) -> np.ndarray:
        squares = block @ self.rows.T
        squares *= -2
        squares += self.lengths
        squares += lengths[:, None]
        return squares

    def _nearest(self, block: np.ndarray, lengths: np.ndarray, squares: np.ndarray, k: int) -> Neighbours:
        found, ids = torch.topk(torch.from_numpy(squares), k, dim=1, largest=False, sorted=True)
        nearest, which = found.numpy(), ids.numpy()
        close = nearest < _CLOSE * (lengths[:, None] + self.lengths[which])
        if close.any():
            row, column = np.nonzero(close)
            for start in range(0, len(row), 65536):
                r, c = row[start : start + 65536], column[start : start + 65536]
                apart = block[r] - self.rows[which[r, c]]
                nearest[r, c] = np.einsum("ij,ij->i", apart, apart)
            order = np.lexsort((which, nearest))
            nearest, which = (np.take_along_axis(part, order, 1) for part in (nearest, which))
        distances = np.sqrt(np.maximum(nearest, 0)) * np.float32(self.scale)
        return Neighbours(which.astype(np.int32), distances.astype(np.float32))


class Search:
    """A search for the neighbours of all rows that goes on where it was left.

    Parameters
    ----------
    finder : Finder
    k : int
    """

    def __init__(self, finder: Finder, k: int):
        self.finder, self.at = finder, 0
        self.found = Neighbours(np.empty((len(finder), k), np.int32), np.empty((len(finder), k), np.float32))

    @property
    def share(self) -> float:
        """How much of it is over, 0-1."""
        return self.at / len(self.finder)

    def run(self, until: float) -> bool:
        """Search until a moment of `time.perf_counter`, one block at least; return whether all is found."""
        while self.at < len(self.finder):
            block = slice(self.at, min(self.at + self.finder.step, len(self.finder)))
            near = self.finder.near(block, self.found.k)
            self.found.ids[block], self.found.distances[block] = near.ids, near.distances
            self.at = block.stop
            if time.perf_counter() >= until:
                break
        return self.at == len(self.finder)


def _joined(parts: list[Neighbours]) -> Neighbours:
    return Neighbours(np.concatenate([p.ids for p in parts]), np.concatenate([p.distances for p in parts]))


def neighbours(features: Any, k: int = 10) -> Neighbours:
    """Return the k nearest neighbours of each row in the space of the features, exactly.

    Parameters
    ----------
    features : Features or array (N, F)
    k : int

    Examples
    --------
    >>> import numpy as np
    >>> neighbours(np.array([[0.0], [1.0], [3.0]]), 1).ids.ravel().tolist()
    [1, 0, 1]
    """
    values = as_values(features)
    refuse_not_finite(values)
    if not 1 <= k < len(values):
        raise ValueError(f"Of {plural(len(values), 'row')} each has 1 to {count(len(values) - 1)} neighbours, not {k}.")
    search = Search(Finder(values), k)
    search.run(math.inf)
    return search.found
