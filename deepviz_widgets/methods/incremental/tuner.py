"""How many positions go through a network at once: found by timing the work itself, halved when memory runs out."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

_FIRST, _LEAST, _MOST = 4, 1, 32
_TIMED = 2  # how often each size is timed: the first run of a shape also sets up its kernels
_NO_MEMORY = ("out of memory", "can't allocate", "cannot allocate", "not enough memory", "alloc_failed")

Result = TypeVar("Result")


def is_out_of_memory(error: BaseException) -> bool:
    """Tell a lack of memory, on any device, from other errors."""
    return isinstance(error, MemoryError) or (
        isinstance(error, RuntimeError) and any(words in str(error).lower() for words in _NO_MEMORY)
    )


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
            if _LEAST <= size <= self.most and len(self.seconds.get(size, ())) < _TIMED:
                return size
        return best

    def run(self, size: int, work: Callable[[int], Result]) -> tuple[int, Result]:
        """Do the work for `size` images, for fewer where memory is short; return for how many, and the result."""
        while True:
            began = time.perf_counter()
            try:
                result = work(size)
            except (RuntimeError, MemoryError) as error:
                if size == _LEAST or not is_out_of_memory(error):
                    raise
                size = self.most = max(_LEAST, size // 2)
                continue
            if size & (size - 1) == 0 and len(self.seconds.setdefault(size, [])) < 8:
                self.seconds[size].append((time.perf_counter() - began) / size)
            return size, result
