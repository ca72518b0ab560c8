"""What a map is asked for: the engine and its numbers, checked once for all engines."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from .checks import as_perplexity, largest_perplexity

_EXAGGERATED, _ITERATIONS = 250, 750
_MANY = 20_000  # images, above which neighbours are found for half the perplexity: they take the most memory
_WITH_PERPLEXITY = ("opentsne", "sklearn", "cuml")
STARTS = ("pca", "random")


@dataclass(frozen=True)
class Settings:
    """How a map is made.

    Attributes
    ----------
    engine : str, object with `fit_transform` or positions
    perplexity : float
        0 where the engine has none.
    perplexities : (float, float)
        The smallest and largest one that neighbours are found for.
    seed : int
    iterations : int or None
        None is the engine's own number.
    early_exaggeration : float
    start : {"pca", "random"} or array (N, 2)
    """

    engine: Any
    perplexity: float
    perplexities: tuple[float, float]
    seed: int
    iterations: int | None
    early_exaggeration: float
    start: Any

    @property
    def given(self) -> bool:
        """Whether the positions are given and there is nothing to compute."""
        return is_positions(self.engine)

    @property
    def steps(self) -> bool:
        """Whether the engine goes a step at a time."""
        return isinstance(self.engine, str) and self.engine == "opentsne"

    @property
    def has_perplexity(self) -> bool:
        """Whether the engine knows what a perplexity is."""
        return isinstance(self.engine, str) and self.engine in _WITH_PERPLEXITY

    @property
    def total(self) -> int:
        """How many steps a map takes: iterations, or one for engines that go in one."""
        return (self.iterations or _ITERATIONS) if self.steps else 1

    @property
    def exaggerated(self) -> int:
        """How many of the iterations are exaggerated."""
        return min(_EXAGGERATED, self.total // 3)


def is_positions(engine: Any) -> bool:
    """Whether an engine is none, but positions that are given."""
    return not isinstance(engine, str) and not hasattr(engine, "fit_transform")


def as_settings(
    engine: Any, number: int, *, perplexity: Any, highest: Any, seed: int, iterations: int | None,
    early_exaggeration: Any, start: Any,
) -> Settings:
    """Check what a map of a number of images is asked for; raise in one sentence."""
    start = _as_start(start, number)
    if iterations is not None and iterations < 1:
        raise ValueError(f"A map takes at least one iteration; iterations is {iterations}.")
    chosen = Settings(
        engine, 0.0, (0.0, 0.0), int(seed), None if iterations is None else int(iterations),
        as_exaggeration(early_exaggeration), start,
    )
    if not chosen.has_perplexity:
        return chosen
    wanted = as_perplexity(perplexity, number)
    return replace(chosen, perplexity=wanted, perplexities=(1.0, _highest(wanted, highest, number)))


def _as_start(start: Any, number: int) -> Any:
    if isinstance(start, str):
        if start not in STARTS:
            raise ValueError(f"A map starts from {' or '.join(map(repr, STARTS))}; {start!r} is neither.")
        return start
    given = np.asarray(start, float)
    if given.shape != (number, 2) or not np.isfinite(given).all():
        raise ValueError(f"A map of {number} images starts from {number} finite pairs; these are {given.shape}.")
    return given


def _highest(wanted: float, asked: Any, number: int) -> float:
    usual = 100.0 if number <= _MANY else 50.0
    return min(max(wanted, as_perplexity(asked, number) if asked else usual), largest_perplexity(number))


def as_exaggeration(value: Any) -> float:
    """Take an early exaggeration; raise where it is none."""
    if not 1 <= float(value) <= 1000:
        raise ValueError(f"Early exaggeration goes from 1 (none) to 1,000, usually 12; it is {value!r}.")
    return float(value)
