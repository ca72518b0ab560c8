"""What one forward pass of a live picture shows, the maps of several layers and the scores; and how one is drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ..capture import capture
from ..images import ImageSet
from ..layers import Layer
from ..network import Network, NetworkError
from ..pictures import Picture
from ..scores import Scores, confidences
from .activations import layout_of, overview, why_not_finite

MOST_LAYERS = 16  # that are shown without being asked for
_LEAST_LAYERS = 6  # fewer say too little of a network: then its activations are taken
_UNCHANGED = ("Flatten", "Unflatten", "Identity", "Dropout", "StochasticDepth", "DropPath")
_SQUASHES = ("ReLU", "GELU", "SiLU", "ELU", "Hardswish", "Mish", "Tanh", "Sigmoid", "Pool")
_SMALL = 64  # px: networks of so small an input read one thing in the middle, as digits are
_MNIST_FILL = 20 / 28  # its digits fill 20 of 28 px; those of other sets fill more of theirs
_SAMPLE = 48  # images that tell how a set is drawn
_INK = 48  # of 255: what differs by more from the paper is ink


@dataclass(frozen=True, eq=False)
class Seen:
    """What one layer answered to a picture.

    Attributes
    ----------
    layer : str
    maps : ndarray (C, H, W) float32
        One map a channel; (C, 1, 1) for a layer that gives one number a channel.
    """

    layer: str
    maps: np.ndarray

    @cached_property
    def range(self) -> tuple[float, float]:
        """The ends of one scale for all channels: 0 and the largest value, or both signs equally far."""
        flat = torch.from_numpy(self.maps)
        low, high = float(flat.min()), float(flat.max())
        most = max(-low, high)
        return (-most, most) if low < 0 else (0.0, most)

    def shrunk(self, channels: int, side: int, cells: int) -> np.ndarray:
        """Return the first `channels` maps, at most `side` cells a side and about `cells` in all, by averaging."""
        maps = self.maps[:channels]
        factor = max(1, -(-max(maps.shape[1:]) // side))
        while maps.shape[0] * -(-maps.shape[1] // factor) * -(-maps.shape[2] // factor) > max(cells, maps.shape[0]):
            factor += 1
        return overview(maps, (-(-maps.shape[1] // factor), -(-maps.shape[2] // factor)))


@dataclass(frozen=True, eq=False)
class Glance:
    """One forward pass of one picture.

    Attributes
    ----------
    layers : dict of str to Seen
        What the chosen layers answered, in call order.
    scores : Scores or None
        None where the network gives no class scores.
    inputs : Tensor (C, H, W)
        What went into the network.
    """

    layers: dict[str, Seen]
    scores: Scores | None
    inputs: Tensor


@dataclass(frozen=True)
class Convention:
    """How the pictures that a network knows are drawn.

    Attributes
    ----------
    light : bool
        Whether strokes are lighter than their paper.
    fill : float
        Share of the sheet that the longer side of a drawing takes, 0-1.
    width : float
        Width of a stroke as a share of the sheet's shorter side.
    centred : bool
        Whether what is drawn fills the middle of the sheet.
    """

    light: bool
    fill: float
    width: float
    centred: bool


def glance(net: Network, image: Any, layers: Sequence[Any]) -> Glance:
    """Run one image through the whole network once and return what chosen layers answer, and the scores.

    Parameters
    ----------
    net : Network
    image : Picture, path, PIL image, ndarray or Tensor
        Whatever `as_picture` takes.
    layers : sequence of str, nn.Module or widgets with a `layer`
        Of a layer that runs several times, the last call is taken.

    Returns
    -------
    Glance

    Raises
    ------
    ValueError
        For an unknown layer, or an image that does not fit.
    NetworkError
        If the network fails, or gives NaN; the message names the first layer that does.

    References
    ----------
    J. Yosinski et al., *Understanding Neural Networks Through Deep Visualization*, 2015.

    Examples
    --------
    >>> import deepviz_widgets as dv
    >>> net, images = dv.demo.digits()
    >>> found = glance(net, images[3], ["conv1", "fc"])
    >>> found.layers["conv1"].maps.shape, found.scores.top(1)[0][0]
    ((16, 32, 32), '3')
    """
    chosen = [net.layer(layer) for layer in layers]
    batch = net.inputs(net.picture(image))
    with capture(net, [layer.name for layer in chosen]) as seen:
        raw = net.forward(batch).detach().float().cpu()
    found = {layer.name: _seen(net, layer, seen[layer.name], batch) for layer in chosen if seen[layer.name]}
    scores = None
    if raw.dim() == 2 and len(net.classes) == raw.shape[1]:
        if not bool(torch.isfinite(raw).all()):
            raise NetworkError(why_not_finite(net, batch, net.layers[-1].name))
        scores = Scores(raw.numpy(), confidences(raw, net.scores_are).numpy(), net.classes)
    return Glance(found, scores, batch[0])


def _seen(net: Network, layer: Layer, outputs: list[Tensor], batch: Tensor) -> Seen:
    layout = layout_of(layer, outputs[-1], batch)
    maps, _ = layout.maps(layout.image(outputs[-1]).float())
    seen = Seen(layer.name, maps.contiguous().cpu().numpy())
    if not np.isfinite(seen.range).all():
        raise NetworkError(why_not_finite(net, batch, layer.name))
    return seen


def telling_layers(net: Network, most: int = MOST_LAYERS) -> list[str]:
    """Choose the layers that show a network from its input to its scores, at most `most`.

    All that change anything, of a small network. Of a larger one the outermost, opened from the largest on while they
    stay few; where that gives too few, its activations, spread evenly.

    Examples
    --------
    >>> import deepviz_widgets as dv
    >>> telling_layers(dv.demo.digits()[0])[:4]
    ['conv1', 'bn1', 'relu1', 'pool1']
    """
    leaves = [layer for layer in net.layers if layer.leaf and _changes(layer)]
    if len(leaves) <= most:
        return [layer.name for layer in leaves]
    names = [layer.name for layer in net.layers if _changes(layer)]
    shown = [name for name in names if not _above(name, names)]
    while True:
        inner = {name: [other for other in names if _above(other, names) == name] for name in shown}
        fits = [name for name in shown if inner[name] and len(shown) + len(inner[name]) - 1 <= most]
        if not fits:
            break
        opened = max(fits, key=lambda name: len([other for other in names if other.startswith(f"{name}.")]))
        shown[shown.index(opened) : shown.index(opened) + 1] = inner[opened]
    if _LEAST_LAYERS <= len(shown) <= most:
        return shown
    loud = [layer.name for layer in leaves[:-1] if any(kind in layer.kind for kind in _SQUASHES)]
    loud = loud if len(loud) >= _LEAST_LAYERS else [layer.name for layer in leaves[:-1]]
    rows = np.unique(np.linspace(0, len(loud) - 1, most - 1).round().astype(int))
    return [*(loud[row] for row in rows), leaves[-1].name]


def _changes(layer: Layer) -> bool:
    return not any(layer.kind.startswith(kind) for kind in _UNCHANGED) and layer.layout.kind != "other"


def _above(name: str, names: Sequence[str]) -> str:
    """Return the nearest name above that is one of the names, '' where there is none."""
    while "." in name:
        name = name.rpartition(".")[0]
        if name in names:
            return name
    return ""


def convention(net: Network, images: ImageSet | None = None) -> Convention:
    """Tell how to draw for a network: from its images where there are any, else from its preprocessing.

    A mean below one half means that most of what it saw was dark: light strokes on dark paper. Networks of colour take
    dark strokes on white paper, wherever they are.

    Examples
    --------
    >>> import deepviz_widgets as dv
    >>> net, images = dv.demo.digits()
    >>> convention(net).light, convention(net, images).light
    (True, True)
    """
    grey = net.input_size[0] == 1
    small = grey and max(net.input_size[1:]) <= _SMALL
    mean = 0.0 if net.normalisation is None else float(net.normalisation[0].mean())
    fill = _MNIST_FILL if net.input_size[1:] == (28, 28) else 0.9
    known = Convention(light=grey and mean < 0.5, fill=fill, width=0.12 if grey else 0.05, centred=small)
    if images is None or not grey:
        return known
    return _drawn_like(images, known)


def _drawn_like(images: ImageSet, known: Convention) -> Convention:
    rows = np.unique(np.linspace(0, len(images) - 1, _SAMPLE).astype(int))
    pixels = [np.asarray(images[int(row)].image.convert("L"), dtype=int) for row in rows]
    edges = [edge for one in pixels for edge in (one[0], one[-1], one[:, 0], one[:, -1])]
    paper = float(np.median(np.concatenate(edges)))
    fills, widths = [], []
    for one in pixels:
        ink = np.abs(one - paper) > _INK
        if not ink.any():
            continue
        top, bottom, left, right = box_of(ink)
        fills.append(max((bottom - top) / one.shape[0], (right - left) / one.shape[1]))
        border = int(np.abs(np.diff(np.pad(ink, 1).astype(int), axis=0)).sum()
                     + np.abs(np.diff(np.pad(ink, 1).astype(int), axis=1)).sum())
        widths.append(2 * ink.sum() / (border * 0.79) / min(one.shape))  # a slanted border is counted 1.27 times
    if not fills or 48 <= paper < 208:
        return known  # photographs have no paper
    width = float(np.clip(np.median(widths), 0.03, 0.16))
    return Convention(paper < 128, float(np.median(fills)), width, known.centred)


def box_of(ink: np.ndarray) -> tuple[int, int, int, int]:
    """Return the rows and columns (top, bottom, left, right) that hold everything that is True in (H, W)."""
    rows, columns = np.flatnonzero(ink.any(1)), np.flatnonzero(ink.any(0))
    return int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1


def placed(pixels: np.ndarray, *, light: bool, fill: float) -> np.ndarray:
    """Move a drawing to the middle of its sheet and scale it until its longer side takes `fill` of the sheet.

    Parameters
    ----------
    pixels : ndarray (H, W, C) uint8
        On black paper where `light`, else on white.
    light : bool
    fill : float
        0-1.

    Examples
    --------
    >>> sheet = np.zeros((40, 40, 1), np.uint8)
    >>> sheet[2:12, 2:7] = 255
    >>> box_of(placed(sheet, light=True, fill=0.5)[..., 0] > 127)
    (10, 30, 15, 25)
    """
    paper = 0 if light else 255
    ink = np.abs(pixels.astype(int) - paper).max(2) > _INK
    if not ink.any():
        return pixels
    height, width = ink.shape
    top, bottom, left, right = box_of(ink)
    factor = fill / max((bottom - top) / height, (right - left) / width)
    # what is off the middle by half a pixel stays so: the whole sheet is moved and scaled at once, and smoothly
    middle = ((left + right) / 2, (top + bottom) / 2)
    matrix = (1 / factor, 0, middle[0] - width / 2 / factor, 0, 1 / factor, middle[1] - height / 2 / factor)
    image = Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)
    moved = image.transform(image.size, Image.Transform.AFFINE, matrix, Image.Resampling.BICUBIC, fillcolor=(
        paper if pixels.shape[2] == 1 else (paper,) * 3))
    return np.asarray(moved).reshape(pixels.shape)


def blank(shape: Sequence[int], *, light: bool, name: str = "empty sheet") -> Picture:
    """Return an empty sheet (H, W, C): black where strokes are light, else white."""
    return Picture(np.full(tuple(shape), 0 if light else 255, np.uint8), name)
