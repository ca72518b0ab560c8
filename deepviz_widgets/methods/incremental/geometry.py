"""Which cells of a map a hidden patch can change, along one axis, and how a block of positions shares their storage.

A zone is a block of positions: every combination of some row intervals and some column intervals of the image. What
changes in a map is then, for each position, a rectangle: an interval per row of the block times one per column.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise


@dataclass(frozen=True)
class Axis:
    """The changed intervals along one axis of a map, and where they are stored.

    All are stored with one length, so that they stack into one tensor; a shorter one is stored with unchanged cells
    beside it. The true intervals are kept, because the stored ones would grow from layer to layer.

    Attributes
    ----------
    begin, end : tuple of int
        The true intervals, half open and inside the map.
    cells : int
        Length of the map along this axis.
    length : int
        Of every stored interval.
    start : tuple of int
        Where each stored interval begins; none reaches beyond the map.
    """

    begin: tuple[int, ...]
    end: tuple[int, ...]
    cells: int
    length: int = field(init=False, compare=False)
    start: tuple[int, ...] = field(init=False, compare=False)
    _hash: int = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        length = max(end - begin for begin, end in zip(self.begin, self.end, strict=True))
        object.__setattr__(self, "length", length)
        object.__setattr__(self, "start", tuple(min(begin, self.cells - length) for begin in self.begin))
        object.__setattr__(self, "_hash", hash((self.begin, self.end, self.cells)))

    def __hash__(self) -> int:
        return self._hash

    def __len__(self) -> int:
        return len(self.begin)


@dataclass(frozen=True)
class Window:
    """A sliding window along one axis: kernel, stride, padding before and after, dilation, and how many outputs."""

    kernel: int
    stride: int
    before: int
    after: int
    dilation: int
    outputs: int

    @property
    def span(self) -> int:
        """How many inputs the window stretches over."""
        return (self.kernel - 1) * self.dilation + 1


@lru_cache(maxsize=8192)
def after_window(axis: Axis, window: Window) -> Axis:
    """Return which outputs of a window operation read a changed cell."""
    begin, end = [], []
    for first, stop in zip(axis.begin, axis.end, strict=True):
        low = max(0, -((window.span - 1 - first - window.before) // window.stride))
        high = min(window.outputs, (stop - 1 + window.before) // window.stride + 1)
        low = min(low, window.outputs - 1)  # a stride beyond the kernel may skip the change: keep one cell
        begin.append(low)
        end.append(max(high, low + 1))
    return Axis(tuple(begin), tuple(end), window.outputs)


@lru_cache(maxsize=8192)
def reads(axis: Axis, window: Window) -> tuple[tuple[int, ...], int]:
    """Return which inputs the stored outputs read: where each begins in the padded map, and how many."""
    return tuple(start * window.stride for start in axis.start), (axis.length - 1) * window.stride + window.span


@lru_cache(maxsize=8192)
def union(one: Axis, other: Axis) -> Axis:
    """Return the intervals around those of two maps of the same size."""
    return one if one == other else Axis(
        tuple(map(min, one.begin, other.begin)), tuple(map(max, one.end, other.end)), one.cells
    )


@lru_cache(maxsize=8192)
def steps(starts: tuple[int, ...]) -> tuple[tuple[int, int, int], ...]:
    """Cut a sequence into runs with a constant step: first index, length and step of each."""
    found, first = [], 0
    while first < len(starts):
        stop = first + 1
        step = starts[stop] - starts[first] if stop < len(starts) else 0
        while stop < len(starts) and starts[stop] - starts[stop - 1] == step and step >= 0:
            stop += 1
        found.append((first, stop - first, step if step >= 0 else 0))
        first = stop
    return tuple(found)


@lru_cache(maxsize=8192)
def overlaps(
    into: tuple[int, ...], into_length: int, of: tuple[int, ...], of_length: int
) -> tuple[tuple[int, int, int, int, int], ...]:
    """Find where stored intervals overlap windows: runs of (first, stop, offset in window, offset in store, length)."""
    found: list[tuple[int, int, int, int, int]] = []
    for index, (window, store) in enumerate(zip(into, of, strict=True)):
        low, high = max(window, store), min(window + into_length, store + of_length)
        here = (low - window, low - store, max(0, high - low))
        if found and found[-1][2:] == here:
            found[-1] = (found[-1][0], index + 1, *here)
        else:
            found.append((index, index + 1, *here))
    return tuple(run for run in found if run[4])


def zones(
    boxes: Sequence[tuple[int, int, int, int]], most: int
) -> list[tuple[list[tuple[int, int]], list[tuple[int, int]]]]:
    """Cut boxes into zones of at most `most`: row intervals and column intervals, every combination of them a box."""
    columns_of: dict[tuple[int, int], set[tuple[int, int]]] = {}
    for top, left, bottom, right in boxes:
        columns_of.setdefault((top, bottom), set()).add((left, right))
    rows_of: dict[tuple[tuple[int, int], ...], list[tuple[int, int]]] = {}
    for rows, some in columns_of.items():
        rows_of.setdefault(tuple(sorted(some)), []).append(rows)
    found = []
    for columns, several in rows_of.items():
        high, wide = _shape(len(several), len(columns), most)
        for block in _blocks(sorted(several), high):
            found += [(block, across) for across in _blocks(list(columns), wide)]
    return found


def _shape(rows: int, columns: int, most: int) -> tuple[int, int]:
    """Choose the sides of a block, as square as the lattice allows."""
    side = max(1, int(most**0.5))
    if rows < side:
        return rows, max(1, most // rows)
    if columns < side:
        return max(1, most // columns), columns
    return side, max(1, most // side)


def _blocks(items: list[tuple[int, int]], size: int) -> list[list[tuple[int, int]]]:
    """Cut a list into blocks of nearly the same size, none larger than `size`."""
    number = -(-len(items) // size)
    edges = [round(index * len(items) / number) for index in range(number + 1)]
    return [items[low:high] for low, high in pairwise(edges)]
