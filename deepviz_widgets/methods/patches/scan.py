"""`scan`: find the best patches of every unit of a network in one pass over the images."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from ...images import as_images
from ...network import Network
from ...pictures import ImageError
from ...words import count, plural
from .answers import Rows, chosen_layers, rows_of
from .batches import Batches, batch_size_for
from .crops import SIDE, with_crops
from .disk import estimate, writable
from .fingerprint import about, settings
from .index import PatchIndex
from .keeping import Keeper
from .passes import Passes
from .progress import Progress, table_of
from .streaming import Rules, nothing

__all__ = ["ORDERS", "Scan", "Step", "scan"]

ORDERS = ("max", "min", "relevance", "relevance sum")


@dataclass(frozen=True)
class Step:
    """How far a scan is after a batch.

    Attributes
    ----------
    done, total : int
        Images looked at, and to look at.
    seconds : float
        What the batch took.
    skipped : int
        Images so far that could not be read.
    """

    done: int
    total: int
    seconds: float
    skipped: int
    _found: Callable[[], PatchIndex] = field(repr=False, compare=False)

    @cached_property
    def index(self) -> PatchIndex:
        """What was found up to this batch, made when it is asked for."""
        return self._found()


def scan(
    net: Network,
    photos: Any,
    layers: Any = "all",
    *,
    k: int = 16,
    per_image: int = 1,
    order: str = "max",
    directions: Any = (),
    overlap: float = 0.5,
    batch_size: int | None = None,
    shards: str | Path | None = None,
    path: str | Path | None = None,
    ids: Sequence[int] | None = None,
) -> Scan:
    """Find the patches of many images that every unit likes best, a batch at a time.

    Parameters
    ----------
    net : Network
    photos : ImageSet or what makes one
    layers : "all", "convolutions", a layer or a list of layers
        "all" are all layers that answer with numbers for each image. Of a layer that runs several times in a forward
        pass, the last call counts.
    k : int
        Patches a unit.
    per_image : int
        At most how many places of one image; their receptive fields overlap by at most `overlap`.
    order : {"max", "min", "relevance", "relevance sum"}
        What comes first: the largest values; the smallest; or what counts most for the class of the image (its label,
        else what the network says), approximated by activation x gradient of the class score, at one place or summed
        over all places of the image.
    directions : Directions or sequence of them, optional
        Directions in the space of a layer's units: the value at a place is the product of each vector with the units'
        values there. They are ranked beside the units.
    overlap : float
        Largest intersection over union of two receptive fields of one image, 0-1.
    batch_size : int, optional
        By default small enough that a step of a large network is short.
    shards : folder, optional
        Where the state is kept now and then; a later scan with the same settings goes on from there.
    path : file, optional
        Where `finish` saves the index, with the pictures of its patches; that it can be written and that the disk has
        room is asked before the scan starts.
    ids : sequence of int, optional
        What the images are called in the index, 0, 1, ... by default; so that the scans of two halves can be merged.

    Returns
    -------
    Scan
        An iterator of `Step`: each does one batch, and its `index` is what was found so far. `scan(...).finish()` does
        all and returns the index.

    Raises
    ------
    ValueError
        For an unknown layer, order, direction, or a number that does not go.
    ShardError
        If the folder cannot hold shards, its disk is full, or it holds those of another scan.
    StoreError
        If the index cannot be saved at `path`.

    Notes
    -----
    Equal values are ordered by image, row and column, so the result does not depend on the order of the images, or on
    how they are split. It depends on the batch size as far as the network's answers do: convolutions and matrix
    products may give other last bits for another number of images, so a last batch that is not full is filled up.

    References
    ----------
    M. D. Zeiler, R. Fergus, *Visualizing and Understanding Convolutional Networks*, ECCV 2014; R. Girshick et al.,
    *Rich feature hierarchies for accurate object detection and semantic segmentation*, CVPR 2014 (several places of
    an image, suppression); R. Achtibat et al., *From attribution maps to human-understandable explanations through
    Concept Relevance Propagation*, Nature Machine Intelligence 2023 (relevance).

    Examples
    --------
    >>> import deepviz_widgets as dv
    >>> from deepviz_widgets.methods.patches import scan
    >>> net, images = dv.demo.digits()
    >>> index = scan(net, images[:200], "conv1", k=4).finish()
    >>> index["conv1"].values.shape, index.images_seen
    ((16, 4), 200)
    """
    rules = _rules(k, per_image, overlap, order)
    images = as_images(photos)
    tables = rows_of(net, chosen_layers(net, layers), directions)
    if order.startswith("relevance") and any(rows.vectors is not None for rows in tables):
        raise ValueError("Relevance is of units; scan directions with order='max' or 'min'.")
    size = batch_size if batch_size is not None else batch_size_for(net, tables)
    batches = Batches(net, images, _checked_ids(ids, len(images)), _positive("batch_size", size), tables)
    if path is not None:
        patches = rules.k * sum(len(rows.names) for rows in tables)
        path = writable(path, estimate(patches, SIDE), patches)
    strict = not isinstance(layers, str) or layers not in ("all", "convolutions")
    return Scan(net, batches, tables, rules, shards, path, strict=strict)


class Scan:
    """A scan under way: an iterator over batches, with a usable index at any moment.

    An error or an interrupt during a batch leaves the index as it was before that batch, and the next step does that
    batch again.

    Attributes
    ----------
    total : int
        Images to look at.
    """

    def __init__(
        self, net: Network, batches: Batches, tables: Sequence[Rows], rules: Rules,
        shards: str | Path | None = None, path: str | Path | None = None, *, strict: bool,
    ):
        self.net, self.total = net, batches.total
        self._batches, self._tables, self._rules = batches, tuple(tables), rules
        self._passes = Passes(net, self._tables, rules, strict=strict)
        self._about = about(net)
        self._path, self._closed = path, False
        self._keeper: Keeper | None = None
        self._progress = Progress(nothing(self._passes.units, rules.k, net.device))
        if shards is not None:
            self._keeper = Keeper(shards, settings(self._about, batches, self._tables, rules), self._progress)
            self._progress = self._keeper.last(net.device) or self._progress

    def __iter__(self) -> Scan:
        return self

    def __next__(self) -> Step:
        """Do one batch."""
        before = self._progress
        if self._closed or before.done >= self.total:
            self.close()
            raise StopIteration
        began = time.perf_counter()
        ids, groups, seen = self._batches.read(before.done)
        best, places, odd = self._passes.run(before.best, groups, before.places, before.odd)
        self._progress = after = before.after(best, places, odd, seen, ids)
        if self._keeper is not None:
            self._keeper.keep(after, last=after.done >= self.total)
        if after.done >= self.total:
            self.close()
        return Step(after.done, self.total, time.perf_counter() - began, after.skipped, partial(self._index_of, after))

    @property
    def done(self) -> int:
        """Images looked at so far."""
        return self._progress.done

    @property
    def skipped(self) -> int:
        """Images so far that could not be read."""
        return self._progress.skipped

    @property
    def index(self) -> PatchIndex:
        """What was found so far."""
        return self._index_of(self._progress)

    def _index_of(self, progress: Progress) -> PatchIndex:
        if not progress.largest:  # no image yet
            progress = replace(progress, largest=self._passes.expected())
        kept, rules, images = progress.used(), self._rules, self._batches.images
        tables = {
            rows.key: table_of(rows, self._passes.spans[rows.key], progress, rules.sign)
            for rows in self._tables if rows.layer.name not in progress.odd
        }
        return PatchIndex(
            tables=tables, k=rules.k, per_image=rules.per_image, order=rules.order, overlap=rules.overlap,
            seen=progress.ranges, total=self.total, classes=tuple(images.classes or self.net.classes),
            labels={image: label for image, label in sorted(progress.labels.items()) if image in kept},
            names={image: name for image, name in sorted(progress.names.items()) if image in kept},
            class_counts=dict(sorted(progress.class_counts.items())), about=self._about, skipped=progress.skipped,
            reasons=dict(progress.reasons),
        )

    def finish(self) -> PatchIndex:
        """Do all batches that are left and return the index; with a `path`, cut out its pictures and save it.

        Raises
        ------
        ImageError
            If no image could be read.
        StoreError
            If it could not be saved after all; `index` still has what was found.
        """
        for _ in self:
            pass
        progress = self._progress
        if progress.skipped and progress.skipped == progress.done:
            why = next(iter(progress.reasons.values()))
            raise ImageError(f"None of the {plural(self.total, 'image')} can be read; the first: {why}")
        if self._path is None:
            return self.index
        found = with_crops(self.index, self._batches.images, self.net, ids=self._batches.ids)
        found.save(self._path)
        return found

    def close(self) -> None:
        """Stop here; the index stays, and with shards a later scan goes on."""
        self._closed = True
        if self._keeper is not None:
            self._keeper.close(self._progress)
            self._keeper = None


def _rules(k: Any, per_image: Any, overlap: Any, order: Any) -> Rules:
    if order not in ORDERS:
        raise ValueError(f"Patches are ordered by {', '.join(map(repr, ORDERS))}; {order!r} is none of these.")
    if isinstance(overlap, bool) or not isinstance(overlap, (int, float)) or not 0 <= overlap <= 1:
        raise ValueError(f"overlap is an intersection over union from 0 to 1; {overlap!r} is not.")
    per_image = _positive("per_image", per_image)
    if order == "relevance sum" and per_image > 1:
        raise ValueError("A sum over all places is one value an image; with order='relevance sum', per_image is 1.")
    return Rules(_positive("k", k), per_image, float(overlap), order)


def _positive(name: str, value: Any) -> int:
    if isinstance(value, bool) or not hasattr(value, "__index__") or value.__index__() < 1:
        raise ValueError(f"{name} is a whole number from 1; {value!r} is not.")
    return int(value.__index__())


def _checked_ids(ids: Sequence[int] | None, number: int) -> Sequence[int]:
    if ids is None:
        return range(number)
    if len(ids) != number:
        raise ValueError(f"There are {plural(number, 'image')} but {count(len(ids))} ids.")
    if isinstance(ids, range) and ids.step > 0 and ids.start >= 0:
        return ids
    whole = [int(image) for image in ids]
    if len(set(whole)) < number or min(whole) < 0:
        raise ValueError("Ids are whole numbers from 0, each once.")
    return whole
