"""Numbers about kernels (out, in, h, w): how smooth, how fine, how peaked, how alike. All of them are per kernel.

Everything about the spectrum follows from a kernel's autocorrelation, summed over its planes; and that follows from
the products of its weights at all pairs of places, one small matrix a kernel. So a layer of 512 × 512 planes costs one
matrix product, and no Fourier transform.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

_PLACES = 64  # kernels of up to 8 × 8 are measured by the products of all pairs of places, larger ones by slices
_PICTURE = 32  # larger kernels, which are whole pictures, are shrunk to this by means over blocks
_CHUNK = 64  # kernels measured at once where they are large
_MOST_WAVES = 2_000_000  # numbers of a table of waves
_TINY = 1e-30


@dataclass(frozen=True, eq=False)
class Measures:
    """What is measured of each kernel; NaN where it cannot be told.

    smoothness: correlation of neighbouring weights, after the mean of each plane is taken off.
    slope: of log power against log radial frequency; about 0 for noise, below -1 for most of what is learned.
    floor: geometric over arithmetic mean of the power at all frequencies but 0 (spectral flatness): near 0 where the
        spectrum has a peak.
    wave: share of the energy that a single wave explains, about; 1 and more for gratings and checkerboards.
    focus: share of the energy at the few places that hold most of it.
    fine: share of power at frequencies above half of Nyquist, 0-1.
    peak: radial frequency of the largest power, cycles a pixel.
    """

    smoothness: np.ndarray
    slope: np.ndarray
    wave: np.ndarray
    floor: np.ndarray
    focus: np.ndarray
    fine: np.ndarray
    peak: np.ndarray


def measure(weights: np.ndarray) -> Measures:
    """Measure kernels (out, in, h, w) of at least 2 × 2; those of one weight give NaN."""
    weights = shrunk_picture(weights)
    out, _, h, w = weights.shape
    if h * w > _PLACES and out > _CHUNK:
        parts = [measure(weights[start : start + _CHUNK]) for start in range(0, out, _CHUNK)]
        return Measures(*(np.concatenate(each) for each in zip(*(vars(part).values() for part in parts), strict=True)))
    if min(h, w) < 2 or not out:
        nothing = np.full(out, np.nan)
        return Measures(*(nothing.copy() for _ in range(7)))
    scaled = unit(weights)
    lags, centred, smoothness = _products(scaled) if h * w <= _PLACES else _slices(scaled)
    dead = rms(weights) == 0
    with np.errstate(invalid="ignore", divide="ignore"):
        found = Measures(
            smoothness, *_slope_and_wave(centred, h, w), _floor(lags, h, w), _focus(scaled), folded(lags, (2, 2)),
            _peak(lags, h, w),
        )
    flat = centred[:, h - 1, w - 1] < 1e-9  # a constant kernel has no neighbours that vary
    for values in (found.smoothness, found.slope, found.wave, found.floor):
        values[flat] = np.nan
    for values in vars(found).values():
        values[dead] = np.nan
    return found


def shrunk_picture(weights: np.ndarray) -> np.ndarray:
    """Shrink kernels larger than 32 × 32 by means over blocks; noise stays noise, and what is smooth stays smooth."""
    rows, columns = (-(-side // _PICTURE) for side in weights.shape[2:])
    if rows == columns == 1:
        return weights
    height, width = (side // step for side, step in zip(weights.shape[2:], (rows, columns), strict=True))
    whole = weights[:, :, : height * rows, : width * columns]
    return whole.reshape(*weights.shape[:2], height, rows, width, columns).mean((3, 5))


def unit(weights: np.ndarray) -> np.ndarray:
    """Scale each kernel to energy 1, so that none is too large or too small for the sums; zeros stay zeros."""
    flat = weights.reshape(len(weights), -1)
    norm = rms(weights)[:, None] * flat.shape[1] ** 0.5
    if float(norm.max(initial=0)) > 1e30 or float(norm[norm > 0].min(initial=1)) < 1e-30:
        flat = flat.astype(np.float64)  # 1 / norm would overflow, or vanish
    return (flat * (1 / np.where(norm > 0, norm, 1)).astype(flat.dtype)).astype(np.float32).reshape(weights.shape)


def rms(weights: np.ndarray) -> np.ndarray:
    """Return the RMS of each kernel's weights, in double precision where squares would overflow."""
    flat = weights.reshape(len(weights), -1)
    with np.errstate(over="ignore"):
        found = np.sqrt(np.einsum("ij,ij->i", flat, flat) / flat.shape[1])
    odd = ~np.isfinite(found) | (found < 1e-15)
    found[odd] = np.sqrt((flat[odd].astype(np.float64) ** 2).mean(1))
    return found


def folded(lags: np.ndarray, stride: tuple[int, int]) -> np.ndarray:
    """Return the share of power at frequencies that a grid with this stride cannot hold (above its Nyquist)."""
    rows, columns = (_band(side, step) for side, step in zip(lags.shape[1:], stride, strict=True))
    kept = np.einsum("nyx,y,x->n", lags, rows, columns)
    h, w = (side // 2 for side in lags.shape[1:])
    return np.clip(1 - kept / np.maximum(lags[:, h, w], _TINY), 0, 1)


def autocorrelation(weights: np.ndarray) -> np.ndarray:
    """Return the autocorrelation of each kernel over its places, summed over planes: (out, 2h - 1, 2w - 1)."""
    scaled = unit(weights)
    places = scaled.shape[2] * scaled.shape[3]
    return _products(scaled)[0] if places <= _PLACES else _transformed(scaled)


# ---------------------------------------------------------------- from weights to autocorrelations


def _products(kernels: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return autocorrelation, that of centred planes, and smoothness, from the products of all pairs of places."""
    h, w = kernels.shape[2:]
    found = _pairs(kernels).reshape(len(kernels), -1) @ _readings(h, w)
    number = (2 * h - 1) * (2 * w - 1)
    lags, centred, sums = np.split(found, [number, 2 * number], axis=1)
    shape = (-1, 2 * h - 1, 2 * w - 1)
    return lags.reshape(shape), centred.reshape(shape), _ratio(*sums.T)


def _pairs(kernels: np.ndarray) -> np.ndarray:
    """Return the products of the weights at all pairs of places, summed over planes: (out, h·w, h·w)."""
    flat = kernels.reshape(*kernels.shape[:2], -1)
    return flat.transpose(0, 2, 1) @ flat


def _slices(kernels: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the same for large kernels."""
    centred = kernels - kernels.mean((2, 3), keepdims=True)
    ends = [(centred[..., 1:], centred[..., :-1]), (centred[..., 1:, :], centred[..., :-1, :])]
    sums = [
        sum(np.einsum("ncyx,ncyx->n", a, b) for a, b in pairs)
        for pairs in (ends, [(a, a) for a, _ in ends], [(b, b) for _, b in ends])
    ]
    return _transformed(kernels), _transformed(centred), _ratio(*sums)


def _ratio(cross: np.ndarray, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    return 2 * cross / np.maximum(first + second, _TINY)  # the mean of both: so turning a kernel over changes nothing


def _transformed(kernels: np.ndarray) -> np.ndarray:
    h, w = kernels.shape[2:]
    size = (2 * h - 1, 2 * w - 1)
    power = np.stack([(np.abs(np.fft.rfft2(one, s=size)) ** 2).sum(0) for one in kernels])
    return np.fft.fftshift(np.fft.irfft2(power, s=size), axes=(1, 2)).astype(np.float32)


@lru_cache(maxsize=16)
def _readings(h: int, w: int) -> np.ndarray:
    """(h·w·h·w, 2 × lags + 3): how all that is measured follows from the products of the weights at two places.

    Columns: the lags; the lags of planes whose mean is taken off; and of these the products of neighbours, the squares
    of the first and those of the second of each two.
    """
    centre = np.eye(h * w) - 1 / (h * w)
    plain, neighbours = _shifts(h, w), _neighbours(h, w)
    off = [centre @ one @ centre for one in (*plain, *neighbours)]
    return np.stack([*plain, *off]).reshape(-1, (h * w) ** 2).T.astype(np.float32)


def _shifts(h: int, w: int) -> np.ndarray:
    """(lags, h·w, h·w): which two places are how far apart."""
    y, x = np.divmod(np.arange(h * w), w)
    lag = (y[None] - y[:, None] + h - 1) * (2 * w - 1) + (x[None] - x[:, None] + w - 1)
    return (lag == np.arange((2 * h - 1) * (2 * w - 1))[:, None, None]).astype(np.float64)


def _neighbours(h: int, w: int) -> np.ndarray:
    """(3, h·w, h·w): which two places are neighbours, and how often a place is the first and the second of two."""
    found = np.zeros((3, h * w, h * w))
    places = np.arange(h * w).reshape(h, w)
    for first, second in ((places[:, :-1], places[:, 1:]), (places[:-1], places[1:])):
        for row, (a, b) in enumerate(((first, second), (first, first), (second, second))):
            np.add.at(found[row], (a.ravel(), b.ravel()), 1)
    return found


# ---------------------------------------------------------------- from autocorrelations to numbers


def _band(side: int, step: int) -> np.ndarray:
    """Fourier transform of the band |f| < 1 / (2 step), at the lags of one axis."""
    return np.sinc((np.arange(side) - side // 2) / step) / step


def _power(lags: np.ndarray, side_y: int, side_x: int, *, zero: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """Return the power at the frequencies of a transform of side_y × side_x, and their radius in cycles a pixel."""
    if lags[0].size * side_y * side_x > _MOST_WAVES:
        return _transform_of(lags, side_y, side_x, zero)
    waves, radius = _waves(lags.shape[1], lags.shape[2], side_y, side_x, zero)
    return np.maximum(lags.reshape(len(lags), -1) @ waves, 0), radius


def _transform_of(lags: np.ndarray, side_y: int, side_x: int, zero: bool) -> tuple[np.ndarray, np.ndarray]:
    """Return the same for large kernels: the lags wrapped round to the sides of the transform, and transformed."""
    ends = [(np.arange(n) - n // 2) % side for n, side in zip(lags.shape[1:], (side_y, side_x), strict=True)]
    rows, columns = (np.eye(side, dtype=np.float32)[end] for end, side in zip(ends, (side_y, side_x), strict=True))
    power = np.fft.fft2(rows.T @ lags @ columns).real
    fy, fx = np.meshgrid(np.fft.fftfreq(side_y), np.fft.fftfreq(side_x), indexing="ij")
    keep = (fy > 0) | ((fy == 0) & (fx >= 0 if zero else fx > 0))
    return np.maximum(power[:, keep], 0), np.hypot(fy, fx)[keep]


@lru_cache(maxsize=64)
def _waves(rows: int, columns: int, side_y: int, side_x: int, zero: bool) -> tuple[np.ndarray, np.ndarray]:
    """(lags, frequencies): a cosine for each frequency, each with its opposite once; and the radii."""
    fy, fx = np.meshgrid(np.arange(side_y) - side_y // 2, np.arange(side_x) - side_x // 2, indexing="ij")
    keep = (fy > 0) | ((fy == 0) & (fx >= (0 if zero else 1)))
    fy, fx = fy[keep] / side_y, fx[keep] / side_x
    y, x = np.arange(rows) - rows // 2, np.arange(columns) - columns // 2
    turns = y[:, None, None] * fy + x[:, None] * fx
    waves = np.cos(2 * np.pi * turns).astype(np.float32)
    return waves.reshape(rows * columns, -1), np.hypot(fy, fx)


def _floor(lags: np.ndarray, h: int, w: int) -> np.ndarray:
    power, _ = _power(lags, h | 1, w | 1)  # odd sides: every frequency has its opposite
    mean = power.mean(1)
    return np.exp(np.log(power + 1e-6 * mean[:, None] + _TINY).mean(1)) / (mean + _TINY)


def _slope_and_wave(centred: np.ndarray, h: int, w: int) -> tuple[np.ndarray, np.ndarray]:
    """Fit a line to the log of the mean power in rings, over the log of their radius; and compare the largest power."""
    side = max(h, w)
    power, radius = _power(centred, 4 * side | 1, 4 * side | 1)
    ring = np.digitize(radius, np.linspace(0.5 / min(h, w), 0.5, 6))
    rings = [number for number in range(1, 6) if (ring == number).any()]
    x = np.log([radius[ring == number].mean() for number in rings])
    y = np.log(np.stack([power[:, ring == number].mean(1) for number in rings], 1) + _TINY)
    slope = ((x - x.mean()) * (y - y.mean(1, keepdims=True))).sum(1) / ((x - x.mean()) ** 2).sum()
    return slope, 2 * power.max(1) / np.maximum(h * w * centred[:, h - 1, w - 1], _TINY)


def _focus(kernels: np.ndarray) -> np.ndarray:
    places = np.einsum("ncyx,ncyx->nyx", kernels, kernels).reshape(len(kernels), -1)
    few = max(1, round(places.shape[1] / 12))
    return np.partition(places, -few, axis=1)[:, -few:].sum(1) / np.maximum(places.sum(1), _TINY)


def _peak(lags: np.ndarray, h: int, w: int) -> np.ndarray:
    side = 4 * max(h, w) | 1
    power, radius = _power(lags, side, side, zero=True)
    return radius[power.argmax(1)].astype(np.float32)


# ---------------------------------------------------------------- what chance gives


@lru_cache(maxsize=32)
def of_random(planes: int, h: int, w: int, number: int = 400) -> Measures:
    """Measure random kernels (normal weights, a fixed seed): what a random initialisation of this shape gives."""
    rng = np.random.default_rng([17, planes, h, w])
    h, w = (side // -(-side // _PICTURE) for side in (h, w))
    number = number if h * w <= _PLACES else 100
    return measure(rng.standard_normal((number, planes, h, w), dtype=np.float32))


def of_shuffled(weights: np.ndarray, number: int = 400) -> Measures:
    """Measure kernels whose weights are shuffled, each among themselves, about `number` of them."""
    rng = np.random.default_rng(23)
    weights = shrunk_picture(weights)
    out = len(weights)
    number = number if weights[0, 0].size <= _PLACES else 100
    chosen = np.tile(np.arange(out), -(-number // out)) if out < number else rng.choice(out, number, replace=False)
    flat = rng.permuted(weights.reshape(out, -1)[chosen], axis=1)
    return measure(flat.reshape(len(chosen), *weights.shape[1:]))


def random_fine(planes: int, h: int, w: int) -> tuple[float, float]:
    """Return the central 95 % of the share of fine detail in random kernels."""
    if min(h, w) < 2:
        return (float("nan"), float("nan"))
    few = min(planes, 32)  # the spread of a mean over planes falls with the root of their number
    low, high = np.quantile(of_random(few, h, w).fine, (0.025, 0.975))
    middle, shrink = float(of_random(few, h, w).fine.mean()), (few / planes) ** 0.5
    return (middle + float(low - middle) * shrink, middle + float(high - middle) * shrink)
