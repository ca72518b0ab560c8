"""Linear layers that look at places: what they read may be maps, or patches of the image, laid out in a row.

Nothing in a linear layer says so. It is found by looking: the network is run once on a random image, and the input of
the layer is compared with flattened maps and with patches. Only what is equal counts.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ...capture import capture
from ...layers import Layer
from ...network import Network

_ALIKE = 0.99  # correlation: a normalisation of each patch before the layer changes its scale, not its picture


@dataclass(frozen=True)
class Places:
    """How a row of `in_features` numbers lies over places: its shape, and the axes that bring it to (C, h, w)."""

    shape: tuple[int, ...]
    axes: tuple[int, int, int]
    stride: tuple[int, int] = (1, 1)

    def kernels(self, matrix: np.ndarray) -> np.ndarray:
        """Bring a matrix (out, in) to kernels (out, C, h, w)."""
        return matrix.reshape(-1, *self.shape).transpose(0, *(axis + 1 for axis in self.axes))


def places(net: Network, layer: Layer, features: int) -> tuple[Places | None, str]:
    """Find out whether a linear layer reads flattened maps ("maps"), the image or patches of it ("image")."""
    channels, height, width = net.input_size
    earlier = _maps_before(net, layer, features)
    patch = _patch_side(net, layer, features)
    if earlier is None and patch is None and features != channels * height * width:
        return None, "vector"
    image, given, maps = _run(net, layer, earlier)
    if features == channels * height * width and torch.equal(given.flatten(), image.flatten()):
        return Places((channels, height, width), (0, 1, 2)), "image"
    if patch is not None:
        return _patches(image, given, patch)
    if earlier is not None and maps is not None and torch.equal(given.flatten(), maps.flatten()):
        return Places(earlier.shape, (0, 1, 2)), "maps"
    return None, "vector"


def _maps_before(net: Network, layer: Layer, features: int) -> Layer | None:
    """Return the nearest earlier layer that answers with maps of just as many numbers."""
    names = [one.name for one in net.layers]
    before = net.layers[: names.index(layer.name)]
    fits = (one for one in reversed(before) if int(np.prod(one.shape)) == features and one.layout.kind == "maps")
    return next((one for one in fits if one.layout.axis == 0 and len(one.shape) == 3 and one.called == 1), None)


def _patch_side(net: Network, layer: Layer, features: int) -> tuple[int, int] | None:
    """Return height and width of the patches, if the layer may be a patch embedding."""
    channels, height, width = net.input_size
    rows, columns = layer.layout.grid
    if layer.layout.kind != "tokens" or height % rows or width % columns:
        return None
    side = (height // rows, width // columns)
    return side if channels * side[0] * side[1] == features else None


def _run(net: Network, layer: Layer, earlier: Layer | None) -> tuple[Tensor, Tensor, Tensor | None]:
    """Return a random image, what the layer reads of it, and what the earlier layer answers."""
    batch = torch.rand((1, *net.input_size), generator=torch.Generator().manual_seed(0))
    names = [earlier.name] if earlier else []
    with capture(net, names) as answered, capture(net, [layer.name], of="input", stop=True) as read:
        net.forward(batch)
    return batch[0], read[layer.name][0].float().cpu(), answered[names[0]][0].float().cpu() if names else None


def _patches(image: Tensor, given: Tensor, side: tuple[int, int]) -> tuple[Places | None, str]:
    """Compare the tokens with the patches of the image in the orders in which they may have been unrolled."""
    channels, (h, w) = image.shape[0], side
    cut = image.unfold(1, h, h).unfold(2, w, w)  # (C, rows, columns, h, w)
    tokens = given.reshape(-1, channels * h * w)
    orders: dict[Places, Callable[[Tensor], Tensor]] = {
        Places((channels, h, w), (0, 1, 2), side): lambda t: t.permute(1, 2, 0, 3, 4),
        Places((h, w, channels), (2, 0, 1), side): lambda t: t.permute(1, 2, 3, 4, 0),
    }
    for found, unrolled in orders.items():
        rows = unrolled(cut).reshape(-1, channels * h * w)
        if rows.shape == tokens.shape and _correlation(rows, tokens) > _ALIKE:
            return found, "image"
    return None, "vector"


def _correlation(a: Tensor, b: Tensor) -> float:
    """Mean correlation of the rows of two matrices."""
    a, b = a - a.mean(1, keepdim=True), b - b.mean(1, keepdim=True)
    return float(torch.nn.functional.cosine_similarity(a, b, dim=1).mean())
