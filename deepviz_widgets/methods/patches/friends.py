"""False friends: the patches of a unit that another layer finds unlike the rest, with a number that says how odd.

A unit may answer to several things: R-CNN found one for dog faces and arrays of dots. In the features of a later layer
these are apart, while what is alike stays together.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import squareform

from ...network import Network
from ...words import percent
from .later import at_places, later_layer

if TYPE_CHECKING:
    from .index import PatchIndex
    from .table import LayerPatches

__all__ = ["Asking", "Friends", "false_friends", "judged", "searching_friends"]

FITS = 0.1  # a patch belongs if at most this share of random patches fits as well
ODD = 0.25  # and is odd from this share on; between them nothing is said
FEWEST = 4  # patches, below which none is odd among the others
_ROWS = 32  # that are compared in one step
_RANDOM = 500  # patches of other units that are drawn as the measure
_MEANS = (
    "A mark means that layer {later!r} finds the patch so unlike the unit's others, most of which are alike, that at "
    "least {odd} of random patches of other units would fit in as well; it does not mean that the unit is wrong or "
    "that people would find the patch odd, and patches without a mark may still show several things."
)


@dataclass(frozen=True, eq=False)
class Friends:
    """How well the top patches of each row (a unit or a direction) of a layer go together.

    Attributes
    ----------
    later : str
        The layer whose features were compared.
    odd : ndarray (U, k) bool
        The false friends.
    oddness : ndarray (U, k) float32
        Share of random patches, of other units, that are as much like the unit's other patches as this one is, or more:
        near 0 for a patch that belongs, anything from 0 to 1 for one that came there by chance. NaN where there is no
        patch.
    group : ndarray (U, k) int32
        Which patches are alike: 0 is the largest group, the odd ones have groups of their own; -1 for no patch.
    alike : ndarray (U,) bool
        Whether most patches of the row belong, so that others can be odd at all.
    score : ndarray (U,) float64
        How much less like the others the oddest marked patch is than they are like each other, in cosines (0-2); 0
        without marked ones, NaN where most patches are not alike.
    means : str
        What a mark means and what it does not.
    """

    later: str
    odd: np.ndarray
    oddness: np.ndarray
    group: np.ndarray
    alike: np.ndarray
    score: np.ndarray
    means: str

    @property
    def says(self) -> tuple[str, ...]:
        """What was found of each row, a sentence for each."""
        return tuple(map(self.sentence, range(len(self.odd))))

    def sentence(self, unit: int) -> str:
        """Say in a sentence what was found of one row."""
        there = int((self.group[unit] >= 0).sum())
        marked = np.flatnonzero(self.odd[unit])
        if not there:
            return "It has no patches."
        if there < FEWEST:
            return f"It has {there} patches, too few to tell whether one is odd."
        if not self.alike[unit]:
            return f"Too few of its patches are alike in layer {self.later!r} to tell whether one is odd among them."
        if not len(marked):
            return f"None of its {there} patches is odd among the others in layer {self.later!r}."
        most = float(self.oddness[unit][marked].max())
        which = f"{len(marked)} of its {there} patches {'is' if len(marked) == 1 else 'are'} unlike the others"
        return (
            f"{which} in layer {self.later!r}: {percent(most)} of random patches are more like them than the oddest "
            "one."
        )


@dataclass(frozen=True)
class Asking:
    """How far the search is: images done, of how many, and the result at the end."""

    done: int
    total: int
    result: Friends | None = None


def false_friends(
    net: Network, index: PatchIndex, photos: Any, layer: Any, later: Any = None, *, basis: str = "units",
    ids: Sequence[int] | None = None, seed: int = 0,
) -> Friends:
    """Mark the top patches of each unit that a later layer finds unlike the others.

    The features of a patch are the later layer's activations at the place of the patch in its own image, each
    feature scaled to its spread over all patches; they are compared by the cosine. (A crop run through the network
    alone tells less: its features echo the activation of the unit itself.) A patch is measured by its median likeness
    to the unit's other patches, and that by the same number of patches drawn at random from other units.

    Parameters
    ----------
    net : Network
    index : PatchIndex
    photos : ImageSet
        What was scanned; only the images in the table are read.
    layer : str, nn.Module or a widget with a `layer`
    later : the same, optional
        The next that mixes places or channels by default, see `later_layer`: in tests with planted patches the nearest
        told most.
    basis : str
    ids : sequence of int, optional
        The ids of the images in the index; 0, 1, ... by default.
    seed : int
        Of the random patches.

    Returns
    -------
    Friends

    Raises
    ------
    ValueError, KeyError
        For a layer that is unknown or not in the index.

    References
    ----------
    R. Girshick et al., *Rich feature hierarchies for accurate object detection and semantic segmentation*, 2014, §3.1;
    the idea of several facets: A. Nguyen et al., *Multifaceted Feature Visualization*, 2016.

    Examples
    --------
    >>> import deepviz_widgets as dv
    >>> from deepviz_widgets.methods.patches import scan
    >>> from deepviz_widgets.methods.patches.friends import false_friends
    >>> net, images = dv.demo.digits()
    >>> index = scan(net, images[:100], "relu1", k=9).finish()
    >>> friends = false_friends(net, index, images[:100], "relu1")
    >>> friends.later, friends.odd.shape
    ('relu2', (16, 9))
    """
    steps = searching_friends(net, index, photos, layer, later, basis=basis, ids=ids, seed=seed)
    for step in steps:  # noqa: B007  the last has the result
        pass
    assert step.result is not None
    return step.result


def searching_friends(
    net: Network, index: PatchIndex, photos: Any, layer: Any, later: Any = None, *, basis: str = "units",
    ids: Sequence[int] | None = None, seed: int = 0, batch: int = 16,
) -> Iterator[Asking]:
    """Do what `false_friends` does, one batch of images or some rows at a time; the last step has the result."""
    table = index[net.layer(layer).name, basis]
    chosen = later_layer(net, layer) if later is None else net.layer(later)
    features = np.full((*table.values.shape, 1), np.nan, np.float32)
    done = total = 0
    for done, total, features in at_places(net, photos, table, chosen, ids=ids, batch=batch):  # noqa: B007
        yield Asking(done, total)
    for result in judging(table, features, chosen.name, seed=seed):
        yield Asking(done, total, result)


def judged(table: LayerPatches, features: np.ndarray, later: str, *, seed: int = 0) -> Friends:
    """Compare the patches of each row by features (U, k, F); NaN where there is no patch."""
    *_, result = judging(table, features, later, seed=seed)
    assert result is not None
    return result


def judging(table: LayerPatches, features: np.ndarray, later: str, *, seed: int = 0) -> Iterator[Friends | None]:
    """Do what `judged` does, some rows at a time; only the last step has the result."""
    there = np.isfinite(features).all(2) & (table.images >= 0)
    length_one = _scaled(features, there)
    units, k = there.shape
    oddness, group = np.full((units, k), np.nan, np.float32), np.full((units, k), -1, np.int32)
    odd, alike, score = np.zeros((units, k), bool), np.zeros(units, bool), np.full(units, np.nan)
    where = _marks(table)
    for unit in range(units):
        if unit and unit % _ROWS == 0:
            yield None
        own = np.flatnonzero(there[unit])
        group[unit, own] = 0
        others = _drawn(where, there, unit, np.random.default_rng([seed, unit]))
        if len(own) < FEWEST or len(others) < FEWEST:
            continue
        mine = length_one[unit, own]
        likeness, chance = mine @ mine.T, mine @ length_one.reshape(units * k, -1)[others].T
        shares, fits = _shares(likeness, chance)
        oddness[unit, own] = shares
        alike[unit] = (shares <= FITS).sum() * 2 > len(own)
        if alike[unit]:
            odd[unit, own] = shares >= ODD
            group[unit, own] = _groups(likeness, shares >= ODD, chance)
            rest = fits[shares <= FITS].mean()
            score[unit] = max(0.0, rest - fits[shares >= ODD].min()) if odd[unit].any() else 0.0
    yield Friends(later, odd, oddness, group, alike, score, _MEANS.format(odd=percent(ODD), later=later))


def _scaled(features: np.ndarray, there: np.ndarray) -> np.ndarray:
    """Scale each feature to its mean and spread over all patches, and each patch to length 1."""
    values = np.where(there[..., None], features, 0).astype(np.float32)
    if there.any():
        known = features[there]
        mean, spread = known.mean(0, dtype=np.float64), known.std(0, dtype=np.float64)
        least = 1e-6 * float(spread.max()) + 1e-30  # a feature that never changes says nothing
        np.subtract(values, mean, out=values, casting="same_kind")
        values *= np.where(spread > least, 1 / np.maximum(spread, least), 0).astype(np.float32)
    return values / np.maximum(np.linalg.norm(values, axis=2, keepdims=True), 1e-12)


def _marks(table: LayerPatches) -> np.ndarray:
    """Give each image and place a number, (U, k): the same number is the same patch."""
    places = np.stack([table.images, table.ys, table.xs], -1).reshape(-1, 3)
    return np.unique(places, axis=0, return_inverse=True)[1].reshape(table.images.shape)


def _drawn(where: np.ndarray, there: np.ndarray, unit: int, random: np.random.Generator) -> np.ndarray:
    """Draw patches of other units, none that is also one of this unit's."""
    free = there & ~np.isin(where, where[unit])
    free[unit] = False
    pool = np.flatnonzero(free)
    return random.choice(pool, _RANDOM, replace=False) if len(pool) > _RANDOM else pool


def _shares(likeness: np.ndarray, chance: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the share of random patches that fit as well as each patch, and how well it fits: its median likeness."""
    n = len(likeness)
    shares, fits = np.zeros(n), np.zeros(n)
    for row in range(n):
        rest = np.arange(n) != row
        fits[row] = np.median(likeness[row, rest])
        shares[row] = (1 + (np.median(chance[rest], axis=0) >= fits[row]).sum()) / (1 + chance.shape[1])
    return shares, fits


def _groups(likeness: np.ndarray, odd: np.ndarray, chance: np.ndarray) -> np.ndarray:
    """Put the odd patches into groups that are alike, by average linkage, numbered by size; the rest is group 0."""
    found = np.zeros(len(odd), np.int32)
    which = np.flatnonzero(odd)
    if len(which) == 1:
        found[which] = 1
    elif len(which) > 1:
        far = 1 - likeness[np.ix_(which, which)].clip(-1, 1)
        np.fill_diagonal(far, 0)
        near = 1 - np.quantile(chance, 0.95)
        names = fcluster(linkage(squareform(far, checks=False), "average"), near, "distance")
        sizes = -np.bincount(names)
        ranked = sorted(set(names.tolist()), key=lambda name: (sizes[name], name))
        found[which] = [1 + ranked.index(name) for name in names.tolist()]
    return found
