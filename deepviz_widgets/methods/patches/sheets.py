"""Many patches as one picture: a row for each unit, for the page."""

from __future__ import annotations

import io
from collections import OrderedDict
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from ...images import as_images
from ...network import Network
from ...pictures import ImageError
from .crops import crop, fitting, jpeg, windows

if TYPE_CHECKING:
    from .index import PatchIndex

__all__ = ["Shown", "sheet"]

_BLOCK = 8  # JPEG codes blocks of 8 x 8: cells aligned to them do not bleed into each other
_QUALITY = 80
_RESIZED = Image.Resampling.BILINEAR
_KEPT = 64 << 20  # bytes of images as they are shown


class Shown:
    """Images as people see them at the network's input size, the latest kept: for patches that are not cut yet.

    Parameters
    ----------
    net : Network
    photos : ImageSet
        Or what makes one.
    ids : sequence of int, optional
        The ids that an index gives them; 0, 1, ... by default.
    """

    def __init__(self, net: Network, photos: Any, ids: Sequence[int] | None = None):
        self.net, self._images = net, as_images(photos)
        self._at = {int(known): at for at, known in enumerate(ids)} if ids is not None else None
        self._kept: OrderedDict[int, np.ndarray | None] = OrderedDict()
        self._bytes = 0
        self._windows = windows(net)

    def __getitem__(self, image: int) -> np.ndarray | None:
        """Return an image (H, W, 1 or 3) uint8 by its id, or None if it cannot be read."""
        if image in self._kept:
            self._kept.move_to_end(image)
            return self._kept[image]
        try:
            at = image if self._at is None else self._at[image]
            pixels = self.net.displayed(self.net.input(self._images[at]))
        except (ImageError, KeyError, IndexError):
            pixels = None
        self._kept[image] = pixels
        self._bytes += 0 if pixels is None else pixels.nbytes
        while self._bytes > _KEPT and len(self._kept) > 1:
            old = self._kept.popitem(last=False)[1]
            self._bytes -= 0 if old is None else old.nbytes
        return pixels

    def patch(self, layer: str, image: int, box: Sequence[int], side: int) -> np.ndarray | None:
        """Cut one patch, (h, w, 1 or 3) uint8; None if the image cannot be read."""
        pixels = self[image]
        if pixels is None:
            return None
        window = fitting(self._windows.get(layer, (0, 0)), pixels.shape)
        return crop(self.net, pixels, box, side, window)


def sheet(
    index: PatchIndex, layer: str, units: Sequence[int], side: int = 64, *, basis: str = "units",
    shown: Shown | None = None,
) -> tuple[bytes, dict[str, Any]]:
    """Put the patches of some units on one JPEG: a row for each unit, a column for each rank.

    Parameters
    ----------
    index : PatchIndex
    layer, basis : str
    units : sequence of int
        Rows of the table.
    side : int
        Pixels of a cell, made a multiple of 8; a patch that is not square lies in its middle.
    shown : Shown, optional
        Where pictures come from that the index has not.

    Returns
    -------
    bytes, dict
        The JPEG, and `cell` (pixels), `rows` and `columns`, and `shape` (height, width, channels) of the sheet. A cell
        without a picture is black.

    Raises
    ------
    KeyError
        For an unknown layer.
    """
    table = index[layer, basis]
    side = -(-side // _BLOCK) * _BLOCK
    found = [[_patch(index, table, unit, rank, side, shown) for rank in range(table.values.shape[1])] for unit in units]
    colour = any(patch is not None and patch.shape[2] == 3 for row in found for patch in row)
    whole = np.zeros((max(1, len(found)) * side, table.values.shape[1] * side, 3 if colour else 1), np.uint8)
    for down, row in enumerate(found):
        for right, patch in enumerate(row):
            if patch is not None:
                top, left = (side - patch.shape[0]) // 2 + down * side, (side - patch.shape[1]) // 2 + right * side
                whole[top : top + patch.shape[0], left : left + patch.shape[1]] = patch
    size = {"rows": len(found), "columns": table.values.shape[1], "shape": list(whole.shape)}
    return jpeg(whole, _QUALITY), {"codec": "jpeg", "cell": side, **size}


def _patch(index: PatchIndex, table: Any, unit: int, rank: int, side: int, shown: Shown | None) -> np.ndarray | None:
    """Return one patch with sides of at most `side`, from its stored picture or from the image."""
    raw = index.pictures.get((*table.key, unit, rank)) if index.pictures is not None else None
    if raw is not None:
        image: Image.Image = Image.open(io.BytesIO(raw))
        if max(image.size) != side:
            scale = side / max(image.size)
            image = image.resize((max(1, round(image.width * scale)), max(1, round(image.height * scale))), _RESIZED)
        pixels = np.asarray(image)
        return pixels[..., None] if pixels.ndim == 2 else pixels
    if shown is None or table.images[unit, rank] < 0:
        return None
    return shown.patch(table.layer, int(table.images[unit, rank]), table.boxes[unit, rank], side)
