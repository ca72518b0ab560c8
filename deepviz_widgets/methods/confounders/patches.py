"""The decisive patches of images: what the network's answer hangs on most, and what it makes of each alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor, nn

from ...capture import capture
from ...images import ImageSet
from ...network import Network
from ...pictures import ImageError, Picture
from ...scores import confidences
from ...words import size
from ..incremental import evaluator
from ..occlusion import Lattice, filled

_MOST_OVERLAP = 0.25  # of a patch, with a stronger one of the same image


@dataclass(frozen=True, eq=False)
class Patch:
    """A decisive patch of one image.

    Attributes
    ----------
    image : int
        Which image of the set.
    target : int
        The class whose probability it carries.
    box : (int, int, int, int)
        Top, left, bottom, right (half open) in pixels of the network's input.
    drop : float
        How much hiding it lowers the probability.
    outside : float
        Share of it outside the object, NaN where there is no mask.
    pixels : Tensor (C, h, w)
        What it shows, as network input.
    features : ndarray (F,)
        What the network makes of it alone, of length 1.
    """

    image: int
    target: int
    box: tuple[int, int, int, int]
    drop: float
    outside: float
    pixels: Tensor = field(repr=False)
    features: np.ndarray = field(repr=False)


@dataclass(frozen=True, eq=False)
class Seen:
    """One image that was searched: its input, its fill, its classes' probabilities and its decisive patches."""

    image: int
    target: int
    given: Tensor
    fill: Tensor
    probability: float
    patches: tuple[Patch, ...]
    control: tuple[int, int, int, int]  # the box that matters least


def searched(net: Network, image: int, picture: Picture, target: int, part: Lattice, *, most: int, mask: str) -> Seen:
    """Hide each position of a lattice in one image and keep the patches that matter most."""
    given = net.input(picture)
    fill = filled(net, picture, "mean", patch=part.patch)
    engine = evaluator(net, given, fill)
    clean = probabilities(net, torch.from_numpy(engine.clean[None]))[0, target]
    hidden = probabilities(net, torch.from_numpy(engine.run(part.boxes)[0]))[:, target]
    drops = clean - hidden
    chosen = _apart(part.boxes, drops, most)
    objects = _object_mask(picture, mask, given)
    features = alone(net, [given[:, top:low, left:end] for top, left, low, end in part.boxes[chosen]], fill)
    patches = tuple(
        Patch(image, target, tuple(part.boxes[place].tolist()), float(drops[place]),
              _outside(objects, part.boxes[place]), _cut(given, part.boxes[place]), row)
        for place, row in zip(chosen, features, strict=True)
    )
    least = tuple(part.boxes[int(np.abs(drops).argmin())].tolist())
    return Seen(image, target, given, fill, float(clean), patches, least)


def probabilities(net: Network, raw: Tensor) -> np.ndarray:
    """Turn raw scores (N, K) into probabilities."""
    return confidences(raw.float(), net.scores_are).numpy()


def pasted(given: Tensor, pixels: Tensor, box: Sequence[int]) -> Tensor:
    """Return an input (C, H, W) with other pixels in a box."""
    changed = given.clone()
    top, left, bottom, right = box
    changed[:, top:bottom, left:right] = pixels
    return changed


def alone(net: Network, patches: Sequence[Tensor], fill: Tensor) -> np.ndarray:
    """Return what the last layer reads for each patch alone in the middle of a plain picture, (n, F), of length 1."""
    if not patches:
        return np.zeros((0, 1))
    plain = fill.mean((1, 2), keepdim=True).expand_as(fill)
    shown = []
    for pixels in patches:
        top, left = ((big - small) // 2 for big, small in zip(fill.shape[1:], pixels.shape[1:], strict=True))
        shown.append(pasted(plain, pixels, (top, left, top + pixels.shape[1], left + pixels.shape[2])))
    batch = torch.stack([*shown, plain.clone()])
    with capture(net, [_last_layer(net)], of="input") as seen:
        net.forward(batch)
    read = next(iter(seen.values()))[-1].float().flatten(1).cpu().numpy()
    moved = read[:-1] - read[-1:]  # from what the plain picture alone gives
    return moved / np.maximum(np.linalg.norm(moved, axis=1, keepdims=True), 1e-12)


def _last_layer(net: Network) -> str:
    """Name the last layer with weights: what it reads is what the network has made of the image."""
    leaves = [layer.name for layer in net.layers if layer.leaf]
    linear = [name for name in leaves if isinstance(net.module(name), (nn.Linear, nn.Conv2d))]
    return (linear or leaves)[-1]


def readable(images: ImageSet, order: Sequence[int]) -> Iterator[tuple[int, Picture]]:
    """Go through images, leaving out those that cannot be read."""
    for index in order:
        try:
            yield index, images[index]
        except ImageError:
            continue


def _apart(boxes: np.ndarray, drops: np.ndarray, most: int) -> list[int]:
    """Choose the positions with the largest drops that hardly overlap."""
    chosen: list[int] = []
    for place in np.argsort(-drops, kind="stable"):
        if len(chosen) == most or drops[place] <= 0:
            break
        if all(_shared(boxes[place], boxes[other]) <= _MOST_OVERLAP for other in chosen):
            chosen.append(int(place))
    return chosen


def _shared(one: np.ndarray, other: np.ndarray) -> float:
    sides = np.minimum(one[2:], other[2:]) - np.maximum(one[:2], other[:2])
    return float(np.prod(np.maximum(sides, 0)) / max(1, np.prod(one[2:] - one[:2])))


def _cut(given: Tensor, box: np.ndarray) -> Tensor:
    top, left, bottom, right = box.tolist()
    return given[:, top:bottom, left:right].clone()


def _object_mask(picture: Picture, name: str, given: Tensor) -> np.ndarray | None:
    mask = picture.masks.get(name)
    if mask is None or not np.asarray(mask).any():
        return None
    if np.asarray(mask).shape != tuple(given.shape[1:]):
        raise ImageError(
            f"The mask {name!r} of {picture.name!r} is {size(np.asarray(mask).shape)} px; "
            f"the network's input is {size(given.shape[1:])} px, and masks must be of that size."
        )
    return np.asarray(mask, bool)


def _outside(objects: np.ndarray | None, box: np.ndarray) -> float:
    if objects is None:
        return float("nan")
    top, left, bottom, right = box.tolist()
    return float(1 - objects[top:bottom, left:right].mean())
