"""Maps of the same images, turned and scaled onto each other so that only what differs moves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .checks import as_positions


def aligned(maps: Sequence[Any], *, scale: bool = True) -> list[np.ndarray]:
    """Turn, mirror, shift and scale each map onto the one before it, with the least squared distance.

    Neighbourhoods on a map are not touched: a t-SNE map has no up and no left.

    Parameters
    ----------
    maps : sequence of arrays (N, 2)
        The same images in each.
    scale : bool
        Whether sizes are made equal too.

    Returns
    -------
    list of ndarray (N, 2) float32
        The first one as it is.

    References
    ----------
    J. C. Gower, *Generalized Procrustes analysis*, 1975.

    Examples
    --------
    >>> import numpy as np
    >>> square = np.array([[0, 0], [0, 1], [1, 1], [1, 0.0]])
    >>> turned = square @ np.array([[0, 1], [-1, 0]]) * 3 + 5
    >>> bool(np.allclose(aligned([square, turned])[1], square, atol=1e-6))
    True
    """
    taken = [as_positions(one) for one in maps]
    lengths = sorted({len(one) for one in taken})
    if len(lengths) > 1:
        raise ValueError(f"Maps are aligned image by image; these have {lengths[0]:,} and {lengths[-1]:,} images.")
    found = taken[:1]
    for one in taken[1:]:
        found.append(_onto(one.astype(np.float64), found[-1].astype(np.float64), scale).astype(np.float32))
    return found


def _onto(moved: np.ndarray, fixed: np.ndarray, scale: bool) -> np.ndarray:
    a, b = moved - moved.mean(0), fixed - fixed.mean(0)
    left, stretch, right = np.linalg.svd(a.T @ b)
    size = float((a * a).sum())
    factor = stretch.sum() / size if scale and size > 0 and stretch.sum() > 0 else 1.0
    return a @ (left @ right) * factor + fixed.mean(0)
