"""The best patches of every row so far, and its statistics: what a scan keeps, whatever it has seen.

The rows of all tables lie below each other in one `Best`. While the network runs, `look` takes from each layer the
maximum and the sum of every map, one pass over the memory each, and the place of the few maxima that can still enter
the best of their row. When it has run, `added` lets them in for all layers at once. A state is never changed, a batch
makes the next one: so an interrupt anywhere leaves the state before the batch whole.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from itertools import pairwise

import torch
from torch import Tensor

from .suppress import apart, first_best
from .table import EDGES

__all__ = ["MOST_PLACES", "Batch", "Best", "Rules", "added", "look", "nothing"]

BITS = 24  # of a code are the place, the others the image, so that codes sort by image, row and column
MOST_PLACES = 1 << BITS
NO_CODE = torch.iinfo(torch.int64).max  # the code of no patch: after all others


@dataclass(frozen=True)
class Rules:
    """What is kept of each row: the best `k`, of one image `per_image` whose fields overlap at most `overlap`."""

    k: int
    per_image: int = 1
    overlap: float = 0.5
    order: str = "max"

    @property
    def sign(self) -> int:
        """-1 where the smallest values come first."""
        return -1 if self.order == "min" else 1


@dataclass(frozen=True, eq=False)
class Best:
    """The state of all rows; see `LayerPatches` for the statistics.

    Attributes
    ----------
    values : Tensor (U, k) float32
        Best first, times the sign of the order; -inf for none.
    codes : Tensor (U, k) int64
        Image and place of each; see `images` and `places`.
    latest : int
        The largest image id so far; -1 before the first.
    """

    values: Tensor
    codes: Tensor
    maximum: Tensor
    total: Tensor
    cells: Tensor
    not_finite: Tensor
    answered: Tensor
    response: Tensor
    power: Tensor
    maxima: Tensor
    latest: int = -1

    @property
    def images(self) -> Tensor:
        """Image id of each patch, (U, k); -1 for none."""
        return torch.where(self.codes == NO_CODE, -1, self.codes >> BITS)

    @property
    def places(self) -> Tensor:
        """Place of each patch in raster order, (U, k); -1 for none."""
        return torch.where(self.codes == NO_CODE, -1, self.codes & (MOST_PLACES - 1))


def nothing(units: int, k: int, device: torch.device) -> Best:
    """Return the state before the first image."""
    real = torch.float32 if device.type == "mps" else torch.float64  # Apple's GPUs have no doubles
    total, response, power = (torch.zeros(units, dtype=real, device=device) for _ in range(3))
    cells, lost, answered = (torch.zeros(units, dtype=torch.int64, device=device) for _ in range(3))
    return Best(
        torch.full((units, k), -math.inf, device=device), torch.full((units, k), NO_CODE, device=device),
        torch.full((units,), -math.inf, dtype=real, device=device), total, cells, lost, answered, response, power,
        torch.zeros((units, len(EDGES) + 1), dtype=torch.int64, device=device),
    )


@dataclass(frozen=True, eq=False)
class _Entries:
    """Patches that may enter: row, value and code of each, by row, and then by image and place."""

    rows: Tensor
    values: Tensor
    codes: Tensor


@dataclass(eq=False)
class Batch:
    """What a batch gave so far, a layer at a time.

    Attributes
    ----------
    ids : Tensor (N,) int64
        The images, on the network's device.
    high, total : Tensor (N, U)
        Maximum and sum of each map; -inf and 0 where a layer has not answered.
    cells, lost : Tensor (U,) int64
        Values, and those that were not finite.
    """

    before: Best
    rules: Rules
    ids: Tensor
    latest: int
    in_order: bool
    high: Tensor
    total: Tensor
    cells: Tensor
    lost: Tensor
    entries: list[_Entries] = field(default_factory=list)

    @classmethod
    def of(cls, before: Best, rules: Rules, ids: Sequence[int]) -> Batch:
        """Begin a batch."""
        shape, device = (len(ids), len(before.total)), before.total.device
        in_order = ids[0] > before.latest and all(one < other for one, other in pairwise(ids))
        return cls(
            before, rules, torch.tensor(ids, device=device), max(before.latest, *ids), in_order,
            torch.full(shape, -math.inf, device=device), torch.zeros(shape, dtype=before.total.dtype, device=device),
            torch.zeros_like(before.cells), torch.zeros_like(before.cells),
        )


def look(batch: Batch, span: slice, flat: Tensor, ranked: Tensor | None = None, boxes: Tensor | None = None) -> None:
    """Take what is needed of one layer's answer.

    Parameters
    ----------
    batch : Batch
    span : slice
        The layer's rows.
    flat : Tensor (N, U, P)
        The answer.
    ranked : Tensor (N, U, P), optional
        By what patches are ranked, where that is not the answer; -inf where it is not known.
    boxes : Tensor (P, 4), optional
        Receptive fields, for several places of an image.
    """
    rules = batch.rules
    high, total, clean = _measured(batch, span, flat)
    batch.high[:, span], batch.total[:, span] = high, total
    batch.cells[span] += len(flat) * flat.shape[2]
    ranked = clean if ranked is None else ranked
    keys = high if ranked is clean and rules.order == "max" else _keys(ranked, rules)
    row, image = _enters(batch, span, keys)
    if not len(row):
        return
    if rules.per_image == 1 or ranked.shape[2] == 1:
        values = keys[image, row]
        places = torch.zeros_like(row) if ranked.shape[2] == 1 else first_best(ranked, image, row, rules.sign)
    else:
        assert boxes is not None
        values, places = apart(ranked, image, row, boxes, batch.before.values[span][row, -1], rules)
        found = values > -math.inf
        row, image = (one[:, None].expand_as(values)[found] for one in (row, image))
        values, places = values[found], places[found]
    batch.entries.append(_Entries(row + span.start, values, (batch.ids[image] << BITS) | places))


def _measured(batch: Batch, span: slice, flat: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return maximum (N, U) and sum (N, U) of the finite values, and what can be ranked.

    NaN and infinity show in the sum, so that finite values cost no further look.
    """
    small = flat.dtype in (torch.float16, torch.bfloat16)
    high, total = flat.amax(2), flat.sum(2, dtype=torch.float32 if small else None)
    if math.isfinite(total.sum().item()):
        return high.float(), total, flat
    finite = flat.isfinite()
    batch.lost[span] += (~finite).sum((0, 2))
    total = torch.where(finite, flat, 0).sum(2, dtype=batch.total.dtype)
    high = torch.where(finite, flat, -math.inf).amax(2).float()
    return high, total, torch.where(finite, flat, -batch.rules.sign * math.inf)


def _keys(ranked: Tensor, rules: Rules) -> Tensor:
    """Return by what each image competes for each row, (N, U) float32; larger is better, -inf cannot enter."""
    if rules.order == "relevance sum":
        keys = ranked.sum(2, dtype=torch.float32)
        return torch.where(keys.isfinite(), keys, -math.inf)
    return -ranked.amin(2).float() if rules.sign < 0 else ranked.amax(2).float()


def _enters(batch: Batch, span: slice, keys: Tensor) -> tuple[Tensor, Tensor]:
    """Find the images that can enter the best of a row: row (M,) within the layer, and image (M,) within the batch."""
    worst = batch.before.values[span, -1:]
    keys = keys.t()
    enters = keys > worst
    if not batch.in_order:  # else an equal value of a later image never enters
        codes = batch.before.codes[span, -1:]
        enters |= (keys == worst) & (keys > -math.inf) & ((batch.ids << BITS) < codes)
    found = enters.nonzero()
    return found[:, 0], found[:, 1]


def added(batch: Batch) -> Best:
    """Return the state after the batch, of which no image has been in it."""
    best, high, total = batch.before, batch.high, batch.total
    found = high > -math.inf
    high = high.to(total.dtype)
    response = high.clamp(min=0)
    bins = torch.bucketize(high, _edges(high.dtype, high.device)).T.contiguous()
    values, codes = _entered(batch)
    return replace(
        best, values=values, codes=codes, latest=batch.latest, maximum=torch.maximum(best.maximum, high.amax(0)),
        total=best.total + total.sum(0), cells=best.cells + batch.cells - batch.lost,
        not_finite=best.not_finite + batch.lost, answered=best.answered + found.sum(0),
        response=best.response + response.sum(0), power=best.power + response.square_().sum(0),
        maxima=best.maxima.scatter_add(1, bins, found.T.to(torch.int64)),
    )


@lru_cache(8)
def _edges(real: torch.dtype, device: torch.device) -> Tensor:
    return torch.as_tensor(EDGES, dtype=real, device=device)


def _entered(batch: Batch) -> tuple[Tensor, Tensor]:
    """Sort the new patches of each row into its best."""
    best, k = batch.before, batch.rules.k
    if not batch.entries:
        return best.values, best.codes
    rows, values, codes = (torch.cat([getattr(one, name) for one in batch.entries])
                           for name in ("rows", "values", "codes"))
    touched, which, counts = torch.unique_consecutive(rows, return_inverse=True, return_counts=True)
    slot = torch.arange(len(rows), device=rows.device) - (counts.cumsum(0) - counts)[which] + k
    shape = (len(touched), k + int(counts.max()))
    all_values, all_codes = values.new_full(shape, -math.inf), codes.new_full(shape, NO_CODE)
    all_values[:, :k], all_codes[:, :k] = best.values[touched], best.codes[touched]
    all_values[which, slot], all_codes[which, slot] = values, codes
    if not batch.in_order or batch.rules.per_image > 1:  # several places of an image come by value
        all_codes, order = all_codes.sort(dim=1)
        all_values = all_values.gather(1, order)
    all_values, order = all_values.sort(dim=1, descending=True, stable=True)
    return (
        best.values.index_copy(0, touched, all_values[:, :k]),
        best.codes.index_copy(0, touched, all_codes.gather(1, order[:, :k])),
    )
