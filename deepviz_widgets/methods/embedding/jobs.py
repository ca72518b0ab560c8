"""On how many processors an iteration runs: what was faster when last tried."""

from __future__ import annotations

import os

_ALONE_BELOW = 300  # images; below, an iteration is too short to be shared
_AGAIN = 100  # iterations after which what was slower is tried once more


def cores() -> int:
    """Return how many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return max(1, len(os.sched_getaffinity(0)))
    return os.cpu_count() or 1


class Jobs:
    """One processor or all, whichever takes less time: on a busy machine several wait for each other.

    The positions do not depend on it.

    Parameters
    ----------
    number : int
        Images.
    """

    def __init__(self, number: int):
        self.choices = (1,) if number < _ALONE_BELOW or cores() == 1 else (1, cores())
        self._seconds: dict[int, float] = {}
        self._since = 0

    @property
    def best(self) -> int:
        """The number of processors that was fastest so far."""
        return min(self._seconds, key=self._seconds.__getitem__, default=self.choices[0])

    def next(self, iterations: int) -> tuple[int, int]:
        """Return on how many processors to go on, and for how many of the iterations."""
        for jobs in self.choices:
            if jobs not in self._seconds:
                return jobs, 1
        if len(self.choices) > 1 and self._since >= _AGAIN:
            self._since = 0
            return next(jobs for jobs in self.choices if jobs != self.best), 1
        return self.best, iterations

    def took(self, jobs: int, iterations: int, seconds: float) -> None:
        """Remember how long some iterations took."""
        self._seconds[jobs] = seconds / iterations
        self._since += iterations
