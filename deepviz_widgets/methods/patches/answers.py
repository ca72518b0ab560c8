"""What a layer answers to a batch, as rows over places: units by its layout, or their projections on directions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ...layers import Layer
from ...network import Network
from ...words import kind_of, plural, size
from ..activations import layout_of
from .streaming import MOST_PLACES

__all__ = ["OddError", "Rows", "chosen_layers", "flattened", "projected", "rows_of"]


class OddError(Exception):
    """A layer whose answer does not keep the images of a batch apart."""


@dataclass(frozen=True, eq=False)
class Rows:
    """The rows of one table: the units of a layer, or directions in the space of its units.

    Attributes
    ----------
    layer : Layer
    basis : str
    names : tuple of str
    vectors : Tensor (R, C) or None
        Of the directions.
    """

    layer: Layer
    basis: str
    names: tuple[str, ...]
    vectors: Tensor | None = None

    @property
    def key(self) -> tuple[str, str]:
        """Layer and basis."""
        return self.layer.name, self.basis


def chosen_layers(net: Network, layers: Any) -> tuple[Layer, ...]:
    """Find the layers asked for, in call order.

    `"all"` are those that answer with numbers for each image, `"convolutions"` the convolutions.
    """
    if isinstance(layers, str) and layers in ("all", "convolutions"):
        wanted = [layer for layer in net.layers if layer.layout.batch is not None and 0 not in layer.shape]
        if layers == "convolutions":
            wanted = [layer for layer in wanted if isinstance(net.module(layer), nn.modules.conv._ConvNd)]
        if not wanted:
            raise ValueError(f"The network {net.name!r} has no {layers if layers != 'all' else 'layers'} to scan.")
        return tuple(wanted)
    several = isinstance(layers, (list, tuple, set, frozenset))
    names = {net.layer(layer).name for layer in (layers if several else [layers])}
    if not names:
        raise ValueError("No layer was given; name some, or say 'all' or 'convolutions'.")
    return tuple(layer for layer in net.layers if layer.name in names)


def rows_of(net: Network, layers: Sequence[Layer], directions: Any) -> tuple[Rows, ...]:
    """List the tables to make: units of each layer, and each set of directions at its own layer."""
    found = [Rows(layer, "units", tuple(map(str, range(layer.layout.channels)))) for layer in layers]
    single = hasattr(directions, "vectors")
    for given in [directions] if single else directions:
        found.append(_directions(net, given))
    keys = [rows.key for rows in found]
    twice = next((key for key in keys if keys.count(key) > 1), None)
    if twice is not None:
        raise ValueError(f"There are two sets of directions {twice[1]!r} at layer {twice[0]!r}; name them differently.")
    order = {layer.name: at for at, layer in enumerate(net.layers)}
    return tuple(sorted(found, key=lambda rows: order[rows.layer.name]))


def _directions(net: Network, given: Any) -> Rows:
    if not all(hasattr(given, name) for name in ("layer", "name", "vectors", "names")):
        raise ValueError(f"Directions have a layer, a name, vectors and names; {kind_of(given)} has not.")
    layer, vectors = net.layer(given.layer), torch.as_tensor(np.asarray(given.vectors), dtype=torch.float32)
    if vectors.dim() != 2 or vectors.shape[1] != layer.layout.channels or len(vectors) != len(given.names):
        raise ValueError(
            f"The directions {given.name!r} are {size(vectors.shape)} with {plural(len(given.names), 'name')}; at "
            f"layer {layer.name!r} they are R × {layer.layout.channels} with R names."
        )
    return Rows(layer, str(given.name), tuple(map(str, given.names)), vectors)


def flattened(layer: Layer, output: Tensor, batch: Tensor) -> tuple[Tensor, tuple[int, int], tuple[int, ...]]:
    """View an output as (N, channels, places), with the grid of the places and the shape for one image.

    Raises
    ------
    OddError
        If the output does not have one entry an image.
    """
    axis, usual = layer.layout.batch, (len(batch), *layer.shape)
    if layer.layout.kind == "maps" and (axis, layer.layout.axis, layer.layout.extra) == (0, 0, 0) and (
        output.shape == usual and output.is_floating_point() and math.prod(layer.layout.grid) < MOST_PLACES
    ):  # most layers: with little to do, as it is done between any two of them
        return output.flatten(2), layer.layout.grid, layer.shape
    if output.dim() == 0 or (axis is None and len(batch) > 1):
        raise OddError
    output = output[None] if axis is None else output.movedim(axis, 0)
    if len(output) == 1 and len(batch) > 1:  # the same for every image, as an embedding of positions
        output = output.expand(len(batch), *output.shape[1:])
    if len(output) != len(batch):
        raise OddError
    output = output if output.is_floating_point() else output.float()
    shape = tuple(output.shape[1:])
    if len(shape) < 2:
        return output.reshape(len(output), -1, 1), (1, 1), shape
    layout = layout_of(layer, output[:1] if axis == 0 else output[:1].movedim(0, axis or 0), batch)
    flat = output.movedim(1 if layout.axis == 0 else -1, 1).flatten(2)[:, :, layout.extra :]
    if flat.shape[1] != layer.layout.channels or not 0 < flat.shape[2] < MOST_PLACES:
        raise OddError
    return flat, layout.grid, shape


def projected(vectors: Tensor, flat: Tensor) -> Tensor:
    """Return the product of each vector (R, C) with the units' values (N, C, P) at each place, (N, R, P)."""
    real = flat if flat.dtype in (torch.float32, torch.float64) else flat.float()
    return torch.matmul(vectors.to(real.device, real.dtype), real)
