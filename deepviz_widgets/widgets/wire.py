"""How numbers and pictures cross to the page: raw little-endian bytes with a small dict beside them.

Maps go as uint8 with their own (low, high), so that a colour map or a contrast costs no round trip. Many maps go as
one greyscale JPEG sheet; the one that is read by the pointer goes as exact float32.
"""

from __future__ import annotations

import dataclasses
import io
from typing import Any

import numpy as np
from PIL import Image

MESSAGE_LIMIT = 1 << 20  # bytes; Colab and proxies break larger messages
RAW_LIMIT = 96 * 1024  # smaller sheets go as they are
_TILE_SIDE = 96  # device pixels of a tile on most screens; sharper ones are sent when asked for
_MOST_CELLS = 1 << 20
_TILE_QUALITY = 80  # an overview: off by 1.3 % of its range on noise, less on anything smooth
_PICTURE_QUALITY = 90
_BLOCK = 8  # JPEG codes blocks of 8 x 8: tiles aligned to them do not bleed into each other
_SHEET_SIDE = 8192


def floats(values: np.ndarray) -> bytes:
    """Pack an array as little-endian float32."""
    return np.ascontiguousarray(values, dtype="<f4").tobytes()


def plain(value: Any) -> Any:
    """Write a dataclass, or a sequence of them, as JSON can carry it: NaN and infinity become None."""
    if dataclasses.is_dataclass(value):
        return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, (list, tuple)):
        return [plain(each) for each in value]
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not np.isfinite(value) else value


def tile_shape(shape: tuple[int, int, int]) -> tuple[int, int]:
    """Shrink maps (C, H, W) by a whole factor to what a tile shows, further where there are very many channels."""
    channels, height, width = shape
    factor = -(-max(height, width) // _TILE_SIDE)
    while channels * -(-height // factor) * -(-width // factor) > _MOST_CELLS:
        factor += 1
    return -(-height // factor), -(-width // factor)


def quantised(maps: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Map each (H, W) of (C, H, W) from its own [low, high] to 0..255; a flat map becomes 0."""
    span = np.where(high > low, high - low, 1).astype(np.float32)
    scaled = maps - low[:, None, None]  # first, as a small range far from 0 would vanish in rounding
    scaled *= (255 / span)[:, None, None]
    scaled += 0.5
    return scaled.astype(np.uint8)


def symmetric(tiles: np.ndarray, most: np.ndarray) -> bytes:
    """Map each tile (..., planes, h, w) from its own [-most, most] to 0..255, so that 0 is in the middle; NaN is 0."""
    span = np.where(most > 0, most, 1)[..., None, None, None]
    return np.rint((np.nan_to_num(tiles) / span + 1) * 127.5).clip(0, 255).astype(np.uint8).tobytes()


def levels(values: np.ndarray) -> tuple[bytes, dict[str, Any]]:
    """Pack an array in 16 bits a number, or in 8 where that would pass the limit of a message.

    The dict holds `lo`, `hi` and `bits`: a number is lo + q / (2**bits - 1) * (hi - lo).
    """
    bits = 16 if 2 * values.size <= MESSAGE_LIMIT else 8
    low, high = float(values.min()), float(values.max())
    scaled = (values.astype(np.float64) - low) * ((2**bits - 1) / ((high - low) or 1))
    packed = np.rint(scaled).astype("<u2" if bits == 16 else np.uint8)
    return packed.tobytes(), {"lo": low, "hi": high, "bits": bits}


def sheet(tiles: np.ndarray) -> tuple[bytes, dict[str, Any]]:
    """Pack uint8 tiles (C, h, w): raw where they are few, else one greyscale JPEG with a tile per cell.

    The dict says how to unpack: `codec`, and for JPEG the `cell` and the `sheet` (height, width, multiples of 8).
    """
    channels, h, w = tiles.shape
    cell = (-(-h // _BLOCK) * _BLOCK, -(-w // _BLOCK) * _BLOCK)
    columns = max(1, min(_SHEET_SIDE // cell[1], int(np.ceil(np.sqrt(channels * cell[0] / cell[1])))))
    rows = -(-channels // columns)
    if tiles.size <= RAW_LIMIT or rows * cell[0] > _SHEET_SIDE:
        return tiles.tobytes(), {"codec": "raw"}
    padded = np.pad(tiles, ((0, rows * columns - channels), (0, cell[0] - h), (0, cell[1] - w)), mode="edge")
    grid = padded.reshape(rows, columns, *cell).swapaxes(1, 2).reshape(rows * cell[0], columns * cell[1])
    return _jpeg(grid, _TILE_QUALITY), {"codec": "jpeg", "cell": list(cell), "sheet": list(grid.shape)}


def picture(pixels: np.ndarray) -> tuple[bytes, dict[str, Any]]:
    """Pack a displayable picture (H, W, 1 or 3) uint8: raw where it is small, else JPEG."""
    meta = {"shape": list(pixels.shape)}
    if pixels.size <= RAW_LIMIT:
        return pixels.tobytes(), {"codec": "raw", **meta}
    return _jpeg(pixels[..., 0] if pixels.shape[2] == 1 else pixels, _PICTURE_QUALITY), {"codec": "jpeg", **meta}


def _jpeg(pixels: np.ndarray, quality: int) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "jpeg", quality=quality, subsampling=0)
    return buffer.getvalue()
