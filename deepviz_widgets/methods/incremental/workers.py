"""Positions side by side, each worker on cores of its own: so no core waits for another within an operation."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import TypeVar

import torch

_MOST = 8  # workers: more would not find their values in the processor's cache
_alone = threading.RLock()  # the number of threads is one for the whole process

Part = TypeVar("Part")
Result = TypeVar("Result")


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
