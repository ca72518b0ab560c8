"""How far a map can be trusted: which neighbours it kept, which it made up, and what chance alone would show."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

import numpy as np
from scipy.spatial import cKDTree

from ...words import count, listing, percent
from .checks import as_positions, mappable
from .forming import Embedding
from .neighbours import Finder
from .run import embedding

MEANING = (
    "Close together on the map mostly means alike to the layer; how large a cluster is, how dense it looks and how far "
    "two clusters lie apart means nothing reliable, and another seed or perplexity draws it otherwise."
)
NULL_MEANING = (
    "The features are shuffled here, column by column, so that no image has anything to do with another: whatever "
    "forms on this map is made by the method and by chance."
)
_ALL = 20_000  # rows up to which each is measured against all; of more, a sample
_SAMPLE = 2_000


@dataclass(frozen=True, eq=False)
class Honesty:
    """What a map kept of its features.

    Attributes
    ----------
    k : int
        How many neighbours were looked at.
    rows : ndarray (M,) int
        The images that were measured: all, or a sample of a large map.
    kept : ndarray (N,) float32
        Share of the k true nearest neighbours that are among the k nearest on the map; NaN where not measured.
    false : ndarray (N,) float32
        Share of the k nearest on the map that are not even among the 3 k true nearest; NaN where not measured.
    true, near : ndarray (M, k) int32
        The nearest in the space of the features and on the map, for `rows`.
    preservation : float
        Mean of `kept`.
    trustworthiness : float
        1 where all neighbours on the map are true ones, about 0.5 by chance.
    kl : float or None
        The Kullback-Leibler divergence, where the map told it.
    chance : float
        What `preservation` would be with the images thrown on the map at random.
    says : tuple of str
        The same in sentences.
    """

    k: int
    rows: np.ndarray
    kept: np.ndarray
    false: np.ndarray
    true: np.ndarray
    near: np.ndarray
    preservation: float
    trustworthiness: float
    kl: float | None
    chance: float
    says: tuple[str, ...]


def honesty(features: Any, positions: Any, k: int = 10, *, seed: int = 0) -> Honesty:
    """Measure how many true neighbours a map kept, and how many of those it shows are false.

    Parameters
    ----------
    features : Features or array (N, F)
    positions : array (N, 2) or Embedding
        An Embedding lends its neighbours and its divergence.
    k : int
        Neighbours to look at; fewer where there are fewer than 2 k images, as trustworthiness asks for.
    seed : int
        Of the 2,000 images that stand for more than 20,000.

    Returns
    -------
    Honesty

    References
    ----------
    J. Venna, S. Kaski, *Neighborhood preservation in nonlinear projection methods*, 2001 (trustworthiness).

    Examples
    --------
    >>> import numpy as np
    >>> plane = np.random.default_rng(0).normal(size=(50, 2))
    >>> found = honesty(plane, plane)
    >>> found.preservation, found.trustworthiness
    (1.0, 1.0)
    """
    values = mappable(features)
    map_ = positions if isinstance(positions, Embedding) else None
    taken = as_positions(positions.positions if isinstance(positions, Embedding) else positions, len(values))
    number = len(values)
    k = _fitting(k, number)
    rows = np.arange(number)
    if number > _ALL:
        rows = np.sort(np.random.default_rng(seed).choice(number, _SAMPLE, replace=False))
    near = _on_the_map(taken, rows, k)
    true, ranks = _ranks(Finder(values), rows, near, k)
    kept, false = np.full((2, number), np.nan, np.float32)
    kept[rows] = (ranks <= k).mean(1)
    false[rows] = (ranks > 3 * k).mean(1)
    worst = k * len(rows) * (2 * number - 3 * k - 1) / 2
    trust = 1 - float(np.maximum(ranks - k, 0).sum()) / worst
    preservation, chance = float((ranks <= k).mean()), k / (number - 1)
    kl = map_.kl if map_ is not None else None
    says = _says(k, number, len(rows), preservation, chance, float(false[rows].mean()), trust, kl)
    return Honesty(k, rows, kept, false, true, near, preservation, trust, kl, chance, says)


def _fitting(k: int, number: int) -> int:
    if k < 1:
        raise ValueError(f"At least one neighbour is looked at; k is {k}.")
    return min(int(k), (number - 1) // 2)  # else trustworthiness is not between 0 and 1


def _on_the_map(positions: np.ndarray, rows: np.ndarray, k: int) -> np.ndarray:
    """Return the k nearest others on the map, (M, k), also where images lie in one spot."""
    ids = cKDTree(positions).query(positions[rows], k + 1, workers=1)[1]
    own = ids == rows[:, None]
    own[~own.any(1), -1] = True  # so many in one spot that the image itself is not among them
    return ids[~own].reshape(len(rows), k).astype(np.int32)


def _ranks(finder: Finder, rows: np.ndarray, near: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the k true nearest of rows, and the rank that the neighbours on the map have among all true ones."""
    true, ranks = np.empty_like(near), np.empty(near.shape, np.int64)
    for start in range(0, len(rows), finder.step):
        part = slice(start, min(start + finder.step, len(rows)))
        squares = finder.squares(rows[part])
        nearest = finder.nearest(rows[part], squares, k)
        true[part] = nearest.ids
        among = (near[part][:, :, None] == nearest.ids[:, None, :])
        found = np.where(among.any(2), among.argmax(2) + 1, 0)
        row, column = np.nonzero(found == 0)
        of = squares[row, near[part][row, column]]
        # farther than the k nearest, whatever the rounding of two that are equally far
        found[row, column] = np.maximum(
            [np.count_nonzero(squares[r] < value) for r, value in zip(row, of, strict=True)], k
        ) + 1
        ranks[part] = found
    return true, ranks


def _says(
    k: int, number: int, measured: int, preservation: float, chance: float, false: float, trust: float,
    kl: float | None,
) -> tuple[str, ...]:
    of = "" if measured == number else f", measured on {count(measured)} of {count(number)} images"
    return (
        f"On average {percent(preservation)} of an image's {k} nearest neighbours in the space of the features are "
        f"among its {k} nearest on the map; at random it would be {100 * chance:.1f} %{of}.",
        f"{percent(false)} of the neighbours that the map shows are far in truth: not even among the {3 * k} nearest.",
        f"Trustworthiness is {trust:.3f}: 1 means that no neighbour on the map is a false one, about 0.5 that they are "
        f"random.",
        *(() if kl is None else (f"The Kullback-Leibler divergence, which t-SNE makes small, is {kl:.2f}.",)),
    )


def shuffled(features: Any, seed: int = 0) -> np.ndarray:
    """Return rows with each column in a random order of its own, (N, F) float32: the null map.

    Every column keeps its values, but what belonged together is torn apart. Clusters in the map of these rows are made
    by the method and not by the data.

    Parameters
    ----------
    features : Features or array (N, F)
    seed : int

    Examples
    --------
    >>> import numpy as np
    >>> rows = np.arange(8.0).reshape(4, 2)
    >>> bool((np.sort(shuffled(rows), 0) == rows).all())
    True
    """
    values = mappable(features)
    generator = np.random.default_rng(seed)
    found = np.empty_like(values)
    for column in range(values.shape[1]):
        found[:, column] = values[generator.permutation(len(values)), column]
    return found


@dataclass(frozen=True, eq=False)
class Stability:
    """How much maps of the same features from other random starts agree.

    Attributes
    ----------
    kept : ndarray (N,) float32
        Share of an image's k nearest on one map that are among its k nearest on another, mean over all pairs of maps;
        NaN before there are two.
    pairs : ndarray (S, S) float32
        The same for each pair of maps, mean over the images.
    maps : list of ndarray (N, 2) float32
        One for each seed.
    seeds : tuple of int
    done, total : int
        Iterations.
    says : str
    """

    kept: np.ndarray
    pairs: np.ndarray
    maps: list[np.ndarray]
    seeds: tuple[int, ...]
    done: int
    total: int
    says: str


def stability(features: Any, seeds: Sequence[int] = (0, 1, 2), k: int = 10, **options: Any) -> Iterator[Stability]:
    """Draw the map from several random starts and compare which neighbours each shows.

    Parameters
    ----------
    features : Features, array (N, F) or Embedding
        An Embedding lends its neighbours; it is not changed.
    seeds : sequence of int
        At least two.
    k : int
    **options
        Of `embedding`: perplexity, iterations, early_exaggeration, pace; an Embedding brings its own.

    Yields
    ------
    Stability
        About every `pace` seconds, with the maps finished so far; the last one has `done == total`.

    Examples
    --------
    >>> import numpy as np
    >>> rows = np.random.default_rng(0).normal(size=(30, 4))
    >>> for found in stability(rows, (0, 1), iterations=30): pass
    >>> len(found.maps), found.kept.shape
    (2, (30,))
    """
    several = tuple(dict.fromkeys(map(int, seeds)))
    if len(several) < 2:
        raise ValueError(f"Stability compares at least two different seeds; {len(several)} is given.")
    map_ = _drawn_anew(features, options)
    if map_.given:
        raise ValueError("Given positions come from no random start, so there is nothing to compare.")
    k = _fitting(k, len(map_))
    found = _stable([], several, k, len(several) * map_.total, len(map_))
    for seed in several:
        map_.restart(seed)
        for frame in map_:
            if frame.phase != "done":
                yield replace(found, done=len(found.maps) * frame.total + frame.iteration)
        found = _stable([*found.maps, map_.positions], several, k, found.total, len(map_))
        yield found


def _drawn_anew(features: Any, options: dict[str, Any]) -> Embedding:
    if not isinstance(features, Embedding):
        return embedding(features, **options)
    if options:
        raise ValueError(f"An Embedding brings its own settings; {listing(options)} go with features.")
    return features.twin()


def _stable(maps: list[np.ndarray], seeds: tuple[int, ...], k: int, total: int, images: int) -> Stability:
    number = len(maps)
    near = [_on_the_map(one, np.arange(len(one)), k) for one in maps]
    pairs = np.eye(number, dtype=np.float32)
    kept = np.full(images, np.nan if number < 2 else 0, np.float32)
    for one, other in combinations(range(number), 2):
        share = (near[one][:, :, None] == near[other][:, None, :]).any(2).mean(1)
        pairs[one, other] = pairs[other, one] = share.mean()
        kept += share / (number * (number - 1) / 2)
    says = "" if number < 2 else (
        f"Between maps from {number} random starts an image keeps on average {percent(float(kept.mean()))} of its "
        f"{k} nearest neighbours; what differs is chance."
    )
    return Stability(kept, pairs, maps, seeds, number * total // len(seeds), total, says)
