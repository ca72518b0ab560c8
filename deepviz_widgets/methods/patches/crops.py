"""The pictures of patches: what a unit can see, cut out of the image as people see it, all of a unit at one scale.

As in the Deep Visualization Toolbox, a patch whose field reaches beyond the border of the image is filled up on that
side, so that what the unit looks at stays where it is and at the same scale. A field that is larger than the image
shows the whole image.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from PIL import Image

from ...images import as_images
from ...network import Network
from ...pictures import ImageError
from ..receptive_field import receptive_fields

if TYPE_CHECKING:
    from .index import PatchIndex

__all__ = ["Crops", "Cut", "crop", "crops", "jpeg", "windows", "with_crops"]

SIDE = 64  # pixels of a stored patch
_QUALITY = 85
_FEW = 4  # a window so many times smaller than the picture is enlarged as visible pixels
Box = tuple[int, int, int, int]
Key = tuple[str, str, int, int]


class Crops(Mapping[Key, bytes]):
    """The JPEG of each patch, by (layer, basis, unit, rank). What looks the same is held once.

    Attributes
    ----------
    side : int
        Pixels of the longer side of each.
    """

    def __init__(self, shapes: Mapping[tuple[str, str], tuple[int, int]], side: int = SIDE):
        self.side = side
        self._which = {key: np.full(shape, -1, np.int32) for key, shape in shapes.items()}
        self._pool: list[bytes] = []
        self._known: dict[bytes, int] = {}

    @classmethod
    def of_rows(
        cls, shapes: Mapping[tuple[str, str], tuple[int, int]], groups: Iterator[list[bytes | None]], side: int
    ) -> Crops:
        """Take pictures in the order of tables, units and ranks."""
        found = cls(shapes, side)
        which = [found._add(raw) if raw is not None else -1 for group in groups for raw in group]
        start = 0
        for table in found._which.values():
            table[...] = np.array(which[start : start + table.size], np.int32).reshape(table.shape)
            start += table.size
        return found

    def __getitem__(self, key: Key) -> bytes:
        layer, basis, unit, rank = key
        which = self._which[layer, basis]
        if not (0 <= unit < which.shape[0] and 0 <= rank < which.shape[1]) or which[unit, rank] < 0:
            raise KeyError(key)
        return self._pool[which[unit, rank]]

    def __iter__(self) -> Iterator[Key]:
        for key, which in self._which.items():
            for unit, rank in np.argwhere(which >= 0).tolist():
                yield (*key, unit, rank)

    def __len__(self) -> int:
        return sum(int((which >= 0).sum()) for which in self._which.values())

    def __repr__(self) -> str:
        return f"Crops({len(self):,} patches, {len(self._pool):,} different pictures of {self.side} px)"

    @property
    def size(self) -> int:
        """How many bytes all different pictures have."""
        return sum(map(len, self._pool))

    def array(self, key: Key) -> np.ndarray:
        """Return a patch as pixels (h, w, 1 or 3) uint8."""
        pixels = np.asarray(Image.open(io.BytesIO(self[key])))
        return pixels[..., None] if pixels.ndim == 2 else pixels

    def put(self, key: tuple[str, str], places: np.ndarray, raw: bytes) -> None:
        """Keep one picture for some places (n, 2) of a table."""
        self._which[key][places[:, 0], places[:, 1]] = self._add(raw)

    def _add(self, raw: bytes) -> int:
        at = self._known.setdefault(raw, len(self._pool))
        if at == len(self._pool):
            self._pool.append(raw)
        return at


@dataclass(frozen=True)
class Cut:
    """How far the cutting is.

    Attributes
    ----------
    done, total : int
        Images.
    skipped : int
        Of them, those that could not be read.
    """

    done: int
    total: int
    skipped: int = 0


def windows(net: Network) -> dict[str, tuple[int, int]]:
    """Return the height and width that all patches of a layer show: of its field; 0 stands for the whole image."""
    found = {}
    for name, seen in receptive_fields(net).items():
        known = seen.status in ("exact", "upper bound")
        height, width = (side if known and side <= whole else 0
                         for side, whole in zip(seen.size, seen.image, strict=True))
        found[name] = (height, width)
    return found


def crop(
    net: Network, picture: Any, box: Sequence[int], size: int = SIDE, window: tuple[int, int] | None = None
) -> np.ndarray:
    """Cut one patch out of an image as people see it.

    Parameters
    ----------
    net : Network
    picture : Picture, or what `as_picture` takes; or ndarray (H, W, 1 or 3) uint8
        An image, or a network's input as it is displayed already.
    box : (top, left, bottom, right)
        Of the field, in pixels of the network's input, ending at its border.
    size : int
        Pixels of the longer side of the result.
    window : (height, width), optional
        Of the whole field, as `windows` gives it for the layer, so that all patches of a unit have one scale. That of
        the box by default.

    Returns
    -------
    ndarray (h, w, 1 or 3) uint8
        Where the window is square, (size, size).

    Examples
    --------
    >>> import deepviz_widgets as dv
    >>> from deepviz_widgets.methods.patches.crops import crop
    >>> net, images = dv.demo.digits()
    >>> crop(net, images[0], (0, 0, 3, 5), 64, window=(5, 5)).shape
    (64, 64, 1)
    """
    ready = isinstance(picture, np.ndarray) and picture.dtype == np.uint8 and picture.ndim == 3
    pixels = picture if ready else net.displayed(net.input(picture))
    top, left, bottom, right = (int(edge) for edge in box)
    given = window or (max(1, bottom - top), max(1, right - left))
    window = fitting(given, pixels.shape)
    return _resized(_part(pixels, _place((top, left, bottom, right), window, pixels.shape), window, nothing(net)), size)


def crops(
    index: PatchIndex, photos: Any, net: Network, size: int = SIDE, *, ids: Sequence[int] | None = None
) -> Iterator[tuple[Cut, Crops]]:
    """Cut out all patches of an index, reading each image once and only those that are in it.

    Parameters
    ----------
    index : PatchIndex
    photos : ImageSet
        What was scanned, or what makes one.
    net : Network
    size : int
        Pixels of the longer side of each picture.
    ids : sequence of int, optional
        The ids that the index gives these images; 0, 1, ... by default.

    Yields
    ------
    Cut, Crops
        How far it is, and the pictures so far (the same mapping each time), after each image.

    References
    ----------
    J. Yosinski et al., *Understanding Neural Networks Through Deep Visualization*, 2015 (`crop_max_patches.py`).
    """
    images = as_images(photos)
    places = {int(known): at for at, known in enumerate(range(len(images)) if ids is None else ids)}
    found = Crops({key: table.values.shape for key, table in index.tables.items()}, size)
    wanted = _by_image(index)
    seen, empty, skipped = windows(net), nothing(net), 0
    for done, (image, patches) in enumerate(sorted(wanted.items()), 1):
        try:
            pixels = net.displayed(net.input(images[places[image]]))
        except (ImageError, KeyError):  # no longer readable, or not among these images
            skipped += 1
        else:
            _cut(found, index, patches, pixels, seen, empty)
        yield Cut(done, len(wanted), skipped), found


def with_crops(index: PatchIndex, photos: Any, net: Network, size: int = SIDE, **more: Any) -> PatchIndex:
    """Return the index with the pictures of all its patches; parameters as for `crops`."""
    found = Crops({key: table.values.shape for key, table in index.tables.items()}, size)
    for _, found in crops(index, photos, net, size, **more):  # noqa: B007  the last is the whole
        pass
    return replace(index, pictures=found)


def _by_image(index: PatchIndex) -> dict[int, dict[tuple[str, str], np.ndarray]]:
    """Say for each image in which places (unit, rank) of which tables it stands."""
    wanted: dict[int, dict[tuple[str, str], np.ndarray]] = {}
    for key, table in index.tables.items():
        flat = table.images.ravel()
        order = np.argsort(flat, kind="stable")
        order = order[np.searchsorted(flat[order], 0) :]  # -1 is no image
        for some in np.split(order, np.flatnonzero(np.diff(flat[order])) + 1):
            if len(some):
                wanted.setdefault(int(flat[some[0]]), {})[key] = np.stack(np.divmod(some, table.values.shape[1]), 1)
    return wanted


def _cut(
    found: Crops, index: PatchIndex, patches: dict[tuple[str, str], np.ndarray], pixels: np.ndarray,
    seen: dict[str, tuple[int, int]], empty: np.ndarray,
) -> None:
    """Cut all patches out of one image; what several units or layers see alike is cut once."""
    known: dict[Any, bytes] = {}
    image = pixels.shape[:2]
    for key, places in patches.items():
        boxes = index.tables[key].boxes[places[:, 0], places[:, 1]]
        window = fitting(seen.get(key[0], (0, 0)), image)
        for box in np.unique(boxes, axis=0):
            place = _place(tuple(box.tolist()), window, image)
            if (place, window) not in known:
                known[place, window] = jpeg(_resized(_part(pixels, place, window, empty), found.side))
            found.put(key, places[(boxes == box).all(1)], known[place, window])


def fitting(window: tuple[int, int], image: Sequence[int]) -> tuple[int, int]:
    """Return the sides of a window of `windows` in an image of so many pixels."""
    return (min(window[0] or image[0], image[0]), min(window[1] or image[1], image[1]))


def _place(box: Box, window: tuple[int, int], image: Sequence[int]) -> tuple[int, int]:
    """Say where the window of a clipped box begins, which may be beyond the border of the image."""
    return _begin(box[0], box[2], window[0], image[0]), _begin(box[1], box[3], window[1], image[1])


def _begin(start: int, end: int, side: int, whole: int) -> int:
    if side >= whole:  # the field is larger than the image
        return 0
    if start <= 0 and end < whole:  # cut off by the upper or left border: what is missing lies beyond it
        return end - side
    if end >= whole and start > 0:
        return start
    return start - (side - (end - start)) // 2  # not cut off by one border: a unit that sees less than others


def _part(pixels: np.ndarray, place: tuple[int, int], window: tuple[int, int], empty: np.ndarray) -> np.ndarray:
    """Take a window out of an image; what lies beyond the border is as the network pads it."""
    ends = [start + side for start, side in zip(place, window, strict=True)]
    inside = [slice(max(0, start), min(end, side)) for start, end, side in zip(place, ends, pixels.shape, strict=False)]
    part = pixels[inside[0], inside[1]]
    if part.shape[:2] == tuple(window):
        return part
    whole = np.empty((*window, pixels.shape[2]), np.uint8)
    for channel, shade in enumerate(np.broadcast_to(empty, pixels.shape[2])):  # several times faster than at once
        whole[..., channel] = shade
    top, left = (max(0, -start) for start in place)
    whole[top : top + part.shape[0], left : left + part.shape[1]] = part
    return whole


def _resized(pixels: np.ndarray, size: int) -> np.ndarray:
    """Bring the longer side to a size: few pixels stay visible ones, many are averaged."""
    height, width = pixels.shape[:2]
    longer = max(height, width)
    shape = (max(1, round(width * size / longer)), max(1, round(height * size / longer)))
    how = (Image.Resampling.NEAREST if longer * _FEW <= size
           else Image.Resampling.BICUBIC if longer <= size else Image.Resampling.BILINEAR)
    image = Image.fromarray(np.ascontiguousarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels))
    # the gap first averages whole pixels: a third of the time for a whole image of 224 px
    resized = np.asarray(image if image.size == shape else image.resize(shape, how, reducing_gap=1.0))
    return resized[..., None] if resized.ndim == 2 else resized


def nothing(net: Network) -> np.ndarray:
    """Return the colour of what a network pads its input with, zeros: (1 or 3,) uint8."""
    if net.normalisation is None:
        return np.zeros(1, np.uint8)
    return net.displayed(torch.zeros((net.input_size[0], 1, 1)))[0, 0]


def jpeg(pixels: np.ndarray, quality: int = _QUALITY) -> bytes:
    """Write pixels (h, w, 1 or 3) as JPEG, grey ones as a grey one, colour at full resolution."""
    buffer = io.BytesIO()
    image = Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)
    image.save(buffer, "jpeg", quality=quality, subsampling=0)
    return buffer.getvalue()
