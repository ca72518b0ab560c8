"""How a map crosses to the page: positions in 16 bits, selections as bits, the grid with its seams."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from ..methods import embedding as em
from ..methods.columns import Column

IN_ONE = 150_000  # images whose positions travel as a trait; of more in pieces, as they are asked for
LISTED = 20_000  # chosen images that travel as a list; more as bits
CHUNK = 150_000  # images of one piece of an answer
GRID_CHUNK = 100_000
_MOST_SEAMS = 200_000  # cells whose borders fit into one message
_LAST = 65535

Parts = tuple[dict[str, Any], list[bytes]]


def square_of(positions: np.ndarray) -> dict[str, list[float]]:
    """Return the corners of the map, {"lo": [x, y], "hi": [x, y]}; images that could not be read (NaN) do not count."""
    known = positions[np.isfinite(positions[:, 0])].astype(np.float64)
    if not len(known):
        return {"lo": [0.0, 0.0], "hi": [1.0, 1.0]}
    return {"lo": known.min(0).tolist(), "hi": known.max(0).tolist()}


def packed(positions: np.ndarray, square: Mapping[str, list[float]]) -> bytes:
    """Pack positions (N, 2) as x, y, x, y, ... in 16 bits between the corners; both are 65535 where they are NaN."""
    low, high = np.array(square["lo"]), np.array(square["hi"])
    span = np.where(high > low, high - low, 1.0)
    known = np.isfinite(positions).all(1)
    steps = np.rint((np.where(known[:, None], positions, low) - low) / span * _LAST).clip(0, _LAST)
    steps[known & (steps == _LAST).all(1), 0] = _LAST - 1  # no image that is there looks like one that is not
    steps[~known] = _LAST
    return steps.astype("<u2").tobytes()


def piece(positions: np.ndarray, start: int) -> Parts:
    """Return a piece of positions from one image on, between the corners of all."""
    square, part = square_of(positions), positions[start : start + CHUNK]
    return {"from": start, "count": len(part), **square}, [packed(part, square)]


def bits_of(ids: Iterable[int], number: int) -> bytes:
    """Pack a set of images as one bit each, the least significant first."""
    chosen = np.zeros(number, bool)
    chosen[np.fromiter(ids, int)] = True
    return np.packbits(chosen, bitorder="little").tobytes()


def ids_of(bits: bytes | memoryview, number: int) -> list[int]:
    """Unpack what `bits_of` packed; bits beyond the last image are ignored."""
    chosen = np.unpackbits(np.frombuffer(bytes(bits), np.uint8), bitorder="little")[:number]
    return np.flatnonzero(chosen).tolist()


def column_piece(column: Column, start: int) -> Parts:
    """Return a piece of a column from one image on."""
    values, low, high = column.coded()
    return _whole_numbers(values, start, {"name": column.name, "lo": low, "hi": high})


def rank_piece(ranks: np.ndarray, start: int) -> Parts:
    """Return a piece of the order in which images are shown."""
    return _whole_numbers(ranks.astype(np.uint16 if len(ranks) <= _LAST else np.uint32), start, {"name": "rank"})


def _whole_numbers(values: np.ndarray, start: int, about: dict[str, Any]) -> Parts:
    part = values[start : start + CHUNK]
    bits = 8 * values.dtype.itemsize
    data = np.ascontiguousarray(part, part.dtype.newbyteorder("<")).tobytes()
    return {**about, "from": start, "count": len(part), "bits": bits}, [data]


class Cells:
    """The map as a grid, as the page draws it: the first row on top.

    Attributes
    ----------
    places : ndarray (N, 2) uint16
        Column and row of each image; 65535 for those that could not be read.
    columns, rows : int
    high : float
        The largest true distance across a border.
    """

    def __init__(self, positions: np.ndarray, values: np.ndarray | None):
        known = np.flatnonzero(np.isfinite(positions[:, 0]))
        cells = em.grid(positions[known])
        self.columns, self.rows = (int(side) + 1 for side in cells.max(0))
        seams = None if values is None or len(values) != len(known) else em.seams(values, cells)
        self.places = np.full((len(positions), 2), _LAST, np.uint16)
        self.places[known, 0], self.places[known, 1] = cells[:, 0], self.rows - 1 - cells[:, 1]
        self.high = 0.0 if seams is None else seams.high
        self._right = self._down = b""
        if seams is not None and self.rows * self.columns <= _MOST_SEAMS:
            self._right = _levels(seams.right[::-1], self.high)
            down = np.full_like(seams.up, np.nan)
            down[:-1] = seams.up[::-1][1:]  # what lies below a cell has it above
            self._down = _levels(down, self.high)

    def piece(self, start: int) -> Parts:
        """Return column and row from one image on; with the first ones all borders, right and down."""
        part = self.places[start : start + GRID_CHUNK]
        data = [np.ascontiguousarray(part, "<u2").tobytes()]
        return {"from": start, "count": len(part)}, [*data, self._right, self._down] if start == 0 else data


def _levels(distances: np.ndarray, high: float) -> bytes:
    """Pack distances as 0-255 of the largest; 0 where there is no border."""
    return np.rint(np.nan_to_num(distances) / (high or 1.0) * 255).astype(np.uint8).tobytes()
