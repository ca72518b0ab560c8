"""Does a map point at what matters? The score as what it ranks first is taken away, or is all that is shown."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...network import Network, NetworkError
from ...words import size
from ..incremental import Evaluator, evaluator
from .fills import filled
from .positions import lattice
from .table import Table, check_kind


@dataclass(frozen=True, eq=False)
class Curves:
    """Scores of a class as patches are hidden, or shown, in the order of a map and in random orders.

    Attributes
    ----------
    target : int
    kind : str
    shares : ndarray (S,)
        Share of the image that is hidden (deletion) or shown (insertion), 0 to 1.
    deletion, insertion : ndarray (S,) float32
        In the order of the map: low deletion and high insertion curves speak for it.
    random_deletion, random_insertion : ndarray (R, S) float32
        In random orders; R grows to `total`.
    total : int
        How many random orders were asked for.
    """

    target: int
    kind: str
    shares: np.ndarray
    deletion: np.ndarray
    insertion: np.ndarray
    random_deletion: np.ndarray
    random_insertion: np.ndarray
    total: int

    @property
    def deletion_area(self) -> float:
        """Area under the deletion curve; lower is better."""
        return self._area(self.deletion)

    @property
    def insertion_area(self) -> float:
        """Area under the insertion curve; higher is better."""
        return self._area(self.insertion)

    @property
    def random_deletion_areas(self) -> np.ndarray:
        """Area under each random deletion curve, (R,)."""
        return np.array([self._area(curve) for curve in self.random_deletion])

    @property
    def random_insertion_areas(self) -> np.ndarray:
        """Area under each random insertion curve, (R,)."""
        return np.array([self._area(curve) for curve in self.random_insertion])

    def _area(self, curve: np.ndarray) -> float:
        return float(((curve[1:] + curve[:-1]) / 2 * np.diff(self.shares)).sum())


def curves(
    net: Network,
    image: Any,
    heat: np.ndarray,
    target: Any,
    *,
    patch: int | tuple[int, int] | None = None,
    steps: int = 16,
    fill: Any = "mean",
    kind: str = "probability",
    random: int = 5,
    engine: str = "auto",
    seed: int = 0,
) -> Iterator[Curves]:
    """Score a map by hiding, and by showing, patches in the order of its mean heat, against random orders.

    Parameters
    ----------
    net, image, fill, engine
        As for `occlusion`.
    heat : ndarray (H, W)
        Any map of the size of the network's input, as from `Sweep.heat`; larger is more important.
    target : int or str
        The class.
    patch : int or (int, int), optional
        What is hidden at once, side by side; a fourteenth of the shorter side by default, 1 for single pixels.
    steps : int
        Into how many equal parts the hiding is cut.
    kind : {"probability", "logit", "margin"}
    random : int
        How many random orders.
    seed : int
        Of the random orders, and of noise.

    Yields
    ------
    Curves
        First those of the map, then with one random order more each time.

    Raises
    ------
    ValueError
        For a heat of another size, or NaN in it; an unknown class, kind or fill.
    NetworkError
        If the network fails.

    References
    ----------
    V. Petsiuk, A. Das, K. Saenko, *RISE: Randomized Input Sampling for Explanation of Black-box Models*, BMVC 2018.

    Examples
    --------
    >>> import deepviz_widgets as dv
    >>> from deepviz_widgets.methods.occlusion import curves, occlusion
    >>> net, images = dv.demo.scenes(n=6)
    >>> for sweep in occlusion(net, images[0]): pass
    >>> for found in curves(net, images[0], sweep.heat("wheel"), "wheel"): pass
    >>> found.deletion.shape, found.random_deletion.shape
    ((17,), (5, 17))
    """
    check_kind(kind)
    chosen = net.class_index(target)
    picture = net.picture(image)
    x = net.input(picture)
    tiles, importance, sides = _tiles((x.shape[1], x.shape[2]), heat, patch)
    cover = filled(net, picture, fill, patch=sides, seed=seed)
    engine_ = evaluator(net, x, cover, engine=engine)
    rng = np.random.default_rng(seed)
    steps = min(steps, len(importance))
    cuts = np.linspace(0, len(importance), steps + 1).round().astype(int)
    orders = [np.argsort(-importance, kind="stable"), *(rng.permutation(len(importance)) for _ in range(random))]
    areas = np.bincount(tiles.ravel())
    both: list[tuple[np.ndarray, np.ndarray]] = []
    for order in orders:
        both.append(tuple(_curve(engine_, net.scores_are, tiles, order, cuts, shown, chosen, kind)
                          for shown in (False, True)))  # type: ignore[arg-type]
        yield _so_far(chosen, kind, np.concatenate([[0], areas[orders[0]].cumsum()])[cuts] / areas.sum(), both, random)


def _so_far(
    target: int, kind: str, shares: np.ndarray, both: list[tuple[np.ndarray, np.ndarray]], total: int
) -> Curves:
    deleted, inserted = (np.stack(part) for part in zip(*both, strict=True))
    return Curves(target, kind, shares, deleted[0], inserted[0], deleted[1:], inserted[1:], total)


def _curve(
    engine: Evaluator, scores_are: str, tiles: np.ndarray, order: np.ndarray, cuts: np.ndarray, shown: bool,
    target: int, kind: str,
) -> np.ndarray:
    """Score the image with the first tiles of an order hidden, or with only these shown, (S,)."""
    place = np.empty(len(order), int)
    place[order] = np.arange(len(order))
    first = place[tiles][None] < cuts[:, None, None]
    raw, _ = engine.run_masks(~first if shown else first)
    if not np.isfinite(raw).all():
        raise NetworkError("The network gives NaN or infinite scores when parts of this image are hidden.")
    table = Table(len(cuts), raw.shape[1])
    table.add(np.arange(len(cuts)), raw, {})
    return table.scores(kind, scores_are, target)


def _tiles(
    image: tuple[int, int], heat: np.ndarray, patch: int | tuple[int, int] | None
) -> tuple[np.ndarray, np.ndarray, tuple[int, int]]:
    """Cut an image into tiles: their numbers (H, W), the mean heat of each, their height and width."""
    heat = np.asarray(heat, np.float64)
    if heat.shape != image or not np.isfinite(heat).all():
        what = f"{size(heat.shape)} values" if heat.shape != image else "NaN or infinite values"
        raise ValueError(f"A heat map is finite and {size(image)}, as the network's input; this one has {what}.")
    patch = patch if patch is not None else max(1, min(image) // 14)
    part = lattice(image, patch, patch)
    rows, columns = (np.arange(side) // step for side, step in zip(image, part.stride, strict=True))
    tiles = rows[:, None] * part.columns + columns[None, :]
    counts = np.bincount(tiles.ravel())
    return tiles, np.bincount(tiles.ravel(), weights=heat.ravel()) / counts, part.patch
