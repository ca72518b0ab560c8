"""`Watch`: what becomes of a network while it is trained: right answers, dead units, the verdict, its weights."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from ..capture import capture
from ..images import as_images
from ..network import Network
from ..words import plural
from .kernels import diagnose
from .kernels.read import layers_with_kernels


@dataclass(frozen=True)
class Look:
    """A network at one moment of its training.

    Attributes
    ----------
    label : str
    accuracy : float
        Share of the images that are named rightly; NaN without labels.
    dead : dict of str to int
        By layer, the units that answer to none of the images.
    units : dict of str to int
        How many units these layers have.
    verdict : str
        The headline of `diagnose` for the first layer with kernels.
    finite : bool
        Whether all scores are numbers.
    network : Network
        A copy with the weights of that moment.
    """

    label: str
    accuracy: float
    dead: dict[str, int]
    units: dict[str, int]
    verdict: str
    finite: bool
    network: Network

    def __repr__(self) -> str:
        named = "labels unknown" if np.isnan(self.accuracy) else f"{self.accuracy:.0%} right"
        dead = ", ".join(f"{name}: {count} of {self.units[name]}" for name, count in self.dead.items())
        broken = "" if self.finite else "; its scores are no numbers any more"
        return f"{self.label}: {named}; dead units {dead or 'none looked for'}; {self.verdict.lower()}{broken}"


class Watch:
    """Looks at a network while it is trained; call `look` as often as you like, after every epoch say.

    Parameters
    ----------
    net : Network
        The model that is trained, wrapped; training changes it in place.
    images : ImageSet or what it takes
        On these a unit is dead or alive; they are read once and kept as inputs, so give some hundreds.
    layers : sequence of layers, optional
        Where dead units are counted; all ReLUs by default.

    Attributes
    ----------
    looks : list of Look
    checkpoints : dict of str to Network
        By label; `KernelGrid(watch.checkpoints)` plays them.
    dead : dict of str to list of int
        By layer, one number a look.

    Raises
    ------
    ValueError
        For an unknown layer, or no images.

    References
    ----------
    L. Lu, Y. Shin, Y. Su, G. Karniadakis, *Dying ReLU and Initialization*, 2020.

    Examples
    --------
    >>> import deepviz_widgets as dv
    >>> net, digits = dv.demo.digits("test")
    >>> watch = dv.methods.Watch(net, digits[:50])
    >>> watch.look("as shipped")
    as shipped: 100% right; dead units relu1: 0 of 16, relu2: 0 of 32, relu3: 0 of 48; healthy
    """

    def __init__(self, net: Network, images: Any, layers: Sequence[Any] | None = None):
        self.net, self._images = net, as_images(images)
        if not len(self._images):
            raise ValueError("There are no images to watch a training by.")
        chosen = [layer for layer in net.layers if layer.kind == "ReLU"] if layers is None else (
            [net.layer(layer) for layer in layers]
        )
        self.layers = [layer.name for layer in chosen]
        kernels = layers_with_kernels(net)
        self._kernels = kernels[0].name if kernels else ""
        self._inputs: torch.Tensor | None = None
        self.looks: list[Look] = []

    @property
    def checkpoints(self) -> dict[str, Network]:
        """The network as it was at each look."""
        return {look.label: look.network for look in self.looks}

    @property
    def dead(self) -> dict[str, list[int]]:
        """How many units of each layer were dead, look by look."""
        return {layer: [look.dead[layer] for look in self.looks] for layer in self.layers}

    def look(self, label: str | None = None) -> Look:
        """Look at the network as it is now and keep a copy of it.

        Parameters
        ----------
        label : str, optional
            What to call this moment; "look 1", "look 2", ... by default. It must be new.
        """
        label = f"look {len(self.looks) + 1}" if label is None else str(label)
        if label in self.checkpoints:
            raise ValueError(f"There was a look {label!r} already; give each a label of its own.")
        scores, alive = self._passed()
        found = Look(
            label, self._accuracy(scores), {name: int((~one).sum()) for name, one in alive.items()},
            {name: len(one) for name, one in alive.items()},
            diagnose(self.net, self._kernels).headline if self._kernels else "no kernels",
            bool(np.isfinite(scores).all()), _copied(self.net, label),
        )
        self.looks.append(found)
        return found

    def _passed(self) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        """Return the scores of all images, and by layer which units answered to any."""
        if self._inputs is None:
            self._inputs = self.net.inputs(self._images)
        scores: list[np.ndarray] = []
        alive: dict[str, np.ndarray] = {}
        for batch in self._inputs.split(64):
            with capture(self.net, self.layers) as seen:
                scores.append(self.net.forward(batch).detach().float().cpu().numpy())
            for name in self.layers:
                axis = self.net.layer(name).layout.axis
                answered = [(output.movedim(axis + 1, 1).flatten(2) if output.dim() > 2 else output[..., None])
                            for output in seen[name]]
                any_ = np.any([(one != 0).any(2).any(0).cpu().numpy() for one in answered], axis=0)
                alive[name] = any_ | alive.get(name, False)
        return np.concatenate(scores), alive

    def _accuracy(self, scores: np.ndarray) -> float:
        if self._images.labels is None:
            return float("nan")
        return float((scores.argmax(1) == np.asarray(self._images.labels)).mean())

    def __repr__(self) -> str:
        if not self.looks:
            return f"Watch({plural(len(self._images), 'image')}, no look yet)"
        return "\n".join(map(repr, self.looks))


def _copied(net: Network, label: str) -> Network:
    with net.lock:
        model = copy.deepcopy(net.model).eval()
    return Network(model, transform=net.transform, classes=net.classes, input_size=net.input_size, name=label)
