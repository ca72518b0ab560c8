"""Reads the field of a layer's output as units on a grid: their boxes, size, stride, padding, and how sure that is."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np
import torch
from torch import Tensor

from ...layers import Layout
from .boxes import Axis, Field, small

_ZERO = Fraction(0)
_SIGNS = np.array([1, 1, -1, -1], np.float32)  # bottom and right are kept negated


@dataclass(frozen=True, eq=False)
class Reading:
    """What a ReceptiveField holds, without the layer's name."""

    size: tuple[int, int]
    stride: tuple[float, float] | None
    padding: tuple[float, float] | None
    status: str
    why: str
    grid: tuple[int, int]
    boxes: np.ndarray
    lattice: tuple[Axis | None, Axis | None]


def read(field: Field | None, layout: Layout, image: tuple[int, int]) -> Reading:
    """Read a layer's field (None where its output depends on nothing in the image) through its layout."""
    if field is None:
        boxes = np.zeros((*layout.grid, 4), np.int32)
        return Reading((0, 0), (0, 0), (0, 0), "exact", "Its output does not depend on the image.",
                       layout.grid, boxes, (None, None))
    boxes = _boxes(field, layout)
    grid = (boxes.shape[0], boxes.shape[1])
    axes = (_regular(field, boxes, 0), _regular(field, boxes, 1))
    largest = [int((boxes[..., which + 2] - boxes[..., which]).max(initial=0)) for which in (0, 1)]
    size = [
        most if axis is None else math.ceil(axis.stop - axis.start) for axis, most in zip(axes, largest, strict=True)
    ]
    stride = padding = None
    if axes[0] is not None and axes[1] is not None:
        stride = (_plain(axes[0].stride), _plain(axes[1].stride))
        padding = (_plain(-axes[0].start), _plain(-axes[1].start))
    status, why = _status(field, boxes, axes)
    return Reading((size[0], size[1]), stride, padding, status, why, grid, boxes, axes)


def _boxes(field: Field, layout: Layout) -> np.ndarray:
    """Return the boxes (rows, columns, 4) of the units, around those of all channels."""
    boxes = torch.stack([_units(plane, layout) for plane in field.planes], -1).numpy()
    nothing = np.isinf(boxes).any(-1)
    if nothing.any():
        boxes[nothing] = 0
    return (boxes * _SIGNS).astype(np.int32)


def _units(plane: Tensor, layout: Layout) -> Tensor:
    plane = layout.image(plane)
    if plane.dim() < 2:
        return plane.amin().reshape(1, 1) if plane.numel() else plane.new_full((1, 1), math.inf)
    if plane.dim() == 3 and layout.axis == 0:
        return small(plane).amin(0).expand(layout.grid)
    shape = list(plane.shape)
    shape[layout.axis] = 1
    kept = small(plane).amin(layout.axis, keepdim=True).expand(shape)
    maps, _ = replace(layout, channels=1).maps(kept)
    return maps[0]


def _regular(field: Field, boxes: np.ndarray, which: int) -> Axis | None:
    """Return the lattice of one axis, if it covers every box; else one that fits the boxes themselves."""
    axis, units = field.axes[which], boxes.shape[which]
    across = boxes if which == 0 else boxes.swapaxes(0, 1)
    start, stop = across[..., which], across[..., which + 2]
    nothing = stop <= start
    lows = np.where(nothing, np.iinfo(np.int32).max, start).min(1)
    highs = np.where(nothing, np.iinfo(np.int32).min, stop).max(1)
    if axis is not None and (axis.count or field.shape[axis.dim]) == units and _covers(axis, lows, highs):
        return axis
    if nothing.any() or (start != lows[:, None]).any() or (stop != highs[:, None]).any():
        return None
    return _fit(lows, highs)


def _covers(axis: Axis, lows: np.ndarray, highs: np.ndarray) -> bool:
    """Check that a lattice contains the boxes, which padding by reflection, for instance, breaks at the border."""
    unit = np.arange(len(lows))
    starts = np.floor(float(axis.stride) * unit + float(axis.start) + 1e-9)
    stops = np.ceil(float(axis.stride) * unit + float(axis.stop) - 1e-9)
    return bool((starts <= lows).all() and (stops >= highs).all())


def _fit(lows: np.ndarray, highs: np.ndarray) -> Axis | None:
    steps = set(np.diff(lows).tolist()) | set(np.diff(highs).tolist())
    if len(steps) > 1:
        return None
    stride = Fraction(steps.pop()) if steps else _ZERO
    return Axis(0, stride, Fraction(int(lows[0])), Fraction(int(highs[0])))


def _status(field: Field, boxes: np.ndarray, axes: tuple[Axis | None, Axis | None]) -> tuple[str, str]:
    flag = field.flag
    if flag.rank >= 2:
        return ("unknown" if flag.rank == 3 else "data dependent"), _sentence(flag.why)
    if flag.rank == 1:
        return "upper bound", _sentence(flag.why)
    if None in field.axes and bool((boxes == np.array([0, 0, *field.image])).all()):
        return "whole image", _sentence(field.why) or "All units read the whole image."
    if any(axis is not None and not axis.tight for axis in axes):
        return "upper bound", "After upsampling, units read fields of different sizes; this is the largest."
    return "exact", _regularity(field, axes)


def _regularity(field: Field, axes: tuple[Axis | None, Axis | None]) -> str:
    if axes[0] is None or axes[1] is None:
        return f"Each unit has a box of its own, ending at the border: {field.why or 'they differ in size'}."
    if None in field.axes and field.why:
        return f"The boxes end at the border of the image: {field.why}."
    return "Every unit reads a box of this size, one stride from the next."


def _sentence(why: str) -> str:
    return f"{why[:1].upper()}{why[1:]}." if why else ""


def _plain(value: Fraction) -> float:
    return int(value) if value.denominator == 1 else float(value)
