"""What every channel of a layer answers: to one image as maps, and over many images as statistics."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ..capture import capture
from ..images import ImageSet
from ..layers import Layer, Layout
from ..network import Network, NetworkError
from ..pictures import ImageError

ORDERS = ("index", "strongest", "sparsest")


@dataclass(frozen=True, eq=False)
class Activations:
    """The answer of one layer to one image.

    Attributes
    ----------
    layer : str
    call : int
        Which call of the layer, counted from 0.
    maps : ndarray (C, H, W) float32
        One map per channel; (C, 1, 1) for a layer that gives one number a channel.
    extra : ndarray (C, E) float32
        Tokens that stand for no place, such as the class token; E is 0 in convolutional networks.
    layout : Layout
        How the maps lie in the layer's output.
    inputs : ndarray (C, H, W) float32
        What went into the network.
    """

    layer: str
    call: int
    maps: np.ndarray
    extra: np.ndarray
    layout: Layout
    inputs: np.ndarray

    @property
    def channels(self) -> int:
        """How many channels."""
        return self.maps.shape[0]

    @property
    def signed(self) -> bool:
        """Whether any value is negative."""
        return bool(self.low.min() < 0)

    @cached_property
    def low(self) -> np.ndarray:
        """Smallest value of each channel, (C,)."""
        return self._flat.amin(1).numpy()

    @cached_property
    def high(self) -> np.ndarray:
        """Largest value of each channel, (C,)."""
        return self._flat.amax(1).numpy()

    @cached_property
    def mean(self) -> np.ndarray:
        """Mean over the map of each channel, (C,)."""
        return self._flat.mean(1).numpy()

    @cached_property
    def strength(self) -> np.ndarray:
        """Mean absolute value of each channel, (C,)."""
        return self._flat.abs().mean(1).numpy()

    @cached_property
    def active(self) -> np.ndarray:
        """Share of the cells of each channel that differ from 0, (C,) in 0-1."""
        return torch.count_nonzero(self._flat, 1).numpy().astype(np.float32) / self._flat.shape[1]

    @cached_property
    def _flat(self) -> Tensor:
        return torch.from_numpy(self.maps).flatten(1)

    def order(self, by: str = "strongest") -> np.ndarray:
        """Return the channels by `"index"`, `"strongest"` (mean |value|) or `"sparsest"` (share of active cells)."""
        return ordered(by, self.strength, self.active)


@dataclass(frozen=True, eq=False)
class ChannelStatistics:
    """The channels of one layer over many images.

    Attributes
    ----------
    layer : str
    call : int
    done, total : int
        Images measured and images to measure; `skipped` could not be read.
    high : ndarray (C,)
        Largest value over all images.
    mean, strength : ndarray (C,)
        Mean value and mean absolute value over all cells of all images.
    active : ndarray (C,)
        Share of the images on which any cell of the channel differs from 0; 0 is a dead channel on these images.
    skipped : int
    """

    layer: str
    call: int
    done: int
    total: int
    high: np.ndarray
    mean: np.ndarray
    strength: np.ndarray
    active: np.ndarray
    skipped: int = 0

    @property
    def dead(self) -> np.ndarray:
        """Indices of the channels that answered to none of the images."""
        return np.flatnonzero(self.active == 0)

    def order(self, by: str = "strongest") -> np.ndarray:
        """Return the channels by `"index"`, `"strongest"` or `"sparsest"`."""
        return ordered(by, self.strength, self.active)


def ordered(by: str, strength: np.ndarray, active: np.ndarray) -> np.ndarray:
    """Sort channels; equal ones keep the order of their index."""
    if by == "index":
        return np.arange(len(strength))
    if by not in ORDERS:
        raise ValueError(f"Channels are ordered by {', '.join(map(repr, ORDERS))}; {by!r} is none of these.")
    return np.argsort(-strength if by == "strongest" else active, kind="stable")


def activations(net: Network, image: Any, layer: Any, *, call: int = -1) -> Activations:
    """Run one image up to a layer and return what each of its channels answers.

    The forward pass is left as soon as the layer has answered, so an early layer costs less than a whole pass.

    Parameters
    ----------
    net : Network
    image : Picture, path, PIL image, ndarray or Tensor
        Whatever `as_picture` takes.
    layer : str, nn.Module or a widget with a `layer`
    call : int
        Which call of a layer that runs several times (a ReLU that a block shares), counted from 0; -1 is the last.

    Returns
    -------
    Activations

    Raises
    ------
    ValueError
        For an unknown layer or call.
    NetworkError
        If the network fails, or gives NaN; the message names the first layer that does.

    References
    ----------
    J. Yosinski et al., *Understanding Neural Networks Through Deep Visualization*, 2015.

    Examples
    --------
    >>> import deepviz_widgets as dv
    >>> net, images = dv.demo.digits()
    >>> dv.methods.activations(net, images[0], "conv1").maps.ndim
    3
    """
    chosen = net.layer(layer)
    index = which_call(chosen, call)
    batch = net.input(image)[None]
    with capture(net, [chosen.name], stop=True) as seen:
        net.forward(batch)
    outputs = seen[chosen.name]
    if len(outputs) <= index:
        raise NetworkError(f"For this image the network called layer {chosen.name!r} only {len(outputs)} times.")
    output = outputs[index]
    layout = layout_of(chosen, output, batch)
    maps, extra = layout.maps(layout.image(output).float())
    if not bool(torch.isfinite(maps).all()):
        raise NetworkError(why_not_finite(net, batch, chosen.name))
    return Activations(
        chosen.name, index, maps.contiguous().cpu().numpy(), extra.contiguous().cpu().numpy(), layout, batch[0].numpy()
    )


def survey(
    net: Network, images: ImageSet, layer: Any, *, call: int = -1, batch: int = 32
) -> Iterator[ChannelStatistics]:
    """Measure every channel of a layer over many images, a batch at a time.

    Parameters
    ----------
    net, layer, call
        As for `activations`.
    images : ImageSet
    batch : int
        Images per forward pass.

    Yields
    ------
    ChannelStatistics
        Of the images so far, after each batch; the last one has `done == total`.

    Examples
    --------
    >>> import deepviz_widgets as dv
    >>> net, images = dv.demo.digits()
    >>> for found in dv.methods.survey(net, images[:64], "conv1"): pass
    >>> found.done, found.total
    (64, 64)
    """
    chosen = net.layer(layer)
    index = which_call(chosen, call)
    size = batch if chosen.layout.batch is not None else 1
    sums = _Sums(chosen.layout.channels)
    for start in range(0, len(images), size):
        inputs = _readable(net, images, range(start, min(start + size, len(images))), sums)
        for group in _by_shape(inputs):
            with capture(net, [chosen.name], stop=True) as seen:
                net.forward(group)
            sums.add(seen[chosen.name][index], chosen, group)
        yield sums.so_far(chosen.name, index, min(start + size, len(images)), len(images))


def which_call(layer: Layer, call: int) -> int:
    """Return the index of a call, counted from 0; raise where the layer is not called that often."""
    if not -layer.called <= call < layer.called:
        times = "once" if layer.called == 1 else f"{layer.called} times"
        raise ValueError(f"Layer {layer.name!r} is called {times}; there is no call {call}, counted from 0.")
    return call % layer.called


def layout_of(layer: Layer, output: Tensor, batch: Tensor) -> Layout:
    """Return the layout of this very output: an image of another size, or another call, gives other maps."""
    layout = layer.layout
    one = tuple(layout.image(output).shape)
    if one == layer.shape or len(one) < 2:
        return layout
    if len(one) == 3:
        grid = one[1:] if layout.axis == 0 else one[:2]
        kind = "vector" if tuple(grid) == (1, 1) else "maps"
        return replace(layout, kind=kind, channels=one[layout.axis], grid=(grid[0], grid[1]))
    channels, cells = one[layout.axis], int(np.prod(one)) // one[layout.axis]
    grid, extra = _grid_like(cells - layout.extra, batch.shape[-2] / batch.shape[-1]), layout.extra
    return replace(layout, channels=channels, grid=grid, extra=extra)


def _grid_like(cells: int, aspect: float) -> tuple[int, int]:
    """Split a number of tokens into the rows and columns nearest to the aspect (height / width) of the image."""
    rows = [row for row in range(1, cells + 1) if cells % row == 0]
    best = min(rows, key=lambda row: abs(np.log(row * row / cells / aspect)))
    return best, cells // best


def why_not_finite(net: Network, batch: Tensor, name: str) -> str:
    """Name the first layer whose output is not finite, and whether its weights are to blame."""
    names = [layer.name for layer in net.layers if layer.leaf]
    with capture(net, names, keep=lambda output: bool(torch.isfinite(output).all())) as seen:
        net.forward(batch)
    first = next((known for known in names if not all(seen[known])), name)
    broken = any(not bool(torch.isfinite(p).all()) for p in net.module(first).parameters())
    why = "its weights hold NaN or infinite values" if broken else "its weights are finite, so its input is too large"
    where = f"Layer {name!r}" if first == name else f"Layer {name!r} gives NaN, as layer {first!r} before it"
    return f"{where} gives NaN or infinite values for this image; {why}."


def _readable(net: Network, images: ImageSet, rows: range, sums: _Sums) -> list[Tensor]:
    inputs = []
    for row in rows:
        try:
            inputs.append(net.input(images[row]))
        except ImageError:
            sums.skipped += 1
    return inputs


def _by_shape(inputs: list[Tensor]) -> Iterator[Tensor]:
    for shape in dict.fromkeys(tensor.shape for tensor in inputs):
        yield torch.stack([tensor for tensor in inputs if tensor.shape == shape])


class _Sums:
    """Running sums per channel, in double precision, from which the statistics of the images so far are taken."""

    def __init__(self, channels: int):
        self.high = torch.full((channels,), -torch.inf)
        self.total, self.strength = (torch.zeros(channels, dtype=torch.float64) for _ in range(2))
        self.awake = torch.zeros(channels)
        self.cells = self.images = self.skipped = 0

    def add(self, output: Tensor, layer: Layer, inputs: Tensor) -> None:
        for index in range(len(inputs)):
            one = layer.layout.image(output, index)
            maps, _ = layout_of(layer, output, inputs).maps(one.float())
            flat = maps.flatten(1).cpu()
            self.high = torch.maximum(self.high, flat.amax(1))
            self.total += flat.sum(1, dtype=torch.float64)
            self.strength += flat.abs().sum(1, dtype=torch.float64)
            self.awake += (flat != 0).any(1)
            self.cells += flat.shape[1]
        self.images += len(inputs)

    def so_far(self, layer: str, call: int, done: int, total: int) -> ChannelStatistics:
        cells, images = max(self.cells, 1), max(self.images, 1)
        high = torch.where(torch.isinf(self.high), 0.0, self.high)
        return ChannelStatistics(
            layer, call, done, total, high.numpy(), (self.total / cells).float().numpy(),
            (self.strength / cells).float().numpy(), (self.awake / images).numpy(), self.skipped,
        )


def overview(maps: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Shrink maps (C, H, W) to (C, h, w) by averaging the cells that fall together; never enlarges."""
    h, w = min(shape[0], maps.shape[1]), min(shape[1], maps.shape[2])
    if (h, w) == maps.shape[1:]:
        return maps
    return nn.functional.adaptive_avg_pool2d(torch.from_numpy(maps), (h, w)).numpy()
