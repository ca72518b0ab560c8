"""How much of what a unit can see it really uses: its gradient with respect to the image, averaged over images."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...capture import capture
from ...images import ImageError, ImageSet
from ...layers import Layer
from ...network import Network
from ...words import plural, size
from ..activations import layout_of, overview, which_call
from .fields import receptive_field
from .result import ReceptiveField

_UNITS_KEPT = 4  # two pages may point at two cells, and a pointer comes back
_LEAST = 1 - 0.9545  # of the strongest pixel: below two standard deviations of a Gaussian (Luo et al.)


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
    answered : int
        For how many of them the gradient is not 0 everywhere; a unit that a ReLU silences answers to nothing.
    """

    layer: str
    call: int
    channel: int | None
    at: tuple[int, int]
    map: np.ndarray
    inside: float
    field: ReceptiveField
    images: int
    answered: int

    @property
    def size(self) -> float:
        """Side in pixels of a square as large as all pixels above 4.55 % of the strongest (Luo et al.)."""
        return float(np.sqrt((self.map > _LEAST * self.map.max()).sum()))

    def shrunk(self, side: int = 128) -> np.ndarray:
        """Return the map, shrunk by a whole factor to at most `side` pixels a side."""
        factor = -(-max(self.map.shape) // side)
        height, width = (-(-length // factor) for length in self.map.shape)
        return overview(self.map[None], (height, width))[0]


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
    net, images, layer, channel, at, call
        As for `effective_receptive_fields`, of which this is the last result.

    Raises
    ------
    ValueError
        As there, and if there are no images.
    NetworkError
        If the network fails.

    Examples
    --------
    >>> import deepviz_widgets as dv
    >>> from deepviz_widgets.methods.receptive_field import effective_receptive_field
    >>> net, images = dv.demo.digits()
    >>> found = effective_receptive_field(net, images[:8], "conv1")
    >>> found.map.shape, round(float(found.map.sum()), 3), round(found.inside, 3)
    ((32, 32), 1.0, 1.0)
    """
    last = deque(effective_receptive_fields(net, images, layer, channel=channel, at=at, call=call), maxlen=1)
    if not last:
        raise ValueError("The effective field is a mean over images, and there are none.")
    return last[0]


def effective_receptive_fields(
    net: Network,
    images: Any,
    layer: Any,
    *,
    channel: int | None = None,
    at: tuple[int, int] | None = None,
    call: int = -1,
) -> Iterator[EffectiveField]:
    """Measure how strongly one unit answers to each pixel, over one image more with each result.

    Parameters
    ----------
    net : Network
        Gradients are taken with respect to the input only; those of the parameters stay as they are.
    images : ImageSet, list, iterator, Tensor (N, C, H, W) or one image
        All of one size after preprocessing (see `alike`).
    layer, call
        As for `receptive_field`.
    channel : int, optional
        The mean over all channels by default.
    at : (int, int), optional
        Row and column of the unit; the central one by default.

    Yields
    ------
    EffectiveField
        Over the images so far.

    Raises
    ------
    ValueError
        For an unknown layer, call, channel or unit, or images of several sizes.
    NetworkError
        If the network fails.

    References
    ----------
    W. Luo, Y. Li, R. Urtasun, R. Zemel, *Understanding the Effective Receptive Field in Deep Convolutional Neural
    Networks*, NeurIPS 2016.

    Examples
    --------
    >>> import deepviz_widgets as dv
    >>> from deepviz_widgets.methods.receptive_field import effective_receptive_fields
    >>> net, images = dv.demo.digits()
    >>> [(found.images, found.answered) for found in effective_receptive_fields(net, images[:3], "conv1")]
    [(1, 1), (2, 2), (3, 3)]
    """
    chosen = net.layer(layer)
    index = which_call(chosen, call)
    total, answered = np.zeros(()), 0
    for number, batch in enumerate(_inputs(net, images), 1):
        if number == 1:
            theory = receptive_field(net, chosen, call=index, input_size=tuple(batch.shape[1:]))
            at = at or (theory.grid[0] // 2, theory.grid[1] // 2)
            theory.clipped(*at)  # says so if there is no such unit
        elif tuple(batch.shape[2:]) != theory.image:
            raise ValueError(f"An image of {size(batch.shape[2:])} follows one of {size(theory.image)}; give one size.")
        gradient = _gradient(net, batch, chosen, index, channel, at or (0, 0))
        total, answered = total + gradient, answered + bool(gradient.any())
        yield _field(chosen.name, index, channel, at or (0, 0), total, theory, number, answered)


def alike(net: Network, images: ImageSet, first: int = 0, most: int = 8) -> Iterator[Tensor]:
    """Yield inputs (C, H, W) of one size: that of image `first`, then of others spread evenly over the set.

    An image that cannot be read or has another size is left out.
    """
    shape = None
    others = max(1, min(most, len(images)))
    for step in range(others):
        try:
            tensor = net.input(images[(first + step * len(images) // others) % len(images)])
        except ImageError:
            continue
        shape = shape or tensor.shape
        if tensor.shape == shape:
            yield tensor


class Progressive:
    """The effective fields of the few units asked about last, over one image more each time that one is asked about."""

    def __init__(self) -> None:
        self._kept: dict[tuple[Any, ...], tuple[Iterator[EffectiveField], EffectiveField | None]] = {}

    def ask(
        self, net: Network, images: ImageSet, maps: tuple[str, int, int], *, channel: int, at: tuple[int, int]
    ) -> tuple[EffectiveField | None, bool]:
        """Return the field so far, and whether all images have been taken.

        `maps` are layer, call and the image to begin with, which those that are like it follow.
        """
        unit, (layer, call, first) = (net, images, maps, channel, at), maps
        with net.lock:  # a generator takes one step at a time, and requests may come from several threads
            results, last = self._kept.pop(unit, (None, None))
            if results is None:
                inputs = alike(net, images, first)
                results = effective_receptive_fields(net, inputs, layer, channel=channel, at=at, call=call)
            found = next(results, None)
            self._kept[unit] = (results, found or last)  # the latest last
            while len(self._kept) > _UNITS_KEPT:
                self._kept.pop(next(iter(self._kept)))
            return found or last, found is None


def _field(
    layer: str, call: int, channel: int | None, at: tuple[int, int], total: np.ndarray, theory: ReceptiveField,
    images: int, answered: int,
) -> EffectiveField:
    strength = (total / (total.sum() or 1)).astype(np.float32)
    top, left, bottom, right = theory.clipped(*at)
    inside = float(strength[top:bottom, left:right].sum() / (strength.sum() or 1))
    return EffectiveField(layer, call, channel, at, strength, inside, theory, images, answered)


def _inputs(net: Network, images: Any) -> Iterator[Tensor]:
    several = isinstance(images, (ImageSet, list, tuple, Iterator)) or (
        isinstance(images, Tensor) and images.dim() == 4
    )
    given: Iterable[Any] = images if several else [images]
    for image in given:
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
