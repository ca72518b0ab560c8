"""What a later layer makes of each patch, in its own image: its activations at the place of the patch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...capture import capture
from ...images import as_images
from ...layers import Layer
from ...network import Network
from ...pictures import ImageError
from ..activations import layout_of
from .table import LayerPatches

__all__ = ["at_places", "later_layer"]

MOST = 1 << 27  # bytes of the activations of all patches of a table


def later_layer(net: Network, layer: Any) -> Layer:
    """Choose the layer whose features tell the patches of another apart: the next that mixes places or channels.

    Activations, normalisation and dropout make no new features. The next layer with weights does; it is taken after its
    own nonlinearity, but before any pooling, where it has most places: pooled, it would say more of what is around the
    patch. Where only the classifier has weights further on, the next pooling is taken, else the classifier. After the
    last layer with weights there is nothing, so what that one reads is taken.

    Raises
    ------
    ValueError
        For an unknown layer.
    """
    chosen = net.layer(layer)
    at = {known.name: row for row, known in enumerate(net.layers)}
    last = max(row for name, row in at.items() if name == chosen.name or name.startswith(f"{chosen.name}."))
    leaves = [known for known in net.layers if known.leaf and known.layout.kind != "other"]
    ahead = [known for known in leaves if at[known.name] > last]
    weighted = [row for row, known in enumerate(ahead) if _has_weights(net, known)]
    if not weighted:
        return next((known for known in reversed(leaves) if at[known.name] < at[chosen.name]), chosen)
    if len(weighted) == 1:
        return next((known for known in ahead[: weighted[0]] if _pools(known, chosen)), ahead[weighted[0]])
    own = ahead[weighted[0] : weighted[1]]
    most = max(_places(known) for known in own)
    return [known for known in own if _places(known) == most][-1]


def _has_weights(net: Network, layer: Layer) -> bool:
    """Whether a layer mixes channels: a convolution, a linear layer, attention. Normalisation scales each by itself."""
    return any(weight.dim() > 1 for weight in net.module(layer).parameters())


def _pools(layer: Layer, before: Layer) -> bool:
    return _places(layer) < _places(before) and layer.layout.channels == before.layout.channels


def _places(layer: Layer) -> int:
    rows, columns = layer.layout.grid
    return rows * columns


def at_places(
    net: Network, photos: Any, table: LayerPatches, later: Layer, *, ids: Sequence[int] | None = None, batch: int = 16
) -> Iterator[tuple[int, int, np.ndarray]]:
    """Read a layer at the places of all patches of a table, in one forward pass for each image that is in it.

    Parameters
    ----------
    net : Network
    photos : ImageSet
        Or what makes one.
    table : LayerPatches
    later : Layer
    ids : sequence of int, optional
        The ids of the images; 0, 1, ... by default.
    batch : int
        Images of a pass.

    Yields
    ------
    done, total : int
        Images.
    ndarray (U, k, F) float32
        The activations so far; NaN where there is no patch, or its image could not be read. Of a table with so many
        patches that they would take more than 128 MiB, those of some channels, evenly far apart.
    """
    images, own = as_images(photos), net.layer(table.layer)
    at = {int(known): row for row, known in enumerate(range(len(images)) if ids is None else ids)}
    wanted = [image for image in np.unique(table.images).tolist() if image >= 0]
    number = min(later.layout.channels, max(16, MOST // max(1, 4 * table.values.size)))
    channels = np.arange(number) * later.layout.channels // number
    found = np.full((*table.values.shape, number), np.nan, np.float32)
    step = batch if later.layout.batch is not None and own.layout.batch is not None else 1
    for start in range(0, len(wanted), step):
        some = [(image, given) for image in wanted[start : start + step]
                if (given := _input(net, images, at.get(image))) is not None]
        for shape in dict.fromkeys(given.shape for _, given in some):
            _read(net, table, (own, later), [pair for pair in some if pair[1].shape == shape], found, channels)
        yield min(start + step, len(wanted)), len(wanted), found


def _input(net: Network, images: Any, row: int | None) -> Tensor | None:
    try:
        return None if row is None else net.input(images[row])
    except ImageError:
        return None


def _read(
    net: Network, table: LayerPatches, layers: tuple[Layer, Layer], some: list[tuple[int, Tensor]], found: np.ndarray,
    channels: np.ndarray,
) -> None:
    own, later = layers
    group = torch.stack([given for _, given in some])
    with capture(net, list(dict.fromkeys((own.name, later.name))), stop=True) as seen:
        net.forward(group)
    mine, theirs = seen[own.name][-1], seen[later.name][-1]
    shape, layout = layout_of(own, mine, group).grid, layout_of(later, theirs, group)
    for row, (image, _) in enumerate(some):
        maps = layout.maps(layout.image(theirs, row).float())[0].cpu().numpy()[channels]
        units, ranks = np.nonzero(table.images == image)
        ys, xs = (
            ((place[units, ranks] + 0.5) * side / sides).astype(int).clip(0, side - 1)
            for place, side, sides in zip((table.ys, table.xs), maps.shape[1:], shape, strict=True)
        )
        found[units, ranks] = maps[:, ys, xs].T
