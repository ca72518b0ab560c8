"""The best places of a map that do not show the same: greedy non-maximum suppression of receptive fields."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from .streaming import Rules

__all__ = ["apart", "first_best"]

_AT_ONCE = 1 << 20  # values that are copied at a time, so that memory does not grow with the number of rows


def first_best(flat: Tensor, maps: Tensor, sign: int = 1) -> Tensor:
    """Return the place of the largest value (sign 1) or smallest (-1) of some maps, the first of equal ones.

    Parameters
    ----------
    flat : Tensor (N, U, P)
    maps : Tensor (M,) int64
        Which maps: image * U + row.

    Returns
    -------
    Tensor (M,) int64
    """
    if flat.shape[2] == 1:
        return torch.zeros_like(maps)
    found = [_argmax(picked if sign > 0 else -picked) for _, picked in _in_parts(flat, maps)]
    return torch.cat(found) if found else maps


def apart(flat: Tensor, maps: Tensor, boxes: Tensor, floors: Tensor, rules: Rules) -> tuple[Tensor, Tensor]:
    """Return the best places of some maps, each no nearer to a better one than an overlap of their boxes.

    The best place is taken, all places whose box overlaps its box more are left out, and again, as R-CNN does with the
    regions of an image.

    Parameters
    ----------
    flat : Tensor (N, U, P)
    maps : Tensor (M,) int64
        Which maps: image * U + row.
    boxes : Tensor (P, 4)
        Top, left, bottom, right of each place.
    floors : Tensor (M,)
        Values below are of no interest.
    rules : Rules
        How many places a map, the largest intersection over union allowed, and the sign.

    Returns
    -------
    values : Tensor (M, per_image) float32
        Times the sign, falling; -inf where there are fewer.
    places : Tensor (M, per_image) int64

    References
    ----------
    R. Girshick et al., *Rich feature hierarchies for accurate object detection and semantic segmentation*, CVPR 2014.
    """
    most, sign = min(rules.per_image, flat.shape[2]), rules.sign
    values = torch.full((len(maps), most), -math.inf, device=flat.device)
    places = torch.zeros((len(maps), most), dtype=torch.int64, device=flat.device)
    boxes = boxes.to(torch.float32)
    for part, picked in _in_parts(flat, maps):
        left = picked if sign > 0 else -picked
        for rank in range(most):
            at = _argmax(left)[:, None]
            best = left.gather(1, at)[:, 0]
            if not bool((best >= floors[part]).any()) or not bool((best > -math.inf).any()):
                break
            values[part, rank], places[part, rank] = best, at[:, 0]
            if rank + 1 < most:
                left.masked_fill_(_iou(boxes[at[:, 0]], boxes) > rules.overlap, -math.inf)
                left.scatter_(1, at, -math.inf)
    return values, places


def _argmax(values: Tensor) -> Tensor:
    """Return the first place of the largest value of each row; numpy is five times faster here than torch."""
    if values.device.type == "cpu":
        return torch.from_numpy(values.numpy().argmax(1))
    return values.argmax(1)


def _in_parts(flat: Tensor, maps: Tensor) -> Iterator[tuple[slice, Tensor]]:
    """Copy the maps asked for, some at a time, as float32: (which of them, values (m, P))."""
    step = max(1, _AT_ONCE // flat.shape[2])
    table = flat.view(-1, flat.shape[2]) if flat.is_contiguous() else None
    for start in range(0, len(maps), step):
        part = slice(start, start + step)
        if table is not None:
            yield part, table.index_select(0, maps[part]).float()
        else:
            yield part, flat[maps[part] // flat.shape[1], maps[part] % flat.shape[1]].float()


def _iou(some: Tensor, boxes: Tensor) -> Tensor:
    """Intersection over union of boxes (M, 4) and boxes (P, 4), (M, P); 0 where both are empty."""
    top_left = torch.maximum(some[:, None, :2], boxes[:, :2])
    bottom_right = torch.minimum(some[:, None, 2:], boxes[:, 2:])
    shared = (bottom_right - top_left).clamp_(min=0).prod(-1)
    return shared / (_area(some)[:, None] + _area(boxes) - shared).clamp_(min=1)


def _area(boxes: Tensor) -> Tensor:
    return (boxes[:, 2:] - boxes[:, :2]).prod(-1)
