"""Pictures that come from the page: checked, decoded and named."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from PIL import Image, ImageOps

from ..pictures import ImageError, Picture
from . import wire

_MOST_PIXELS = 1 << 22  # a page shrinks what it sends; more is no frame
_CODECS = ("JPEG", "PNG", "WEBP")
_LONGEST_NAME = 80


def frame_pixels(content: dict[str, Any], channels: int) -> np.ndarray:
    """Take the pixels (H, W, channels) uint8 out of a message; `channels` is 1 or 3.

    The message says `codec` ("raw" or "jpeg") and `shape`, and carries one buffer.

    Raises
    ------
    ValueError
        In one sentence, for a message that holds no picture.
    """
    shape, buffers = content.get("shape"), content.get("buffers") or []
    if len(buffers) != 1:
        raise ValueError("A frame carries one buffer.")
    data = bytes(buffers[0])
    if len(data) > wire.MESSAGE_LIMIT:
        raise ValueError(f"A frame has at most {wire.MESSAGE_LIMIT:,} bytes; this one has {len(data):,}.")
    if content.get("codec") != "raw":
        return _decoded(data, channels)
    sides = shape if isinstance(shape, list) else []
    whole = len(sides) == 3 and all(isinstance(side, int) and not isinstance(side, bool) for side in sides)
    if not whole or min(sides) < 1 or sides[2] != channels or sides[0] * sides[1] * channels != len(data):
        raise ValueError(f"A raw frame has a shape [height, width, {channels}] that fits its {len(data):,} bytes.")
    return np.frombuffer(data, np.uint8).reshape(sides).copy()


def _decoded(data: bytes, channels: int) -> np.ndarray:
    try:
        with Image.open(io.BytesIO(data), formats=_CODECS) as image:
            if image.width * image.height > _MOST_PIXELS:
                raise ImageError(f"A frame has at most {_MOST_PIXELS:,} pixels; this one is {image.width} × "
                                 f"{image.height}.")
            pixels = np.asarray(image.convert("L" if channels == 1 else "RGB"))
    except ImageError:
        raise
    except Exception as error:  # PIL raises many kinds for bytes that are no picture
        raise ValueError("These bytes cannot be read as a JPEG, PNG or WebP picture.") from error
    return pixels.reshape(*pixels.shape[:2], channels)


def frame_name(content: dict[str, Any], otherwise: str) -> str:
    """Return what the page calls a picture, as one short line; a file's name is only text."""
    name = content.get("name")
    line = "".join(letter for letter in name if letter.isprintable()) if isinstance(name, str) else ""
    return line.strip()[:_LONGEST_NAME] or otherwise


def as_sheet(picture: Picture, shape: list[int]) -> np.ndarray:
    """Show a picture on a sheet (height, width, channels): shrunk to cover it and cropped to its middle."""
    height, width, channels = shape
    image = picture.image.convert("L" if channels == 1 else "RGB")
    if image.size != (width, height):
        image = ImageOps.fit(image, (width, height), Image.Resampling.BICUBIC)
    return np.asarray(image).reshape(height, width, channels)
