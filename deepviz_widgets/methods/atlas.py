"""`Atlas`: maps of the same images by one or several layers, and all that is known of each image."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from ..images import ImageSet
from ..network import Network
from ..words import no_such, plural
from . import embedding as em
from .columns import Column, as_words

GIVEN = "features"


class Atlas:
    """Maps of the same images, layer by layer, that can be left and gone on with.

    Parameters
    ----------
    images : ImageSet
    net : Network, optional
        Whose layers are read; without it features or positions are given.
    features : array, Features or dict of these by name, optional
    positions : array (N, 2), optional
        A map that is there already.
    pool : str
        As in `embedding.features`.
    **options
        Of `embedding.embedding`: engine, iterations, largest_perplexity, ...

    Attributes
    ----------
    rows : ndarray (M,) int
        The images on the maps: those that could be read.
    labels, predictions : ndarray (N,) int
        -1 where unknown.
    confidences : ndarray (N,) float
        Of the predicted class; NaN where unknown.
    skipped : dict of int to str
        Images that could not be read, and why.
    values, runs, probes : dict by layer
        Features (M, F), maps, and how well a linear classifier reads the labels.
    turned : set of str
        Layers whose map is at its end and lies as the others do.
    steady : dict of Stability by layer
        How much maps of other seeds agree, where it was measured.
    """

    def __init__(
        self, images: ImageSet, net: Network | None = None, *, features: Any = None, positions: Any = None,
        pool: str = "mean", **options: Any,
    ):
        self.images, self.net, self.pool, self._options = images, net, pool, options
        self.count = len(images)
        self.rows = np.arange(self.count)
        self.labels = np.full(self.count, -1) if images.labels is None else np.asarray(images.labels, int)
        self.predictions, self.confidences = np.full(self.count, -1), np.full(self.count, np.nan)
        self.skipped: dict[int, str] = {}
        self.values: dict[str, np.ndarray] = {}
        self.runs: dict[str, em.Embedding] = {}
        self.probes: dict[str, em.Probe | None] = {}
        self.steady: dict[str, em.Stability] = {}
        self._honesty: dict[str, tuple[np.ndarray, em.Honesty]] = {}
        self._turns: dict[str, np.ndarray] = {}
        self._placed: dict[str, np.ndarray] = {}
        self.turned: set[str] = set()
        self._taken: set[str] = set()  # layers whose features were given
        self._given = None if positions is None else self._as_given(positions)
        if features is not None:
            self._take(features)

    def close(self) -> None:
        """Let go of the network, the images and all that was computed."""
        self.net = self.images = None  # type: ignore[assignment]
        for held in (self.values, self.runs, self._honesty, self._turns, self._placed, self.probes, self.steady):
            held.clear()

    def forget_weights(self) -> dict[str, np.ndarray]:
        """Drop what the network said of the images; return where they lay, (M, 2) by layer, for maps to go on from."""
        if self.net is None or self.given:
            return {}
        read = [layer for layer in self.values if layer not in self._taken]
        lay = {layer: self.on_map(layer) for layer in read if layer in self.runs}
        for layer in read:
            for held in (self.values, self.runs, self._honesty, self._turns, self._placed, self.probes, self.steady):
                held.pop(layer, None)
            self.turned.discard(layer)
        return {layer: at for layer, at in lay.items() if np.isfinite(at).all()}

    def shuffled(self, layer: str) -> Atlas:
        """Return the same images with the features of a layer shuffled: the map that chance draws."""
        other = copy.copy(self)
        other.values = {layer: em.shuffled(self.values[layer])}
        other.runs, other.probes, other.steady, other.turned, other._given = {}, {}, {}, set(), None
        other._honesty, other._turns, other._placed = {}, {}, {}
        return other

    # ---------------------------------------------------------------- reading

    def read(self, layers: Sequence[str]) -> Iterator[tuple[int, int]]:
        """Read the features of layers that are not there yet in one pass; yield (images done, images)."""
        missing = [layer for layer in layers if layer and layer not in self.values]
        if not missing:
            return
        if self.net is None:
            raise ValueError(no_such("layer", missing[0], list(self.values)))
        found: dict[str, em.Features] = {}
        for found in em.features_in(self.net, self.images, missing, pool=self.pool):
            one = next(iter(found.values()))
            yield one.done, one.total
        if found:
            self._keep(found)

    def _keep(self, found: Mapping[str, em.Features]) -> None:
        one = next(iter(found.values()))
        self.skipped.update(one.skipped)
        self.rows = one.images
        self.predictions[one.images] = one.predictions
        if one.scores.shape[1]:
            self.confidences[one.images] = one.confidences.max(1)
        known = one.labels >= 0
        self.labels[one.images[known]] = one.labels[known]
        for layer, features in found.items():
            self.values[layer] = features.values
        if self._given is not None:  # anew: now it is known which images can be read, and what they are like
            self.runs.clear()

    def _take(self, features: Any) -> None:
        several = features if isinstance(features, Mapping) else {getattr(features, "layer", "") or GIVEN: features}
        for name, given in several.items():
            values = np.asarray(getattr(given, "values", given), np.float32)
            number = len(given.images) if isinstance(given, em.Features) else self.count
            if len(values) != number:
                raise ValueError(
                    f"There are {plural(number, 'image')} but {plural(len(values), 'row')} of features; give one row "
                    f"an image."
                )
            self.values[str(name)] = values.reshape(len(values), -1)
            self._taken.add(str(name))
            if isinstance(given, em.Features):
                self._keep({str(name): given})

    def _as_given(self, positions: Any) -> np.ndarray:
        if len(positions) != self.count:
            raise ValueError(
                f"There are {plural(self.count, 'image')} but {plural(len(positions), 'position')}; give one an image."
            )
        return em.embedding(None, engine=np.asarray(positions, np.float32)).positions

    # ---------------------------------------------------------------- maps

    @property
    def given(self) -> bool:
        """Whether the map was given, so that it needs no features."""
        return self._given is not None

    def run(self, layer: str, **options: Any) -> em.Embedding:
        """Return the map of a layer, begun where it is not there yet."""
        if layer not in self.runs:
            given = {} if self._given is None else {"engine": self._given[self.rows]}
            self.runs[layer] = em.embedding(self.values.get(layer), **{**self._options, **options, **given})
        return self.runs[layer]

    def set_positions(self, layer: str, positions: Any) -> None:
        """Take positions in place of a layer's map."""
        given = self._as_given(positions)
        self.runs[layer] = em.embedding(self.values.get(layer), engine=given[self.rows])
        self.changed(layer, turned=False)

    def changed(self, layer: str, *, turned: bool = True) -> None:
        """Forget what was measured on a map that moves on; without `turned` also how it was turned onto the others."""
        for held in (self._honesty, self._placed, self.steady):
            held.pop(layer, None)
        if not turned:
            self._turns.pop(layer, None)
            self.turned.discard(layer)

    def finished(self, layer: str) -> bool:
        """Whether the map of a layer is at its end."""
        return layer in self.runs and self.runs[layer].done

    def turn(self, layer: str) -> bool:
        """Turn a map that is at its end onto the first that was; return whether it lies otherwise now."""
        if layer in self.turned:
            return False
        first = next((name for name in self.runs if name in self.turned), None)
        self.turned.add(layer)
        if first is None:
            return False
        onto = self.on_map(first)[: len(self.runs[first])]
        pair = em.aligned([onto, self.runs[layer].positions])
        self._turns[layer] = _similarity(self.runs[layer].positions, pair[1])
        return True

    def probe(self, layer: str) -> em.Probe | None:
        """Return how well a linear classifier reads the labels from a layer; None where too few are known."""
        if layer not in self.probes and layer in self.values:
            self.probes[layer] = self._probe(layer)
        return self.probes.get(layer)

    def _probe(self, layer: str) -> em.Probe | None:
        labels = self.labels[self.rows]
        if not (labels >= 0).any():
            return None
        try:
            return em.probe(self.values[layer], labels)
        except ValueError:  # too few images of a class to judge by
            return None

    def on_map(self, layer: str, positions: np.ndarray | None = None) -> np.ndarray:
        """Return positions (M, 2) of the images that could be read, turned as the map of the layer is."""
        run = self.runs[layer]
        if positions is None:
            taken = np.concatenate([run.positions, self._extra(layer)])
        else:  # new images were not there yet
            missing = len(self.values.get(layer, positions)) - len(positions)
            taken = np.concatenate([positions, np.full((max(missing, 0), 2), np.nan, np.float32)])
        turn = self._turns.get(layer)
        return taken if turn is None else (taken @ turn[:2] + turn[2]).astype(np.float32)

    def positions(self, layer: str, positions: np.ndarray | None = None) -> np.ndarray:
        """Return positions (N, 2) float32 of all images, NaN for those that could not be read."""
        found = np.full((self.count, 2), np.nan, np.float32)
        found[self.rows] = self.on_map(layer, positions)
        return found

    def keyframes(self, layer: str) -> dict[int, np.ndarray]:
        """Return what the map was on its way, by iteration."""
        return dict(self.runs[layer].keyframes) if layer in self.runs else {}

    def add(self, images: ImageSet, features: Mapping[str, Any]) -> np.ndarray:
        """Take new images into the maps as they are; return their indices.

        Parameters
        ----------
        images : ImageSet
        features : dict of Features or arrays, by layer
            One for each layer that has a map.
        """
        missing = [layer for layer in self.runs if layer not in features]
        if missing:
            raise ValueError(f"New images need features of layer {missing[0]!r} to be placed on its map.")
        one = next(iter(features.values()))
        read = getattr(one, "images", np.arange(len(images)))
        for name, rows in features.items():
            values = np.asarray(getattr(rows, "values", rows), np.float32).reshape(len(rows), -1)
            if len(values) != len(read):
                raise ValueError(
                    f"There are {plural(len(read), 'new image')} but {plural(len(values), 'row')} of features."
                )
            if name in self.runs:
                self._placed[name] = np.concatenate([self._extra(name), self.runs[name].place(values)])
            self.values[name] = np.concatenate([self.values[name], values])
        start, names = self.count, getattr(one, "predictions", None)
        self.images, self.count = joined(self.images, images), self.count + len(images)
        self.rows = np.concatenate([self.rows, start + read])
        self.labels = np.concatenate([self.labels, _relabelled(images, self.images.classes)])
        self.predictions = np.concatenate([self.predictions, np.full(len(images), -1)])
        self.confidences = np.concatenate([self.confidences, np.full(len(images), np.nan)])
        if names is not None:
            self.predictions[start + read] = names
            self.confidences[start + read] = one.confidences.max(1, initial=np.nan)
        return np.arange(start, self.count)

    def _extra(self, layer: str) -> np.ndarray:
        """Return where new images were placed; anew where the map has moved on since."""
        number = len(self.runs[layer])
        if layer not in self._placed and len(self.values.get(layer, ())) > number:
            self._placed[layer] = self.runs[layer].place(self.values[layer][number:])
        return self._placed.get(layer, np.zeros((0, 2), np.float32))

    # ---------------------------------------------------------------- what is known

    def honesty(self, layer: str) -> em.Honesty | None:
        """Measure the map of a layer as it is now; None without features."""
        if layer not in self.values or layer not in self.runs:
            return None
        run = self.runs[layer]
        if layer not in self._honesty or self._honesty[layer][0] is not run.positions:  # it has moved on
            self._honesty[layer] = run.positions, em.honesty(self.values[layer][: len(run)], run)
        return self._honesty[layer][1]

    def kept(self, layer: str) -> np.ndarray:
        """Share of the true neighbours that the map kept, (N,), NaN where not measured."""
        return self._over_all(self._honesty[layer][1].kept if layer in self._honesty else np.zeros(0))

    def _over_all(self, known: np.ndarray) -> np.ndarray:
        """Return numbers of the first images that could be read as (N,), NaN for all others."""
        found = np.full(self.count, np.nan)
        found[self.rows[: len(known)]] = known
        return found

    def neighbours(self, layer: str, index: int, k: int = 10) -> tuple[np.ndarray, np.ndarray]:
        """Return the k nearest other images in the space of the features, and how far they are."""
        at = np.flatnonzero(self.rows == index)
        if layer not in self.values or not len(at):
            return np.zeros(0, int), np.zeros(0, np.float32)
        values, row = self.values[layer], int(at[0])
        far = np.concatenate([
            np.linalg.norm(values[start : start + 8192] - values[row], axis=1) for start in range(0, len(values), 8192)
        ])
        far[row] = np.inf
        near = np.argpartition(far, min(k, len(far) - 1))[: min(k, len(far) - 1)]
        near = near[np.lexsort((near, far[near]))]
        return self.rows[near], far[near]

    def false(self, layer: str, index: int) -> list[int]:
        """Return the images that lie next to one on the map but are far in truth, as far as it was measured."""
        found = self._honesty[layer][1] if layer in self._honesty else None
        at = np.flatnonzero(self.rows == index)
        row = np.flatnonzero(found.rows == at[0]) if found is not None and len(at) else at[:0]
        if found is None or not len(row):
            return []
        near = found.near[row[0]]
        far = self.neighbours(layer, index, min(3 * found.k, len(self.rows) - 1))[0]
        return [int(one) for one in self.rows[near] if one not in far]

    def wrong(self) -> np.ndarray:
        """Return which predictions are errors, (N,): 0 right, 1 wrong, -1 where truth or prediction is unknown."""
        known = (self.labels >= 0) & (self.predictions >= 0)
        labels, classes = self.images.classes, self.net.classes if self.net is not None else ()
        if labels and set(labels) & set(classes):
            truth = np.array([classes.index(name) if name in classes else -2 for name in labels])
            same = truth[np.clip(self.labels, 0, len(truth) - 1)] == self.predictions
        else:
            same = self.labels == self.predictions
        return np.where(known, ~same, -1).astype(int)

    def columns(self, layer: str) -> dict[str, Column]:
        """Return what is known of each image, by name: label, prediction, error, confidence, kept, stable."""
        found = []
        if (self.labels >= 0).any():
            names = self.images.classes or tuple(f"class {k}" for k in range(int(self.labels.max()) + 1))
            found.append(Column("label", "category", self.labels, tuple(names)))
        if (self.predictions >= 0).any() and self.net is not None:
            found.append(Column("prediction", "category", self.predictions, tuple(self.net.classes)))
            wrong = self.wrong()
            if (wrong >= 0).any():
                found.append(Column("error", "category", wrong, ("right", "wrong")))
            found.append(Column("confidence", "number", self.confidences))
        if layer in self._honesty:
            found.append(Column("kept", "number", self.kept(layer)))
        if layer in self.steady:
            found.append(Column("stable", "number", self._over_all(self.steady[layer].kept)))
        return {column.name: column for column in found}

    def table(self, layer: str) -> dict[str, Any]:
        """Return id, name, label, prediction, confidence, x, y and kept of all images, column by column."""
        at = self.positions(layer) if layer in self.runs else np.full((self.count, 2), np.nan, np.float32)
        labels = self.images.classes
        classes = self.net.classes if self.net is not None else ()
        return {
            "id": np.arange(self.count), "name": list(self.images.names), "label": as_words(self.labels, labels),
            "prediction": as_words(self.predictions, classes), "confidence": self.confidences,
            "x": at[:, 0], "y": at[:, 1], "kept": self.kept(layer),
        }


class _Joined:
    """Two sets of images, one after the other, read when needed."""

    def __init__(self, first: ImageSet, second: ImageSet):
        self.first, self.second = first, second

    def __len__(self) -> int:
        return len(self.first) + len(self.second)

    def __getitem__(self, row: int) -> Any:
        return self.first[row] if row < len(self.first) else self.second[row - len(self.first)]


def joined(first: ImageSet, second: ImageSet) -> ImageSet:
    """Return two sets as one that reads its images when needed; labels only where the classes of both are known."""
    classes = first.classes or second.classes
    labels = None
    if first.labels is not None and second.labels is not None and (_relabelled(second, classes) >= 0).all():
        labels = np.concatenate([first.labels, _relabelled(second, classes)])
    return ImageSet(_Joined(first, second), labels=labels, names=[*first.names, *second.names], classes=classes)


def _relabelled(images: ImageSet, classes: Sequence[str]) -> np.ndarray:
    """Return the labels of images as indices of other class names, -1 where there is none."""
    if images.labels is None:
        return np.full(len(images), -1)
    if not images.classes or tuple(images.classes) == tuple(classes):
        return np.asarray(images.labels, int)
    place = {name: at for at, name in enumerate(classes)}
    return np.array([place.get(images.classes[label], -1) for label in images.labels], int)


def _similarity(moved: np.ndarray, onto: np.ndarray) -> np.ndarray:
    """Return the (3, 2) matrix of the turn, the stretch and the shift that led from one to the other."""
    known = np.concatenate([moved, np.ones((len(moved), 1))], 1)
    return np.linalg.lstsq(known.astype(np.float64), onto.astype(np.float64), rcond=None)[0]
