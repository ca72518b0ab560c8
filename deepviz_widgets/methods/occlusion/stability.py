"""How far a map hangs on what is arbitrary in it: the size of the patch and what it is filled with."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np

from ...network import Network
from .fills import name_of_fill
from .run import occlusion


@dataclass(frozen=True, eq=False)
class Band:
    """Heat maps of one class over several patches and fills, pixel by pixel.

    Attributes
    ----------
    target : int
    kind : str
        "probability", "logit" or "margin".
    mean, spread : ndarray (H, W) float32
        Mean and standard deviation over the repeats; positive where hiding lowers the score.
    low, high : ndarray (H, W) float32
        Smallest and largest value over the repeats.
    same_sign : ndarray (H, W) float32
        Share of the repeats with the sign of the mean, 0-1.
    repeats : tuple of (patch, fill)
        What was computed so far, the patch as (height, width).
    done, total : int
        Positions computed, and to compute, over all repeats; the total is known for the repeats begun so far.
    """

    target: int
    kind: str
    mean: np.ndarray
    spread: np.ndarray
    low: np.ndarray
    high: np.ndarray
    same_sign: np.ndarray
    repeats: tuple[tuple[tuple[int, int], str], ...]
    done: int
    total: int

    @property
    def steady(self) -> np.ndarray:
        """Where the mean stands out of the spread by two standard deviations, (H, W) bool."""
        return np.abs(self.mean) > 2 * self.spread


def stability(
    net: Network,
    image: Any,
    *,
    target: Any = None,
    patches: Sequence[int | Sequence[int]] | None = None,
    fills: Sequence[Any] = ("mean", "grey", "blur"),
    kind: str = "probability",
    engine: str = "auto",
    seed: int = 0,
    pace: float = 0.1,
) -> Iterator[Band]:
    """Repeat an occlusion map over sizes of the patch and fills.

    Parameters
    ----------
    net, image, engine, seed, pace
        As for `occlusion`.
    target : int or str, optional
        The class; the most probable one by default.
    patches : sequence, optional
        Sides in pixels, or (height, width); by default a tenth, a seventh and a fifth of the shorter side.
    fills : sequence
        As for `occlusion`.
    kind : {"probability", "logit", "margin"}

    Yields
    ------
    Band
        Over the repeats so far, the last one of them in parts; the strides are a quarter of the patch.

    Raises
    ------
    ValueError
        As `occlusion`, and for no patches or fills.
    NetworkError
        As `occlusion`.

    Examples
    --------
    >>> import deepviz_widgets as dv
    >>> from deepviz_widgets.methods.occlusion import stability
    >>> net, images = dv.demo.scenes(n=6)
    >>> for band in stability(net, images[0], patches=(16, 24), fills=("mean", "grey")): pass
    >>> len(band.repeats), band.spread.shape
    (4, (64, 64))
    """
    if patches is None:
        height, width = net.input(image).shape[1:]
        patches = sorted({max(4, min(height, width) // share) for share in (10, 7, 5)})
    if len(patches) == 0 or len(fills) == 0:
        raise ValueError("A band needs at least one patch and one fill.")
    heats: list[np.ndarray] = []
    repeats: list[tuple[tuple[int, int], str]] = []
    done = total = 0
    chosen: int | None = None
    for patch, fill in product(patches, fills):
        sweeps = occlusion(net, image, patch=patch, fill=fill, targets=target, engine=engine, seed=seed, pace=pace)
        for sweep in sweeps:
            if chosen is None:
                chosen = sweep.base_winner if target is None else net.class_index(target)
            heat = sweep.heat(chosen, kind)
            named = (*repeats, (sweep.patch, name_of_fill(fill)))
            yield _band(chosen, kind, [*heats, heat], named, done + sweep.done, total + sweep.total)
        heats.append(heat)
        repeats = list(named)
        done, total = done + sweep.done, total + sweep.total


def _band(target: int, kind: str, heats: list[np.ndarray], repeats: tuple[Any, ...], done: int, total: int) -> Band:
    stack = np.stack(heats)
    mean = stack.mean(0)
    same = (np.sign(stack) == np.sign(mean)).mean(0, dtype=np.float32)
    return Band(target, kind, mean, stack.std(0), stack.min(0), stack.max(0), same, repeats, done, total)
