"""`find_confounders`: search many images for decisive patches, group them, and put each group to the test."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from scipy.cluster.hierarchy import fcluster, linkage

from ...images import ImageSet, as_images
from ...network import Network
from ...words import plural
from ..occlusion import filled, lattice
from .cards import Card, Effect, Hunt
from .patches import Patch, Seen, pasted, probabilities, readable, searched

_APART = 0.35  # cosine distance at which patches are no longer the same thing (average linkage)
_CLUSTERS = 3  # tested a class, the strongest first
_EXAMPLES = 4  # pasted
_OTHERS = 12  # images of other classes onto which they are pasted
_DRAWS = 500  # of the bootstrap
_BATCH = 32


def find_confounders(
    net: Network,
    photos: Any,
    *,
    labels: Sequence[int] | None = None,
    classes: Sequence[int | str] | None = None,
    per_class: int = 16,
    patch: int | tuple[int, int] | None = None,
    stride: int | tuple[int, int] | None = None,
    mask: str = "object",
    seed: int = 0,
) -> Iterator[Hunt]:
    """Look for what a network leans on besides the objects: stickers, watermarks, backgrounds.

    In images of each class the patches are sought whose hiding lowers its probability most; patches that the network
    reads alike are one thing. Each thing is pasted onto images of other classes, against patches that do not matter,
    and covered where it stands. What recurs, is enough alone, is needed, and is no part of the object, is an alarm.

    Parameters
    ----------
    net : Network
    photos : ImageSet or what makes one
    labels : sequence of int, optional
        The class of each image; those of the set by default, else what the network says.
    classes : sequence of int or str, optional
        Where to look; all by default.
    per_class : int
        How many images of each class are searched.
    patch, stride : int or (int, int), optional
        As for `occlusion`; by default a quarter of the shorter side, and half of the patch.
    mask : str
        Which masks of the set show the object, where there are any.
    seed : int
        Of the choice of images, and of the bootstrap.

    Yields
    ------
    Hunt
        After each image searched, and after each thing tested; the last one is complete.

    Raises
    ------
    ValueError
        For an unknown class, a patch that does not go, or fewer than two classes among the images.
    NetworkError
        If the network fails.

    References
    ----------
    S. Lapuschkin et al., *Unmasking Clever Hans predictors and assessing what machines really learn*, Nature
    Communications 2019. The grouping of patches and the two counter-tests are ours.

    Examples
    --------
    >>> import deepviz_widgets as dv
    >>> from deepviz_widgets.methods.confounders import find_confounders
    >>> net, photos = dv.demo.scenes(confounder=True, n=48)
    >>> for hunt in find_confounders(net, photos, per_class=8): pass
    >>> hunt.cards[0].class_name, hunt.cards[0].alarm
    ('wheel', True)
    """
    images = as_images(photos)
    known = _labels(net, images, labels)
    wanted = sorted({net.class_index(target) for target in (classes if classes is not None else known)})
    if len(set(known)) < 2:
        raise ValueError("The counter-test pastes patches onto images of other classes; give images of at least two.")
    rng = np.random.default_rng(seed)
    chosen = {target: rng.permutation(np.flatnonzero(known == target))[:per_class].tolist() for target in wanted}
    total = sum(map(len, chosen.values())) + _CLUSTERS * len(wanted)
    others = _others(net, images, known, rng)
    cards: list[Card] = []
    done = skipped = 0
    for target in wanted:
        seen: list[Seen] = []  # of one class at a time: each holds its image
        for index, picture in readable(images, chosen[target]):
            given = net.input(picture)
            part = lattice((given.shape[1], given.shape[2]), *_sides(given.shape[1:], patch, stride))
            seen.append(searched(net, index, picture, target, part, most=2, mask=mask))
            done += 1
            yield _so_far(cards, done, total, skipped)
        skipped += len(chosen[target]) - len(seen)
        for group in _groups([patch for one in seen for patch in one.patches])[:_CLUSTERS]:
            cards.append(_card(net, images, target, group, seen, others, rng))
            done += 1
            yield _so_far(cards, done, total, skipped)
    yield _so_far(cards, done, done, skipped)


def _so_far(cards: list[Card], done: int, total: int, skipped: int) -> Hunt:
    return Hunt(tuple(sorted(cards, key=lambda card: -card.number)), done, total, skipped)


def _labels(net: Network, images: ImageSet, labels: Sequence[int] | None) -> np.ndarray:
    """Return the class of each image; where nobody says, the network's own answer."""
    given = labels if labels is not None else images.labels
    if given is None:
        return np.array([int(net.scores(picture).raw[0].argmax()) for picture in images])
    found = np.asarray([net.class_index(int(label)) for label in given])
    if len(found) != len(images):
        raise ValueError(f"There are {plural(len(images), 'image')} but {len(found)} labels.")
    return found


def _sides(image: Sequence[int], patch: Any, stride: Any) -> tuple[Any, Any]:
    patch = patch if patch is not None else max(4, min(image) // 4)
    both = (patch, patch) if isinstance(patch, int) else tuple(patch)
    return both, stride if stride is not None else tuple(max(1, side // 2) for side in both)


def _others(
    net: Network, images: ImageSet, known: np.ndarray, rng: np.random.Generator
) -> list[tuple[int, torch.Tensor]]:
    """Choose images of several classes to paste onto, mixed, as (class, input)."""
    found = []
    for label in rng.permutation(sorted(set(known)))[: 2 * _OTHERS]:
        rows = rng.permutation(np.flatnonzero(known == label))[: max(2, 2 * _OTHERS // len(set(known)))]
        found += [(int(label), net.input(picture)) for _, picture in readable(images, rows.tolist())]
    return [found[place] for place in rng.permutation(len(found))]


def _groups(patches: list[Patch]) -> list[list[Patch]]:
    """Group patches that the network reads alike; what drops most over all images comes first."""
    patches = [patch for patch in patches if patch.drop > 0.02]
    if len(patches) < 2:
        return [patches] if patches else []
    features = np.stack([patch.features for patch in patches])
    numbers = fcluster(linkage(features, "average", metric="cosine"), _APART, "distance")
    groups = [[patch for patch, of in zip(patches, numbers, strict=True) if of == number] for number in set(numbers)]
    return sorted((_from_the_middle(group) for group in groups), key=lambda group: -sum(patch.drop for patch in group))


def _from_the_middle(group: list[Patch]) -> list[Patch]:
    middle = np.mean([patch.features for patch in group], 0)
    return sorted(group, key=lambda patch: -float(patch.features @ middle) * patch.drop)


def _card(
    net: Network, images: ImageSet, target: int, group: list[Patch], seen: list[Seen],
    others: list[tuple[int, torch.Tensor]], rng: np.random.Generator,
) -> Card:
    by_image = {one.image: one for one in seen}
    foreign = [given for label, given in others if label != target][:_OTHERS]
    raise_, flips = _paste(net, target, group[:_EXAMPLES], by_image, foreign)
    covered = _cover(net, images, target, group, by_image)
    sides = np.array(next(iter(by_image.values())).given.shape[1:])
    centres = np.array([[(p.box[0] + p.box[2]) / 2, (p.box[1] + p.box[3]) / 2] for p in group]) / sides
    outside = [patch.outside for patch in group if not np.isnan(patch.outside)]
    return Card(
        target, net.classes[target], tuple(group), len({patch.image for patch in group}) / len(seen),
        float(np.mean([patch.drop for patch in group])), float(np.mean(outside)) if outside else float("nan"),
        (float(centres[:, 0].mean()), float(centres[:, 1].mean())), float(np.sqrt(centres.var(0).sum())),
        _effect(raise_, rng), flips, _effect(covered, rng),
    )


def _paste(
    net: Network, target: int, group: list[Patch], by_image: dict[int, Seen], foreign: list[torch.Tensor]
) -> tuple[np.ndarray, float]:
    """Paste patches, and patches of the same images that do not matter, onto other images; return raises and flips."""
    batch = list(foreign)
    for patch in group:
        source = by_image[patch.image]
        top, left, bottom, right = source.control
        batch += [pasted(given, patch.pixels, patch.box) for given in foreign]
        batch += [pasted(given, source.given[:, top:bottom, left:right], source.control) for given in foreign]
    answers = _probabilities(net, batch)
    clean, rest = answers[: len(foreign)], answers[len(foreign) :].reshape(len(group), 2, len(foreign), -1)
    gains = rest[:, 0, :, target] - np.maximum(rest[:, 1, :, target], clean[:, target])
    flips = (rest[:, 0].argmax(-1) == target) & (clean.argmax(-1) != target)
    return gains.mean(0), float(flips.mean())


def _cover(
    net: Network, images: ImageSet, target: int, group: list[Patch], by_image: dict[int, Seen]
) -> np.ndarray:
    """Cover each patch where it stands with grey; return the drops."""
    batch = []
    for patch in group:
        top, left, bottom, right = patch.box
        grey = filled(net, images[patch.image], "grey")
        batch.append(pasted(by_image[patch.image].given, grey[:, top:bottom, left:right], patch.box))
    clean = np.array([by_image[patch.image].probability for patch in group])
    return clean - _probabilities(net, batch)[:, target]


def _probabilities(net: Network, batch: list[torch.Tensor]) -> np.ndarray:
    parts = [net.forward(torch.stack(batch[start : start + _BATCH])).detach().float().cpu()
             for start in range(0, len(batch), _BATCH)]
    return probabilities(net, torch.cat(parts))


def _effect(values: np.ndarray, rng: np.random.Generator) -> Effect:
    draws = rng.choice(values, (_DRAWS, len(values))).mean(1)
    low, high = np.quantile(draws, [0.025, 0.975])
    return Effect(float(values.mean()), float(low), float(high), len(values))
