"""The best patches of every row so far, and its statistics: what a scan keeps, whatever it has seen.

The rows of all tables lie below each other in one `Best`. While the network runs, `look` takes from each layer the
maximum and the sum of every map, one pass over the memory each, and the place of the few maxima that can still enter
the best of their row. It does no more than it must: between two convolutions nothing is in the caches, and small steps
take several times as long. When the network has run, `added` lets the patches of all layers in at once. A state is
never changed, a batch makes the next one: so an interrupt anywhere leaves the state before the batch whole.
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

__all__ = ["MOST_PLACES", "Answer", "Batch", "Best", "Rules", "added", "look", "nothing"]

BITS = 24  # of a code are the place, the others the image, so that codes sort by image, row and column
MOST_PLACES = 1 << BITS
_SAMPLED = 2  # places of an image of which the answer goes into the histogram of all answers
_GOLDEN = 2654435769  # 2^32 times the golden ratio: multiples of it, modulo 2^32, are spread evenly
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
        Image and place of each; see `located`.
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
    answers: Tensor
    latest: int = -1

    @property
    def images(self) -> Tensor:
        """Image id of each patch, (U, k); -1 for none."""
        return torch.where(self.codes == NO_CODE, -1, self.codes >> BITS)

    def located(self, span: slice) -> tuple[Tensor, Tensor]:
        """Return image id and place (in raster order) of each patch of some rows; -1 for none."""
        codes = self.codes[span]
        none = codes == NO_CODE
        return torch.where(none, -1, codes >> BITS), torch.where(none, -1, codes & (MOST_PLACES - 1))


def _real(device: torch.device) -> torch.dtype:
    return torch.float32 if device.type == "mps" else torch.float64  # Apple's GPUs have no doubles


def nothing(units: int, k: int, device: torch.device) -> Best:
    """Return the state before the first image."""
    real = _real(device)
    total, response, power = (torch.zeros(units, dtype=real, device=device) for _ in range(3))
    cells, lost, answered = (torch.zeros(units, dtype=torch.int64, device=device) for _ in range(3))
    return Best(
        torch.full((units, k), -math.inf, device=device), torch.full((units, k), NO_CODE, device=device),
        torch.full((units,), -math.inf, dtype=real, device=device), total, cells, lost, answered, response, power,
        torch.zeros((units, len(EDGES) + 1), dtype=torch.int64, device=device),
        torch.zeros((units, len(EDGES) + 1), dtype=torch.int64, device=device),
    )


@dataclass(frozen=True, eq=False)
class Batch:
    """The images of one pass, and the state before it.

    Attributes
    ----------
    ids : Tensor (N,) int64
        The images, on the network's device.
    latest : int
        The largest id with them.
    in_order : bool
        Whether they come after all images before, so that an equal value of theirs never enters.
    worst : Tensor (U,)
        The last of the best of each row, which a new one has to beat.
    """

    before: Best
    rules: Rules
    ids: Tensor
    latest: int
    in_order: bool
    worst: Tensor
    _chosen: dict[int, Tensor] = field(default_factory=dict, repr=False)

    def sample(self, places: int) -> Tensor:
        """Choose some places of each image for the histogram of all answers, (N, 1, up to 2) int64.

        They are evenly far apart, from a start that depends on the image alone: every place is chosen equally often
        over many images, and the choice does not depend on how images are split.
        """
        if places not in self._chosen:
            number = min(_SAMPLED, places)
            start = (self.ids * _GOLDEN) % (1 << 32)  # in 2^-32ths of the distance
            at = (torch.arange(number, device=start.device) << 32) + start[:, None]
            self._chosen[places] = ((at * places) // (number << 32))[:, None]
        return self._chosen[places]

    @classmethod
    def of(cls, before: Best, rules: Rules, ids: Sequence[int]) -> Batch:
        """Begin a batch."""
        in_order = ids[0] > before.latest and all(one < other for one, other in pairwise(ids))
        numbers = torch.tensor(ids, device=before.values.device)
        return cls(before, rules, numbers, max(before.latest, *ids), in_order, before.values[:, -1].contiguous())


@dataclass(frozen=True, eq=False)
class Answer:
    """What is kept of a layer's answer to a batch: two numbers a map, and the patches that may enter.

    Attributes
    ----------
    span : slice
        The layer's rows.
    high, total : Tensor (N, U)
        Maximum and sum of the finite values of each map; -inf and 0 where there are none.
    cells : int
        Values a row.
    lost : Tensor (U,) int64 or int
        How many of them were not finite.
    maps : Tensor (M,) int64
        Image and row of each patch: image * U + row.
    values, places : Tensor (M,)
        Value, times the sign of the order, and place of each.
    sample : Tensor (N, U, up to 2)
        Answers at the places of `Batch.sample`.
    """

    span: slice
    high: Tensor
    total: Tensor
    cells: int
    lost: Tensor | int
    maps: Tensor
    values: Tensor
    places: Tensor
    sample: Tensor


def look(
    batch: Batch, span: slice, flat: Tensor, ranked: Tensor | None = None, boxes: Tensor | None = None
) -> Answer:
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
    high, total, lost, clean = _measured(flat, rules.sign)
    ranked = clean if ranked is None else ranked
    keys = high if ranked is clean and rules.order == "max" else _keys(ranked, rules)
    maps = _entering(batch, span, keys)
    if boxes is None:
        values, places = keys.flatten()[maps], first_best(ranked, maps, rules.sign)
    else:
        floors = batch.worst[span][maps % flat.shape[1]]
        values, places = apart(ranked, maps, boxes, floors, rules)
        found = values > -math.inf
        maps, values, places = maps[:, None].expand_as(values)[found], values[found], places[found]
    sample = flat.gather(2, batch.sample(flat.shape[2]).expand(-1, flat.shape[1], -1)).float()
    return Answer(span, high, total, len(flat) * flat.shape[2], lost, maps, values, places, sample)


def _measured(flat: Tensor, sign: int) -> tuple[Tensor, Tensor, Tensor | int, Tensor]:
    """Return maximum (N, U) and sum (N, U) of the finite values, how many were not (U,), and what can be ranked.

    NaN and infinity show in the sum, so that finite values cost no further look.
    """
    small = flat.dtype in (torch.float16, torch.bfloat16)
    high, total = flat.amax(2), flat.sum(2, dtype=torch.float32 if small else None)
    if math.isfinite(total.sum().item()):
        return high.float(), total, 0, flat
    finite = flat.isfinite()
    total = torch.where(finite, flat, 0).sum(2, dtype=_real(flat.device))
    high = torch.where(finite, flat, -math.inf).amax(2).float()
    return high, total, (~finite).sum((0, 2)), torch.where(finite, flat, -sign * math.inf)


def _keys(ranked: Tensor, rules: Rules) -> Tensor:
    """Return by what each image competes for each row, (N, U) float32; larger is better, -inf cannot enter."""
    if rules.order == "relevance sum":
        keys = ranked.sum(2, dtype=torch.float32)
        return torch.where(keys.isfinite(), keys, -math.inf)
    return -ranked.amin(2).float() if rules.sign < 0 else ranked.amax(2).float()


def _entering(batch: Batch, span: slice, keys: Tensor) -> Tensor:
    """Find the maps (M,) that can enter the best of their row: image * U + row."""
    worst = batch.worst[span]
    enters = keys > worst
    if not batch.in_order:
        codes = batch.before.codes[span, -1]
        enters |= (keys == worst) & (keys > -math.inf) & ((batch.ids << BITS)[:, None] < codes)
    return enters.flatten().nonzero()[:, 0]


def added(batch: Batch, answers: Sequence[Answer]) -> Best:
    """Return the state after the batch, of which no image has been in it."""
    best = batch.before
    high, total = (_beside(batch, answers, name, empty) for name, empty in (("high", -math.inf), ("total", 0.0)))
    cells, lost = torch.zeros_like(best.cells), torch.zeros_like(best.cells)
    for answer in answers:
        cells[answer.span], lost[answer.span] = answer.cells, answer.lost
    found = high > -math.inf
    response = high.clamp(min=0)
    bins = torch.bucketize(high, _edges(high.dtype, high.device)).T.contiguous()
    answered = best.answers.clone()
    for answer in answers:
        answered[answer.span] += _histogram(answer.sample)
    values, codes = _entered(batch, answers)
    return replace(
        best, values=values, codes=codes, latest=batch.latest, maximum=torch.maximum(best.maximum, high.amax(0)),
        total=best.total + total.sum(0), cells=best.cells + cells - lost,
        not_finite=best.not_finite + lost, answered=best.answered + found.sum(0),
        response=best.response + response.sum(0), power=best.power + response.square_().sum(0),
        maxima=best.maxima.scatter_add(1, bins, found.T.to(torch.int64)), answers=answered,
    )


def _histogram(sample: Tensor) -> Tensor:
    """Count the finite values (N, U, S) of each row, (U, bins)."""
    rows = sample.movedim(1, 0).flatten(1).contiguous()
    bins = torch.bucketize(rows, _edges(rows.dtype, rows.device))
    empty = torch.zeros((len(rows), len(EDGES) + 1), dtype=torch.int64, device=rows.device)
    return empty.scatter_add_(1, bins, rows.isfinite().to(torch.int64))


def _beside(batch: Batch, answers: Sequence[Answer], name: str, empty: float) -> Tensor:
    """Put a number a map of all layers beside each other, (N, U) in the precision of the sums."""
    best = batch.before
    whole = best.total.new_full((len(batch.ids), len(best.total)), empty)
    for answer in answers:
        whole[:, answer.span] = getattr(answer, name)
    return whole


@lru_cache(8)
def _edges(real: torch.dtype, device: torch.device) -> Tensor:
    return torch.as_tensor(EDGES, dtype=real, device=device)


def _entered(batch: Batch, answers: Sequence[Answer]) -> tuple[Tensor, Tensor]:
    """Sort the new patches of each row into its best."""
    best, k = batch.before, batch.rules.k
    if not any(len(answer.maps) for answer in answers):
        return best.values, best.codes
    rows, values, codes = _new(batch, answers)
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


def _new(batch: Batch, answers: Sequence[Answer]) -> tuple[Tensor, Tensor, Tensor]:
    """Return row, value and code of the patches that may enter, by row and then as the images come."""
    widths = [answer.span.stop - answer.span.start for answer in answers]
    images = torch.cat([answer.maps // width for answer, width in zip(answers, widths, strict=True)])
    rows = torch.cat([answer.maps % width + answer.span.start for answer, width in zip(answers, widths, strict=True)])
    values, places = (torch.cat([getattr(answer, name) for answer in answers]) for name in ("values", "places"))
    order = (rows * len(batch.ids) + images).argsort(stable=True)
    return rows[order], values[order], ((batch.ids[images] << BITS) | places)[order]
