"""Positions side by side, each worker on cores of its own: so no core waits for another within an operation.

The work of each is a generator that yields wherever it may pause and returns what came of it.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Generic, TypeVar

import torch

_MOST = 8  # workers: more would not find their values in the processor's cache
_alone = threading.RLock()  # the number of threads is one for the whole process

Part = TypeVar("Part")
Result = TypeVar("Result")
Final = TypeVar("Final")
Pausing = Generator[None, None, Result]


def shares(count: int, least: int) -> list[slice]:
    """Cut `count` things into one share for each worker, of `least` at least."""
    workers = max(1, min(torch.get_num_threads(), _MOST, count // least))
    edges = [count * index // workers for index in range(workers + 1)]
    return [slice(first, last) for first, last in pairwise(edges)]


def side_by_side(work: Callable[[Part], Result], parts: Sequence[Part]) -> list[Result]:
    """Do the work for all parts at once, with torch's threads divided among them; an error of one is raised."""
    if len(parts) == 1:
        return [work(parts[0])]

    def one(part: Part) -> Result:
        with torch.no_grad():
            return work(part)

    with _alone:
        threads = torch.get_num_threads()
        torch.set_num_threads(max(1, threads // len(parts)))  # new threads begin with this number
        try:
            with ThreadPoolExecutor(len(parts)) as pool:
                return list(pool.map(one, parts))
        finally:
            torch.set_num_threads(threads)


def drained(work: Pausing[Result]) -> Result:
    """Do work that may pause without a pause."""
    while True:
        try:
            next(work)
        except StopIteration as end:
            return end.value


class Together(Generic[Result, Final]):
    """Works that are done side by side, for a while at a time; `end` makes one result of theirs."""

    def __init__(self, works: Sequence[Pausing[Result]], end: Callable[[list[Result]], Final]):
        self._works, self._end = works, end
        self._results: dict[int, Result] = {}

    def advance(self, seconds: float = math.inf) -> bool:
        """Go on for about so long; tell whether all is done."""
        until = time.perf_counter() + seconds
        left = [index for index in range(len(self._works)) if index not in self._results]
        if left:
            side_by_side(lambda index: self._go(index, until), left)
        return len(self._results) == len(self._works)

    def _go(self, index: int, until: float) -> None:
        while True:
            try:
                next(self._works[index])
            except StopIteration as end:
                self._results[index] = end.value
                return
            if time.perf_counter() >= until:
                return

    def result(self) -> Final:
        """Return what came of all, without a pause from here on."""
        self.advance()
        return self._end([self._results[index] for index in range(len(self._works))])
