"""The images of a scan, read and prepared a batch at a time."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ...images import ImageSet
from ...network import Network
from ...pictures import ImageError
from .answers import Rows
from .progress import Seen

__all__ = ["Batches", "Group", "batch_size_for"]

_PRODUCTS = 32e9  # multiplications a step: half a second on two cores
_VALUES = 128e6  # that the layers of a step answer with
_MOST = 64


@dataclass(frozen=True, eq=False)
class Group:
    """Images of one size: ids, labels, and inputs (N, C, H, W), of which there may be more than ids."""

    ids: tuple[int, ...]
    labels: tuple[int | None, ...]
    inputs: Tensor


class Batches:
    """The images of a scan.

    Convolutions and matrix products may give other last bits for another number of images. So a batch with fewer is
    filled up with copies of its last image, and halves of a set give what the whole gives.
    """

    def __init__(self, net: Network, images: ImageSet, ids: Sequence[int], size: int, tables: Sequence[Rows]):
        self.net, self.images, self.ids = net, images, ids
        apart = all(rows.layer.layout.batch is not None for rows in tables)
        self.size = size if apart else 1  # a layer that folds the images together is read one image at a time

    @property
    def total(self) -> int:
        """How many images."""
        return len(self.images)

    def read(self, start: int) -> tuple[list[int], list[Group], Seen]:
        """Read the batch at a position: its ids, the inputs by size, and what is known of the images."""
        ids = [int(image) for image in self.ids[start : start + self.size]]
        seen = Seen()
        found: dict[tuple[int, ...], list[tuple[int, int | None, Tensor]]] = {}
        for at, image in enumerate(ids, start):
            try:
                picture = self.images[at]
                given = self.net.input(picture)
            except ImageError as error:
                seen.reasons[image] = f"{self.images.names[at]}: {error}"
                continue
            seen.names[image] = picture.name
            if picture.label is not None:
                seen.labels[image] = picture.label
            seen.sizes[image] = (given.shape[-2], given.shape[-1])
            found.setdefault(tuple(given.shape), []).append((image, picture.label, given))
        return ids, [self._group(images) for images in found.values()], seen

    def _group(self, images: list[tuple[int, int | None, Tensor]]) -> Group:
        ids, labels, inputs = (list(column) for column in zip(*images, strict=True))
        missing = self.size - len(inputs)
        return Group(tuple(ids), tuple(labels), torch.stack(inputs + inputs[-1:] * missing))


def batch_size_for(net: Network, tables: Sequence[Rows]) -> int:
    """Choose how many images a step takes, by the multiplications and the answers of an image."""
    leaves = [layer for layer in net.layers if layer.leaf]
    products = sum(layer.parameters * math.prod(layer.layout.grid) for layer in leaves)
    values = sum(math.prod(layer.shape) for layer in leaves) + sum(
        math.prod(rows.layer.layout.grid) * len(rows.names) for rows in tables if rows.vectors is not None)
    most = min(_MOST, _PRODUCTS / max(products, 1), _VALUES / max(values, 1))
    return 2 ** int(math.log2(most)) if most >= 2 else 1
