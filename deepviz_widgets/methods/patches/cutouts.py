"""Parts of images for a judge: those in a table, and random ones that a unit of the layer could see."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
from torch import Tensor

from ...images import ImageSet
from ...network import Network
from ...pictures import ImageError
from ..receptive_field import receptive_field

__all__ = ["Cutout", "Features", "Where", "features_of"]

_BATCH = 32
Where = tuple[float, ...]  # a box, or the shares of the rows and columns of the layer's map at which a place lies


@dataclass(frozen=True, eq=False)
class Cutout:
    """A part of an image.

    Attributes
    ----------
    values : Tensor (C, h, w)
        Of the network's input.
    picture : ndarray (h, w, 1 or 3) uint8
        As people see it.
    """

    values: Tensor
    picture: np.ndarray


Features = Callable[[Sequence[Cutout]], np.ndarray]  # (N, F)


def features_of(
    net: Network, features: Features, images: ImageSet, wanted: Sequence[tuple[int, Where]], layer: str
) -> np.ndarray:
    """Return the features of parts of images, each given by its row and where it is, (N, F).

    NaN where an image could not be read; each is read once.

    Raises
    ------
    ImageError
        If none could.
    """
    order = sorted(range(len(wanted)), key=lambda one: wanted[one][0])
    found: dict[int, np.ndarray] = {}
    waiting: dict[int, Cutout] = {}
    for row, group in groupby(order, key=lambda one: wanted[one][0]):
        waiting |= _cut(net, images, row, {one: wanted[one][1] for one in group}, layer)
        while len(waiting) >= _BATCH or (waiting and row == wanted[order[-1]][0]):
            some = list(waiting)[:_BATCH]
            found |= dict(zip(some, features([waiting.pop(one) for one in some]), strict=True))
    if not found:
        raise ImageError("None of the images with the patches can be read.")
    nothing = np.full_like(next(iter(found.values())), np.nan)
    return np.stack([found.get(one, nothing) for one in range(len(wanted))])


def _cut(net: Network, images: ImageSet, row: int, wanted: dict[int, Where], layer: str) -> dict[int, Cutout]:
    """Cut parts out of one image; none if it is not there or cannot be read."""
    try:
        values = net.input(images[row]) if row >= 0 else None
    except ImageError:
        values = None
    if values is None:
        return {}
    picture, boxes = net.displayed(values), receptive_field(net, layer, input_size=tuple(values.shape)).boxes
    found = {}
    for one, where in wanted.items():
        place = tuple(int(share * side) for share, side in zip(where, boxes.shape[:2], strict=False))
        top, left, bottom, right = (int(edge) for edge in (where if len(where) == 4 else boxes[place]))
        part = slice(top, max(bottom, top + 1)), slice(left, max(right, left + 1))  # a unit may see nothing at all
        found[one] = Cutout(values[:, *part], picture[part])
    return found
