"""What is known of the units, or directions, of one layer: their best patches, best first, and their statistics."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

__all__ = ["EDGES", "LayerPatches", "merged"]

_HALF_OCTAVES = 2.0 ** (np.arange(-16, 25) / 2)
EDGES = np.concatenate([-_HALF_OCTAVES[::-1], [0.0], _HALF_OCTAVES])  # of the histogram; the outer bins have no end


@dataclass(frozen=True, eq=False)
class LayerPatches:
    """The best patches of every row (a unit or a direction) of one layer, and its statistics over all images.

    Attributes
    ----------
    layer : str
    basis : str
        `"units"`, or the name of a set of directions.
    names : tuple of str
        Of the rows: `"0"` to `"C-1"` for units.
    shape : tuple of int
        Of the layer's answer to one image; of the largest where images differ in size.
    grid : (int, int)
        Rows and columns of places in an answer of that shape; (1, 1) for a vector.
    values : ndarray (U, k) float32
        Of the patches, best first, equal ones by image, row and column; NaN where there are fewer.
    images : ndarray (U, k) int64
        Which image; -1 for none.
    ys, xs : ndarray (U, k) int32
        Row and column of the place; -1 for none.
    boxes : ndarray (U, k, 4) int32
        Top, left, bottom, right (half-open) of the receptive field in pixels of the network's input, ending at its
        border; 0 for none.
    field, field_says : str
        Status of the receptive field (as `ReceptiveField.status`) and the reason.
    maximum : ndarray (U,) float64
        Largest value anywhere; NaN where no value was finite.
    total : ndarray (U,) float64
        Sum of all finite values.
    places : ndarray (U,) int64
        How many values were finite.
    not_finite : ndarray (U,) int64
        How many were NaN or infinite: reported, never ranked.
    answered : ndarray (U,) int64
        Images with a finite value.
    response, power : ndarray (U,) float64
        Sums over the images of their response, and of its square; the response is the image's maximum, at least 0.
    maxima : ndarray (U, bins) int64
        Histogram of the images' maxima; bin i ends at, and includes, `edges[i]`; the last has no end.
    answers : ndarray (U, bins) int64
        Histogram of all answers, from two places of each image that lie half a map apart and move from image to
        image, so that every place has the same share; what is not finite is left out.
    edges : ndarray (bins - 1,) float64
        Half octaves to both sides of 0, the same in every table, so that histograms add up.
    """

    layer: str
    basis: str
    names: tuple[str, ...]
    shape: tuple[int, ...]
    grid: tuple[int, int]
    values: np.ndarray
    images: np.ndarray
    ys: np.ndarray
    xs: np.ndarray
    boxes: np.ndarray
    field: str
    field_says: str
    maximum: np.ndarray
    total: np.ndarray
    places: np.ndarray
    not_finite: np.ndarray
    answered: np.ndarray
    response: np.ndarray
    power: np.ndarray
    maxima: np.ndarray
    answers: np.ndarray
    edges: np.ndarray = dataclasses.field(default_factory=EDGES.copy)

    @property
    def key(self) -> tuple[str, str]:
        """Layer and basis."""
        return self.layer, self.basis

    def __len__(self) -> int:
        """Return how many rows there are."""
        return len(self.values)

    @cached_property
    def mean(self) -> np.ndarray:
        """Mean of all finite values, (U,); NaN where there are none."""
        return _share(self.total, self.places)

    @cached_property
    def dead(self) -> np.ndarray:
        """Whether no value of any image was above 0, (U,) bool; a row that gave nothing finite counts as dead."""
        return ~(self.maximum > 0)

    @cached_property
    def sparsity(self) -> np.ndarray:
        """Lifetime sparseness over the images, (U,) in 0-1, of the image's maximum (at least 0) as the response r.

        (1 - mean(r)² / mean(r²)) / (1 - 1/n): 0 for a row that answers to all images alike, 1 for one that answers
        to a single image; NaN for a dead row, and for fewer than two images.

        References
        ----------
        A. Treves, E. T. Rolls, *What determines the capacity of autoassociative memories in the brain?*, Network 1991;
        W. E. Vinje, J. L. Gallant, *Sparse coding and decorrelation in primary visual cortex during natural vision*,
        Science 2000.
        """
        n = self.answered.astype(float)
        like = _share(self.response**2, n * self.power)
        return np.clip(_share(1 - like, 1 - _share(np.ones_like(n), n)), 0, 1)


def merged(one: LayerPatches, other: LayerPatches, order: str) -> LayerPatches:
    """Put the patches of two sets of images together: the best k of both, and the sums of their statistics.

    The rows are exact and do not depend on the order of merging; sums agree but for the rounding of doubles.
    """
    both = {name: np.concatenate([getattr(one, name), getattr(other, name)], 1)
            for name in ("values", "images", "ys", "xs", "boxes")}
    k = one.values.shape[1]
    best = _best_first(both, order)[:, :k]
    picked = {name: np.take_along_axis(array, best if array.ndim == 2 else best[..., None], 1)
              for name, array in both.items()}
    larger = max(one, other, key=lambda table: (int(np.prod(table.grid)), table.grid, table.shape, table.field))
    sums = ("total", "places", "not_finite", "answered", "response", "power", "maxima", "answers")
    changed: dict[str, Any] = picked | {name: getattr(one, name) + getattr(other, name) for name in sums}
    return dataclasses.replace(
        one, **changed, shape=larger.shape, grid=larger.grid, field=larger.field, field_says=larger.field_says,
        maximum=np.fmax(one.maximum, other.maximum),
    )


def _best_first(both: dict[str, np.ndarray], order: str) -> np.ndarray:
    """Sort each row: by value, then image, row and column; what is empty comes last."""
    values = both["values"]
    falling = values if order == "min" else -values
    return np.lexsort((both["xs"], both["ys"], both["images"], np.where(np.isnan(values), np.inf, falling)))


def _share(some: np.ndarray, of: np.ndarray) -> np.ndarray:
    return np.divide(some, of, out=np.full(len(of), np.nan), where=of != 0)
