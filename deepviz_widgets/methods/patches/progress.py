"""Where a scan stands: the state of all tables and what is known of the images, replaced as a whole by each batch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch

from .answers import Rows
from .index import REASONS, joined
from .places import Places
from .streaming import Best
from .table import LayerPatches

__all__ = ["Progress", "Seen", "table_of"]

_PRUNE = 1024  # names are looked through when there are this many more than at the last time
_SIZES = 32  # and receptive fields, by the size of the image
Size = tuple[int, int]
Sized = Mapping[Size, Mapping[str, Places]]


@dataclass(frozen=True)
class Seen:
    """What is known of the images of one batch: of those that were read, and why others were not."""

    names: dict[int, str] = field(default_factory=dict)
    labels: dict[int, int] = field(default_factory=dict)
    sizes: dict[int, Size] = field(default_factory=dict)
    reasons: dict[int, str] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Progress:
    """A scan after some batches.

    Attributes
    ----------
    best : Best
    done : int
        Positions in the set that were looked at.
    ranges : tuple of (int, int)
        The ids of these images.
    names, labels, sizes : mappings by image id
        Of the images in the tables, and for a while of others.
    class_counts : mapping of int to int
        How many of the images that were read have a label.
    places : mapping
        Of each size of image and layer.
    largest : mapping
        Of each layer, the places of the largest size.
    odd : frozenset of str
        Layers that cannot be scanned.
    """

    best: Best
    done: int = 0
    ranges: tuple[Size, ...] = ()
    names: Mapping[int, str] = field(default_factory=dict)
    labels: Mapping[int, int] = field(default_factory=dict)
    sizes: Mapping[int, Size] = field(default_factory=dict)
    class_counts: Mapping[int, int] = field(default_factory=dict)
    places: Sized = field(default_factory=dict)
    largest: Mapping[str, Places] = field(default_factory=dict)
    skipped: int = 0
    reasons: Mapping[int, str] = field(default_factory=dict)
    odd: frozenset[str] = frozenset()
    bound: tuple[int, int] = (_PRUNE, _SIZES)

    def after(self, best: Best, places: Sized, odd: frozenset[str], seen: Seen, ids: Sequence[int]) -> Progress:
        """Return the progress after one more batch."""
        reasons = sorted({**self.reasons, **seen.reasons}.items())[:REASONS]
        largest = dict(self.largest)
        for layers in places.values():
            for name, one in layers.items():
                largest[name] = max(largest.get(name, one), one, key=lambda known: known.size)
        return replace(
            self, best=best, done=self.done + len(ids), odd=odd, largest=largest, places={**self.places, **places},
            ranges=joined(self.ranges, tuple((image, image + 1) for image in ids)),
            names={**self.names, **seen.names}, labels={**self.labels, **seen.labels},
            sizes={**self.sizes, **seen.sizes}, class_counts=Counter(self.class_counts) + Counter(seen.labels.values()),
            skipped=self.skipped + len(seen.reasons), reasons=dict(reasons),
        ).pruned()

    def pruned(self) -> Progress:
        """Forget images that no patch is of, now and then, so that memory does not grow with the set."""
        if len(self.names) < self.bound[0] and len(self.places) < self.bound[1]:
            return self
        kept = self.used()
        sizes = _only(self.sizes, kept)
        still = set(sizes.values()) or set(list(self.places)[:1])
        return replace(
            self, names=_only(self.names, kept), labels=_only(self.labels, kept), sizes=sizes,
            places={size: layers for size, layers in self.places.items() if size in still},
            bound=(2 * len(kept) + _PRUNE, 2 * len(still) + _SIZES),
        )

    def used(self) -> set[int]:
        """Return the ids of the images that a patch is of."""
        return set(torch.unique(self.best.images).tolist()) - {-1}


def _only(known: Mapping[int, Any], kept: set[int]) -> dict[int, Any]:
    return {image: value for image, value in known.items() if image in kept}


_COUNTS = {
    "places": "cells", "not_finite": "not_finite", "answered": "answered", "maxima": "maxima", "answers": "answers",
}
_SUMS = ("maximum", "total", "response", "power")


def table_of(rows: Rows, span: slice, progress: Progress, sign: int) -> LayerPatches:
    """Turn the state of one table into arrays."""
    best, largest = progress.best, progress.largest[rows.layer.name]
    images, at = (found.cpu().numpy() for found in best.located(span))
    ys, xs, boxes = _located(rows.layer.name, images, at, progress)
    values = np.where(images < 0, np.float32(np.nan), best.values[span].cpu().numpy() * np.float32(sign))
    counts = {name: getattr(best, own)[span].cpu().numpy().copy() for name, own in _COUNTS.items()}
    sums = {name: getattr(best, name)[span].cpu().numpy().astype(np.float64) for name in _SUMS}
    sums["maximum"][np.isneginf(sums["maximum"])] = np.nan
    return LayerPatches(
        layer=rows.layer.name, basis=rows.basis, names=rows.names, shape=largest.shape, grid=largest.grid,
        values=values, images=images, ys=ys, xs=xs, boxes=boxes,
        field=largest.field, field_says=largest.says, **sums, **counts,
    )


def _located(
    layer: str, images: np.ndarray, at: np.ndarray, progress: Progress
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return rows, columns and boxes of places, by the size of their images; -1 and 0 where there is none."""
    ys, xs = (np.full(images.shape, -1, np.int32) for _ in range(2))
    boxes = np.zeros((*images.shape, 4), np.int32)
    sizes = list(progress.places)
    which = {image: sizes.index(size) for image, size in progress.sizes.items()} if len(sizes) > 1 else {}
    ids, inverse = np.unique(images, return_inverse=True)
    size_of = np.array([which.get(image, 0) if image >= 0 else -1 for image in ids.tolist()])[inverse]
    for number in np.unique(size_of[size_of >= 0]).tolist():
        some = size_of.reshape(images.shape) == number
        ys[some], xs[some], boxes[some] = progress.places[sizes[number]][layer].at(at[some])
    return ys, xs, boxes
