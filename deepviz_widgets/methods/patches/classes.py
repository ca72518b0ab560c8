"""Of which classes the images are that a unit likes best, beside what chance would give."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .table import LayerPatches

__all__ = ["ClassDistribution", "class_distribution"]

_SHOWN = 4  # classes a row that are named
_DRAWS = 2000


@dataclass(frozen=True, eq=False)
class ClassDistribution:
    """The classes of the top patches of every row (a unit or a direction) of a layer.

    Attributes
    ----------
    labels : ndarray (C,) int64
        Which classes occur, in these patches or in the whole set.
    counts : ndarray (U, C) int64
        Patches of each.
    known : ndarray (U,) int64
        Patches whose class is known.
    purity : ndarray (U,) float64
        Share of the most frequent class, 0-1; NaN where no class is known.
    entropy : ndarray (U,) float64
        Of the classes, in bits: 0 where all are of one class, at most log2 of the number of patches. From few
        patches, so rather too low than too high.
    base : ndarray (C,) float64
        Share of each class in the images that were looked at; NaN where that is not known.
    expected_purity, expected_entropy : ndarray (U,) float64
        Their means for as many images drawn at random by the base rates; NaN where these are not known.
    p : ndarray (U,) float64
        Share of such draws with a purity as high or higher.
    top, top_counts : ndarray (U, 4) int64
        The most frequent classes and their patches, -1 and 0 where there are fewer.
    """

    labels: np.ndarray
    counts: np.ndarray
    known: np.ndarray
    purity: np.ndarray
    entropy: np.ndarray
    base: np.ndarray
    expected_purity: np.ndarray
    expected_entropy: np.ndarray
    p: np.ndarray
    top: np.ndarray
    top_counts: np.ndarray

    @property
    def label(self) -> np.ndarray:
        """The most frequent class of each row, (U,); the smaller label where two are as frequent; -1 for none."""
        return self.top[:, 0]

    @property
    def count(self) -> np.ndarray:
        """Patches of it, (U,)."""
        return self.top_counts[:, 0]


def class_distribution(
    table: LayerPatches, labels: Mapping[int, int], base: Mapping[int, int] | Sequence[int] | None = None,
    *, seed: int = 0,
) -> ClassDistribution:
    """Count the classes of the top patches of each row.

    Parameters
    ----------
    table : LayerPatches
    labels : dict of int to int
        Label by image id, as `PatchIndex.labels`.
    base : dict of int to int, or sequence of int, optional
        How many images each class has in the whole set, or the labels of all its images.
    seed : int
        Of the random draws.

    Returns
    -------
    ClassDistribution

    References
    ----------
    D. Bau et al., *Network Dissection*, 2017, and A. Morcos et al., *On the importance of single directions for
    generalization*, 2018, on what the selectivity for a class does and does not tell.

    Examples
    --------
    >>> import numpy as np
    >>> from types import SimpleNamespace
    >>> from deepviz_widgets.methods.patches.classes import class_distribution
    >>> found = class_distribution(SimpleNamespace(images=np.array([[0, 1, 2, 3]])), {0: 5, 1: 5, 2: 5, 3: 7})
    >>> found.label, found.purity, found.entropy.round(3)
    (array([5]), array([0.75]), array([0.811]))
    """
    many = _counted(base)
    ids = np.unique(table.images)
    of = np.array([labels.get(image, -1) if image >= 0 else -1 for image in ids.tolist()], np.int64)
    found = of[np.searchsorted(ids, table.images)]
    classes = np.unique(np.concatenate([of[of >= 0], np.array(sorted(many), np.int64)])).astype(np.int64)
    rows, _ = np.nonzero(found >= 0)
    counts = np.zeros((len(found), len(classes)), np.int64)
    np.add.at(counts, (rows, np.searchsorted(classes, found[found >= 0])), 1)
    known = counts.sum(1)
    purity, entropy = _measured(counts)
    in_all = np.array([many.get(label, 0) for label in classes.tolist()], float)
    rates, expected_purity, expected_entropy, p = _expected(known, purity, in_all, seed)
    top, top_counts = _most(classes, counts)
    return ClassDistribution(
        classes, counts, known, purity, entropy, rates, expected_purity, expected_entropy, p, top, top_counts
    )


def _counted(base: Any) -> dict[int, int]:
    if base is None:
        return {}
    if isinstance(base, Mapping):
        return {int(label): int(number) for label, number in base.items() if number > 0}
    labels, numbers = np.unique(np.asarray(base), return_counts=True)
    return dict(zip(labels.tolist(), numbers.tolist(), strict=True))


def _measured(counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return purity and entropy of each row of counts."""
    if not counts.shape[1]:
        return np.full(len(counts), np.nan), np.full(len(counts), np.nan)
    known = counts.sum(1, keepdims=True)
    shares = np.divide(counts, known, out=np.full(counts.shape, np.nan), where=known > 0)
    logs = np.log2(shares, out=np.zeros_like(shares), where=shares > 0)
    return shares.max(1), np.abs((shares * logs).sum(1))


def _expected(
    known: np.ndarray, purity: np.ndarray, many: np.ndarray, seed: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return base rates, and purity and entropy by chance with the share of draws that are as pure."""
    nothing = np.full(len(known), np.nan)
    if not many.sum():
        return np.full(len(many), np.nan), nothing, nothing.copy(), nothing.copy()
    base, random = many / many.sum(), np.random.default_rng(seed)
    purely, mixed, p = nothing, nothing.copy(), nothing.copy()
    for number in np.unique(known[known > 0]):
        drawn = _measured(random.multinomial(number, base, size=_DRAWS))
        rows = known == number
        purely[rows], mixed[rows] = (values.mean() for values in drawn)
        p[rows] = (1 + (drawn[0][None] >= purity[rows, None] - 1e-9).sum(1)) / (1 + _DRAWS)
    return base, purely, mixed, p


def _most(classes: np.ndarray, counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    order = np.argsort(-counts, axis=1, kind="stable")[:, :_SHOWN]
    found = np.take_along_axis(counts, order, 1)
    top = np.where(found > 0, classes[order] if len(classes) else -1, -1)
    missing = ((0, 0), (0, _SHOWN - order.shape[1]))
    return np.pad(top, missing, constant_values=-1), np.pad(found, missing)
