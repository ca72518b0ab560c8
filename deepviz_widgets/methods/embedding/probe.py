"""How well a straight cut through the features tells the classes apart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ...words import count, plural
from .checks import as_values, refuse_not_finite

_MOST_ROWS, _MOST_COLUMNS = 10_000, 512
_FEW_ROWS = 2_000  # are solved among themselves, however many columns they have


@dataclass(frozen=True)
class Probe:
    """The accuracy of a linear classifier on images that it was not trained on.

    Attributes
    ----------
    accuracy : float
        Mean over the parts, 0-1.
    error : float
        Its standard error: that of the mean over the parts.
    parts : tuple of float
        The accuracy on each part.
    images, classes : int
        How many took part.
    chance : float
        The share of the largest class, which needs no features at all.
    says : str
    """

    accuracy: float
    error: float
    parts: tuple[float, ...]
    images: int
    classes: int
    chance: float
    says: str


def probe(features: Any, labels: Any, *, folds: int = 5, seed: int = 0) -> Probe:
    """Train a linear classifier on frozen features and return its cross-validated accuracy.

    A ridge classifier on standardised columns, because it is solved exactly; more than 10,000 images are sampled and,
    of more than 2,000 images, more than 512 columns reduced to as many principal components of those trained on.

    Parameters
    ----------
    features : Features or array (N, F)
    labels : sequence of int, (N,)
        Negative ones are left out, as are classes with fewer images than folds.
    folds : int
    seed : int
        Of the split, and of the sample.

    Returns
    -------
    Probe

    Raises
    ------
    ValueError
        If fewer than two classes are left.

    References
    ----------
    G. Alain, Y. Bengio, *Understanding intermediate layers using linear classifier probes*, 2017.

    Examples
    --------
    >>> import numpy as np
    >>> rows = np.random.default_rng(0).normal(size=(60, 3)) + 9 * (np.arange(60) % 2)[:, None]
    >>> probe(rows, np.arange(60) % 2).accuracy
    1.0
    """
    values = as_values(features)
    refuse_not_finite(values)
    rows, classes = _usable(labels, len(values), folds, seed)
    from sklearn.model_selection import StratifiedKFold, cross_val_score  # noqa: PLC0415  slow to import

    split = StratifiedKFold(folds, shuffle=True, random_state=seed)
    parts = cross_val_score(_classifier(len(rows), values.shape[1], seed), values[rows], classes, cv=split)
    accuracy, error = float(parts.mean()), float(parts.std(ddof=1) / np.sqrt(folds))
    chance = float(np.unique(classes, return_counts=True)[1].max() / len(classes))
    says = (
        f"A linear classifier on these features is right on {accuracy:.1%} ± {error:.1%} of "
        f"{plural(len(rows), 'image')} that it was not trained on ({folds}-fold cross-validation, standard error of "
        f"the mean); always naming the largest class is right on {chance:.1%}."
    )
    return Probe(accuracy, error, tuple(map(float, parts)), len(rows), len(np.unique(classes)), chance, says)


def _usable(labels: Any, number: int, folds: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows that take part, and their labels."""
    if folds < 2:
        raise ValueError(f"Cross-validation takes at least two parts; folds is {folds}.")
    given = np.asarray(labels)
    if given.shape != (number,):
        raise ValueError(f"There are {plural(number, 'row')} of features but labels of shape {given.shape}.")
    known = given >= 0 if given.dtype.kind in "if" else np.ones(number, bool)
    rows = np.flatnonzero(known)
    if len(rows) > _MOST_ROWS:
        rows = np.sort(np.random.default_rng(seed).choice(rows, _MOST_ROWS, replace=False))
    names, of, many = np.unique(given[rows], return_inverse=True, return_counts=True)
    rows, of = rows[many[of] >= folds], of[many[of] >= folds]
    if (many >= folds).sum() < 2:
        raise ValueError(
            f"A linear probe takes at least two classes with {count(folds)} images each; of "
            f"{plural(len(names), 'class')} {count(int((many >= folds).sum()))} have as many."
        )
    return rows, of


def _classifier(rows: int, columns: int, seed: int) -> Any:
    from sklearn.decomposition import PCA  # noqa: PLC0415  slow to import
    from sklearn.linear_model import RidgeClassifier  # noqa: PLC0415
    from sklearn.pipeline import make_pipeline  # noqa: PLC0415
    from sklearn.preprocessing import StandardScaler  # noqa: PLC0415

    steps: list[Any] = [StandardScaler()]
    if columns > _MOST_COLUMNS and rows > _FEW_ROWS:
        steps.append(PCA(_MOST_COLUMNS, random_state=seed))
    return make_pipeline(*steps, RidgeClassifier(alpha=1.0))
