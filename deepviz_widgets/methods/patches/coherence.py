"""Coherence: whether the patches that a unit likes best are alike, more than random ones, or than those of directions.

The question is that of C. Szegedy et al., *Intriguing properties of neural networks*, ICLR 2014, who found random
directions to look as meaningful as units; D. Bau et al., *Network Dissection*, CVPR 2017, found with labelled concepts
that they are not. Here a judge of likeness stands in for the eye.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...images import as_images
from ...network import Network
from ...words import count, percent, plural
from .cutouts import Where, features_of
from .index import PatchIndex
from .judges import Judge
from .judges import judge as named_judge
from .table import LayerPatches

__all__ = ["Coherence", "Comparison", "coherence", "compare"]


@dataclass(frozen=True, eq=False)
class Coherence:
    """How alike the top patches of each row (a unit or a direction) of a layer are.

    Attributes
    ----------
    layer, basis : str
    names : tuple of str
        Of the rows.
    score : ndarray (U,) float64
        Mean cosine over all pairs of a row's patches from different images, of features scaled to the mean and spread
        that they have over random patches: about 0 for random patches, 1 for equal ones; NaN where there is no pair.
    null : ndarray (n,) float64
        The same of sets of random patches, as many as a row has.
    p : ndarray (U,) float64
        Share of the random sets that are as alike or more, the row counted among them; NaN where there is no score.
    judge : str
        What compared them.
    says : str
        What was found, and what to keep in mind, in a sentence or two.
    """

    layer: str
    basis: str
    names: tuple[str, ...]
    score: np.ndarray
    null: np.ndarray
    p: np.ndarray
    judge: str
    says: str


@dataclass(frozen=True)
class Comparison:
    """How much more coherent the rows of one basis are than those of another, with 95 % intervals of the bootstrap.

    Attributes
    ----------
    effect, low, high : float
        The chance that a row of the first is more coherent than one of the second, ties counted half: 0.5 for no
        difference (A of A. Vargha, H. D. Delaney, *A critique and improvement of the CL common language effect size
        statistics of McGraw and Wong*, 2000).
    difference, difference_low, difference_high : float
        Between the mean scores, in cosines.
    says : str
        What that comes to, in a sentence.
    """

    effect: float
    low: float
    high: float
    difference: float
    difference_low: float
    difference_high: float
    says: str


def coherence(
    net: Network, patches: PatchIndex | LayerPatches, photos: Any, layer: Any = None, *, basis: str = "units",
    judge: Any = "network", ids: Sequence[int] | None = None, draws: int = 1000, pool: int = 400, seed: int = 0,
) -> Coherence:
    """Measure how alike the top patches of each row are to a judge, and how alike random patches would be.

    The score is the mean likeness over pairs, as D. Klindt et al. use it; the null distribution is that of sets of
    patches at random places of random images, cut out by the same receptive fields.

    Parameters
    ----------
    net : Network
    patches : PatchIndex or LayerPatches
    photos : ImageSet or what makes one
        What was scanned.
    layer : str, nn.Module or a widget with a `layer`, optional
        Of an index with several.
    basis : str
        Of an index.
    judge : str, Network or callable
        `"network"`, `"pixels"`, the name of a layer, another Network, or a function of pictures; see `judges.judge`.
    ids : sequence of int, optional
        What the images are called in the index; 0, 1, ... by default.
    draws, pool : int
        How many sets of random patches, and of how many patches they are drawn.
    seed : int

    Returns
    -------
    Coherence

    Raises
    ------
    ValueError, KeyError
        For an unknown layer, basis or judge, or numbers that do not go.
    ImageError
        If no two images can be read.

    Notes
    -----
    A judge inside the same network computes what chose the patches, so that every row looks coherent to it to some
    degree, directions as well: then only `compare` tells something. A judge is not the eye; the likeness that it sees
    need not be one that a person would name. A patch that the border of the image cuts off is judged as it is.

    References
    ----------
    D. Klindt et al., *Identifying Interpretable Visual Features in Artificial and Biological Neural Systems*, 2023
    (pairwise likeness as a stand-in for people); R. Zimmermann et al., *How Well do Feature Visualizations Support
    Causal Understanding of CNN Activations?*, NeurIPS 2021, and *Scale Alone Does not Improve Mechanistic
    Interpretability in Vision Models*, NeurIPS 2023 (people); D. Bau et al., *Network Dissection*, CVPR 2017.

    Examples
    --------
    >>> import deepviz_widgets as dv
    >>> from deepviz_widgets.methods.patches import scan
    >>> from deepviz_widgets.methods.patches.coherence import coherence, compare
    >>> from deepviz_widgets.methods.patches.directions import random
    >>> net, images = dv.demo.digits()
    >>> index = scan(net, images[:200], "conv2", k=9, directions=random(net, "conv2")).finish()
    >>> units, others = (coherence(net, index, images[:200], "conv2", basis=basis, judge="pixels")
    ...                  for basis in ("units", "random"))
    >>> units.score.shape, units.null.shape, 0 <= compare(units, others).effect <= 1
    ((32,), (1000,), True)
    """
    table = _table(net, patches, layer, basis)
    draws, pool = _number("draws", draws, 1), _number("pool", pool, 2)
    eyes = named_judge(net, judge, table.layer)
    images, random = as_images(photos), np.random.default_rng(seed)
    rows, where = _distinct(table)
    at = {int(image): row for row, image in enumerate(range(len(images)) if ids is None else ids)}
    wanted: list[tuple[int, Where]] = [(at.get(image, -1), tuple(box)) for image, *box in rows.tolist()]
    own = features_of(net, eyes.features, images, wanted, table.layer)
    chance = _random_places(random, len(images), pool)
    others = features_of(net, eyes.features, images, chance, table.layer)
    scaled_own, scaled = _scaled(own, others)
    there = np.isfinite(scaled).all(1)
    numbers = np.array([row for row, _ in chance])[there]
    null = _Null(scaled[there], numbers, draws, random)
    score = _scores(scaled_own, where, table.images)
    sizes = ((where >= 0) & np.isfinite(scaled_own).all(1)[where]).sum(1)
    p = np.array([null.share(size, one) for size, one in zip(sizes.tolist(), score.tolist(), strict=True)])
    return Coherence(table.layer, table.basis, table.names, score, null.of(where.shape[1]), p, eyes.name,
                     _says(table, p, eyes))


def compare(units: Coherence, others: Coherence, *, draws: int = 2000, seed: int = 0) -> Comparison:
    """Compare the coherence of two bases of a layer, such as units and random directions.

    Parameters
    ----------
    units, others : Coherence
        By the same judge.
    draws : int
        Of the bootstrap, which draws rows of both.
    seed : int

    Raises
    ------
    ValueError
        If they are of different layers or judges, or one has fewer than two rows with a score.
    """
    for what in ("layer", "judge"):
        one, other = getattr(units, what), getattr(others, what)
        if one != other:
            raise ValueError(f"Only scores of the same {what} can be compared; these are of {one!r} and {other!r}.")
    a, b = (side.score[np.isfinite(side.score)] for side in (units, others))
    if min(len(a), len(b)) < 2:
        raise ValueError(f"To compare takes two rows on each side; there are {len(a)} and {len(b)} with a score.")
    random = np.random.default_rng(seed)
    wins = np.sign(a[:, None] - b[None]) / 2 + 0.5
    effects, differences = np.empty(draws), np.empty(draws)
    for draw in range(draws):
        mine, theirs = random.integers(0, len(a), len(a)), random.integers(0, len(b), len(b))
        effects[draw] = wins[mine][:, theirs].mean()
        differences[draw] = a[mine].mean() - b[theirs].mean()
    low, high = np.quantile(effects, (0.025, 0.975)).tolist()
    less, more = np.quantile(differences, (0.025, 0.975)).tolist()
    effect, difference = float(wins.mean()), float(a.mean() - b.mean())
    verdict = (f"{units.basis} are more coherent than {others.basis}" if low > 0.5 else
               f"{others.basis} are more coherent than {units.basis}" if high < 0.5 else
               f"{units.basis} and {others.basis} cannot be told apart")
    says = (
        f"By {units.judge}, {verdict}: a row of {units.basis} beats one of {others.basis} with a chance of "
        f"{percent(effect)} (95 % interval {percent(low)} to {percent(high)}; mean scores {a.mean():.2f} and "
        f"{b.mean():.2f})."
    )
    return Comparison(effect, low, high, difference, less, more, says)


def _table(net: Network, patches: PatchIndex | LayerPatches, layer: Any, basis: str) -> LayerPatches:
    if isinstance(patches, LayerPatches):
        table = patches
    elif layer is not None:
        table = patches[net.layer(layer).name, basis]
    elif len(patches.layers) == 1:
        table = patches[patches.layers[0], basis]
    else:
        raise ValueError(f"The index has {plural(len(patches.layers), 'layer')}; say which one is meant.")
    net.layer(table.layer)
    return table


def _number(name: str, value: Any, least: int) -> int:
    if isinstance(value, bool) or not hasattr(value, "__index__") or value < least:
        raise ValueError(f"{name} is a whole number from {least}; {value!r} is not.")
    return int(value)


def _distinct(table: LayerPatches) -> tuple[np.ndarray, np.ndarray]:
    """List the different patches, (M, 5) of image and box, and which of them each is, (U, k); -1 for none."""
    there = table.images >= 0
    every = np.concatenate([table.images[there][:, None], table.boxes[there].astype(np.int64)], 1)
    rows, which = np.unique(every, axis=0, return_inverse=True)
    where = np.full(table.images.shape, -1)
    where[there] = which.ravel()
    return rows, where


def _random_places(random: np.random.Generator, images: int, pool: int) -> list[tuple[int, Where]]:
    """Draw images, each as often as the others, and a place in each, as shares of the height and width."""
    rounds = -(-pool // images)
    chosen = np.concatenate([random.permutation(images) for _ in range(rounds)])[:pool]
    return list(zip(chosen.tolist(), map(tuple, random.random((pool, 2)).tolist()), strict=True))


def _scaled(own: np.ndarray, others: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Scale features to the mean and spread of the others, and each patch to length 1."""
    known = others[np.isfinite(others).all(1)].astype(np.float64)
    mean, spread = known.mean(0), known.std(0)
    least = 1e-6 * float(spread.max()) + 1e-30  # a feature that never changes says nothing
    both = []
    for values in (own, others):
        scaled = np.where(spread > least, (values - mean) / np.maximum(spread, least), values * 0)
        both.append(scaled / np.maximum(np.linalg.norm(scaled, axis=1, keepdims=True), 1e-12))
    return both[0], both[1]


def _scores(features: np.ndarray, where: np.ndarray, images: np.ndarray) -> np.ndarray:
    """Return the mean likeness over the pairs of each row that are of different images, (U,)."""
    found = np.full(len(where), np.nan)
    for row, which in enumerate(where):
        there = (which >= 0) & np.isfinite(features[which]).all(1)
        some, of = features[which[there]], images[row, there]
        pairs = np.triu(of[:, None] != of[None], 1)
        if pairs.any():
            found[row] = (some @ some.T)[pairs].mean()
    return found


class _Null:
    """The scores of sets of random patches, each set of different images as far as there are enough."""

    def __init__(self, features: np.ndarray, images: np.ndarray, draws: int, random: np.random.Generator):
        self._likeness, self._draws, self._random = features @ features.T, draws, random
        self._groups = [np.flatnonzero(images == image) for image in np.unique(images)]
        self._known: dict[int, np.ndarray] = {}

    def of(self, size: int) -> np.ndarray:
        """Return the scores of sets of so many patches, (draws,); NaN for fewer than two."""
        if size not in self._known:
            self._known[size] = np.array([self._one(size) for _ in range(self._draws)])
        return self._known[size]

    def _one(self, size: int) -> float:
        size = min(size, len(self._groups))
        if size < 2:
            return float("nan")
        chosen = self._random.choice(len(self._groups), size, replace=False)
        some = [self._random.choice(self._groups[group]) for group in chosen]
        likeness = self._likeness[np.ix_(some, some)]
        return float((likeness.sum() - likeness.trace()) / (size * (size - 1)))

    def share(self, size: int, score: float) -> float:
        """Return the share of random sets that are as alike as a score or more, itself counted among them."""
        if np.isnan(score):
            return float("nan")
        return float((1 + (self.of(size) >= score).sum()) / (1 + self._draws))


def _says(table: LayerPatches, p: np.ndarray, eyes: Judge) -> str:
    judged, alike = int(np.isfinite(p).sum()), int((p <= 0.05).sum())
    what = (
        f"By {eyes.name}, the patches of {count(alike)} of {count(judged)} rows of {table.basis} at layer "
        f"{table.layer!r} are more alike than 95 % of random sets; by chance that would be {count(round(judged / 20))}."
    )
    return f"{what} {eyes.caution}".strip()
