"""The order of kernels: by strength, orientation, colour, frequency, or with similar ones beside each other."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.cluster.hierarchy import leaves_list, linkage, optimal_leaf_ordering
from scipy.spatial.distance import squareform

_BINS = 32  # of the padded spectrum
_SHARP = 0.25  # below this coherence a spectrum has no direction to speak of
_GREY = 0.25  # below this share of colour a kernel counts as grey
_MOST_OPTIMAL = 1000  # the best order of a tree takes time with the square of its leaves and more


def ordered(tiles: np.ndarray, by: str) -> np.ndarray:
    """Sort kernels.

    Parameters
    ----------
    tiles : ndarray (n, planes, h, w)
    by : {"index", "norm", "orientation", "colour", "frequency", "similarity"}
        Falling norm; direction of the stripes (kernels without one at the end); grey ones and then by hue (one plane:
        from the most negative mean to the most positive); rising mean frequency; or an order in which neighbours have
        a small angle between them.

    Returns
    -------
    ndarray (n,) int
        Indices; ties keep the order of the index, and kernels that hold NaN or nothing but 0 stand at the end.

    Raises
    ------
    ValueError
        For another criterion.

    References
    ----------
    Z. Bar-Joseph, D. Gifford, T. Jaakkola, *Fast optimal leaf ordering for hierarchical clustering*, 2001.

    Examples
    --------
    >>> import deepviz_widgets as dv
    >>> from deepviz_widgets.methods.kernels import learned_kernels, ordered
    >>> net, images = dv.demo.digits()
    >>> kernels = learned_kernels(net, "conv1").weights
    >>> norms = (kernels**2).sum((1, 2, 3))
    >>> bool(ordered(kernels, "norm")[0] == norms.argmax())
    True
    """
    if by not in _KEYS:
        raise ValueError(f"Kernels are ordered by {', '.join(map(repr, _KEYS))}; {by!r} is none of these.")
    if by == "index":
        return np.arange(len(tiles))
    usable = np.isfinite(tiles).all((1, 2, 3)) & tiles.any((1, 2, 3))
    there = np.flatnonzero(usable)
    if len(there) < 2:
        return np.argsort(~usable, kind="stable")
    return np.concatenate([there[_KEYS[by](tiles[there].astype(np.float64))], np.flatnonzero(~usable)])


def _by_norm(tiles: np.ndarray) -> np.ndarray:
    return np.argsort(-(tiles**2).sum((1, 2, 3)), kind="stable")


def _by_orientation(tiles: np.ndarray) -> np.ndarray:
    """Sort by the angle of the stripes, 0 to 180 degrees, from the second moments of the power spectrum."""
    power, (fy, fx) = _power(tiles), _frequencies()
    xx, yy, xy = ((power * f).sum((1, 2)) for f in (fx * fx, fy * fy, fx * fy))
    angle = np.mod(np.arctan2(2 * xy, xx - yy) / 2 + np.pi / 2, np.pi)
    coherence = np.hypot(xx - yy, 2 * xy) / np.maximum(xx + yy, np.finfo(float).tiny)
    return np.lexsort((np.where(coherence < _SHARP, -coherence, angle), coherence < _SHARP))


def _by_frequency(tiles: np.ndarray) -> np.ndarray:
    power, (fy, fx) = _power(tiles), _frequencies()
    return np.argsort((power * np.hypot(fy, fx)).sum((1, 2)) / power.sum((1, 2)), kind="stable")


def _by_colour(tiles: np.ndarray) -> np.ndarray:
    """Sort by the hue of the strongest colour axis, taken towards the larger weights; grey ones stand first."""
    if tiles.shape[1] != 3:
        return np.argsort(tiles.mean((1, 2, 3)), kind="stable")
    planes = tiles.reshape(len(tiles), 3, -1)
    axes = np.linalg.eigh(planes @ planes.swapaxes(1, 2))[1][:, :, -1]
    along = np.einsum("nc,ncp->np", axes, planes)
    axes *= np.where(along.max(1) >= -along.min(1), 1, -1)[:, None]
    chroma = np.stack([axes @ (2, -1, -1) / np.sqrt(6), axes @ (0, 1, -1) / np.sqrt(2)])
    hue, colour = np.mod(np.arctan2(chroma[1], chroma[0]), 2 * np.pi), np.hypot(*chroma)
    return np.lexsort((np.where(colour < _GREY, axes.sum(1), hue), colour >= _GREY))


def _by_similarity(tiles: np.ndarray) -> np.ndarray:
    """Sort as the leaves of a tree of clusters, turned so that neighbours have the smallest angles between them."""
    if len(tiles) < 3:
        return np.arange(len(tiles))
    flat = tiles.reshape(len(tiles), -1)
    flat = flat / np.linalg.norm(flat, axis=1, keepdims=True)
    distance = np.clip(1 - flat @ flat.T, 0, 2)
    np.fill_diagonal(distance, 0)
    condensed = squareform(distance, checks=False)
    tree = linkage(condensed, "average")
    return leaves_list(optimal_leaf_ordering(tree, condensed) if len(tiles) <= _MOST_OPTIMAL else tree)


def _power(tiles: np.ndarray) -> np.ndarray:
    """Return the power spectrum (n, bins, bins), summed over planes."""
    return (np.abs(np.fft.fft2(_small(tiles), s=(_BINS, _BINS))) ** 2).sum(1)


def _small(tiles: np.ndarray) -> np.ndarray:
    """Shrink what is larger than the spectrum: where a kernel is a whole picture, its layout matters."""
    rows, columns = (-(-side // _BINS) for side in tiles.shape[2:])
    padded = np.pad(tiles, [(0, 0), (0, 0), (0, -tiles.shape[2] % rows), (0, -tiles.shape[3] % columns)])
    n, planes, height, width = padded.shape
    return padded.reshape(n, planes, height // rows, rows, width // columns, columns).mean((3, 5))


def _frequencies() -> tuple[np.ndarray, np.ndarray]:
    """Frequencies down and right, in cycles per pixel."""
    f = np.fft.fftfreq(_BINS)
    return f[:, None], f[None, :]


_KEYS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "index": lambda tiles: np.arange(len(tiles)), "norm": _by_norm, "orientation": _by_orientation,
    "colour": _by_colour, "frequency": _by_frequency, "similarity": _by_similarity,
}
ORDERS = tuple(_KEYS)
