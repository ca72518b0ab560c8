"""Small pictures of many images as JPEG sheets, made of exactly the images that are asked for, when they are."""

from __future__ import annotations

import io
import threading
import time
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from ..images import ImageSet
from ..pictures import ImageError, Picture
from ..words import count

BASE = 8  # px: the size that is there for every image
LEVELS = {32: 256, 64: 128, 128: 64}  # px of a thumbnail: how many of them make one sheet
SHEET_LIMIT = 700 * 1024  # bytes; a sheet of noise is split rather than sent whole
_BASE_CELLS = 4096
_QUALITY = 78
_COARSER, _BASE_BYTES = (60, 45, 36), 40  # for the smallest level, where a cell of pure noise would take 86 bytes
_KEPT_QUALITY = 90  # what is kept is coded once more when it is sent
_SMALL, _LARGE = 32, 128  # px that are kept of images that are slow to read
_SLOW = 3e-4  # seconds to read an image from which keeping it pays
_SAMPLE = 48


@dataclass(frozen=True)
class Sheet:
    """Square cells of equal size, row by row, in one JPEG.

    Attributes
    ----------
    data : bytes
    ids : list of int
        Which images, in order; a prefix of those asked for where all would not fit.
    columns, side : int
        Cells a row; pixels of a cell.
    grey : bool
    """

    data: bytes
    ids: list[int]
    columns: int
    side: int
    grey: bool


class Thumbnails:
    """Thumbnails of an `ImageSet`: centre squares, made when asked for and kept only as JPEG bytes.

    No decoded image is kept. Images that are slow to read are kept small and coded, the least used go first.

    Parameters
    ----------
    images : ImageSet
    limit : int
        Bytes of JPEG that are kept at most, apart from the smallest level (about 30 bytes an image).

    Examples
    --------
    >>> import deepviz_widgets as dv
    >>> _, images = dv.demo.digits()
    >>> sheet = Thumbnails(images).sheet([3, 1, 4], 32)
    >>> sheet.ids, sheet.columns, sheet.grey
    ([3, 1, 4], 2, True)
    """

    def __init__(self, images: ImageSet, *, limit: int = 96 << 20):
        self.images = images
        self._kept = {_SMALL: _Kept(limit * 3 // 4), _LARGE: _Kept(limit // 4)}
        self._base: dict[int, Sheet] = {}
        self._lock = threading.RLock()  # a dataset may be read by one thread only
        self.bad: dict[int, str] = {}

    @property
    def kept(self) -> int:
        """Bytes of JPEG that are kept now."""
        return sum(kept.size for kept in self._kept.values()) + sum(len(sheet.data) for sheet in self._base.values())

    def close(self) -> None:
        """Let go of the images and of everything that is kept."""
        self.images = None  # type: ignore[assignment]
        self._base.clear()
        self._kept = {_SMALL: _Kept(0), _LARGE: _Kept(0)}

    def base(self, start: int, *, seconds: float = 0.15) -> Sheet:
        """Make 8 px cells of the images from `start` on: as many as a sheet holds and the time allows, at least 64."""
        self._check([start])
        with self._lock:
            if start not in self._base:
                until, cells = time.perf_counter() + seconds, []
                for index in range(start, min(start + _BASE_CELLS, len(self.images))):
                    cells.append(self._cell(index, BASE))
                    if len(cells) >= 64 and time.perf_counter() > until:
                        break
                self._base[start] = _pack(cells, list(range(start, start + len(cells))), BASE)
            return self._base[start]

    def sheet(self, ids: Sequence[int], side: int, *, seconds: float = 0.5) -> Sheet:
        """Make one sheet of these images in this order; of the first ones, where all would not fit or take too long.

        Raises
        ------
        ValueError
            For an image that is not there, a size that is none of the levels, or no image at all.
        """
        if side not in LEVELS:
            raise ValueError(f"Thumbnails are {', '.join(map(str, LEVELS))} px; {side!r} is none of these.")
        wanted = self._check(ids)[: LEVELS[side]]
        with self._lock:
            until, cells = time.perf_counter() + seconds, []
            for index in wanted:
                cells.append(self._cell(index, side))
                if time.perf_counter() > until:
                    break
        sheet = _pack(cells, wanted[: len(cells)], side)
        while len(sheet.data) > SHEET_LIMIT and len(sheet.ids) > 1:
            half = len(sheet.ids) // 2
            sheet = _pack(cells[:half], wanted[:half], side)
        return sheet

    def picture(self, index: int, most: int = 512) -> np.ndarray:
        """Return one whole image as people see it, (H, W, 1 or 3) uint8, its longer side at most `most` pixels."""
        self._check([index])
        with self._lock:
            image = self.images[index].image
        image.thumbnail((most, most), Image.Resampling.LANCZOS)
        pixels = np.asarray(image)
        return pixels if pixels.ndim == 3 else pixels[..., None]

    def look(self) -> tuple[str, int]:
        """Tell drawings from photographs: ("ink", value of the paper) where all are grey on one even ground.

        Judged by a sample; "photo" has the ground 0.
        """
        rows = np.unique(np.linspace(0, len(self.images) - 1, _SAMPLE).astype(int))
        with self._lock:
            cells = [self._cell(int(row), _SMALL) for row in rows]
        if any(cell.ndim == 3 for cell in cells):
            return "photo", 0
        stack = np.stack(cells).astype(int)
        pairs = stack[:, [0, -1]].ravel(), stack[:, :, [0, -1]].ravel()  # a tall digit may touch two of the edges
        ground = int(np.median(np.concatenate(pairs)))
        even = max(float((np.abs(pair - ground) < 24).mean()) for pair in pairs)
        return ("ink", ground) if even > 0.85 and ground in (*range(48), *range(208, 256)) else ("photo", 0)

    def _check(self, ids: Iterable[int]) -> list[int]:
        wanted = list(ids)
        if not wanted:
            raise ValueError("A sheet needs at least one image.")
        for index in wanted:
            if isinstance(index, bool) or not isinstance(index, (int, np.integer)):
                raise ValueError(f"An image is its index; {index!r} is none.")
            if not 0 <= index < len(self.images):
                raise ValueError(f"There is no image {index}; there are {count(len(self.images))}, counted from 0.")
        return [int(index) for index in wanted]

    def _cell(self, index: int, side: int) -> np.ndarray:
        """One square (side, side), or (side, side, 3) in colour; an image that cannot be read is grey."""
        stored = self._kept[_SMALL if side <= _SMALL else _LARGE]
        coded = stored.get(index)
        if coded is not None:
            return _pixels(Image.open(io.BytesIO(coded)), side)
        began = time.perf_counter()
        try:
            square = _square(self.images[index])
        except ImageError as error:
            self.bad[index] = str(error)
            return np.full((side, side), 128, np.uint8)
        if time.perf_counter() - began > _SLOW:
            most = _SMALL if side <= _SMALL else _LARGE
            kept = _resized(square, most) if square.width > most else square
            stored.put(index, _jpeg(np.asarray(kept), _KEPT_QUALITY))
        return _pixels(square, side)


class _Kept:
    """Bytes by index, up to a limit; the least used go first."""

    def __init__(self, limit: int):
        self.limit, self.size = limit, 0
        self._items: OrderedDict[int, bytes] = OrderedDict()

    def get(self, index: int) -> bytes | None:
        if index in self._items:
            self._items.move_to_end(index)
        return self._items.get(index)

    def put(self, index: int, data: bytes) -> None:
        self._items[index] = data
        self.size += len(data)
        while self.size > self.limit:
            self.size -= len(self._items.popitem(last=False)[1])


def _square(picture: Picture) -> Image.Image:
    image = picture.image
    side, left, top = min(image.size), (image.width - image.height) // 2, (image.height - image.width) // 2
    left, top = max(left, 0), max(top, 0)
    return image if image.width == image.height else image.crop((left, top, left + side, top + side))


def _resized(square: Image.Image, side: int) -> Image.Image:
    if square.width == side:
        return square
    if square.width % side == 0:
        return square.reduce(square.width // side)
    return square.resize((side, side), Image.Resampling.BICUBIC, reducing_gap=2.0)


def _pixels(square: Image.Image, side: int) -> np.ndarray:
    cell = np.asarray(_resized(square, side))
    if cell.ndim == 3 and np.array_equal(cell[..., 0], cell[..., 1]) and np.array_equal(cell[..., 0], cell[..., 2]):
        return cell[..., 0]  # a grey image that is stored in colour
    return cell


def _pack(cells: list[np.ndarray], ids: list[int], side: int) -> Sheet:
    columns = int(np.ceil(np.sqrt(len(cells))))
    rows = -(-len(cells) // columns)
    grey = all(cell.ndim == 2 for cell in cells)
    canvas = np.full((rows, columns, side, side) + (() if grey else (3,)), 128, np.uint8)
    for at, cell in enumerate(cells):
        canvas[at // columns, at % columns] = cell if grey or cell.ndim == 3 else cell[..., None]
    pixels = canvas.swapaxes(1, 2).reshape(rows * side, columns * side, *canvas.shape[4:])
    data = _jpeg(pixels, _QUALITY, full_colour=side <= 32)
    for quality in _COARSER if side == BASE and len(cells) > 64 else ():
        if len(data) > _BASE_BYTES * len(cells):
            data = _jpeg(pixels, quality)
    return Sheet(data, ids, columns, side, grey)


def _jpeg(pixels: np.ndarray, quality: int, *, full_colour: bool = True) -> bytes:
    """Code as JPEG; colour at half the resolution bleeds a pixel into the next cell, which small ones would show."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "jpeg", quality=quality, subsampling=0 if full_colour else 2)
    return buffer.getvalue()
