"""Whether weights can be told from a random start: under any independent initialisation they could be shuffled.

Four statistics see what training leaves: the largest singular value of the matrix (out, fan-in), as training adds a
few strong directions; the correlation of neighbouring weights; how much the energies of the kernels differ; and how
far the kernels cancel, as the rows of a classifier with weight decay add up to 0. Each is given in standard deviations
of its value under shuffling, and only in the direction in which training moves it: an orthogonal start is no exception.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

SHUFFLES = 99
_FEW = 10_000  # weights: up to here they are shuffled, beyond it the limit for many weights is used
_ROWS, _COLUMNS = 128, 512
_TRACY_WIDOM = (-1.2065, 1.2680)  # mean and standard deviation


@dataclass(frozen=True)
class StartTest:
    """How far the weights are from shuffled ones, in standard deviations of the latter."""

    singular: float
    neighbours: float  # NaN for kernels of one weight
    energies: float
    cancelling: float
    shuffled: bool  # whether by shuffling, or by the limits for many weights
    chance: float = float("nan")  # share of shuffled weights whose strongest statistic is as strong

    @property
    def strongest(self) -> tuple[str, float]:
        """Name and value of the statistic that is farthest from chance."""
        values = {
            "largest singular value": self.singular, "likeness of neighbours": self.neighbours,
            "spread of energies": self.energies, "cancelling": self.cancelling,
        }
        name = max(values, key=lambda name: -np.inf if np.isnan(values[name]) else values[name])
        return name, float(values[name])

    @property
    def most(self) -> float:
        """The largest of the four."""
        return self.strongest[1]


def start_test(weights: np.ndarray) -> StartTest | None:
    """Test finite weights (out, in, h, w); None where all are equal or there are too few to tell."""
    if weights.size < 64 or len(weights) < 4 or weights[0].size < 4:
        return None
    centred = weights - weights.mean(dtype=np.float64).astype(np.float32)
    spread = float(centred.std(dtype=np.float64))
    if spread == 0 or spread < 1e-6 * float(np.abs(weights).max()):
        return None
    centred = centred / spread
    return _by_shuffling(centred) if weights.size <= _FEW else _by_limits(centred)


def _by_shuffling(weights: np.ndarray) -> StartTest:
    rng = np.random.default_rng(5)
    copies = rng.permuted(np.broadcast_to(weights.ravel(), (SHUFFLES, weights.size)), axis=1)
    both = _statistics(np.concatenate([weights[None], copies.reshape(SHUFFLES, *weights.shape)]))
    middle, spread = both[1:].mean(0), both[1:].std(0)
    spread[spread < 1e-9] = np.nan  # a statistic that shuffling does not change tells nothing
    own, others = (both[0] - middle) / spread, (both[1:] - middle) / spread
    as_strong = int((np.nanmax(others, 1) >= np.nanmax(own)).sum())
    singular, neighbours, energies, cancelling = own.tolist()
    chance = (1 + as_strong) / (1 + SHUFFLES)
    return StartTest(singular, neighbours, energies, cancelling, shuffled=True, chance=chance)


def _statistics(weights: np.ndarray) -> np.ndarray:
    """Return the four statistics of several copies of a layer (copies, out, in, h, w): (copies, 4)."""
    flat = weights.reshape(*weights.shape[:2], -1)
    spread = np.einsum("cij,cij->ci", flat, flat).var(1)
    total = (flat.sum(1) ** 2).sum(1)
    found = [_largest(flat), _neighbour_products(weights), np.log(spread + 1e-30), -np.log(total + 1e-30)]
    return np.stack(found, 1).astype(np.float64)


def _neighbour_products(weights: np.ndarray) -> np.ndarray:
    """Sum the products of weights that lie side by side, for each copy."""
    across = np.einsum("coiyx,coiyx->c", weights[..., 1:], weights[..., :-1])
    return across + np.einsum("coiyx,coiyx->c", weights[..., 1:, :], weights[..., :-1, :])


def _largest(flat: np.ndarray) -> np.ndarray:
    """Return the largest singular value of matrices (copies, rows, columns)."""
    small = flat if flat.shape[1] <= flat.shape[2] else flat.transpose(0, 2, 1)
    return np.sqrt(np.linalg.eigvalsh(small @ small.transpose(0, 2, 1))[:, -1])


def _by_limits(weights: np.ndarray) -> StartTest:
    """Use the limits for many weights: Tracy and Widom's law, and normal ones."""
    flat = weights.reshape(len(weights), -1)
    h, w = weights.shape[2:]
    pairs = weights.size * ((h - 1) / h + (w - 1) / w)
    neighbours = float(_neighbour_products(weights[None])[0]) / pairs**0.5 if pairs else np.nan
    energy = np.einsum("ij,ij->i", flat, flat) / flat.shape[1]
    fourth = float(np.mean((flat[:: max(1, len(flat) // 64)] ** 2 - 1) ** 2, dtype=np.float64))
    chance = max(fourth, 1e-6) / flat.shape[1]
    freedom = len(flat) - 1
    ratio = float(((energy - energy.mean()) ** 2).sum()) / chance / freedom  # of a chi-squared to its mean
    energies = (ratio ** (1 / 3) - 1 + 2 / (9 * freedom)) / (2 / (9 * freedom)) ** 0.5  # Wilson and Hilferty
    total = float((flat.sum(0, dtype=np.float64) ** 2).mean()) / len(flat)
    cancelling = -np.log(total + 1e-30) * (flat.shape[1] / 2) ** 0.5  # the log of a chi-squared
    return StartTest(_edge(flat), neighbours, energies, float(cancelling), shuffled=False)


def _edge(flat: np.ndarray) -> float:
    """Compare the largest singular value of a part of the matrix with the edge that chance gives (Johnstone)."""
    rng = np.random.default_rng(5)
    rows, columns = (
        np.sort(rng.choice(side, min(side, most), replace=False))
        for side, most in zip(flat.shape, (_ROWS, _COLUMNS), strict=True)
    )
    part = flat[rows][:, columns]
    n, p = sorted(part.shape)
    largest = float(_largest(part[None])[0]) ** 2
    root = (p - 1) ** 0.5 + n**0.5
    scaled = (largest - root**2) / (root * ((p - 1) ** -0.5 + n**-0.5) ** (1 / 3))
    return (scaled - _TRACY_WIDOM[0]) / _TRACY_WIDOM[1]


def usual_spread(weights: np.ndarray) -> float:
    """Divide the standard deviation of the weights by that of PyTorch's initialisation, 1 / sqrt(3 fan-in)."""
    return float(weights.std(dtype=np.float64)) * (3 * weights[0].size) ** 0.5
