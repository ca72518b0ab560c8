"""The summed activation of one map of a layer: the one that is strongest when nothing is hidden (Zeiler and Fergus)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ...capture import capture
from ...layers import Layout
from ...network import Network, NetworkError
from ..activations import layout_of


@dataclass(frozen=True)
class Reader:
    """Reads one map of a layer: which channel, how the output is laid out, and its sum in the clean image."""

    layout: Layout
    channel: int
    clean: float

    def sums(self, output: Tensor) -> Tensor:
        """Return the sum over the map for each image of a batch, (P,)."""
        images = 1 if self.layout.batch is None else output.shape[self.layout.batch]
        return torch.stack([self.layout.maps(self.layout.image(output, i))[0][self.channel].sum()
                            for i in range(images)])


def strongest(net: Network, x: Tensor, layers: Sequence[str]) -> tuple[Tensor, dict[str, Reader]]:
    """Run the clean image once; return its raw scores (classes,) and the strongest map of each layer.

    A layer that is called several times is read at its last call.
    """
    names = [net.layer(layer).name for layer in layers]
    with capture(net, names) as seen:
        raw = net.forward(x[None])
    if raw.dim() != 2 or raw.shape[0] != 1:
        raise NetworkError(
            f"The network returns scores of shape {tuple(raw.shape)} for one image; occlusion needs one score a class."
        )
    return raw[0].detach(), {name: _reader(net, name, seen[name], x) for name in names}


def _reader(net: Network, name: str, outputs: list[Tensor], x: Tensor) -> Reader:
    if not outputs:
        raise NetworkError(f"For this image the network does not call layer {name!r}, so it has no maps to follow.")
    layout = layout_of(net.layer(name), outputs[-1], x[None])
    sums = layout.maps(layout.image(outputs[-1]))[0].flatten(1).sum(1)
    channel = int(sums.nan_to_num(nan=-torch.inf).argmax())
    return Reader(layout, channel, float(sums[channel]))
