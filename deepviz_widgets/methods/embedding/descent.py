"""The t-SNE of openTSNE, a few iterations at a time: what it does in one long call, to the last digit."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
from openTSNE import affinity, initialization
from openTSNE.nearest_neighbors import KNNIndex
from openTSNE.tsne import TSNEEmbedding, gradient_descent, kl_divergence_bh, kl_divergence_fft

from .jobs import Jobs
from .neighbours import Finder, Neighbours

_BARNES_HUT_BELOW = 20_000  # images; openTSNE interpolates from 10,000 on, but from here on it is faster (two cores)
_MOMENTUM = 0.8


def start_from_pca(values: np.ndarray, seed: int) -> np.ndarray:
    """Return the first two principal components (N, 2) as openTSNE begins with them, of standard deviation 1e-4."""
    if values.shape[1] == 1:
        values = np.concatenate([values, np.zeros_like(values)], 1)
    return initialization.pca(values, 2, random_state=seed)


def start_at_random(number: int, seed: int) -> np.ndarray:
    """Return random positions (N, 2) of standard deviation 1e-4."""
    return initialization.random(number, 2, random_state=seed)


class Known(KNNIndex):
    """Neighbours that are known, in the form in which openTSNE takes them; new rows are compared with all."""

    def __init__(self, near: Neighbours, finder: Finder):
        self.near, self.finder = near, finder
        self.n_samples, self.k = near.ids.shape

    def build(self) -> tuple[np.ndarray, np.ndarray]:
        """Return ids and distances (N, k)."""
        return self.near.ids, self.near.distances

    def query(self, query: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        """Return ids and distances (M, k) of the rows nearest to new ones."""
        found = self.finder.query(query, k)
        return found.ids, found.distances


class _Objective:
    """The gradient of openTSNE, which takes over the one that the step before computed last.

    Each call of its optimizer ends by evaluating the positions it has reached, where the next call begins; so short
    calls cost no more than a long one, where the divergence, which is a tenth of an iteration, is not asked for.
    """

    def __init__(self, compute: Any, gradient: np.ndarray | None, tells: bool):
        self.compute, self.gradient, self.tells = compute, gradient, tells

    def __call__(self, embedding: np.ndarray, p: Any, *, should_eval_error: bool = False, **others: Any) -> Any:
        if self.gradient is not None and not should_eval_error:
            taken, self.gradient = self.gradient, None
            return 0.0, taken
        error, gradient = self.compute(embedding, p, should_eval_error=should_eval_error and self.tells, **others)
        if should_eval_error:
            self.gradient = gradient
        return error, gradient


class Descent:
    """Positions on their way down, with the momentum and gains that belong to them.

    Parameters
    ----------
    near : Neighbours
        At least three times the perplexity.
    finder : Finder
        Of the same rows, for placing new ones.
    start : ndarray (N, 2)
    perplexity, early_exaggeration : float
    """

    def __init__(
        self, near: Neighbours, finder: Finder, start: np.ndarray, perplexity: float, early_exaggeration: float
    ):
        self._near, self._finder, self.early = near, finder, early_exaggeration
        self.jobs = Jobs(len(start))
        self.method = kl_divergence_bh if len(start) < _BARNES_HUT_BELOW else kl_divergence_fft
        self.restart(start)
        self.set_perplexity(perplexity)

    def restart(self, start: np.ndarray) -> None:
        """Begin again from other positions, with the same affinities."""
        self.positions = np.array(start, dtype=np.float64, order="C")
        self._optimizer = gradient_descent()
        self._gradient: np.ndarray | None = None
        self.kl: float | None = None

    def set_perplexity(self, perplexity: float) -> None:
        """Solve the affinities anew from the neighbours that are known; the positions stay."""
        k = min(self._near.k, max(1, int(3 * perplexity)))
        index = Known(self._near.first(k), self._finder)
        most = self.jobs.choices[-1]
        self.affinities = affinity.PerplexityBasedNN(knn_index=index, perplexity=perplexity, n_jobs=most)
        self._factor = 0.0
        self._gradient = None

    def exaggerate(self, early_exaggeration: float) -> None:
        """Take another early exaggeration."""
        self.early = early_exaggeration
        self._factor = 0.0

    def step(self, iterations: int, exaggerated: bool, tells: bool = True) -> None:
        """Go on for some iterations, and tell the divergence reached; an interrupt leaves everything as it was."""
        factor = self.early if exaggerated else 1.0
        if factor != self._factor:
            self._exaggerate(factor)
        state = self._optimizer.copy(), self.positions.copy(), self._gradient
        left = iterations
        while left:
            jobs, some = self.jobs.next(left)
            began = time.perf_counter()
            error, state = self._descend(*state, some, jobs, tells and some == left)
            self.jobs.took(jobs, some, time.perf_counter() - began)
            left -= some
        self._optimizer, self.positions, self._gradient = state
        if tells:
            self.kl = float(error / factor - np.log(factor))

    def _descend(
        self, optimizer: Any, positions: np.ndarray, gradient: np.ndarray | None, iterations: int, jobs: int,
        tells: bool,
    ) -> tuple[float, tuple[Any, np.ndarray, np.ndarray | None]]:
        """Go on for some iterations; return the divergence as it is exaggerated, and the state reached."""
        objective = _Objective(self.method, gradient, tells)
        error, positions = optimizer(
            positions, self._p, n_iter=iterations, objective_function=objective,
            learning_rate=len(positions) / self._factor, momentum=_MOMENTUM, n_jobs=jobs,
        )
        return error, (optimizer, positions, objective.gradient)

    def _exaggerate(self, factor: float) -> None:
        """Scale the affinities once and not for each step, as back and forth would lose digits every time."""
        p = self.affinities.P.copy()
        if factor == 1.0:  # openTSNE multiplies and divides after its early phase: the same digits
            p.data = p.data * self.early / self.early
        else:
            p.data = p.data * factor
        self._p, self._factor, self._gradient = p, factor, None

    def place(self, values: np.ndarray) -> np.ndarray:
        """Return positions (M, 2) of new rows in the map as it is."""
        method = "bh" if self.method is kl_divergence_bh else "fft"
        held = TSNEEmbedding(
            self.positions, self.affinities, negative_gradient_method=method, n_jobs=self.jobs.best, random_state=0
        )
        middle = (held.max(0) + held.min(0)) / 2  # openTSNE centres the map in place before it places anything
        # an array of its own: rows that lie on top of each other share no gradient
        return np.asarray(held.transform(np.asarray(values))) + np.asarray(middle)
