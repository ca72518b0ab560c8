"""`embedding`: lay images out in the plane, a few iterations at a time, with all that was on the way."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...words import count
from .checks import as_perplexity, as_positions, as_values, largest_perplexity, mappable, refuse_not_finite
from .descent import Descent, start_at_random, start_from_pca
from .engines import ENGINES, Settings, as_engine, fitted, name_of
from .features import Features
from .neighbours import Finder, Neighbours, Search

__all__ = ["ENGINES", "Embedding", "Frame", "embedding"]
KEYFRAME = 25
_EXAGGERATED, _ITERATIONS = 250, 750
_SETTLE = 250  # iterations that a map gets at least after its perplexity changed
_PERPLEXITY = 100.0  # neighbours are found for this one, or for the one that is asked for if that is larger


@dataclass(frozen=True, eq=False)
class Frame:
    """A map on its way.

    Attributes
    ----------
    iteration, total : int
    positions : ndarray (N, 2) float32
    kl : float or None
        The Kullback-Leibler divergence, in nats, where the engine has told it.
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
    perplexity: float
    perplexities: tuple[float, float]

    def __init__(self, features: Any, **options: Any):
        self._engine = as_engine(options["engine"])
        given = not isinstance(self._engine, str) and not hasattr(self._engine, "fit_transform")
        self.values = self._taken(features, given)
        self._given = as_positions(self._engine, None if self.values is None else len(self.values)) if given else None
        self._options, self._layer = options, features.layer if isinstance(features, Features) else ""
        self._lock = threading.RLock()
        self._search: Search | None = None
        self._descent: Descent | None = None
        self._fitted: Any = None
        self.steps = isinstance(self._engine, str) and self._engine == "opentsne"
        self.engine = name_of(self._engine)
        self.says = "" if self.steps or given else f"{self.engine} cannot be stepped: its map has a start and an end."
        self._settle(options)
        self._begin(options["seed"], options["start"])

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
                self._iterate(target - self.iteration)
            return self._frame()

    def run(self) -> Embedding:
        """Go on to the end and return the map itself."""
        for _ in self:
            pass
        return self

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
            self._exaggeration = _as_exaggeration(value)
            if self._descent is not None:
                self._descent.exaggerate(self._exaggeration)

    # ---------------------------------------------------------------- turning knobs

    def set_perplexity(self, perplexity: float) -> None:
        """Solve the affinities for another perplexity and go on from the positions as they are.

        The neighbours are kept. A map that was at its end goes on for 250 iterations.
        """
        with self._lock:
            if self._engine not in ("opentsne", "sklearn", "cuml"):
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
                self._begin(self._options["seed"], self._options["start"])
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

    @staticmethod
    def _taken(features: Any, given: bool) -> np.ndarray | None:
        if features is None and given:
            return None
        if features is None:
            raise ValueError("A map is made of features, or engine= holds the positions of the images.")
        if not given:
            return mappable(features)
        values = as_values(features)
        refuse_not_finite(values)
        return values

    def _settle(self, options: dict[str, Any]) -> None:
        number = len(self)
        self.pace = float(options["pace"])
        self._exaggeration = _as_exaggeration(options["early_exaggeration"])
        if options["start"] not in ("pca", "random"):
            raise ValueError(f"A map starts from 'pca' or 'random'; {options['start']!r} is neither.")
        wanted = options["iterations"]
        if wanted is not None and wanted < 1:
            raise ValueError(f"A map takes at least one iteration; iterations is {wanted}.")
        self._total = 1 if not self.steps else _ITERATIONS if wanted is None else int(wanted)
        self._early = min(_EXAGGERATED, self._total // 3)
        needs = self._engine in ("opentsne", "sklearn", "cuml") if isinstance(self._engine, str) else False
        self.perplexity = as_perplexity(options["perplexity"], number) if needs else 0.0
        top = as_perplexity(options["largest_perplexity"], number) if options["largest_perplexity"] else _PERPLEXITY
        highest = min(max(top, self.perplexity), largest_perplexity(number))
        self.perplexities = (1.0, highest) if needs else (0.0, 0.0)

    def _begin(self, seed: int, start: str) -> None:
        self.seed, self._start = seed, start
        self.iteration, self.total, self._seconds, self._over = 0, self._total, 0.0, False
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
        elif not self._searching().run(until):
            pass
        elif self._descent is None:
            self._descent = Descent(
                self._searching().found, self._searching().finder, self._starting(), self.perplexity,
                self._exaggeration,
            )
        else:
            self._iterate(self._few())
        self._over = self._over or self.iteration >= self.total
        self.phase = self._phase()
        return self._frame()

    def _few(self) -> int:
        """Return how many iterations take about one pace."""
        return 1 if not self._seconds else max(1, int(self.pace / self._seconds))

    def _iterate(self, most: int) -> None:
        """Go on for some iterations, but not past a keyframe, the end of a phase or the end of the map."""
        assert self._descent is not None
        early = self.iteration < self._early
        ends = [KEYFRAME - self.iteration % KEYFRAME, self.total - self.iteration]
        number = min(most, *ends, self._early - self.iteration if early else most)
        before = time.perf_counter()
        self._descent.step(number, early)
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
        settings = Settings(self.perplexity, self.seed, self._options["iterations"], self._exaggeration)
        assert self.values is not None
        self._fitted, found, self.kl = fitted(self._engine, self.values, settings)
        self.iteration, self._latest = self.total, found
        self.keyframes = [*self.keyframes[:1], (self.iteration, found)]

    def _phase(self) -> str:
        if self._over:
            return "done"
        if self._descent is None:
            return "neighbours" if self.steps else "settling"
        return "exaggeration" if self.iteration < self._early else "settling"

    def _frame(self) -> Frame:
        share = 1.0
        if self.phase == "neighbours":
            share = self._searching().share
        elif self.phase == "exaggeration":
            share = self.iteration / self._early
        elif self.phase == "settling":
            share = (self.iteration - self._early) / max(1, self.total - self._early) if self.steps else 0.0
        return Frame(self.iteration, self.total, self.positions, self.kl, self.phase, share)


def _as_exaggeration(value: Any) -> float:
    if not 1 <= float(value) <= 1000:
        raise ValueError(f"Early exaggeration goes from 1 (none) to 1,000, usually 12; it is {value!r}.")
    return float(value)


def embedding(
    features: Any,
    *,
    engine: Any = "opentsne",
    perplexity: float | None = None,
    seed: int = 0,
    iterations: int | None = None,
    early_exaggeration: float = 12,
    start: str = "pca",
    largest_perplexity: float | None = None,
    pace: float = 0.1,
) -> Embedding:
    """Lay images out in the plane so that neighbours in the space of the features are neighbours on the map.

    Parameters
    ----------
    features : Features or array (N, F)
        At least four rows; None where the engine is given positions.
    engine : {"opentsne", "sklearn", "pca", "umap", "cuml"}, object with `fit_transform`, or array (N, 2)
        openTSNE goes a step at a time, can be given another perplexity on the way and places new images; the others
        have a start and an end. An array is taken as the map itself.
    perplexity : float, optional
        About how many neighbours count, at most (N - 1) / 3; 30 or as much as there can be by default.
    seed : int
    iterations : int, optional
        For openTSNE 750, the first 250 of them exaggerated; others have a number of their own.
    early_exaggeration : float
        How much stronger neighbours attract each other at first.
    start : {"pca", "random"}
        The first two principal components, or random positions of the seed.
    largest_perplexity : float, optional
        Up to which the perplexity can be changed later, 100 by default: three times as many neighbours are kept.
    pace : float
        Seconds a step of the iterator takes, about.

    Returns
    -------
    Embedding
        An iterator of frames that can be left and gone on with.

    Raises
    ------
    ValueError
        For fewer than four images, features that are all the same or not finite, a perplexity that is too large.
    ImportError
        For an engine that is not installed.

    References
    ----------
    L. van der Maaten, G. Hinton, *Visualizing Data using t-SNE*, 2008; P. Poličar et al., *openTSNE*, 2024;
    D. Kobak, P. Berens, *The art of using t-SNE for single-cell transcriptomics*, 2019 (the settings).

    Examples
    --------
    >>> import numpy as np
    >>> rows = np.random.default_rng(0).normal(size=(40, 5))
    >>> map = embedding(rows, iterations=50)
    >>> frames = list(map)
    >>> frames[0].phase, frames[-1].phase, map.positions.shape, [at for at, _ in map.keyframes]
    ('neighbours', 'done', (40, 2), [0, 25, 50])
    """
    return Embedding(
        features, engine=engine, perplexity=perplexity, seed=seed, iterations=iterations,
        early_exaggeration=early_exaggeration, start=start, largest_perplexity=largest_perplexity, pace=pace,
    )
