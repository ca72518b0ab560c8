"""`ImageSet` and `as_picture`: whatever people have, as pictures that can be shown and given to a network."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor

from .words import count, plural, size

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm"})
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
        return tuple(self.data.shape[-2:]) if isinstance(self.data, Tensor) else self.data.shape[:2]

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
        f"An image can be a path, a PIL image, an array or a tensor; this is {_kind(source)}."
    )


def _kind(source: Any) -> str:
    return f"{'an' if type(source).__name__[:1].lower() in 'aeiou' else 'a'} {type(source).__name__}"


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
        raise ImageError(f"{path.name} cannot be read as an image: {_first_line(error)}.") from error


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")


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


class ImageSet(Sequence[Picture]):
    """Images of any origin, read when needed.

    Parameters
    ----------
    source : folder, file, list, ndarray, Tensor or torch Dataset
        A folder (its subfolders name the classes), one image file, a list of paths, PIL images, arrays or
        tensors, an array (N, H, W) or (N, H, W, C), a tensor (N, C, H, W), or a Dataset whose items are an image
        or (image, label).
    labels : sequence of int or str, optional
        The class of each image.
    names : sequence of str, optional
    classes : sequence of str, optional
        Names of the classes that the labels count.
    masks : dict of str to ndarray (N, H, W) bool, optional
        Ground truth, where known.

    Files that are missing or are no images are left out: `skipped` says which and why, and a warning counts them.

    Raises
    ------
    ImageError
        If the source is none of these, or holds no image.

    Examples
    --------
    >>> import numpy as np
    >>> images = ImageSet(np.zeros((5, 8, 8), np.uint8), labels=[0, 1, 0, 1, 1])
    >>> len(images), images[3].label, len(images[1:3])
    (5, 1, 2)
    """

    def __init__(
        self,
        source: Any,
        *,
        labels: Sequence[int] | Sequence[str] | np.ndarray | None = None,
        names: Sequence[str] | None = None,
        classes: Sequence[str] | None = None,
        masks: Mapping[str, np.ndarray] | None = None,
    ):
        self.skipped: dict[str, str] = {}
        found = _open(source)
        self._read, self.names = found.read, list(names if names is not None else found.names)
        given = labels if labels is not None else found.labels
        self.classes = tuple(classes) if classes is not None else found.classes
        self.labels, self.classes = _as_labels(given, self.classes, len(found.names))
        self.masks = dict(masks or {})
        for what, values in (("names", self.names), *((f"masks[{key!r}]", mask) for key, mask in self.masks.items())):
            if len(values) != len(found.names):
                raise ImageError(f"There are {plural(len(found.names), 'image')} but {len(values)} {what}.")
        self._rows = np.arange(len(found.names))
        self._drop(found.bad)
        if not len(self):
            raise ImageError(f"No image can be read from {found.what}{self._because()}.")

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: Any) -> Any:
        """Return a `Picture` for an int, an `ImageSet` for a slice, a list of indices or a mask."""
        if isinstance(index, (int, np.integer)):
            if not -len(self) <= index < len(self):
                raise IndexError(f"There is no image {index}; there are {count(len(self))}, counted from 0.")
            return self._picture(int(index) % len(self))
        part = object.__new__(type(self))
        part.__dict__.update(self.__dict__)
        rows = np.arange(len(self))[index if isinstance(index, slice) else np.asarray(index)]
        return part._take(rows)

    def __iter__(self) -> Iterator[Picture]:
        """Go through all images; one that turns out to be unreadable is skipped, counted and warned of."""
        before = len(self.skipped)
        for at in range(len(self)):
            try:
                picture = self._picture(at)
            except ImageError as error:
                self.skipped[self.names[at]] = str(error)
                continue
            yield picture
        self._warn(len(self.skipped) - before)

    def __repr__(self) -> str:
        classes = f", {plural(len(self.classes), 'class')[:-1]}es" if self.classes else ""
        skipped = f", {count(len(self.skipped))} skipped" if self.skipped else ""
        return f"ImageSet({plural(len(self), 'image')}{classes}{skipped})"

    def _class_name(self, label: int | None) -> str:
        if label is None:
            return ""
        return self.classes[label] if label < len(self.classes) else f"class {label}"

    def _picture(self, at: int) -> Picture:
        row = int(self._rows[at])
        try:
            source = self._read(row)
        except ImageError:
            raise
        except Exception as error:  # a Dataset runs the user's own code, which may raise anything
            raise ImageError(f"Image {row} cannot be read: {type(error).__name__}: {_first_line(error)}.") from error
        image, label = source if isinstance(source, tuple) else (source, None)
        known = self.labels[at] if self.labels is not None else label
        known = None if known is None else int(known)
        masks = {key: mask[row] for key, mask in self.masks.items()}
        return as_picture(image, name=self.names[at], label=known, class_name=self._class_name(known), masks=masks)

    def _take(self, rows: np.ndarray) -> ImageSet:
        self._rows = self._rows[rows]
        self.names = [self.names[row] for row in rows]
        self.labels = None if self.labels is None else self.labels[rows]
        return self

    def _drop(self, bad: dict[int, str]) -> None:
        if bad:
            self.skipped = {self.names[row]: why for row, why in bad.items()}
            self._take(np.array([row for row in range(len(self._rows)) if row not in bad], dtype=int))
            self._warn(len(bad))

    def _warn(self, number: int) -> None:
        if number:
            warnings.warn(f"{plural(number, 'image')} left out{self._because()}", stacklevel=3)

    def _because(self) -> str:
        return "".join(f": {why}" for why in list(self.skipped.values())[:1])


@dataclass
class _Source:
    """Where images come from: how many, how one is read, what is known of them."""

    what: str
    names: Sequence[str]
    read: Callable[[int], Any]
    labels: Any = None
    classes: tuple[str, ...] = ()
    bad: dict[int, str] = field(default_factory=dict)


def _open(source: Any) -> _Source:
    if isinstance(source, ImageSet):
        pictures = list(source)
        return _Source("the image set", source.names, pictures.__getitem__, source.labels, source.classes)
    if isinstance(source, (str, Path)):
        return _open_path(Path(source).expanduser())
    if isinstance(source, (np.ndarray, Tensor)):
        return _open_array(source)
    if isinstance(source, Image.Image):
        source = [source]
    if isinstance(source, (list, tuple)):
        return _open_list(list(source))
    if hasattr(source, "__getitem__") and hasattr(source, "__len__"):
        return _open_dataset(source)
    raise ImageError(
        f"An ImageSet is made from a folder, a list of images, an array, a tensor or a Dataset with a length; "
        f"this is {_kind(source)}."
    )


def _open_path(path: Path) -> _Source:
    if path.is_file():
        return _open_list([path])
    if not path.is_dir():
        raise ImageError(f"There is no folder or file {str(path)!r}.")
    files = sorted(file for file in path.rglob("*") if file.suffix.lower() in SUFFIXES and file.is_file())
    if not files:
        raise ImageError(f"The folder {str(path)!r} holds no image files ({', '.join(sorted(SUFFIXES))}).")
    opened = _open_list(files)
    opened.names = [file.relative_to(path).as_posix() for file in files]
    folders = [file.relative_to(path).parts[0] if file.parent != path else "" for file in files]
    if all(folders):
        opened.classes = tuple(sorted(set(folders)))
        opened.labels = [opened.classes.index(folder) for folder in folders]
    return opened


def _open_list(items: list[Any]) -> _Source:
    paths = {row: Path(item) for row, item in enumerate(items) if isinstance(item, (str, Path))}
    bad = {row: why for row, path in paths.items() if (why := _why_unreadable(path))}
    names = [
        item.name if isinstance(item, Picture)
        else paths[row].name if row in paths
        else Path(str(getattr(item, "filename", "") or f"image {row}")).name
        for row, item in enumerate(items)
    ]
    labels = [item.label for item in items if isinstance(item, Picture) and item.label is not None]
    return _Source(plural(len(items), "item"), names, items.__getitem__,
                   labels if items and len(labels) == len(items) else None, bad=bad)


def _why_unreadable(path: Path) -> str:
    """Look at the header only, so that a folder of thousands opens at once."""
    if not path.exists():
        return f"there is no file {str(path)!r}"
    try:
        with Image.open(path):
            return ""
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return f"{path.name} is not a readable image"


def _open_array(array: np.ndarray | Tensor) -> _Source:
    shape = tuple(array.shape)
    if len(shape) not in (3, 4):
        raise ImageError(f"An array of images has shape (N, H, W) or (N, H, W, C); this one has {shape}.")
    return _Source(f"an array {shape}", [f"image {row}" for row in range(shape[0])], array.__getitem__)


def _open_dataset(dataset: Any) -> _Source:
    known = (getattr(dataset, name, None) for name in ("targets", "labels", "_labels"))
    labels = next((values for values in known if values is not None and len(values) == len(dataset)), None)
    classes = tuple(str(name) for name in getattr(dataset, "classes", ()) or ())

    def read(row: int) -> Any:
        item = dataset[row]
        if isinstance(item, dict):
            item = (item.get("image", item.get("pixel_values")), item.get("label"))
        return tuple(item[:2]) if isinstance(item, (tuple, list)) else item

    names = [f"image {row}" for row in range(len(dataset))]
    return _Source(f"the dataset {type(dataset).__name__}", names, read, labels, classes)


def _as_labels(
    labels: Any, classes: tuple[str, ...], number: int
) -> tuple[np.ndarray | None, tuple[str, ...]]:
    if labels is None:
        return None, classes
    values = np.asarray(labels.cpu() if isinstance(labels, Tensor) else labels)
    if values.shape != (number,):
        raise ImageError(f"There are {plural(number, 'image')} but {len(values)} labels.")
    if values.dtype.kind in "US":
        classes = classes or tuple(sorted(set(values.tolist())))
        unknown = sorted(set(values.tolist()) - set(classes))
        if unknown:
            raise ImageError(f"The label {unknown[0]!r} is not among the classes.")
        values = np.array([classes.index(value) for value in values.tolist()])
    return values.astype(int), classes
