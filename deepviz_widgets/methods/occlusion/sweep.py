"""`Sweep`: what a network says with a patch at each position, complete or so far."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from ...scores import as_class
from ...words import count, no_such
from .heat import averaged, guessed
from .positions import Lattice
from .table import Table


@dataclass(frozen=True, eq=False)
class Sweep:
    """The scores of all classes with the patch at each position.

    `P` positions in raster order, `p = row * columns + column`; `K` classes. With several windows the positions of
    one follow those of the other, and `window(i)` is the sweep of one alone.

    Attributes
    ----------
    lattices : tuple of Lattice
        Where the patch stands, one for each window.
    fill : str
        What it is filled with.
    scores_are : {"logits", "probabilities", "log-probabilities"}
        What the network gives.
    classes : tuple of str
    targets : tuple of int
        The classes whose maps chose the order.
    notes : tuple of str
        What a reader should know, in sentences.
    """

    lattices: tuple[Lattice, ...]
    fill: str
    scores_are: str
    classes: tuple[str, ...]
    targets: tuple[int, ...]
    notes: tuple[str, ...]
    _table: Table
    _clean: Table

    # ---------------------------------------------------------------- where

    @property
    def image(self) -> tuple[int, int]:
        """Height and width of the network's input."""
        return self.lattices[0].image

    @property
    def region(self) -> tuple[int, int, int, int]:
        """Top, left, bottom, right (half open) of what is covered."""
        return self.lattices[0].region

    @property
    def patch(self) -> tuple[int, int]:
        """Height and width of the patch; (0, 0) for segments."""
        return self.lattices[0].patch

    @property
    def stride(self) -> tuple[int, int]:
        """Step down and to the right; (0, 0) for segments."""
        return self.lattices[0].stride

    @property
    def rows(self) -> int:
        """Rows of the lattice."""
        return self.lattices[0].rows

    @property
    def columns(self) -> int:
        """Columns of the lattice."""
        return self.lattices[0].columns

    @cached_property
    def boxes(self) -> np.ndarray:
        """Top, left, bottom, right (half open) of each position, (P, 4) int32."""
        return np.concatenate([part.boxes for part in self.lattices])

    # ---------------------------------------------------------------- what

    @property
    def total(self) -> int:
        """How many positions there are."""
        return len(self.known)

    @property
    def done(self) -> int:
        """How many of them are known."""
        return int(self.known.sum())

    @property
    def known(self) -> np.ndarray:
        """Which positions are known, (P,) bool."""
        return self._table.known

    @cached_property
    def raw(self) -> np.ndarray:
        """Scores as the network gives them, (P, K) float32; NaN where not known."""
        return np.where(self.known[:, None], self._table.raw, np.float32(np.nan))

    @property
    def lse(self) -> np.ndarray:
        """Log-sum-exp of the raw scores, (P,) float32; of logits the probability is `exp(raw - lse)`."""
        return self._table.lse

    @property
    def best(self) -> np.ndarray:
        """Largest raw score, (P,) float32."""
        return self._table.best

    @property
    def second(self) -> np.ndarray:
        """Second largest raw score, (P,) float32."""
        return self._table.second

    @property
    def features(self) -> dict[str, np.ndarray]:
        """For each layer asked for, the summed activation of its strongest map, (P,) float32."""
        return self._table.features

    @property
    def base_raw(self) -> np.ndarray:
        """Scores of the image as it is, (K,) float32."""
        return self._clean.raw[0]

    @property
    def base_lse(self) -> float:
        """Log-sum-exp of `base_raw`."""
        return float(self._clean.lse[0])

    @property
    def base_best(self) -> float:
        """Largest of `base_raw`."""
        return float(self._clean.best[0])

    @property
    def base_second(self) -> float:
        """Second largest of `base_raw`."""
        return float(self._clean.second[0])

    @property
    def base_winner(self) -> int:
        """The class that the image as it is gives."""
        return int(self._clean.winner[0])

    @property
    def base_features(self) -> dict[str, float]:
        """As `features`, of the image as it is."""
        return {layer: float(values[0]) for layer, values in self._clean.features.items()}

    def __repr__(self) -> str:
        where = f"{self.rows} × {self.columns} positions" if self.patch[0] else f"{count(self.total)} segments"
        where = f"{len(self.lattices)} windows" if len(self.lattices) > 1 else where
        return f"Sweep({where}, {self.fill!r}, {count(self.done)} of {count(self.total)} done)"

    # ---------------------------------------------------------------- scores

    def scores(self, kind: str = "probability") -> np.ndarray:
        """Return the scores of all classes at each position, (P, K); NaN where not known.

        Parameters
        ----------
        kind : {"probability", "logit", "margin"}
            The softmax of the scores (as they are, where the network ends in softmax); the score itself; the score
            minus that of the best other class.
        """
        return self._table.scores(kind, self.scores_are)

    def base(self, kind: str = "probability") -> np.ndarray:
        """Return the scores of all classes of the image as it is, (K,)."""
        return self._clean.scores(kind, self.scores_are)[0]

    def map(self, target: Any, kind: str = "probability") -> np.ndarray:
        """Return the score of a class at each position, (rows, columns); NaN where not known.

        Zeiler and Fergus' map (d) for the probability of the correct class.

        Raises
        ------
        ValueError
            For an unknown class or kind, or where there are several windows.
        """
        values = self._table.scores(kind, self.scores_are, as_class(self.classes, target))
        return self._grid(values)

    def effect(self, target: Any, kind: str = "probability") -> np.ndarray:
        """Return how much hiding lowers the score of a class, (rows, columns); negative where it raises it."""
        target = as_class(self.classes, target)
        return self._grid(self._effect(target, kind))

    def winner(self) -> np.ndarray:
        """Return the most probable class at each position, (rows, columns) int; -1 where not known.

        Zeiler and Fergus' map (e).
        """
        return self._grid(self._table.winner)

    def feature(self, layer: str) -> np.ndarray:
        """Return the summed activation of a layer's strongest map at each position, (rows, columns).

        Zeiler and Fergus' map (b): the map is the one that is strongest in the image as it is.

        Raises
        ------
        ValueError
            For a layer that was not asked for.
        """
        if layer not in self.features:
            raise ValueError(
                no_such("layer", layer, list(self.features)) if self.features else
                f"No layer was asked for; call occlusion(..., layers=[{layer!r}])."
            )
        return self._grid(self.features[layer])

    def strongest(self, target: Any, most: int = 4, kind: str = "probability") -> np.ndarray:
        """Return the positions that lower the score of a class most and do not overlap, (n,) int, at most so many."""
        effects = self._effect(as_class(self.classes, target), kind)
        chosen: list[int] = []
        for position in np.argsort(-np.where(self.known, effects, -np.inf), kind="stable"):
            if len(chosen) == most or not effects[position] > 0:
                break
            if not any(_overlap(self.boxes[position], self.boxes[other]) for other in chosen):
                chosen.append(int(position))
        return np.array(chosen, int)

    # ---------------------------------------------------------------- pixels

    def as_attribution(self, target: Any, kind: str = "logit") -> np.ndarray:
        """Return Captum's attribution, (H, W) float32: the mean effect of the positions that cover each pixel.

        Only known positions count; pixels that none of them covers are NaN.
        """
        return averaged(self.lattices, self._effect(as_class(self.classes, target), kind), self.known)

    def heat(self, target: Any, kind: str = "probability") -> np.ndarray:
        """Return the same for display, (H, W) float32: unknown positions are guessed from those around.

        Complete, it is `as_attribution` of that kind; pixels that no position covers are 0.
        """
        effects = self._effect(as_class(self.classes, target), kind)
        parts = [
            guessed(part, effects[rows], self.known[rows])
            for part, rows in zip(self.lattices, self._slices(), strict=True)
        ]
        heat = averaged(self.lattices, np.concatenate(parts), np.ones(self.total, bool))
        return np.nan_to_num(heat, nan=0.0)

    def window(self, index: int) -> Sweep:
        """Return the sweep of one of several windows alone."""
        rows = self._slices()[index]
        part = self._table.snapshot()
        for name in ("raw", "lse", "best", "second", "winner", "known"):
            setattr(part, name, getattr(part, name)[rows])
        part.features = {layer: values[rows] for layer, values in part.features.items()}
        return replace(self, lattices=(self.lattices[index],), _table=part)

    def _effect(self, target: int, kind: str) -> np.ndarray:
        clean = self._clean.scores(kind, self.scores_are, target)
        return clean - self._table.scores(kind, self.scores_are, target)

    def _slices(self) -> list[slice]:
        ends = np.cumsum([len(part) for part in self.lattices])
        return [slice(int(end) - len(part), int(end)) for part, end in zip(self.lattices, ends, strict=True)]

    def _grid(self, values: np.ndarray) -> np.ndarray:
        if len(self.lattices) > 1:
            raise ValueError(
                f"There are maps of {len(self.lattices)} windows; choose one, as in sweep.window(0), or take heat()."
            )
        return values.reshape(self.rows, self.columns)


def _overlap(one: np.ndarray, other: np.ndarray) -> bool:
    return bool((np.maximum(one[:2], other[:2]) < np.minimum(one[2:], other[2:])).all())
