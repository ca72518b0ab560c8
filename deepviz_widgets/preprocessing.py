"""How a picture becomes a network's input: sizes, channels, the user's transform, and what can be undone of it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor, nn

from .images import ImageError, Picture
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

    A tensor passes as it is. Everything else goes through the transform or, where there is none, becomes 0-1 at the
    `wanted` height and width.
    """
    if isinstance(picture.data, Tensor):
        _check_channels(picture, channels)
        _check_range(picture)
        return picture.data
    if picture.exact and (picture.channels != channels or channels not in (1, 3) or picture.data.dtype != np.uint8):
        _check_channels(picture, channels)
        return _from_values(picture, transform, wanted)
    image = picture.image.convert({1: "L", 3: "RGB"}[channels]) if channels in (1, 3) else None
    if image is None:
        _check_channels(picture, channels)
        return _from_values(picture, transform, wanted)
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
            f"{picture.name} has {plural(picture.channels, 'channel')}, but the network takes {channels}. "
            f"Give an image of {plural(channels, 'channel')}, or a file or PIL image, which is converted."
        )


def _check_range(picture: Picture) -> None:
    assert isinstance(picture.data, Tensor)
    low, high = float(picture.data.min()), float(picture.data.max())
    if high > 64:  # normalised inputs lie within a few units of 0; 0-255 is the usual slip
        raise ImageError(
            f"{picture.name} is a tensor with values from {low:.4g} to {high:.4g}, far outside what networks are "
            "trained on; give it as uint8, so that it is preprocessed, or preprocess it first."
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


def refuse_lazy(model: nn.Module) -> None:
    """Refuse a model whose lazy layers have no weights yet, since running it would change it."""
    from torch.nn.parameter import is_lazy  # noqa: PLC0415

    lazy = [name for name, value in (*model.named_parameters(), *model.named_buffers()) if is_lazy(value)]
    if lazy:
        raise TypeError(f"The layer {lazy[0].rpartition('.')[0]!r} is lazy and has no weights yet; run the model once.")


def notes_on_scores(kind: str, shape: tuple[int, ...]) -> list[str]:
    """Say what the network's output means for confidences."""
    if len(shape) != 1:
        return [f"The output has {size(shape)} values an image, so there are no class scores."]
    if kind == "probabilities":
        return ["The network ends in softmax: its outputs are taken as probabilities, and no second softmax is applied."]
    if kind == "log-probabilities":
        return ["The network ends in log-softmax: its outputs are exponentiated to probabilities."]
    return []


def default_device() -> torch.device | None:
    """Return torch's default device in this thread, None where it is the CPU or torch is too old to say."""
    get = getattr(torch, "get_default_device", None)
    device = get() if get else None
    return None if device is None or device.type == "cpu" else device


def quirks(device: torch.device | None) -> Iterator[AbstractContextManager[Any]]:
    """List what must be undone around a forward pass so that layers are called as the model's code says."""
    if device is not None and device != default_device():
        yield device  # a default device belongs to a thread, and this may be another
    if hasattr(torch.backends, "mha") and torch.backends.mha.get_fastpath_enabled():
        yield _no_fastpath()
    stance = getattr(torch.compiler, "set_stance", None)
    if stance is not None:
        yield stance("force_eager")  # compiled parts would not call the modules inside


@contextmanager
def _no_fastpath() -> Iterator[None]:
    """Run transformer layers module by module: the fused path skips the modules inside, in evaluation mode only."""
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(True)
