"""The last layer with weights, and which layer it reads: found by comparing what it reads with what others answer."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ...capture import capture
from ...layers import Layer
from ...network import Network
from .answers import OddError, flattened

__all__ = ["last_layer", "layer_read", "over_places"]

_WAYS = {"places": "", "mean": "the mean over the places of ", "max": "the maximum over the places of "}


def last_layer(net: Network) -> tuple[Layer, np.ndarray]:
    """Find the last linear layer, or 1 x 1 convolution, and its weights (out, in) float32.

    Raises
    ------
    ValueError
        If the last layer with weights is none of these.
    """
    leaves = [layer for layer in net.layers if isinstance(net.module(layer), (nn.Linear, nn.modules.conv._ConvNd))]
    module = net.module(leaves[-1]) if leaves else None
    weight = getattr(module, "weight", None)
    single = isinstance(weight, Tensor) and weight.dim() >= 2 and int(np.prod(weight.shape[2:])) == 1
    if module is None or not single or getattr(module, "groups", 1) != 1:
        what = f"its last layer with weights, {leaves[-1].name!r}, is none" if leaves else "it has none"
        raise ValueError(
            f"Class weights are those of a linear layer (or a 1 × 1 convolution) at the end of a network; "
            f"in {net.name!r}, {what}."
        )
    assert isinstance(weight, Tensor)
    return leaves[-1], weight.detach().float().cpu().flatten(1).numpy()


def layer_read(net: Network, last: Layer, layer: Any = None) -> tuple[Layer, str]:
    """Find the layer that the last one reads, at each place or pooled, and say how it reads it.

    Raises
    ------
    ValueError
        If it reads none in that way, or another than the one given.
    """
    names = [one.name for one in net.layers]
    inside = {name for name in names if last.name.startswith(f"{name}.")}  # containers that the last layer is a part of
    before = [one for one in net.layers[: names.index(last.name)] if one.name not in inside]
    read, answers = _run(net, last, before)
    chosen = None if layer is None else net.layer(layer)
    found = {one.name: way for one in before if (way := _way(net, one, answers.get(one.name), read))}
    if chosen is not None and chosen.name in found:
        return chosen, _WAYS[found[chosen.name]] + repr(chosen.name)
    best = _nearest(net, list(found), answers)
    if best is None:
        which = "a layer" if chosen is None else repr(chosen.name)
        raise ValueError(
            f"The last layer {last.name!r} reads neither the places of {which} nor their mean or maximum (it may read "
            "them flattened, or a class token), so its weights are no directions there."
        )
    what = _WAYS[found[best]] + repr(best)
    if chosen is not None:
        raise ValueError(f"The last layer {last.name!r} reads {what} and not layer {chosen.name!r}; give that one.")
    return net.layer(best), what


def _nearest(net: Network, names: list[str], answers: dict[str, Tensor]) -> str | None:
    """Choose the last layer with places, or the first that answers just as it does: a block before its own parts."""
    names = [name for name in names if np.prod(net.layer(name).layout.grid) > 1] or names
    return next((name for name in names if answers[name].shape == answers[names[-1]].shape
                 and torch.equal(answers[name], answers[names[-1]])), None)


def _run(net: Network, last: Layer, before: list[Layer]) -> tuple[Tensor, dict[str, Tensor]]:
    """Return what the last layer reads of two random images, (N, C, P), and what earlier layers answer."""
    batch = torch.randn((2, *net.input_size), generator=torch.Generator().manual_seed(0)).clamp(-3, 3)
    step = batch if last.layout.batch is not None else batch[:1]
    names = [one.name for one in before]
    with capture(net, names) as answered, capture(net, [last.name], of="input", stop=True) as read:
        net.forward(step)
    answers = {}
    for one in before:
        try:
            flat = flattened(one, answered[one.name][-1], step)[0] if answered[one.name] else None
        except OddError:
            flat = None
        if flat is not None:
            answers[one.name] = flat.float().cpu()
    return over_places(net.module(last), read[last.name][-1]), answers


def over_places(module: nn.Module, inputs: Tensor) -> Tensor:
    """View what a linear layer or a convolution reads of N images as (N, channels, places), on the CPU."""
    linear = isinstance(module, nn.Linear)
    return (inputs.movedim(-1, 1) if linear else inputs)[..., None].flatten(2).float().cpu()


def _way(net: Network, layer: Layer, answer: Tensor | None, read: Tensor) -> str:
    """Name the way in which an answer (N, C, P) becomes what is read, '' for none."""
    if answer is None or answer.shape[:2] != read.shape[:2] or float(read.std()) == 0:
        return ""
    ways = {"places": lambda: answer, "mean": lambda: answer.mean(2, keepdim=True), "max": lambda: answer.amax(2, True)}
    least = 1e-4 * float(read.abs().max())
    for way, pooled in ways.items():
        result = pooled()
        if result.shape == read.shape and torch.allclose(result, read, rtol=1e-3, atol=least):
            return way
    return ""
