"""`Picture` and `as_picture`: one image of any origin, as it is shown and as it goes into a network."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor

from .words import first_line, kind_of, plural, size

_MAX_SIDE_CHANNELS = 16  # a first or last axis up to this size can be the channels of an array


class ImageError(ValueError):
    """Something that was given as an image is not one, or cannot be read."""


@dataclass(frozen=True, eq=False)
class Picture:
    """One image.

    Attributes
    ----------
    data : ndarray or Tensor
        An array (H, W, C), uint8 or float in 0-1, that can be shown; or a float tensor (C, H, W) that is a
        network's input already.
    name : str
    label : int or None
        Index of the class it belongs to.
    class_name : str
        Name of that class, '' where unknown.
    masks : dict of str to ndarray
        Ground truth (H, W) bool, where known.
    exact : bool
        Whether its channels mean something (an array or a tensor) or may be converted (a file, a PIL image).
    """

    data: np.ndarray | Tensor
    name: str = "image"
    label: int | None = None
    class_name: str = ""
    masks: Mapping[str, np.ndarray] = field(default_factory=dict)
    exact: bool = False

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) in pixels."""
        height, width = self.data.shape[-2:] if isinstance(self.data, Tensor) else self.data.shape[:2]
        return int(height), int(width)

    @property
    def channels(self) -> int:
        """How many channels it has."""
        return self.data.shape[0] if isinstance(self.data, Tensor) else self.data.shape[2]

    @property
    def pixels(self) -> np.ndarray:
        """The picture as people see it: (H, W, 1 or 3) uint8. A network input is stretched to its own range."""
        return to_pixels(self.data.movedim(0, -1).numpy() if isinstance(self.data, Tensor) else self.data)

    @property
    def image(self) -> Image.Image:
        """The picture as a PIL image, `L` or `RGB`."""
        pixels = self.pixels
        return Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)

    def __repr__(self) -> str:
        label = f", {self.class_name}" if self.class_name else "" if self.label is None else f", label={self.label}"
        return f"Picture({self.name!r}, {size(self.size)} px, {plural(self.channels, 'channel')}{label})"

    def _repr_png_(self) -> bytes:
        buffer = io.BytesIO()
        self.image.save(buffer, "png")
        return buffer.getvalue()


def to_pixels(values: np.ndarray) -> np.ndarray:
    """Make (H, W, C) of any type displayable: (H, W, 1 or 3) uint8, floats outside 0-1 stretched to their range."""
    values = values[..., : 3 if values.shape[-1] >= 3 else 1]
    if values.dtype == np.uint8:
        return np.ascontiguousarray(values)
    low, high = float(values.min()), float(values.max())
    if low < 0 or high > 1:
        values = (values - low) / (high - low or 1)
    return (values * 255 + 0.5).astype(np.uint8)


def as_picture(source: Any, *, name: str | None = None, label: int | None = None, **more: Any) -> Picture:
    """Turn a path, PIL image, array or tensor into a `Picture`.

    Parameters
    ----------
    source : str, Path, PIL.Image.Image, ndarray, Tensor or Picture
        Arrays are (H, W), (H, W, C) or (C, H, W), uint8 or float in 0-1. A float tensor (C, H, W) is taken as an
        input of the network, after any preprocessing.
    name, label, more
        What to call it, its class, and other fields of `Picture`.

    Raises
    ------
    ImageError
        In one sentence: what was given and what would work.

    Examples
    --------
    >>> import numpy as np
    >>> as_picture(np.zeros((8, 12, 3), np.uint8), name="black")
    Picture('black', 8 × 12 px, 3 channels)
    """
    if isinstance(source, Picture):
        return source
    if isinstance(source, (str, Path)):
        return Picture(_read(Path(source)), name or Path(source).name, label, **more)
    if isinstance(source, Image.Image):
        return Picture(_from_pil(source), name or _pil_name(source), label, **more)
    if isinstance(source, Tensor):
        data = _from_tensor(source.detach().cpu())
        return Picture(data, name or "tensor", label, exact=True, **more)
    if isinstance(source, np.ndarray):
        return Picture(_from_array(source), name or "array", label, exact=True, **more)
    raise ImageError(
        f"An image can be a path, a PIL image, an array or a tensor; this is {kind_of(source)}."
    )


def _pil_name(image: Image.Image) -> str:
    return Path(str(getattr(image, "filename", "") or "image")).name


def _read(path: Path) -> np.ndarray:
    if not path.exists():
        raise ImageError(f"There is no file {str(path)!r}.")
    try:
        with Image.open(path) as image:
            return _from_pil(image)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        # PIL raises any of these for a file that is cut off or is no image
        raise ImageError(f"{path.name} cannot be read as an image: {first_line(error)}.") from error


def _from_pil(image: Image.Image) -> np.ndarray:
    image = ImageOps.exif_transpose(image)
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        rgba = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", rgba.size, "white"), rgba)  # as a page would show it
    if image.mode in ("I;16", "I;16B", "I;16L", "I", "F"):
        return _from_deep_grey(np.asarray(image, dtype=np.float32))
    grey = image.mode in ("L", "1")
    pixels = np.asarray(image.convert("L" if grey else "RGB"))
    return pixels[..., None] if grey else pixels


def _from_deep_grey(values: np.ndarray) -> np.ndarray:
    top = 1.0 if values.max() <= 1 else 255.0 if values.max() <= 255 else 65535.0
    return np.clip(values / top, 0, 1)[..., None]


def _from_tensor(tensor: Tensor) -> np.ndarray | Tensor:
    if tensor.dim() == 4 and tensor.shape[0] == 1:
        tensor = tensor[0]
    if tensor.dim() not in (2, 3):
        raise ImageError(f"A tensor image has shape (C, H, W); this one has {tuple(tensor.shape)}.")
    tensor = tensor[None] if tensor.dim() == 2 else tensor
    if tensor.is_floating_point():
        _check_finite(tensor.numpy() if tensor.dtype != torch.bfloat16 else tensor.float().numpy())
        return tensor.float()
    return _from_array(tensor.movedim(0, -1).numpy())


def _from_array(array: np.ndarray) -> np.ndarray:
    if array.ndim not in (2, 3) or 0 in array.shape:
        raise ImageError(f"An array image has shape (H, W) or (H, W, C); this one has {array.shape}.")
    array = array[..., None] if array.ndim == 2 else array
    if array.shape[0] <= _MAX_SIDE_CHANNELS < array.shape[2]:
        array = array.transpose(1, 2, 0)  # (C, H, W), the torch way round
    if array.dtype == bool:
        return array.astype(np.uint8) * 255
    if array.dtype == np.uint8:
        return array
    values = array.astype(np.float32)
    _check_finite(values)
    low, high = float(values.min()), float(values.max())
    if low >= 0 and high <= 1:
        return values
    if np.issubdtype(array.dtype, np.integer) and low >= 0 and high <= 255:
        return array.astype(np.uint8)
    raise ImageError(
        f"The values of an array image lie in 0–1 (float) or 0–255 (uint8); these lie in {low:.4g} to {high:.4g}. "
        "Scale them, or give a float torch tensor if they are a network's input already."
    )


def _check_finite(values: np.ndarray) -> None:
    bad = int(values.size - np.isfinite(values).sum())
    if bad:
        raise ImageError(f"The image has {plural(bad, 'value')} that are NaN or infinite.")
