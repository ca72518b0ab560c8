"""From a score at each position to a number at each pixel."""

from __future__ import annotations

import numpy as np
from scipy.interpolate import LinearNDInterpolator, NearestNDInterpolator

from .positions import Lattice


def averaged(lattices: tuple[Lattice, ...], values: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Average over the known positions that cover each pixel, (H, W) float32; NaN where there is none."""
    total = np.zeros((2, *lattices[0].image))
    start = 0
    for part in lattices:
        rows = slice(start, start + len(part))
        total += np.stack(part.covering(values[rows], known[rows].astype(np.float64)))
        start += len(part)
    with np.errstate(invalid="ignore"):
        return (total[0] / np.where(total[1] > 0, total[1], np.nan)).astype(np.float32)


def guessed(part: Lattice, values: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Fill in the positions that are not known from those around, (P,); all 0 where nothing is known.

    Linear between known positions, as the nearest outside of them.
    """
    if known.all() or not known.any():
        return np.where(known, values, 0)
    centres = (part.boxes[:, :2] + part.boxes[:, 2:]) / 2.0
    near = NearestNDInterpolator(centres[known], values[known])
    found = np.where(known, values, near(centres))
    flat = np.ptp(centres[known], axis=0).min() == 0
    if part.labels is None and not flat and known.sum() > 3:
        between = LinearNDInterpolator(centres[known], values[known])(centres)
        found = np.where(known | np.isnan(between), found, between)
    return found
