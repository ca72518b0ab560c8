"""`embedding`: lay images out in the plane with an engine of the reader's choice."""

from __future__ import annotations

from typing import Any

import numpy as np

from .checks import as_values, mappable, refuse_not_finite
from .engines import as_engine
from .forming import Embedding
from .settings import as_settings, is_positions


def embedding(
    features: Any,
    *,
    engine: Any = "opentsne",
    perplexity: float | None = None,
    seed: int = 0,
    iterations: int | None = None,
    early_exaggeration: float = 12,
    start: Any = "pca",
    largest_perplexity: float | None = None,
    pace: float = 0.1,
) -> Embedding:
    """Lay images out in the plane so that neighbours in the space of the features are neighbours on the map.

    Parameters
    ----------
    features : Features or array (N, F)
        At least four rows; None where the engine is given positions.
    engine : {"opentsne", "sklearn", "pca", "umap", "cuml"}, object with `fit_transform`, or array (N, 2)
        openTSNE goes a step at a time, can be given another perplexity on the way and places new images (its gradient
        by Barnes and Hut's method below 20,000 images, by interpolation above); the others have a start and an end. An
        array is taken as the map itself.
    perplexity : float, optional
        About how many neighbours count, at most (N - 1) / 3; 30 or as much as there can be by default.
    seed : int
    iterations : int, optional
        For openTSNE 750, the first 250 of them exaggerated; others have a number of their own.
    early_exaggeration : float
        How much stronger neighbours attract each other at first.
    start : {"pca", "random"} or array (N, 2)
        The first two principal components, random positions of the seed, or where the images lay before.
    largest_perplexity : float, optional
        Up to which the perplexity can be changed later, by default 100, and 50 for more than 20,000 images: three times
        as many neighbours are kept.
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
    chosen = as_engine(engine)
    values, number = _taken(features, chosen)
    settings = as_settings(
        chosen, number, perplexity=perplexity, highest=largest_perplexity, seed=seed,
        iterations=iterations, early_exaggeration=early_exaggeration, start=start,
    )
    return Embedding(values, settings, pace)


def _taken(features: Any, engine: Any) -> tuple[np.ndarray | None, int]:
    """Return rows (N, F) fit for an engine, and N; positions may do without rows, or with rows that say nothing."""
    given = is_positions(engine)
    if features is None:
        if not given:
            raise ValueError("A map is made of features, or engine= holds the positions of the images.")
        return None, len(engine)
    values = as_values(features) if given else mappable(features)
    refuse_not_finite(values)
    return values, len(values)
