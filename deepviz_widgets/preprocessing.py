"""How a picture becomes a network's input: sizes, channels, the user's transform, and what can be undone of it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor, nn

from .pictures import ImageError, Picture
from .words import plural, size

Transform = Callable[[Any], Tensor]


def normalisation(transform: Any) -> tuple[Tensor, Tensor] | None:
    """Find the last (mean, std) in a transform: its own, or a step's, as in torchvision's presets and `Compose`."""
    mean, std = getattr(transform, "mean", None), getattr(transform, "std", None)
    if mean is not None and std is not None:
        return torch.as_tensor(mean, dtype=torch.float32), torch.as_tensor(std, dtype=torch.float32)
    steps = getattr(transform, "transforms", None)
    steps = list(steps) if steps is not None else list(transform) if isinstance(transform, nn.Sequential) else []
    found = [value for value in map(normalisation, steps) if value is not None]
    return found[-1] if found else None


def to_input(picture: Picture, channels: int, transform: Transform | None, wanted: Sequence[int] | None) -> Tensor:
    """Turn a picture into a float tensor (C, H, W).

    A tensor passes as it is. Everything else goes through the transform, as a PIL image where it has 1 or 3 channels;
    where there is no transform it becomes 0-1 at the `wanted` height and width.
    """
    if isinstance(picture.data, Tensor):
        _check_channels(picture, channels)
        _check_range(picture)
        return picture.data
    if picture.exact or channels not in (1, 3):
        _check_channels(picture, channels)
    as_image = channels in (1, 3) and (transform is not None or picture.data.dtype == np.uint8)
    if not as_image:
        return _from_values(picture, transform, wanted)
    image = picture.image.convert("L" if channels == 1 else "RGB")
    if transform is not None:
        return _transformed(transform, image, picture, channels)
    if wanted is not None and (image.height, image.width) != tuple(wanted):
        image = ImageOps.fit(image, (wanted[1], wanted[0]), Image.Resampling.BILINEAR)
    values = np.asarray(image, dtype=np.float32) / 255
    return torch.from_numpy(values.reshape(image.height, image.width, channels)).movedim(-1, 0).contiguous()


def _from_values(picture: Picture, transform: Transform | None, wanted: Sequence[int] | None) -> Tensor:
    """Keep the exact numbers of an array: float values, or channels that no image format has."""
    assert isinstance(picture.data, np.ndarray)
    tensor = torch.from_numpy(np.ascontiguousarray(picture.data)).movedim(-1, 0)
    if transform is not None:
        return _transformed(transform, tensor, picture, tensor.shape[0])
    values = tensor.float() / 255 if tensor.dtype == torch.uint8 else tensor.float()
    if wanted is not None and tuple(values.shape[1:]) != tuple(wanted):
        values = nn.functional.interpolate(values[None], size=tuple(wanted), mode="bilinear", antialias=True)[0]
    return values.contiguous()


def _transformed(transform: Transform, source: Any, picture: Picture, channels: int) -> Tensor:
    try:
        tensor = transform(source)
    except Exception as error:  # the user's own code runs here and may raise anything
        raise ImageError(f"The transform failed on {picture.name}: {type(error).__name__}: {error}") from error
    if not isinstance(tensor, Tensor) or tensor.dim() != 3 or not tensor.is_floating_point():
        given = size(tensor.shape) if isinstance(tensor, Tensor) else type(tensor).__name__
        raise ImageError(f"The transform must return a float tensor (C, H, W); it returned {given}.")
    if tensor.shape[0] != channels:
        raise ImageError(f"The transform returned {plural(tensor.shape[0], 'channel')}; the network takes {channels}.")
    return tensor.as_subclass(Tensor)  # torchvision's v2 transforms return subclasses that slow every operation


def _check_channels(picture: Picture, channels: int) -> None:
    if picture.channels != channels:
        raise ImageError(
            f"The image {picture.name!r} has {plural(picture.channels, 'channel')}, "
            f"but the network takes {channels}. "
            f"Give an image of {plural(channels, 'channel')}, or a file or PIL image, which is converted."
        )


def _check_range(picture: Picture) -> None:
    assert isinstance(picture.data, Tensor)
    low, high = float(picture.data.min()), float(picture.data.max())
    if high > 64:  # normalised inputs lie within a few units of 0; 0-255 is the usual slip
        raise ImageError(
            f"The image {picture.name!r} is a tensor with values from {low:.4g} to {high:.4g}, far outside what "
            "networks are trained on; give it as uint8, so that it is preprocessed, or preprocess it first."
        )


def input_sizes(
    model: nn.Module, transform: Any, given: Sequence[int] | None, sides: Sequence[int]
) -> list[tuple[int, int, int]]:
    """List the input sizes (C, H, W) to try: the given one, the transform's, or what the first layer allows."""
    if given is not None:
        shape = tuple(int(side) for side in ([given] if isinstance(given, int) else given))
        if len(shape) not in (1, 2, 3) or min(shape) < 1:
            raise ValueError(f"input_size is (channels, height, width); {given!r} is not.")
        spatial = shape * 2 if len(shape) == 1 else shape[-2:]
        return [(shape[0] if len(shape) == 3 else _channels(model), spatial[0], spatial[1])]
    crop = _crop(transform)
    if crop:
        return [(_channels(model), *crop)]
    first = next((m for m in model.modules() if isinstance(m, (nn.Conv2d, nn.Linear))), None)
    if isinstance(first, nn.Linear):
        flat = [(c, math.isqrt(first.in_features // c)) for c in (1, 3) if first.in_features % c == 0]
        exact = [(c, side, side) for c, side in flat if c * side * side == first.in_features]
        if exact:
            return exact
    return [(_channels(model), side, side) for side in sides]


def _channels(model: nn.Module) -> int:
    first = next((m for m in model.modules() if isinstance(m, nn.modules.conv._ConvNd)), None)
    return 3 if first is None else first.in_channels


def _crop(transform: Any) -> tuple[int, int] | None:
    """Read the height and width that a transform ends in, from its crop or its resize to two sides."""
    for name in ("crop_size", "size"):
        value = getattr(transform, name, None)
        values = tuple(value) if isinstance(value, (list, tuple)) else (value,) if isinstance(value, int) else ()
        if len(values) == 2 or (len(values) == 1 and (name == "crop_size" or "Crop" in type(transform).__name__)):
            return int(values[0]), int(values[-1])
    found = [crop for step in getattr(transform, "transforms", None) or () if (crop := _crop(step))]
    return found[-1] if found else None
