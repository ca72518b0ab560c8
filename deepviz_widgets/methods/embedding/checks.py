"""What a map is made from, taken in any form or refused in one sentence."""

from __future__ import annotations

from typing import Any

import numpy as np
from torch import Tensor

from ...words import count, kind_of, plural, size
from .features import Features

FEWEST = 4


def as_values(features: Any) -> np.ndarray:
    """Take features, an array or a tensor as rows (N, F) of finite numbers, without a look at what they hold."""
    if isinstance(features, Features):
        return features.values
    if isinstance(features, Tensor):
        features = features.detach().float().cpu().numpy()
    try:
        values = np.asarray(features, dtype=np.float32)
    except (TypeError, ValueError) as error:
        raise ValueError(f"Features are an array with one row an image; this is {kind_of(features)}.") from error
    if values.ndim < 2:
        raise ValueError(f"Features are an array with one row an image; this one has the shape {values.shape}.")
    return values.reshape(len(values), -1)


def mappable(features: Any) -> np.ndarray:
    """Return rows (N, F) that a map can be made of.

    Raises
    ------
    ValueError
        For fewer than four rows, NaN or infinite numbers, or rows that are all the same.
    """
    values = as_values(features)
    if len(values) < FEWEST:
        raise ValueError(f"A map needs at least {FEWEST} images; there {'is' if len(values) == 1 else 'are'} "
                         f"{count(len(values))}.")
    if not values.shape[1]:
        raise ValueError("The features have no columns, so there is nothing to map.")
    refuse_not_finite(values)
    if (values == values[:1]).all():
        layer = features.layer if isinstance(features, Features) else ""
        where = f" of layer {layer!r}" if layer else ""
        raise ValueError(
            f"The features{where} of all {count(len(values))} images are the same, so there is nothing to map; "
            f"are the images identical, or is the layer constant?"
        )
    return values


def refuse_not_finite(values: np.ndarray) -> None:
    """Raise where rows hold NaN or infinite numbers, with how many rows and which is the first."""
    bad = np.flatnonzero(~np.isfinite(values).all(1))
    if len(bad):
        raise ValueError(
            f"The features of {plural(len(bad), 'image')} hold NaN or infinite numbers, the first at row "
            f"{count(int(bad[0]))}; leave these out."
        )


def largest_perplexity(number: int) -> float:
    """Return the largest perplexity for a number of images: three times as many neighbours must be there."""
    return (number - 1) / 3


def as_perplexity(perplexity: Any, number: int) -> float:
    """Take a perplexity, or None for 30 or as much as there can be; raise where it is too large or too small."""
    largest = largest_perplexity(number)
    if perplexity is None:
        return min(30.0, largest)
    value = float(perplexity)
    if not 1 <= value <= largest:
        shown = f"{np.floor(largest * 10) / 10:g}"
        raise ValueError(
            f"The perplexity is {value:g}; for {plural(number, 'image')} it goes from 1 to {shown}, a third of the "
            f"neighbours there are."
        )
    return value


def as_positions(positions: Any, number: int | None = None) -> np.ndarray:
    """Take positions (N, 2) float32; raise for another shape or numbers that are not finite."""
    if isinstance(positions, Tensor):
        positions = positions.detach().cpu().numpy()
    try:
        taken = np.array(positions, dtype=np.float32)
    except (TypeError, ValueError) as error:
        raise ValueError(f"Positions are an array (N, 2); this is {kind_of(positions)}.") from error
    rows = "N" if number is None else count(number)
    if taken.ndim != 2 or taken.shape[1] != 2 or (number is not None and len(taken) != number):
        raise ValueError(
            f"Positions are an array of {rows} × 2 numbers; this one is {size(taken.shape) or 'a single number'}."
        )
    bad = np.flatnonzero(~np.isfinite(taken).all(1))
    if len(bad):
        raise ValueError(f"The positions hold NaN or infinite numbers, the first at row {count(int(bad[0]))}.")
    return taken
