"""Which class a network takes which images for: the confusion matrix, with the images behind each of its cells."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..images import ImageSet, as_images
from ..network import Network, NetworkError
from ..pictures import ImageError
from ..scores import confidences
from ..words import count, plural, size

UNKNOWN = -1


@dataclass(frozen=True, eq=False)
class Confusion:
    """What a network says of labelled images.

    Attributes
    ----------
    classes : tuple of str
        Of the network: rows are true classes, columns are predicted ones.
    labels, predictions : ndarray (N,) int
        By class of the network; -1 for an image without a label of such a class, and for one that was not seen.
    confidences : ndarray (N,) float
        Of the predicted class, 0-1; NaN where there is none.
    done, total : int
        Images seen and images to see.
    skipped : dict of int to str
        Images that could not be read, and why.
    """

    classes: tuple[str, ...]
    labels: np.ndarray
    predictions: np.ndarray
    confidences: np.ndarray
    done: int
    total: int
    skipped: dict[int, str] = field(default_factory=dict)

    @property
    def known(self) -> np.ndarray:
        """Images of which truth and prediction are known, (N,) bool."""
        return (self.labels >= 0) & (self.predictions >= 0)

    @property
    def matrix(self) -> np.ndarray:
        """How many images of each true class (row) were taken for each class (column), (K, K) int."""
        number = len(self.classes)
        at = self.labels[self.known] * number + self.predictions[self.known]
        return np.bincount(at, minlength=number * number).reshape(number, number)

    @property
    def right(self) -> int:
        """How many images were taken for what they are."""
        return int((self.labels == self.predictions)[self.known].sum())

    @property
    def accuracy(self) -> float:
        """Share of the images with a known class that were taken for it; NaN where none is known."""
        seen = int(self.known.sum())
        return self.right / seen if seen else float("nan")

    def changed(self, other: Confusion) -> np.ndarray:
        """Return the images that another run takes for another class."""
        both = (self.predictions >= 0) & (other.predictions >= 0)
        return np.flatnonzero(both & (self.predictions != other.predictions))


@dataclass(frozen=True, eq=False)
class Condensed:
    """A confusion matrix of few enough classes to be looked at.

    Attributes
    ----------
    names : tuple of str
        Of the rows and the columns; the last one is "other classes" where there are more.
    counts : ndarray (R, R) int
    """

    names: tuple[str, ...]
    counts: np.ndarray
    _found: Confusion
    _place: np.ndarray

    def ids(self, row: int, column: int) -> np.ndarray:
        """Return the images of a cell, the surest first."""
        found = self._found
        true, taken = self._place[found.labels], self._place[found.predictions]
        ids = np.flatnonzero(found.known & (true == row) & (taken == column))
        return ids[np.argsort(-found.confidences[ids], kind="stable")]


def condensed(found: Confusion, most: int = 20) -> Condensed:
    """Keep the classes with the most images, true or predicted, and put the others together."""
    matrix = found.matrix
    busy = matrix.sum(0) + matrix.sum(1)
    there = np.flatnonzero(busy)
    if len(there) > most:
        there = np.sort(np.argsort(-busy, kind="stable")[:most])
    others = int(busy.astype(bool).sum()) > len(there)
    place = np.full(len(found.classes), len(there))
    place[there] = np.arange(len(there))
    number = len(there) + others
    counts = np.zeros((number + (not others), number + (not others)), int)
    np.add.at(counts, (place[:, None], place[None, :]), matrix)
    names = [found.classes[one] for one in there] + (["other classes"] if others else [])
    return Condensed(tuple(names), counts[:number, :number], found, place)


def confusion(net: Network, photos: Any, *, batch_size: int = 32) -> Iterator[Confusion]:
    """Classify images and compare with their labels, a batch at a time.

    A label is the class of the network that has its name; where no names agree, the class of its number.

    Parameters
    ----------
    net : Network
    photos : ImageSet or what makes one
        With labels; without them there are predictions only.
    batch_size : int
        Images per forward pass.

    Yields
    ------
    Confusion
        Of the images so far; the last one has `done == total`.

    Raises
    ------
    NetworkError
        If the network fails, or has no class scores.

    References
    ----------
    J. T. Townsend, *Theoretical analysis of an alphabetic confusion matrix*, Perception & Psychophysics 9, 1971.

    Examples
    --------
    >>> import deepviz_widgets as dv
    >>> net, images = dv.demo.digits("test")
    >>> for found in confusion(net, images[:50]): pass
    >>> found.matrix.sum(), found.accuracy
    (50, 1.0)
    """
    images = as_images(photos)
    if len(net.scores_shape) != 1:
        raise NetworkError(f"The network returns {size(net.scores_shape)} values an image, not one score a class.")
    number = len(images)
    labels, predictions = labels_in(net, images), np.full(number, UNKNOWN)
    sure = np.full(number, np.nan)
    skipped: dict[int, str] = {}
    for start in range(0, number, batch_size):
        stop = min(start + batch_size, number)
        for ids, batch in _batches(net, images, range(start, stop), skipped):
            raw = net.forward(batch).detach().float().cpu()
            predictions[ids] = raw.argmax(1).numpy()
            sure[ids] = confidences(raw, net.scores_are).amax(1).numpy()
        yield Confusion(net.classes, labels, predictions.copy(), sure.copy(), stop, number, dict(skipped))


def labels_in(net: Network, images: ImageSet) -> np.ndarray:
    """Return the label of each image as a class of the network, (N,) int; -1 where it has none of these."""
    if images.labels is None:
        return np.full(len(images), UNKNOWN)
    labels, place = np.asarray(images.labels, int), {name: at for at, name in enumerate(net.classes)}
    if images.classes and set(images.classes) & set(net.classes):
        named = np.array([place.get(name, UNKNOWN) for name in images.classes])
        return np.where((labels >= 0) & (labels < len(named)), named[np.clip(labels, 0, len(named) - 1)], UNKNOWN)
    return np.where((labels >= 0) & (labels < len(net.classes)), labels, UNKNOWN)


def in_words(found: Confusion) -> str:
    """Say the accuracy: `97.2 % of 359 images are right`."""
    seen = int(found.known.sum())
    if not seen:
        return f"{plural(found.done, 'image')} seen, none with a label that the network has a class for"
    return f"{100 * found.accuracy:.1f} % of {count(seen)} images are right"


def _batches(
    net: Network, images: ImageSet, rows: range, skipped: dict[int, str]
) -> Iterator[tuple[list[int], Tensor]]:
    """Read images and put those of one shape together."""
    groups: dict[torch.Size, tuple[list[int], list[Tensor]]] = {}
    for row in rows:
        try:
            tensor = net.input(images[row])
        except ImageError as error:
            skipped[row] = str(error)
            continue
        ids, tensors = groups.setdefault(tensor.shape, ([], []))
        ids.append(row)
        tensors.append(tensor)
    for ids, tensors in groups.values():
        yield ids, torch.stack(tensors)
