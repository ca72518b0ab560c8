"""What a layer answers to many images, as one row of numbers an image, in one streaming pass."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ...capture import capture
from ...images import ImageSet, as_images
from ...layers import Layer
from ...network import Network, NetworkError
from ...pictures import ImageError
from ...scores import confidences
from ...words import count, plural, size
from ..activations import layout_of, why_not_finite

POOLS = ("mean", "flat", "places", "token")
PIXELS = "pixels"
_PIXEL_SIDE = 32  # pixels are compared at this side at most: more would only say how sharp an image is
_MOST_BYTES = 4 << 30


@dataclass(frozen=True, eq=False)
class Features:
    """Rows of numbers that stand for images.

    Attributes
    ----------
    layer, pool : str
        Where they come from, and how the places of a map were put together.
    values : ndarray (N, F) float32
        One row an image; with `pool="places"` one row a place of an image. Read-only.
    done, total : int
        Images seen and images to see.
    scores : ndarray (M, K) float32
        Class scores of the same pass, raw as the network gives them, one row for each of `images`.
    confidences : ndarray (M, K) float32
        The same as probabilities.
    images : ndarray (M,) int
        The images that could be read, in order.
    labels : ndarray (M,) int
        The true class of each of `images`, -1 where it is not known.
    skipped : dict of int to str
        Images that could not be read, and why.
    grid : (int, int)
        Rows and columns of places that an image has; (1, 1) where it has one row of numbers.
    """

    layer: str
    pool: str
    values: np.ndarray
    done: int
    total: int
    scores: np.ndarray
    confidences: np.ndarray
    images: np.ndarray
    labels: np.ndarray
    skipped: dict[int, str] = field(default_factory=dict)
    grid: tuple[int, int] = (1, 1)

    def __len__(self) -> int:
        return len(self.values)

    @property
    def ids(self) -> np.ndarray:
        """Which image each row belongs to, (N,)."""
        return self.images if self.grid == (1, 1) else np.repeat(self.images, self.grid[0] * self.grid[1])

    @property
    def places(self) -> np.ndarray:
        """Row and column of the place that each row stands for, (N, 2)."""
        each = np.stack(np.divmod(np.arange(self.grid[0] * self.grid[1]), self.grid[1]), 1)
        return np.tile(each, (len(self.images), 1))

    @property
    def predictions(self) -> np.ndarray:
        """The most probable class of each of `images`, (M,); -1 where the network has no class scores."""
        if not self.scores.shape[1]:
            return np.full(len(self.images), -1)
        return self.scores.argmax(1)


def features(
    net: Network, photos: Any, layer: Any, *, pool: str = "mean", batch_size: int | None = None
) -> Iterator[Features]:
    """Run images through a network and keep what one layer answers, a batch at a time.

    Parameters
    ----------
    net : Network
    photos : ImageSet or what makes one
    layer : str, nn.Module or a widget with a `layer`
        `"pixels"` is the network's input itself, shrunk to 32 pixels a side.
    pool : {"mean", "flat", "places", "token"}
        Of a layer with maps: the mean over its places (one number a channel), all its numbers, one row a place, or the
        class token of a transformer.
    batch_size : int, optional
        Images per forward pass; 32 by default, or one by one for layers that fold the images away.

    Yields
    ------
    Features
        Of the images so far; the last one has `done == total`.

    Raises
    ------
    ValueError
        For an unknown layer or pooling, or where different images all get the same answer.
    NetworkError
        If the network fails or gives NaN.

    Examples
    --------
    >>> import deepviz_widgets as dv
    >>> net, images = dv.demo.digits()
    >>> for found in dv.methods.embedding.features(net, images[:64], "conv1"): pass
    >>> found.values.shape[0], found.done
    (64, 64)
    """
    for found in features_in(net, photos, [layer], pool=pool, batch_size=batch_size):
        yield next(iter(found.values()))


def features_of(
    net: Network, photos: Any, layers: Sequence[Any], *, pool: str = "mean", batch_size: int | None = None
) -> dict[str, Features]:
    """Return the features of several layers, by their names, from one pass; the parameters are those of `features`.

    Examples
    --------
    >>> import deepviz_widgets as dv
    >>> net, images = dv.demo.digits()
    >>> list(dv.methods.embedding.features_of(net, images[:8], ["pixels", "conv1"]))
    ['pixels', 'conv1']
    """
    found: dict[str, Features] = {}
    for so_far in features_in(net, photos, layers, pool=pool, batch_size=batch_size):
        found = so_far
    return found


def features_in(
    net: Network, photos: Any, layers: Sequence[Any], *, pool: str = "mean", batch_size: int | None = None
) -> Iterator[dict[str, Features]]:
    """Run images through a network once and keep what several layers answer, a batch at a time.

    The parameters are those of `features`; yields features of each layer by its name.

    Examples
    --------
    >>> import deepviz_widgets as dv
    >>> net, images = dv.demo.digits()
    >>> [found["conv1"].done for found in dv.methods.embedding.features_in(net, images[:8], ["conv1"], batch_size=4)]
    [4, 8]
    """
    if pool not in POOLS:
        raise ValueError(f"Places are put together by {', '.join(map(repr, POOLS))}; {pool!r} is none of these.")
    if batch_size is not None and batch_size < 1:
        raise ValueError(f"A batch holds at least one image; batch_size is {batch_size}.")
    images = as_images(photos)
    collected = _Collected(net, images, _chosen(net, layers), pool)
    size = 1 if collected.one_by_one else batch_size or 32
    for start in range(0, len(images), size):
        collected.add(range(start, min(start + size, len(images))))
        yield collected.so_far()
    collected.refuse_constant()


def _chosen(net: Network, layers: Sequence[Any]) -> dict[str, Layer | None]:
    """Return the layers by name, with None for the pixels; a module of that name goes first."""
    named = {layer.name for layer in net.layers}
    chosen: dict[str, Layer | None] = {}
    for layer in layers:
        if isinstance(layer, str) and layer == PIXELS and PIXELS not in named:
            chosen[PIXELS] = None
        else:
            found = net.layer(layer)
            chosen[found.name] = found
    if not chosen:
        raise ValueError("Features are read from at least one layer; none is given.")
    return chosen


class _Collected:
    """Rows of all layers so far, in the order of the images; a row is only counted once it is wholly there."""

    def __init__(self, net: Network, images: ImageSet, layers: dict[str, Layer | None], pool: str):
        self.net, self.all, self.layers, self.pool = net, images, layers, pool
        self.one_by_one = any(layer is not None and layer.layout.batch is None for layer in layers.values())
        self.rows: dict[str, _Rows] = {name: _Rows(name, len(images)) for name in layers}
        self.classes = net.scores_shape[0] if len(net.scores_shape) == 1 else 0
        self.scores, self.sure = _Rows("", len(images)), _Rows("", len(images))
        self.images = np.empty(len(images), int)
        self.labels = np.full(len(images), -1)
        self.skipped: dict[int, str] = {}
        self.read = 0
        self.first: Tensor | None = None
        self.differ = False

    def add(self, rows: range) -> None:
        readable: list[int] = []
        groups: dict[torch.Size, list[tuple[int, Tensor]]] = {}  # a network may take images of several sizes
        for row in rows:
            try:
                picture = self.all[row]
                tensor = self.net.input(picture)
            except ImageError as error:
                self.skipped[row] = str(error)
                continue
            at = self.read + len(readable)
            self.images[at], self.labels[at] = row, -1 if picture.label is None else int(picture.label)
            groups.setdefault(tensor.shape, []).append((at, tensor))
            readable.append(row)
        for group in groups.values():
            at_rows, tensors = zip(*group, strict=True)
            self._run(np.array(at_rows), torch.stack(tensors))
        self.read += len(readable)

    def _run(self, at: np.ndarray, batch: Tensor) -> None:
        if self.first is None:
            self.first = batch[0]
        self.differ |= batch.shape[1:] != self.first.shape or not bool((batch == self.first).all())
        names = [name for name, layer in self.layers.items() if layer is not None]

        def keep(output: Tensor) -> Tensor:
            return output.detach().float().clone()

        with capture(self.net, names, keep=keep) as seen:
            raw = self.net.forward(batch).detach().float().cpu()
        for name, layer in self.layers.items():
            if layer is not None and not seen[name]:
                raise NetworkError(f"For these images the network did not call layer {name!r}.")
            values = _shrunk(batch) if layer is None else _pooled(layer, seen[name][-1], batch, self.pool)
            if not bool(torch.isfinite(values).all()):
                raise NetworkError(why_not_finite(self.net, batch, name or self.net.layers[-1].name))
            self.rows[name].put(at, values)
        scores = raw if self.classes and raw.dim() == 2 else raw.new_zeros((len(batch), 0))
        self.scores.put(at, scores[:, None])
        self.sure.put(at, (confidences(scores, self.net.scores_are) if scores.shape[1] else scores)[:, None])

    def so_far(self) -> dict[str, Features]:
        """Return what is there, as views: a batch costs the same whatever came before it."""
        images, labels = _view(self.images[: self.read]), _view(self.labels[: self.read])
        raw, sure = (_view(rows.kept(self.read)[:, 0]) for rows in (self.scores, self.sure))
        done = self.read + len(self.skipped)
        found = {}
        for name, rows in self.rows.items():
            kept = rows.kept(self.read)
            pool = self.pool if name != PIXELS or self.layers[name] is not None else "flat"
            found[name] = Features(
                name, pool, _view(kept.reshape(-1, kept.shape[2])), done, len(self.all), raw, sure, images, labels,
                dict(self.skipped), rows.grid,
            )
        return found

    def refuse_constant(self) -> None:
        if not self.read:
            why = next(iter(self.skipped.values()), "")
            raise ImageError(f"None of {plural(len(self.all), 'image')} could be read: {why}")
        for name, rows in self.rows.items():
            kept = rows.kept(self.read)
            if self.differ and all((kept[at] == kept[0]).all() for at in range(1, self.read)):
                raise ValueError(
                    f"Layer {name!r} answers the same to all {count(self.read)} images, so there "
                    f"is nothing to map; choose another layer."
                )


def _view(values: np.ndarray) -> np.ndarray:
    """Return a view that cannot be written to: the block goes on being filled behind it."""
    found = values.view()
    found.flags.writeable = False
    return found


class _Rows:
    """Rows (N, places, F) of one layer in one block of memory."""

    def __init__(self, name: str, total: int):
        self.name, self.total = name, total
        self.values: np.ndarray | None = None
        self.grid = (1, 1)

    def put(self, at: np.ndarray, values: Tensor) -> None:
        """Take values (n, places, F), or with the grid of the places (n, h, w, F), as the rows `at`."""
        if values.dim() == 4:
            self.grid = (values.shape[1], values.shape[2])
            values = values.flatten(1, 2)
        if self.values is None:
            shape = (self.total, *values.shape[1:])
            if 4 * np.prod(shape, dtype=float) > _MOST_BYTES:
                raise ValueError(
                    f"Features of {size(shape)} numbers of layer {self.name!r} take more than "
                    f"{_MOST_BYTES >> 30} GB; pool='mean' or fewer images would fit."
                )
            self.values = np.empty(shape, np.float32)
        if values.shape[1:] != self.values.shape[1:]:
            raise ValueError(
                f"Layer {self.name!r} gives {size(values.shape[1:])} numbers for an image of another size; "
                f"pool='mean', or a network with input_size=(C, H, W), makes them equal."
            )
        self.values[at] = values.cpu().numpy()

    def kept(self, number: int) -> np.ndarray:
        """Return the first rows, (number, places, F)."""
        return np.zeros((number, 1, 0), np.float32) if self.values is None else self.values[:number]


def _pooled(layer: Layer, output: Tensor, batch: Tensor, pool: str) -> Tensor:
    """Turn an output into rows (N, 1, F), or (N, H, W, C) for places."""
    layout = layout_of(layer, output, batch)
    if layout.batch is None:
        split = [layout.maps(layout.image(output, index)) for index in range(len(batch))]
        maps, extra = (torch.stack(part) for part in zip(*split, strict=True))
    else:
        each = [layout.maps(one) for one in output.movedim(layout.batch, 0)]
        maps, extra = (torch.stack(part) for part in zip(*each, strict=True))
    if pool == "token":
        if not extra.shape[2]:
            raise ValueError(f"Layer {layer.name!r} has no class token; pool='mean' takes the mean over its places.")
        return extra[:, None, :, 0]
    if pool == "places":
        return maps.permute(0, 2, 3, 1)
    return maps.flatten(1)[:, None] if pool == "flat" else maps.flatten(2).mean(2)[:, None]


def _shrunk(batch: Tensor) -> Tensor:
    """Return inputs (N, C, H, W) as rows (N, 1, F), averaged down to at most 32 pixels a side."""
    h, w = (min(_PIXEL_SIDE, side) for side in batch.shape[-2:])
    same = batch.shape[-2:] == (h, w)
    return (batch if same else nn.functional.adaptive_avg_pool2d(batch.float(), (h, w))).float().flatten(1)[:, None]
