"""A map on its way: from neighbours over the early exaggeration to its end, with all that was between."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ...words import count
from .checks import as_perplexity, as_positions, as_values, refuse_not_finite
from .descent import Descent, start_at_random, start_from_pca
from .engines import fitted, name_of
from .neighbours import Finder, Neighbours, Search
from .settings import Settings, as_exaggeration

KEYFRAME = 25
_SETTLE = 250  # iterations that a map gets at least after its perplexity changed


@dataclass(frozen=True, eq=False)
class Frame:
    """A map on its way.

    Attributes
    ----------
    iteration, total : int
    positions : ndarray (N, 2) float32
    kl : float or None
        The Kullback-Leibler divergence, in nats, as the engine told it last: at every keyframe.
    phase : {"neighbours", "exaggeration", "settling", "done"}
    share : float
        How much of the phase is over, 0-1.
    """

    iteration: int
    total: int
    positions: np.ndarray
    kl: float | None
    phase: str
    share: float


class Embedding(Iterator[Frame]):
    """A map that forms; made by `embedding`.

    `next()` computes for about `pace` seconds and returns the `Frame` reached. An interrupt or an error loses at most
    that step: `next()` goes on from the one before, and what comes out is the same to the last digit.

    Attributes
    ----------
    values : ndarray (N, F) or None
        What is mapped; None where only positions are given.
    engine : str
        What the engine is called.
    steps : bool
        Whether it goes a step at a time; else there is a start and an end.
    says : str
        "" or what is to be known about the engine.
    perplexities : (float, float)
        The smallest and largest perplexity that `set_perplexity` takes.
    keyframes : list of (int, ndarray (N, 2) float32)
        Every 25 iterations, with the first and the last.
    """

    iteration: int
    total: int

    def __init__(self, values: np.ndarray | None, settings: Settings, pace: float):
        self.values, self.pace, self._settings = values, float(pace), settings
        self._given = as_positions(settings.engine, None if values is None else len(values)) if settings.given else None
        self.engine, self.steps = name_of(settings.engine), settings.steps
        whole = not (settings.steps or settings.given)
        self.says = f"{self.engine} cannot be stepped: its map has a start and an end." if whole else ""
        self.perplexity, self.perplexities = settings.perplexity, settings.perplexities
        self._exaggeration = settings.early_exaggeration
        self._lock = threading.RLock()
        self._search: Search | None = None
        self._descent: Descent | None = None
        self._fitted: Any = None
        self._begin(settings.seed, settings.start)

    def __len__(self) -> int:
        rows = self._given if self.values is None else self.values
        assert rows is not None
        return len(rows)

    def __next__(self) -> Frame:
        with self._lock:
            if self._over:
                raise StopIteration
            return self._advance(time.perf_counter() + self.pace)

    def step(self, iterations: int = 1) -> Frame:
        """Go exactly some iterations further, past the end as well, and return the frame reached."""
        with self._lock:
            if not self.steps:
                raise ValueError(self.says or f"{self.engine.capitalize()} cannot be stepped.")
            if iterations < 1:
                raise ValueError(f"A step has at least one iteration, not {iterations}.")
            while self._descent is None:
                self._advance(np.inf)
            target = self.iteration + int(iterations)
            self.total = max(self.total, target)
            while self.iteration < target:
                self._iterate(target - self.iteration, tells=True)
            return self._frame()

    def run(self) -> Embedding:
        """Go on to the end and return the map itself."""
        for _ in self:
            pass
        return self

    def twin(self) -> Embedding:
        """Return another map of the same features that begins as this one did; the neighbours are lent."""
        with self._lock:
            other = Embedding(self.values, replace(self._settings, perplexity=self.perplexity), self.pace)
            if self.steps:
                self._searching().run(np.inf)
                other._search = self._search
            return other

    # ---------------------------------------------------------------- what is known

    @property
    def positions(self) -> np.ndarray:
        """Where each image is by now, (N, 2) float32."""
        with self._lock:
            if self._latest is None:
                self._advance(0.0)
            assert self._latest is not None
            return self._latest

    @property
    def given(self) -> bool:
        """Whether the positions were given, so that there is nothing to compute."""
        return self._given is not None

    @property
    def done(self) -> bool:
        """Whether the map has come to its end."""
        return self._over

    @property
    def neighbours(self) -> Neighbours:
        """The nearest neighbours in the space of the features, found now where they are not known yet."""
        with self._lock:
            if self.values is None:
                raise ValueError("Only positions are given; without features there are no neighbours to speak of.")
            self._searching().run(np.inf)
            return self._searching().found

    @property
    def exaggeration(self) -> float:
        """The early exaggeration; a new value acts at once while that phase lasts, else from the next restart."""
        return self._exaggeration

    @exaggeration.setter
    def exaggeration(self, value: float) -> None:
        with self._lock:
            self._exaggeration = as_exaggeration(value)
            if self._descent is not None:
                self._descent.exaggerate(self._exaggeration)

    # ---------------------------------------------------------------- turning knobs

    def set_perplexity(self, perplexity: float) -> None:
        """Solve the affinities for another perplexity and go on from the positions as they are.

        The neighbours are kept. A map that was at its end goes on for 250 iterations.
        """
        with self._lock:
            if not self._settings.has_perplexity:
                raise ValueError(f"There is no perplexity in {self.engine}; engine='opentsne' has one.")
            value = as_perplexity(perplexity, len(self))
            if self.steps and value > self.perplexities[1]:
                raise ValueError(
                    f"The perplexity is {value:g}, but neighbours were sought for at most {self.perplexities[1]:g}; "
                    f"give largest_perplexity={value:g} at the start."
                )
            if value == self.perplexity:
                return
            self.perplexity = value
            if self._descent is not None:
                self._descent.set_perplexity(value)
                self.total = max(self.total, self.iteration + _SETTLE)
            if not self.steps:
                self.iteration = 0
            self._over = False
            self.phase = self._phase()

    def restart(self, seed: int | None = None) -> None:
        """Begin again: from random positions of a seed, or as it began; the neighbours are kept."""
        with self._lock:
            if seed is None:
                self._begin(self._settings.seed, self._settings.start)
            else:
                self._begin(int(seed), "random")

    def place(self, features: Any) -> np.ndarray:
        """Return positions (M, 2) float32 for new images in the map as it is; the map itself stays.

        Parameters
        ----------
        features : Features or array (M, F)
            Of the same layer.
        """
        with self._lock:
            if self.values is None:
                raise ValueError("Only positions are given; without features no new image can be placed.")
            values = as_values(features)
            refuse_not_finite(values)
            if values.shape[1] != self.values.shape[1]:
                raise ValueError(
                    f"The map is made of {count(self.values.shape[1])} numbers an image; these have "
                    f"{count(values.shape[1])}."
                )
            if not len(values):
                return np.zeros((0, 2), np.float32)
            if self._descent is not None and self.iteration:
                return self._descent.place(values).astype(np.float32)
            if self._over and hasattr(self._fitted, "transform"):
                return np.asarray(self._fitted.transform(values), np.float32)
            nearest = self._searching().finder.query(values, min(10, len(self))).ids
            return np.median(self.positions[nearest], 1).astype(np.float32)

    # ---------------------------------------------------------------- beginning

    def _begin(self, seed: int, start: Any) -> None:
        self.seed, self._start = seed, start
        self.iteration, self.total, self._seconds, self._over = 0, self._settings.total, 0.0, False
        self.kl: float | None = None
        self.keyframes: list[tuple[int, np.ndarray]] = []
        self._latest: np.ndarray | None = None
        self._origin: np.ndarray | None = None
        if self._descent is not None:
            self._descent.restart(self._starting())
            self._keep()
        self.phase = self._phase()

    def _starting(self) -> np.ndarray:
        assert self.values is not None
        if self._origin is None and not isinstance(self._start, str):
            self._origin = np.array(self._start)
        if self._origin is None:
            random = self._start == "random"
            self._origin = start_at_random(len(self), self.seed) if random else start_from_pca(self.values, self.seed)
        return self._origin

    def _searching(self) -> Search:
        if self._search is None:
            assert self.values is not None
            k = min(len(self) - 1, max(10, int(np.ceil(3 * self.perplexities[1]))))
            self._search = Search(Finder(self.values), k)
        return self._search

    # ---------------------------------------------------------------- going on

    def _advance(self, until: float) -> Frame:
        if self._given is not None:
            self._latest, self.iteration, self._over = self._given, self.total, True
            self.keyframes = [(self.iteration, self._given)]
        elif self._latest is None:
            begun = np.asarray(self._starting(), np.float32)
            self._latest, self.keyframes = begun, [(0, begun)]
        elif not self.steps:
            self._fit()
        elif self._descent is not None:
            self._iterate(self._few())
        elif self._searching().run(until):
            search = self._searching()
            self._descent = Descent(
                search.found, search.finder, self._starting(), self.perplexity, self._exaggeration
            )
        self._over = self._over or self.iteration >= self.total
        self.phase = self._phase()
        return self._frame()

    def _few(self) -> int:
        """Return how many iterations take about one pace."""
        return 1 if not self._seconds else max(1, int(self.pace / self._seconds))

    def _iterate(self, most: int, tells: bool = False) -> None:
        """Go on for some iterations, but not past a keyframe, the end of a phase or the end of the map.

        The divergence is known at these, and after a step that `tells`.
        """
        assert self._descent is not None
        early = self.iteration < self._settings.exaggerated
        ends = [KEYFRAME - self.iteration % KEYFRAME, self.total - self.iteration]
        number = min(most, *ends, self._settings.exaggerated - self.iteration if early else most)
        before = time.perf_counter()
        self._descent.step(number, early, tells or number in ends)
        self._seconds = (time.perf_counter() - before) / number
        self.iteration += number
        self.kl = self._descent.kl
        self._keep()

    def _keep(self) -> None:
        assert self._descent is not None
        reached = self._descent.positions.astype(np.float32)
        self._latest = reached
        if self.iteration % KEYFRAME == 0 or self.iteration >= self.total:
            self.keyframes = [(at, kept) for at, kept in self.keyframes if at < self.iteration]
            self.keyframes.append((self.iteration, reached))

    def _fit(self) -> None:
        assert self.values is not None
        settings = replace(
            self._settings, perplexity=self.perplexity, seed=self.seed, start=self._start,
            early_exaggeration=self._exaggeration,
        )
        self._fitted, found, self.kl = fitted(self.values, settings)
        self.iteration, self._latest = self.total, found
        self.keyframes = [*self.keyframes[:1], (self.iteration, found)]

    def _phase(self) -> str:
        if self._over:
            return "done"
        if self._descent is None:
            return "neighbours" if self.steps else "settling"
        return "exaggeration" if self.iteration < self._settings.exaggerated else "settling"

    def _frame(self) -> Frame:
        share = 1.0
        if self.phase == "neighbours":
            share = self._searching().share
        elif self.phase == "exaggeration":
            share = self.iteration / self._settings.exaggerated
        elif self.phase == "settling":
            settled, early = self.iteration - self._settings.exaggerated, self._settings.exaggerated
            share = settled / max(1, self.total - early) if self.steps else 0.0
        return Frame(self.iteration, self.total, self.positions, self.kl, self.phase, share)
