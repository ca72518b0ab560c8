"""Judges of likeness: the features by which cut out patches are compared."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from ...capture import capture
from ...layers import Layer
from ...network import Network
from ...words import kind_of, size
from .classifier import last_layer, over_places
from .components import answered
from .cutouts import Cutout, Features

__all__ = ["Judge", "judge"]

_PIXELS = 16  # the side to which the judge of pixels brings every patch


@dataclass(frozen=True, eq=False)
class Judge:
    """What compares patches.

    Attributes
    ----------
    name : str
        In words.
    features : callable
        From a list of N `Cutout` to an ndarray (N, F).
    caution : str
        What to keep in mind of its judgement, in a sentence; '' for nothing.
    """

    name: str
    features: Features
    caution: str = ""


def judge(net: Network, given: Any, layer: Any = None) -> Judge:
    """Choose what compares the patches of a network.

    Parameters
    ----------
    net : Network
        Whose patches they are.
    given : str, Network, Judge or callable
        `"network"` compares what the last linear layer of the network reads of each patch, enlarged to the size of an
        image; the name of a layer, the mean of what this layer answers to it. Another Network does the first with its
        own eyes. `"pixels"` compares 16 x 16 pixels. A callable takes a list of pictures (h, w, 1 or 3) uint8 and
        returns features (N, F): of any model of likeness as people see it.
    layer : optional
        Whose units are judged, so that the caution can name it.

    Raises
    ------
    ValueError
        For something else.
    """
    if isinstance(given, Judge):
        return given
    if isinstance(given, Network):
        what = f"the network {given.name!r}"
        return Judge(what, _by_network(given, None, own=given is net), _echo(net, given, layer))
    if isinstance(given, str) and given == "pixels":
        return Judge("pixels", _by_pixels, "Pixels know colour and place, and nothing of what is shown.")
    if isinstance(given, str):
        chosen = None if given == "network" else net.layer(given)
        what = "the network itself" if chosen is None else f"layer {chosen.name!r} of the network itself"
        return Judge(what, _by_network(net, chosen, own=True), _echo(net, net, layer))
    if callable(given):
        return Judge(getattr(given, "__name__", type(given).__name__), _by_function(given))
    raise ValueError(
        f"A judge is 'network', 'pixels', the name of a layer, a Network, or a function of pictures; this is "
        f"{kind_of(given)}."
    )


def _echo(net: Network, other: Network, layer: Any) -> str:
    """Warn where the judge computes what it judges."""
    if other is not net and other.model is not net.model:
        return ""
    what = "the layer" if layer is None else f"layer {net.layer(layer).name!r}"
    return (
        f"The judge runs {what} itself, so its features echo what chose the patches; compare units with directions, "
        "which are echoed as well, or ask another judge."
    )


def _by_pixels(cutouts: Sequence[Cutout]) -> np.ndarray:
    return torch.stack([_resized(one.values, (_PIXELS, _PIXELS)).flatten() for one in cutouts]).numpy()


def _by_function(function: Callable[[list[np.ndarray]], Any]) -> Features:
    def features(cutouts: Sequence[Cutout]) -> np.ndarray:
        found = function([one.picture for one in cutouts])
        array = np.asarray(found.detach().cpu() if isinstance(found, Tensor) else found)
        if array.ndim != 2 or len(array) != len(cutouts) or array.dtype.kind not in "fiub":
            raise ValueError(
                f"A judge returns numbers (N, F) for N pictures; for {len(cutouts)} it returned "
                f"{size(array.shape) or kind_of(found)}."
            )
        return array.astype(np.float32)

    return features


def _by_network(net: Network, layer: Layer | None, *, own: bool) -> Features:
    """Judge by what a layer answers, or by what the last linear layer reads (or, without one, by the last answer)."""
    of = "output"
    if layer is None:
        try:
            layer, of = last_layer(net)[0], "input"
        except ValueError:
            layer = net.layers[-1]
    chosen = layer

    def features(cutouts: Sequence[Cutout]) -> np.ndarray:
        sides = net.input_size[1:]
        batch = (torch.stack([_resized(one.values, sides) for one in cutouts]) if own
                 else net.inputs([_picture(one, sides) for one in cutouts]))
        step = len(batch) if chosen.layout.batch is not None else 1
        return np.concatenate([_seen(net, chosen, of, part) for part in batch.split(step)])

    return features


def _seen(net: Network, layer: Layer, of: str, batch: Tensor) -> np.ndarray:
    if of == "output":
        return answered(net, layer, batch).float().mean(2).cpu().numpy()
    with capture(net, [layer.name], of=of, stop=True) as seen:
        net.forward(batch)
    return over_places(net.module(layer), seen[layer.name][-1]).mean(2).numpy()


def _resized(values: Tensor, sides: Sequence[int]) -> Tensor:
    return F.interpolate(values[None].float(), size=tuple(sides), mode="bilinear", antialias=True)[0]


def _picture(cutout: Cutout, sides: Sequence[int]) -> Image.Image:
    pixels = cutout.picture
    image = Image.fromarray(np.ascontiguousarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels))
    return image.resize((sides[1], sides[0]), Image.Resampling.BILINEAR)
