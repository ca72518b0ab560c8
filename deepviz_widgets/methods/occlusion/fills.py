"""What the patch is filled with: named in the colours that people see, taken through the network's preprocessing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from scipy.ndimage import gaussian_filter
from torch import Tensor

from ...network import Network
from ...pictures import Picture
from ...words import kind_of, no_such, plural, size

FILLS = ("mean", "dataset", "grey", "black", "white", "blur", "noise")
_LEVELS = {"grey": 0.5, "black": 0.0, "white": 1.0}
_ROUNDING = 1e-6  # some units in the last place of float32


def fills_of(net: Network) -> tuple[str, ...]:
    """List the named fills of a network: the mean of its dataset only where the transform names one."""
    return tuple(name for name in FILLS if name != "dataset" or net.normalisation is not None)


def name_of_fill(fill: Any) -> str:
    """Name a fill: itself, or what kind it is."""
    if isinstance(fill, str):
        return fill
    return "colour" if np.ndim(_numbers(fill)) < 2 else "image"


def filled(net: Network, image: Any, fill: Any = "mean", *, patch: tuple[int, int] = (32, 32), seed: int = 0) -> Tensor:
    """Return the network input of an image that is wholly replaced by a fill.

    Parameters
    ----------
    net : Network
    image : Picture, path, PIL image, ndarray or Tensor
        The image; mean, blur and the size are taken from it.
    fill : str, number, sequence, ndarray or Tensor
        - "mean": the mean colour of the image
        - "dataset": the mean colour that the transform's normalisation names
        - "grey", "black", "white": half, none, all of the light in each channel
        - "blur": the image, blurred by a Gaussian with half the patch as standard deviation
        - "noise": each value drawn evenly from 0 to 1
        - a grey level or a colour with a value a channel
        - an image of the network's size, an array (H, W) or (H, W, C) or a tensor (C, H, W)

        Numbers are as shown to people, 0-1 or 0-255, before any normalisation.
    patch : (int, int)
        Height and width, for the blur.
    seed : int
        For the noise.

    Returns
    -------
    Tensor (C, H, W)

    Raises
    ------
    ValueError
        For a fill that is none of these.

    Notes
    -----
    Where the normalisation is known, a fill is normalised exactly. A transform of unknown kind is run on a
    picture of the fill.

    Examples
    --------
    >>> import deepviz_widgets as dv
    >>> net, images = dv.demo.scenes(n=6)
    >>> int(net.displayed(filled(net, images[0], "black")).max())
    0
    """
    picture = net.picture(image)
    given = net.input(picture)
    if isinstance(fill, str) and fill not in FILLS:
        raise ValueError(no_such("fill", fill, fills_of(net)))
    if isinstance(fill, str) and fill == "dataset":
        return _dataset(net, given)
    by_hand = net.transform is not None and net.normalisation is None and not isinstance(picture.data, Tensor)
    shown = _shown(picture) if by_hand else _undone(net, given)
    larger = [big / small for big, small in zip(shown.shape[1:], given.shape[1:], strict=True)]
    blur = (patch[0] / 2 * larger[0], patch[1] / 2 * larger[1])
    values = _values(shown, fill, blur, seed)
    return _snapped(_transformed(net, picture, values) if by_hand else _normalised(net, values), given)


def _dataset(net: Network, given: Tensor) -> Tensor:
    if net.normalisation is None:
        raise ValueError(
            "The network's transform names no mean of a dataset; fill with the 'mean' of the image, or with a colour."
        )
    return torch.zeros_like(given)  # a normalised mean is 0


def _values(shown: np.ndarray, fill: Any, blur: tuple[float, float], seed: int) -> np.ndarray:
    """Return the fill as people see it, (C, H, W); `shown` is the image so."""
    if isinstance(fill, str):
        named: dict[str, Callable[[], np.ndarray]] = {
            "mean": lambda: np.broadcast_to(shown.mean((1, 2), keepdims=True), shown.shape),
            "blur": lambda: gaussian_filter(shown, (0, *blur), mode="nearest"),
            "noise": lambda: np.random.default_rng(seed).random(shown.shape),
        }
        return named[fill]() if fill in named else np.full(shown.shape, _LEVELS[fill])
    return _given(fill, shown.shape)


def _given(fill: Any, shape: tuple[int, ...]) -> np.ndarray:
    """Take a colour or an image that the user gave as (C, H, W) in 0-1."""
    numbers = _numbers(fill)
    values = numbers.astype(np.float64)
    if not np.isfinite(values).all() or values.min() < 0 or values.max() > 255:
        raise ValueError("The values of a fill lie in 0–1 or 0–255, as shown, before any normalisation.")
    whole = numbers.dtype == np.uint8 or (numbers.dtype.kind in "iu" and values.max() > 1)
    if not whole and values.max() > 1:
        raise ValueError("The values of a fill lie in 0–1, or in 0–255 as whole numbers; these are fractions above 1.")
    values = values / 255 if whole else values
    channels, height, width = shape
    if values.ndim == 0 or values.shape == (channels,):
        return np.broadcast_to(values.reshape(-1, 1, 1), shape)
    planes = _planes(values, isinstance(fill, Tensor), channels)
    if planes is not None and planes.shape[1:] == (height, width):
        return np.broadcast_to(planes, shape)
    raise ValueError(
        f"A fill is a name, a grey level, a colour of {plural(channels, 'channel')}, or an image of "
        f"{size((height, width))} px, as the network takes; this one is {size(values.shape)}."
    )


def _planes(values: np.ndarray, torch_way: bool, channels: int) -> np.ndarray | None:
    if values.ndim == 2:
        return values[None]
    if values.ndim != 3:
        return None
    planes = values if torch_way else np.moveaxis(values, -1, 0)
    return planes if planes.shape[0] in (1, channels) else None


def _numbers(fill: Any) -> np.ndarray:
    values = fill.detach().cpu().numpy() if isinstance(fill, Tensor) else np.asarray(fill)
    if values.dtype.kind not in "fiu" or values.size == 0:
        raise ValueError(
            f"A fill is one of {', '.join(map(repr, FILLS))}, a colour, an array or a tensor; this is {kind_of(fill)}."
        )
    return values


def _undone(net: Network, given: Tensor) -> np.ndarray:
    """Return a network input as people see it, (C, H, W), not clipped."""
    if net.normalisation is None:
        return given.detach().cpu().double().numpy()
    mean, std = (numbers.double().view(-1, 1, 1) for numbers in net.normalisation)
    return (given.detach().cpu().double() * std + mean).numpy()


def _normalised(net: Network, values: np.ndarray) -> Tensor:
    shown = torch.from_numpy(np.array(values, np.float32))
    if net.normalisation is None:
        return shown
    mean, std = (numbers.view(-1, 1, 1) for numbers in net.normalisation)
    return (shown - mean) / std


def _snapped(fill: Tensor, given: Tensor) -> Tensor:
    """Make a fill that equals the image but for rounding equal: hiding it there changes nothing."""
    return torch.where((fill - given).abs() <= _ROUNDING * (1 + given.abs()), given, fill.to(given.dtype))


def _shown(picture: Picture) -> np.ndarray:
    values = np.moveaxis(np.asarray(picture.data), -1, 0)
    return values / 255.0 if values.dtype == np.uint8 else values.astype(np.float64)


def _transformed(net: Network, picture: Picture, values: np.ndarray) -> Tensor:
    planes = np.moveaxis(np.clip(values, 0, 1), 0, -1)
    planes = (planes * 255 + 0.5).astype(np.uint8) if picture.data.dtype == np.uint8 else planes.astype(np.float32)
    return net.input(Picture(np.ascontiguousarray(planes), name="the fill", exact=picture.exact))
