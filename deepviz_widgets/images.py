"""`ImageSet`: images of any origin, read when needed, with their labels, names and masks."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from torch import Tensor

from .pictures import ImageError, Picture, as_picture
from .words import count, first_line, kind_of, plural

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm"})


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
        counts = {"names": len(self.names), **{f"masks[{key!r}]": len(mask) for key, mask in self.masks.items()}}
        for what, number in counts.items():
            if number != len(found.names):
                raise ImageError(f"There are {plural(len(found.names), 'image')} but {number} {what}.")
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
        classes = f", {plural(len(self.classes), 'class')}" if self.classes else ""
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
            raise ImageError(f"Image {row} cannot be read: {type(error).__name__}: {first_line(error)}.") from error
        image, label = (*source, None)[:2] if isinstance(source, tuple) else (source, None)
        known = self.labels[at] if self.labels is not None else label
        known = None if known is None else int(known)
        masks = {key: mask[at] for key, mask in self.masks.items()}
        return as_picture(image, name=self.names[at], label=known, class_name=self._class_name(known), masks=masks)

    def _take(self, rows: np.ndarray) -> ImageSet:
        self._rows = self._rows[rows]
        self.names = [self.names[row] for row in rows]
        self.labels = None if self.labels is None else self.labels[rows]
        self.masks = {key: mask[rows] for key, mask in self.masks.items()}
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
        f"this is {kind_of(source)}."
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


def as_images(source: Any) -> ImageSet:
    """Take an ImageSet, what makes one, or a single image of any kind.

    Raises
    ------
    ImageError
        If it is none of these.
    """
    if isinstance(source, ImageSet):
        return source
    stacked = getattr(source, "ndim", 0) == 4
    folder = isinstance(source, (str, Path)) and Path(source).is_dir()
    dataset = hasattr(source, "__len__") and hasattr(source, "__getitem__") and not hasattr(source, "ndim")
    several = stacked or folder or (dataset and not isinstance(source, str))
    return ImageSet(source if several else [source])
