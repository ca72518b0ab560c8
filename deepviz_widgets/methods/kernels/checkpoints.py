"""`Checkpoints`: the kernels of one layer in several networks of one architecture, as they form in training."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ...network import Network
from ...words import kind_of, plural
from .read import Kernels, layers_with_kernels, learned_kernels
from .views import View, face_of, view


class Checkpoints:
    """One network, or several of one architecture with a label each.

    Parameters
    ----------
    given : Network, list of Network, or dict of str to Network

    Raises
    ------
    TypeError
        If something among them is no network.
    ValueError
        If their layers differ, or none has kernels.

    Examples
    --------
    >>> import deepviz_widgets as dv
    >>> from deepviz_widgets.methods.kernels import Checkpoints
    >>> healthy, noisy = dv.demo.scenes()[0], dv.demo.scenes(sensor_noise=True)[0]
    >>> both = Checkpoints({"own pictures": healthy, "cameras": noisy})
    >>> both.labels, both.kernels("conv1", 1).size
    (['own pictures', 'cameras'], (7, 7))
    """

    def __init__(self, given: Any):
        self.nets = list(given.values()) if isinstance(given, Mapping) else (
            list(given) if isinstance(given, (list, tuple)) else [given]
        )
        wrong = [net for net in self.nets if not isinstance(net, Network)]
        if wrong or not self.nets:
            what = kind_of(wrong[0]) if wrong else "nothing"
            raise TypeError(f"Kernels are shown of a Network, or of a list of them as checkpoints; this is {what}.")
        names = [net.name for net in self.nets]
        self.labels = [str(label) for label in given] if isinstance(given, Mapping) else (
            names if len(set(names)) == len(names) else [f"{n + 1} of {len(names)}" for n in range(len(names))]
        )
        self._same_architecture()
        self.layers = layers_with_kernels(self.nets[0])
        if not self.layers:
            layers = plural(len(self.nets[0].layers), "layer")
            raise ValueError(f"The network {names[0]!r} has {layers}, but none with kernels.")
        self._layer = ""
        self._read: dict[int, Kernels] = {}

    def __len__(self) -> int:
        return len(self.nets)

    def kernels(self, layer: str, step: int) -> Kernels:
        """Return the kernels of a layer at a checkpoint; those of one layer are kept."""
        if layer != self._layer:
            self._read.clear()
            self._layer = layer
        if step not in self._read:
            self._read[step] = learned_kernels(self.nets[step], layer)
        return self._read[step]

    def forget(self) -> None:
        """Read the kernels anew when they are asked for: the weights have changed."""
        self._read.clear()

    def shape(self, layer: str) -> tuple[int, int]:
        """Return how many kernels a layer has and at most how many inputs each, without running the network."""
        if layer == self._layer and self._read:
            return next(iter(self._read.values())).weights.shape[:2]
        return learned_kernels(self.nets[0].module(layer)).weights.shape[:2]

    def views(self, layer: str, steps: range, *, side: str, channel: int, source: int) -> list[View]:
        """Return the same tiles at several checkpoints."""
        return [view(self.kernels(layer, step), side=side, channel=channel, source=source) for step in steps]

    def spans(self, layer: str, steps: range) -> np.ndarray:
        """Return the largest finite magnitude of the layer's weights at each checkpoint."""
        weights = [self.kernels(layer, step).weights for step in steps]
        return np.array([np.abs(each[np.isfinite(each)]).max(initial=0) for each in weights])

    def numbers(self, layer: str) -> int:
        """Return how many numbers the tiles of all checkpoints have together."""
        kernels = self.kernels(layer, 0)
        out, inputs = kernels.weights.shape[:2]
        apart = min(out, inputs) if face_of(kernels) == "slices" else 1
        return len(self) * kernels.weights.size // apart

    def _same_architecture(self) -> None:
        first = [(row.name, row.parameters) for row in self.nets[0].layers]
        for label, net in zip(self.labels, self.nets, strict=True):
            if [(row.name, row.parameters) for row in net.layers] != first:
                raise ValueError(
                    f"Checkpoints are of one architecture; the layers of {label!r} are not those of {self.labels[0]!r}."
                )
