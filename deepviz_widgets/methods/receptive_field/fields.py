"""What a unit of a layer can see of the image, and how much of that it uses.

The theoretical field is worked out from one forward pass: every operation is followed, and for each value the box of
the image that it is connected to is kept. So it holds for functional operations, branches, skips and layers that run
twice, and it is known for each unit, also at the border. It is structural: weights that happen to be 0, cancellation,
and which pixel wins a max pooling or passes a ReLU are not looked at. The box is what the unit can read, over all
images and weights.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...capture import capture
from ...images import ImageSet
from ...layers import Layer
from ...network import Network
from ...words import plural, size
from ..activations import layout_of, which_call
from .read import Reading, read
from .result import ReceptiveField
from .trace import Trace

__all__ = ["EffectiveField", "ReceptiveField", "effective_receptive_field", "receptive_field", "receptive_fields"]

_SIZES_KEPT = 4  # of images; a set of photographs may have as many sizes as it has photographs
_CACHE: weakref.WeakKeyDictionary[Network, dict[tuple[int, ...], dict[str, list[ReceptiveField]]]] = (
    weakref.WeakKeyDictionary()
)


def receptive_fields(net: Network, input_size: Sequence[int] | None = None) -> dict[str, ReceptiveField]:
    """Work out what the units of every layer can see, in one traced forward pass.

    Parameters
    ----------
    net : Network
    input_size : (C, H, W), optional
        The size of the image; the network's own by default.

    Returns
    -------
    dict of str to ReceptiveField
        One a layer in call order, of its last call.

    Raises
    ------
    ValueError
        For an input size that is none.
    NetworkError
        If the network fails on that size.

    References
    ----------
    A. Araujo, W. Norris, J. Sim, *Computing Receptive Fields of Convolutional Neural Networks*, Distill, 2019.

    Examples
    --------
    >>> import deepviz_widgets as dv
    >>> from deepviz_widgets.methods.receptive_field import receptive_fields
    >>> net, images = dv.demo.digits()
    >>> fields = receptive_fields(net)
    >>> fields["conv1"].size, fields["conv1"].stride, fields["conv1"].status
    ((5, 5), (1, 1), 'exact')
    """
    return {name: calls[-1] for name, calls in _traced(net, input_size).items() if calls}


def receptive_field(
    net: Network, layer: Any, *, call: int = -1, input_size: Sequence[int] | None = None
) -> ReceptiveField:
    """Work out what the units of one layer can see of the image.

    Parameters
    ----------
    net : Network
    layer : str, nn.Module or a widget with a `layer`
    call : int
        Which call of a layer that runs several times, counted from 0; -1 is the last.
    input_size : (C, H, W), optional
        The size of the image; the network's own by default.

    Raises
    ------
    ValueError
        For an unknown layer or call, or a layer that returns no tensor.
    NetworkError
        If the network fails on that size.

    Examples
    --------
    >>> import torch, deepviz_widgets as dv
    >>> from deepviz_widgets.methods.receptive_field import receptive_field
    >>> model = torch.nn.Sequential(torch.nn.Conv2d(3, 8, 5, stride=2, padding=1), torch.nn.AdaptiveAvgPool2d(1),
    ...                             torch.nn.Flatten(), torch.nn.Linear(8, 10))
    >>> found = receptive_field(dv.Network(model, input_size=(3, 32, 32)), "0")
    >>> found.size, found.stride, found.padding, found.box(0, 3), found.clipped(0, 3)
    ((5, 5), (2, 2), (1, 1), (-1, 5, 4, 10), (0, 5, 4, 10))
    """
    chosen = net.layer(layer)
    index = which_call(chosen, call)
    calls = _traced(net, input_size)[chosen.name]
    if index >= len(calls):
        raise ValueError(f"Layer {chosen.name!r} returns no tensor in call {index}, so it has no units.")
    return calls[index]


def _traced(net: Network, input_size: Sequence[int] | None) -> dict[str, list[ReceptiveField]]:
    shape = _valid(net, input_size)
    with net.lock:  # two widgets may ask from two threads: one works it out, the other waits for it
        known = _CACHE.setdefault(net, {})
        found = known.pop(shape, None) or _trace(net, shape)
        known[shape] = found  # the latest last
        while len(known) > _SIZES_KEPT:
            known.pop(next(iter(known)))
        return found


def _valid(net: Network, given: Sequence[int] | None) -> tuple[int, ...]:
    if given is None:
        return net.input_size
    shape = tuple(given) if isinstance(given, (tuple, list)) else ()
    if len(shape) != 3 or not all(isinstance(side, int) and side > 0 for side in shape):
        raise ValueError(f"An input size is (channels, height, width) in whole numbers; this is {given!r}.")
    return shape


def _trace(net: Network, shape: tuple[int, ...]) -> dict[str, list[ReceptiveField]]:
    batch = torch.rand((1, *shape), generator=torch.Generator().manual_seed(0))  # as in the network's own dry run
    trace = Trace(batch)
    with capture(net, [layer.name for layer in net.layers], keep=lambda output: _Seen(output, trace)) as seen, trace:
        net.forward(batch)
    read_already: dict[Any, Reading] = {}
    return {
        layer.name: [_named(layer, index, one, batch, read_already) for index, one in enumerate(seen[layer.name])]
        for layer in net.layers
    }


class _Seen:
    """What a layer's output reads, taken before a later layer changes it in place."""

    def __init__(self, output: Tensor, trace: Trace):
        self.shape, self.found = output.shape, trace.answer(output)


def _named(layer: Layer, call: int, seen: _Seen, batch: Tensor, known: dict[Any, Reading]) -> ReceptiveField:
    """Read one output; a convolution, its normalisation and its ReLU share one field and are read once."""
    layout = layout_of(layer, torch.empty(seen.shape, device="meta"), batch)
    image = (batch.shape[-2], batch.shape[-1])
    key = (id(seen.found), layout)
    found = known[key] = known.get(key) or read(seen.found, layout, image)
    return ReceptiveField(
        layer.name, call, found.size, found.stride, found.padding, found.status, found.why, image, found.grid,
        found.boxes, found.lattice,
    )


# ---------------------------------------------------------------- effective


@dataclass(frozen=True, eq=False)
class EffectiveField:
    """How strongly a unit answers to each pixel, on average over images.

    Attributes
    ----------
    layer : str
    call : int
    channel : int or None
        None is the mean over all channels.
    at : (int, int)
        Row and column of the unit.
    map : ndarray (H, W) float32
        Mean absolute gradient, summing to 1; all 0 where the unit answers to no pixel of any of the images.
    inside : float
        Share of it inside the clipped theoretical box; 1 but for rounding, unless the status there is doubtful.
    field : ReceptiveField
        The theoretical field.
    images : int
        Over how many images.
    """

    layer: str
    call: int
    channel: int | None
    at: tuple[int, int]
    map: np.ndarray
    inside: float
    field: ReceptiveField
    images: int

    @property
    def size(self) -> float:
        """Side in pixels of a square as large as all pixels above 4.55 % of the strongest (Luo et al.)."""
        return float(np.sqrt((self.map > (1 - 0.9545) * self.map.max()).sum()))


def effective_receptive_field(
    net: Network,
    images: Any,
    layer: Any,
    *,
    channel: int | None = None,
    at: tuple[int, int] | None = None,
    call: int = -1,
) -> EffectiveField:
    """Measure how strongly one unit answers to each pixel: the mean over images of its absolute gradient.

    Parameters
    ----------
    net : Network
        Gradients are taken with respect to the input only; those of the parameters stay as they are.
    images : ImageSet, list, Tensor (N, C, H, W) or one image
        All of one size after preprocessing.
    layer, call
        As for `receptive_field`.
    channel : int, optional
        The mean over all channels by default.
    at : (int, int), optional
        Row and column of the unit; the central one by default.

    Returns
    -------
    EffectiveField

    Raises
    ------
    ValueError
        For an unknown layer, call, channel or unit, no images, or images of several sizes.
    NetworkError
        If the network fails.

    References
    ----------
    W. Luo, Y. Li, R. Urtasun, R. Zemel, *Understanding the Effective Receptive Field in Deep Convolutional Neural
    Networks*, NeurIPS 2016.

    Examples
    --------
    >>> import deepviz_widgets as dv
    >>> from deepviz_widgets.methods.receptive_field import effective_receptive_field
    >>> net, images = dv.demo.digits()
    >>> found = effective_receptive_field(net, images[:8], "conv1")
    >>> found.map.shape, round(float(found.map.sum()), 3), round(found.inside, 3)
    ((32, 32), 1.0, 1.0)
    """
    chosen = net.layer(layer)
    index = which_call(chosen, call)
    total, theory, count = np.zeros((0, 0)), None, 0
    for batch in _inputs(net, images):
        if theory is None:
            theory = receptive_field(net, chosen, call=index, input_size=list(batch.shape[1:]))
            at = at or (theory.grid[0] // 2, theory.grid[1] // 2)
            theory.clipped(*at)  # says so if there is no such unit
            total = np.zeros(batch.shape[2:])
        elif tuple(batch.shape[2:]) != theory.image:
            raise ValueError(f"An image of {size(batch.shape[2:])} follows one of {size(theory.image)}; give one size.")
        total, count = total + _gradient(net, batch, chosen, index, channel, at or (0, 0)), count + 1
    if theory is None or at is None:
        raise ValueError("The effective field is a mean over images, and there are none.")
    strength = (total / (total.sum() or 1)).astype(np.float32)
    top, left, bottom, right = theory.clipped(*at)
    inside = float(strength[top:bottom, left:right].sum() / (strength.sum() or 1))
    return EffectiveField(chosen.name, index, channel, at, strength, inside, theory, count)


def _inputs(net: Network, images: Any) -> Iterator[Tensor]:
    several = isinstance(images, (ImageSet, list, tuple)) or (isinstance(images, Tensor) and images.dim() == 4)
    for image in images if several else [images]:
        yield net.inputs([image])


def _gradient(
    net: Network, batch: Tensor, layer: Layer, call: int, channel: int | None, at: tuple[int, int]
) -> np.ndarray:
    """Return the absolute gradient (H, W) of a unit, summed over the channels of the image."""
    batch = batch.detach().clone().requires_grad_()
    with capture(net, [layer.name], keep=lambda output: output.clone(), stop=True) as seen:
        net.forward(batch, grad=True)
    output = seen[layer.name][call]
    layout = layout_of(layer, output, batch)
    if channel is not None and not 0 <= channel < layout.channels:
        there = plural(layout.channels, "channel")
        raise ValueError(f"Layer {layer.name!r} has {there}; there is no channel {channel}, counted from 0.")
    maps, _ = layout.maps(layout.image(output))
    unit = maps[:, at[0], at[1]].mean() if channel is None else maps[channel, at[0], at[1]]
    if not unit.requires_grad:
        return np.zeros(batch.shape[2:])
    (gradient,) = torch.autograd.grad(unit, batch, allow_unused=True)
    return np.zeros(batch.shape[2:]) if gradient is None else gradient[0].abs().sum(0).double().cpu().numpy()
