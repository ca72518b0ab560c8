"""Components of what a layer answers, over all places of many images, in one pass: principal ones, and parts."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...capture import capture
from ...images import ImageSet, as_images
from ...layers import Layer
from ...network import Network
from ...pictures import ImageError
from ...words import count, plural
from .answers import OddError, flattened

__all__ = ["answered", "columns", "parts", "principal"]

MOST_UNITS = 8192  # a matrix of C x C doubles is half a gigabyte there


def columns(net: Network, photos: Any, layer: Layer, batch: int = 32) -> Iterator[Tensor]:
    """Yield what all units answer at each place, (places, C), a batch of images at a time.

    Images that cannot be read and places with values that are not finite are left out.

    Raises
    ------
    ImageError
        If no image can be read.
    """
    images, seen = as_images(photos), 0
    step = batch if layer.layout.batch is not None else 1
    for start in range(0, len(images), step):
        inputs = _inputs(net, images, range(start, min(start + step, len(images))))
        seen += len(inputs)
        for shape in dict.fromkeys(one.shape for one in inputs):
            group = torch.stack([one for one in inputs if one.shape == shape])
            flat = answered(net, layer, group).movedim(1, 2).flatten(0, 1).float().cpu()
            yield flat[torch.isfinite(flat).all(1)]
    if not seen:
        raise ImageError(f"None of {plural(len(images), 'image')} can be read.")


def answered(net: Network, layer: Layer, batch: Tensor) -> Tensor:
    """Return what a layer answers to images, (N, C, places); the last call of one that runs several times.

    Raises
    ------
    ValueError
        If its answer does not keep the images apart.
    """
    with capture(net, [layer.name], stop=True) as seen:
        net.forward(batch)
    try:
        return flattened(layer, seen[layer.name][-1], batch)[0]
    except OddError:
        raise ValueError(
            f"Layer {layer.name!r} does not answer to each image by itself, so it has no units over places."
        ) from None


def _inputs(net: Network, images: ImageSet, rows: range) -> list[Tensor]:
    found = []
    for row in rows:
        try:
            found.append(net.input(images[row]))
        except ImageError:
            continue
    return found


def principal(net: Network, photos: Any, layer: Layer, n: int, batch: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the n principal components (n, C), and the share of the variance that each holds."""
    units = layer.layout.channels
    if units > MOST_UNITS:
        raise ValueError(
            f"The covariance of the {count(units)} units of layer {layer.name!r} does not fit in memory; choose a "
            f"layer of at most {count(MOST_UNITS)}."
        )
    total, mean, scatter = 0, torch.zeros(units, dtype=torch.float64), torch.zeros(units, units, dtype=torch.float64)
    for found in columns(net, photos, layer, batch):
        values, number = found.double(), len(found)
        if not number:
            continue
        middle = values.mean(0)
        step = middle - mean
        values -= middle
        scatter += values.T @ values + torch.outer(step, step) * (total * number / (total + number))  # Chan et al. 1979
        total += number
        mean += step * (number / total)
    strength, vectors = np.linalg.eigh(scatter.numpy())
    strength = np.maximum(strength[::-1], 0)
    if total < 2 or not strength[0] > 1e-20 * total * max(1.0, float(mean.abs().max()) ** 2):
        raise ValueError(f"Layer {layer.name!r} answers the same at {_places(total)}, so it has no components.")
    return turned(vectors.T[::-1][:n]), strength[:n] / strength.sum()


def turned(vectors: np.ndarray) -> np.ndarray:
    """Turn each row so that its largest entry is positive."""
    largest = np.abs(vectors).argmax(1)
    return vectors * np.where(vectors[np.arange(len(vectors)), largest] < 0, -1, 1)[:, None]


def parts(
    net: Network, photos: Any, layer: Layer, n: int, places: int, seed: int, batch: int
) -> tuple[np.ndarray, int]:
    """Return n non-negative components (n, C) of length 1, and from how many places they are."""
    drawn = _drawn(net, photos, layer, places, seed, batch)
    if not drawn.any():
        raise ValueError(f"Layer {layer.name!r} answers 0 at {_places(len(drawn))}, so it has no parts.")
    from sklearn.decomposition import NMF  # noqa: PLC0415  slow to import
    from sklearn.exceptions import ConvergenceWarning  # noqa: PLC0415

    model = NMF(n, init="nndsvda", random_state=seed, max_iter=400, tol=1e-3)
    with warnings.catch_warnings():  # a factorization that is not the very best is one as well
        warnings.simplefilter("ignore", ConvergenceWarning)
        weights = model.fit_transform(drawn)
    found = model.components_
    lengths = np.linalg.norm(found, axis=1)
    kept = lengths > 0
    if not kept.all():
        raise ValueError(
            f"Layer {layer.name!r} has only {plural(int(kept.sum()), 'non-negative part')} here; {n} were asked for."
        )
    order = np.argsort(-(weights.sum(0) * lengths), kind="stable")  # by what each adds to the whole
    return found[order] / lengths[order, None], len(drawn)


def _drawn(net: Network, photos: Any, layer: Layer, places: int, seed: int, batch: int) -> np.ndarray:
    """Draw places, each with the same chance, in one pass: each gets a random number, and the smallest are kept."""
    generator = np.random.default_rng(seed)
    kept, numbers = np.zeros((0, layer.layout.channels), np.float32), np.zeros(0)
    for found in columns(net, photos, layer, batch):
        if len(found) and float(found.min()) < 0:
            raise ValueError(
                f"Layer {layer.name!r} has negative answers, and NMF is of numbers from 0; take a layer after a ReLU, "
                "or pca."
            )
        numbers = np.concatenate([numbers, generator.random(len(found))])
        kept = np.concatenate([kept, found.numpy()])
        least = np.sort(np.argpartition(numbers, places)[:places]) if len(numbers) > places else slice(None)
        numbers, kept = numbers[least], kept[least]
    return kept


def _places(number: int) -> str:
    return f"all {plural(number, 'place')}" if number > 1 else plural(number, "place")
