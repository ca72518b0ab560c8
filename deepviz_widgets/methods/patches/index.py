"""`PatchIndex`: what units of a network like best among many images, for every layer that was scanned."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ...words import listing, no_such, plural
from .table import LayerPatches, merged

if TYPE_CHECKING:
    from .crops import Crops
    from .friends import Friends

__all__ = ["REASONS", "PatchIndex", "joined"]

REASONS = 20  # images that could not be read of which the reason is kept, so that memory stays bounded
Key = tuple[str, str]


@dataclass(frozen=True, eq=False)
class PatchIndex:
    """The best patches of every unit of some layers; `index["layer3"]` are those of a layer.

    Attributes
    ----------
    tables : dict of (layer, basis) to LayerPatches
        In call order; the basis is `"units"` or the name of a set of directions.
    k, per_image : int
        Patches a unit, and at most how many of one image.
    order : {"max", "min", "relevance", "relevance sum"}
        What comes first: the largest values, the smallest, or what counts most for the class of the image.
    overlap : float
        Places of an image whose receptive fields have a larger IoU with a better one are left out.
    seen : tuple of (int, int)
        Images that were looked at, as ranges [first, last) of their ids.
    total : int
        How many images there were to look at, `images_seen` when the scan is complete.
    classes : tuple of str
        Names of the classes that the labels count.
    labels : dict of int to int
        Label by image id, of the images in the tables.
    names : dict of int to str
        Name by image id, of the images in the tables.
    class_counts : dict of int to int
        How many of all images that were read have a label: what `class_distribution` takes as the base rate.
    about : dict
        Versions, input size, preprocessing in words, hash of the weights.
    skipped : int
        Images that could not be read.
    reasons : dict of int to str
        Why not, by image id, of the first ones.
    pictures : Crops or None
        Pictures of the patches, once they were cut.
    friends : dict of (layer, basis) to Friends
        Which patches are odd among the others of their unit, once that was asked.
    """

    tables: dict[Key, LayerPatches]
    k: int
    per_image: int = 1
    order: str = "max"
    overlap: float = 0.5
    seen: tuple[tuple[int, int], ...] = ()
    total: int = 0
    classes: tuple[str, ...] = ()
    labels: dict[int, int] = field(default_factory=dict)
    names: dict[int, str] = field(default_factory=dict)
    class_counts: dict[int, int] = field(default_factory=dict)
    about: dict[str, Any] = field(default_factory=dict)
    skipped: int = 0
    reasons: dict[int, str] = field(default_factory=dict)
    pictures: Crops | None = None
    friends: dict[Key, Friends] = field(default_factory=dict)

    @property
    def images_seen(self) -> int:
        """How many images were looked at, those included that could not be read."""
        return sum(stop - start for start, stop in self.seen)

    @property
    def complete(self) -> bool:
        """Whether all images were looked at."""
        return self.images_seen >= self.total

    @property
    def layers(self) -> tuple[str, ...]:
        """Names of the layers, in call order."""
        return tuple(dict.fromkeys(layer for layer, _ in self.tables))

    def __getitem__(self, layer: str | Key) -> LayerPatches:
        """Return the table of a layer, or of a layer and a basis; raise KeyError with the nearest name."""
        name, basis = layer if isinstance(layer, tuple) else (layer, "units")
        if (name, basis) in self.tables:
            return self.tables[name, basis]
        bases = [known for at, known in self.tables if at == name]
        if not isinstance(layer, tuple) and len(bases) == 1:
            return self.tables[name, bases[0]]
        if bases:
            raise KeyError(no_such(f"basis at layer {name!r}", basis, bases))
        raise KeyError(no_such("layer", name, self.layers))

    def __repr__(self) -> str:
        rows = sum(map(len, self.tables.values()))
        return (
            f"PatchIndex({plural(len(self.tables), 'layer')}, {plural(rows, 'unit')}, k={self.k}, "
            f"{plural(self.images_seen, 'image')} of {self.total:,})"
        )

    @staticmethod
    def merge(a: PatchIndex, b: PatchIndex) -> PatchIndex:
        """Put two scans of different images together, as if all had been scanned at once.

        The rows are the same in whatever order scans are merged. Pictures and friends belong to the ranks of one
        index, so they are made anew.

        Parameters
        ----------
        a, b : PatchIndex
            Of the same network, layers and settings; the images are told apart by their ids.

        Raises
        ------
        ValueError
            If they differ in that, or have seen the same image.

        Examples
        --------
        >>> import deepviz_widgets as dv
        >>> from deepviz_widgets.methods.patches import PatchIndex, scan
        >>> net, images = dv.demo.digits()
        >>> halves = [scan(net, images[:64], "conv1"), scan(net, images[64:128], "conv1", ids=range(64, 128))]
        >>> PatchIndex.merge(*(half.finish() for half in halves)).images_seen
        128
        """
        _check_alike(a, b)
        tables = {key: merged(table, b.tables[key], a.order) for key, table in a.tables.items()}
        kept = used(tables.values())
        reasons = sorted((a.reasons | b.reasons).items())[:REASONS]
        return replace(
            a, tables=tables, seen=joined(a.seen, b.seen), total=a.total + b.total,
            labels={image: label for image, label in (a.labels | b.labels).items() if image in kept},
            names={image: name for image, name in (a.names | b.names).items() if image in kept},
            class_counts=dict(sorted((Counter(a.class_counts) + Counter(b.class_counts)).items())),
            skipped=a.skipped + b.skipped, reasons=dict(reasons), pictures=None, friends={},
        )

    def save(self, path: str | Path) -> None:
        """Write the index as one Parquet file; see `load`."""
        from .store import save  # noqa: PLC0415  it reads and writes this class

        save(self, path)

    @staticmethod
    def load(path: str | Path) -> PatchIndex:
        """Read an index from its file; neither the network nor the images are needed."""
        from .store import load  # noqa: PLC0415  as above

        return load(path)

    def to_frame(self) -> Any:
        """Return a pandas DataFrame with a row per patch and the columns of the file but for the pictures.

        Raises
        ------
        ImportError
            If pandas is not installed.

        Examples
        --------
        >>> import deepviz_widgets as dv
        >>> from deepviz_widgets.methods.patches import scan
        >>> net, images = dv.demo.digits()
        >>> frame = scan(net, images[:64], "conv1", k=4).finish().to_frame()
        >>> len(frame), frame.columns[:6].tolist()
        (64, ['layer', 'basis', 'channel', 'unit', 'rank', 'value'])
        """
        from .records import frame  # noqa: PLC0415  pyarrow takes a moment to import

        return frame(self)


def used(tables: Iterable[LayerPatches]) -> set[int]:
    """Return the ids of all images that a patch is of."""
    found = [np.unique(table.images) for table in tables]
    return set(np.unique(np.concatenate(found)).tolist()) - {-1} if found else set()


def joined(*parts: tuple[tuple[int, int], ...]) -> tuple[tuple[int, int], ...]:
    """Put ranges [first, last) in order and join those that touch.

    Raises
    ------
    ValueError
        If two overlap.
    """
    found: list[tuple[int, int]] = []
    for start, stop in sorted(part for ranges in parts for part in ranges):
        if found and start < found[-1][1]:
            raise ValueError(
                f"Image {start} was seen by both scans; give the second scan ids of its own, such as "
                f"ids=range({found[-1][1]}, ...)."
            )
        if found and start == found[-1][1]:
            found[-1] = (found[-1][0], stop)
        else:
            found.append((start, stop))
    return tuple(found)


def _check_alike(a: PatchIndex, b: PatchIndex) -> None:
    for what in ("k", "per_image", "order", "overlap", "classes"):
        if getattr(a, what) != getattr(b, what):
            raise ValueError(
                f"Only scans with the same {what} can be merged; here it is {getattr(a, what)!r} and "
                f"{getattr(b, what)!r}."
            )
    if a.about.get("weights") != b.about.get("weights"):
        raise ValueError("Only scans of the same network can be merged; the weights of these two differ.")
    if set(a.tables) != set(b.tables):
        odd = sorted("/".join(key) for key in set(a.tables) ^ set(b.tables))
        raise ValueError(f"Only scans of the same layers can be merged; only one of these has {listing(odd)}.")
    for key, table in a.tables.items():
        if table.names != b.tables[key].names:
            raise ValueError(f"Only scans of the same units can be merged; those of layer {key[0]!r} differ.")
