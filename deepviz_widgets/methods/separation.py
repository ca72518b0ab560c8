"""Which units tell some images from the rest: how often an image of the selection moves a unit more than another."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.stats import rankdata

from ..words import count, plural

_COLUMNS = 4_000_000  # values that are ranked at once
WORDS = ((0.474, "large"), (0.33, "medium"), (0.147, "small"), (0.0, "negligible"))  # Romano et al. 2006


@dataclass(frozen=True, eq=False)
class Separation:
    """How well each unit tells a selection of images from the rest.

    Attributes
    ----------
    effect : ndarray (F,) float
        Cliff's delta: P(a selected image moves the unit more than another) - P(less). 1: every selected image moves it
        more than any other; -1: less; 0: no difference in order.
    inside, outside : ndarray (F,) float32
        Median answer of the unit to the selected images, and to the others.
    order : ndarray (F,) int
        Units by falling |effect|, equal ones by their number.
    selected, others : int
        How many images there are of each.
    """

    effect: np.ndarray
    inside: np.ndarray
    outside: np.ndarray
    order: np.ndarray
    selected: int
    others: int

    def word(self, unit: int) -> str:
        """Call the effect of a unit negligible, small, medium or large."""
        size = abs(float(self.effect[unit]))
        return next(word for least, word in WORDS if size >= least)


def separation(values: Any, selected: Iterable[int]) -> Separation:
    """Rank units by how well they separate selected images from the rest.

    The effect is Cliff's delta, `P(X > Y) - P(X < Y)` for the unit's answer X to a random selected image and Y to a
    random other one, which is `2 AUC - 1`: it needs no normal distribution, and answers after a ReLU have none. There
    is no p-value, as a selection is usually made by looking at these same answers: every cluster of a map, also one of
    noise, is separated by some unit.

    Parameters
    ----------
    values : array (N, F)
        What each of F units answers to each of N images, such as the `values` of `embedding.features`.
    selected : sequence of int
        Rows of the selection.

    Raises
    ------
    ValueError
        If no image, or every image, is selected, or values are not finite.

    References
    ----------
    N. Cliff, *Dominance statistics: Ordinal analyses to answer ordinal questions*, Psychological Bulletin 114(3), 1993.
    Words for its size: J. Romano et al., *Appropriate statistics for ordinal level data*, FAIR 2006.

    Examples
    --------
    >>> found = separation([[0.0, 5], [0, 4], [3, 5], [2, 4]], [2, 3])
    >>> found.effect.tolist(), found.order.tolist()
    ([1.0, 0.0], [0, 1])
    """
    given = np.asarray(values, np.float32)
    if given.ndim != 2:
        raise ValueError(f"Answers are an array (images, units); this has the shape {given.shape}.")
    inside = np.zeros(len(given), bool)
    ids = np.fromiter((int(one) for one in selected), int)
    wrong = ids[(ids < 0) | (ids >= len(given))]
    if len(wrong):
        raise ValueError(f"There is no row {wrong[0]}; there are {count(len(given))}, counted from 0.")
    inside[ids] = True
    chosen, others = int(inside.sum()), int((~inside).sum())
    if not chosen or not others:
        which = "no image" if not chosen else "every image"
        raise ValueError(f"A selection is told from the rest; here {which} of {count(len(given))} is selected.")
    if not np.isfinite(given).all():
        raise ValueError(f"Of {plural(given.shape[1], 'unit')} some answers are not finite.")
    effect = np.concatenate([_deltas(part, inside) for part in _parts(given)])
    order = np.lexsort((np.arange(len(effect)), -np.abs(effect)))
    return Separation(effect, np.median(given[inside], 0), np.median(given[~inside], 0), order, chosen, others)


def _parts(values: np.ndarray) -> list[np.ndarray]:
    step = max(1, _COLUMNS // max(1, len(values)))
    return [values[:, at : at + step] for at in range(0, values.shape[1], step)]


def _deltas(values: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """Return Cliff's delta of each column, by the sum of ranks of Mann and Whitney; ties count half."""
    number = int(inside.sum())
    ranks = rankdata(values, axis=0)[inside].sum(0)
    wins = ranks - number * (number + 1) / 2
    return 2 * wins / (number * (len(values) - number)) - 1
