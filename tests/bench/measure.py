"""What the benchmarks share: timing in turn, the median of ratios, and a line of the table with its bar."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

ROUNDS = 15


def interleaved(*runs: Callable[[], object]) -> list[list[float]]:
    """Time several things in turn, so that a busy machine slows all alike; seconds per run and round."""
    times: list[list[float]] = [[] for _ in runs]
    for turn in range(ROUNDS + 2):
        for run, into in zip(runs, times, strict=True):
            getattr(run, "before", bool)()
            began = time.perf_counter()
            run()
            if turn >= 2:  # the first rounds fill caches
                into.append(time.perf_counter() - began)
    return times


def ratio(of: list[float], to: list[float]) -> float:
    """Median of the ratios of each round."""
    return statistics.median(a / b for a, b in zip(of, to, strict=True))


def report(what: str, value: str, bar: str, good: bool) -> None:
    """Print one line of the table."""
    print(f"{what:<72} {value:>12}   bar {bar:<10} {'met' if good else 'NOT MET'}")  # noqa: T201
    assert good, f"{what}: {value}, the bar is {bar}"
