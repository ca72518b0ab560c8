"""How many positions go through a network at once: found by timing the work itself, halved when memory runs out."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from .workers import Pausing

_FIRST, _LEAST, _MOST = 4, 1, 32
_LONG = 0.5  # seconds: no size is tried that would keep others waiting for longer
_TELLING = 16  # positions whose time tells that of others
_TIMED = 2  # how often each size is timed: the first run of a shape also sets up its kernels
_NO_MEMORY = ("out of memory", "can't allocate", "cannot allocate", "not enough memory", "alloc_failed")

Result = TypeVar("Result")


def is_out_of_memory(error: BaseException) -> bool:
    """Tell a lack of memory, on any device, from other errors."""
    return isinstance(error, MemoryError) or (
        isinstance(error, RuntimeError) and any(words in str(error).lower() for words in _NO_MEMORY)
    )


@dataclass
class Speed:
    """How long positions take, as far as their batches have shown.

    Attributes
    ----------
    seconds : float
        That a position took lately; of the clean image where none was scored yet.
    positions : int
        Of the largest batch so far.
    """

    seconds: float = 0.0
    positions: int = 0

    def learn(self, positions: int, seconds: float) -> None:
        """Take in what a batch took; a single position says little of many."""
        if positions >= min(max(1, self.positions), _TELLING):
            self.seconds = seconds / positions
        self.positions = max(self.positions, positions)


class Tuner:
    """Chooses the batch size that takes the least time per image, among the powers of two."""

    def __init__(self, first: int = _FIRST, most: int = _MOST):
        self.seconds: dict[int, list[float]] = {}  # per image, each time that a size was run
        self.most, self._first = most, min(first, most)

    @property
    def best(self) -> int:
        """The fastest size so far."""
        timed = {size: min(times) for size, times in self.seconds.items() if size <= self.most}
        return min(timed, key=timed.__getitem__) if timed else min(self._first, self.most)

    def next(self, left: int) -> int:
        """Return how many of the images that are left to run now."""
        return max(_LEAST, min(left, self._wanted()))

    def _wanted(self) -> int:
        best = self.best
        for size in (best, best * 2, best // 2):  # climb: a size is settled once both its neighbours are slower
            short = size <= best or size * min(self.seconds.get(best, [0.0])) < _LONG
            if _LEAST <= size <= self.most and short and len(self.seconds.get(size, ())) < _TIMED:
                return size
        return best

    def run(self, size: int, work: Callable[[int], Pausing[Result]]) -> Pausing[tuple[int, Result]]:
        """Do the work for `size` images, for fewer where memory is short; return for how many, and the result."""
        while True:
            try:
                seconds, result = yield from timed(work(size))
            except (RuntimeError, MemoryError) as error:
                if size == _LEAST or not is_out_of_memory(error):
                    raise
                size = self.most = max(_LEAST, size // 2)
                continue
            if size & (size - 1) == 0 and len(self.seconds.setdefault(size, [])) < 8:
                self.seconds[size].append(seconds / size)
            return size, result


def timed(work: Pausing[Result]) -> Pausing[tuple[float, Result]]:
    """Return how many seconds the work took, without its pauses, and its result."""
    seconds = 0.0
    while True:
        began = time.perf_counter()
        try:
            next(work)
        except StopIteration as end:
            return seconds + time.perf_counter() - began, end.value
        seconds += time.perf_counter() - began
        yield
