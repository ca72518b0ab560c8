"""Rules of the operations that move a window over a map: convolution, pooling, upsampling."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from torch import Tensor

from . import windows
from .boxes import Axes, Axis, Field, Flag, small, whole

if TYPE_CHECKING:
    from .ops import Call

_IRREGULAR = "cells of different sizes are pooled"
_GLOBAL = "the whole map is pooled into one value"


def over_channels(plane: Tensor, dim: int, groups: int, channels: int) -> Tensor:
    """Return the box around the channels of each group, for each of `channels` outputs."""
    shape = list(plane.shape)
    shape[dim] = channels
    plane = small(plane)
    if plane.shape[dim] > 1:
        grouped = plane.unflatten(dim, (groups, -1)).amin(dim + 1)
        plane = grouped.repeat_interleave(channels // groups, dim) if groups > 1 else grouped
    return plane.expand(shape)


def convolution(call: Call) -> Field:
    """Follow a convolution, transposed or not, of any stride, dilation and groups."""
    if call.fields("weight", "bias"):
        return whole(call.fields()[0], call.shape, Flag(2, "the weights of a convolution depend on the image"))
    field = call.fields("input")[0]
    given, rank = call.given, len(call.shape) - 2
    kernel = given["weight"].shape[2:]
    stride, padding, dilation = (_each(given[name], rank) for name in ("stride", "padding", "dilation"))
    turned = bool(given.get("transposed"))
    table = windows.transposed if turned else windows.window
    planes = [over_channels(plane, 1, given["groups"], call.shape[1]) for plane in field.planes]
    for which in range(rank):
        dim = which + 2
        found = table(field.shape[dim], call.shape[dim], kernel[which], stride[which], padding[which], dilation[which])
        planes = [windows.read(plane, dim, found) for plane in planes]
    each = list(zip(kernel, stride, padding, dilation, strict=True))
    axes = _axes(field.axes, rank, lambda axis, which: (_turned if turned else Axis.windowed)(axis, *each[which]))
    return field.with_planes(planes, axes, "a convolution runs across it")


def _turned(axis: Axis, kernel: int, stride: int, padding: int, dilation: int) -> Axis:
    """Output u reads the inputs from (u + padding - dilation * (kernel - 1)) / stride to (u + padding) / stride."""
    return axis.finer(stride, Fraction(padding - dilation * (kernel - 1), stride), Fraction(padding, stride))


def pool(call: Call) -> Field:
    """Follow max and average pooling, with `ceil_mode`: its last windows are cut at the border."""
    field, given = call.fields("self")[0], call.given
    rank = 1 if "1d" in call.name else 2
    kernel = _each(given["kernel_size"], rank)
    stride = _each(given.get("stride") or kernel, rank)
    padding, dilation = _each(given.get("padding") or 0, rank), _each(given.get("dilation") or 1, rank)
    planes = list(field.planes)
    for which in range(rank):
        dim = which - rank
        found = windows.window(
            field.shape[dim], call.shape[dim], kernel[which], stride[which], padding[which], dilation[which]
        )
        planes = [windows.read(plane, dim, found) for plane in planes]
    each = list(zip(kernel, stride, padding, dilation, strict=True))
    return field.with_planes(planes, _axes(field.axes, rank, lambda axis, which: axis.windowed(*each[which])))


def adaptive_pool(call: Call) -> Field:
    """Follow adaptive pooling; its lattice stays regular where the cells have one size."""
    field = call.fields("self")[0]
    planes = list(field.planes)
    for dim in (-2, -1):
        found = windows.adaptive(field.shape[dim], call.shape[dim])
        planes = [windows.read(plane, dim, found) for plane in planes]

    def cells(axis: Axis, which: int) -> Axis | None:
        inputs, outputs = field.shape[which - 2], call.shape[which - 2]
        regular = inputs % outputs == 0 and (outputs > 1 or inputs == 1)
        return axis.windowed(inputs // outputs, inputs // outputs, 0, 1) if regular else None

    one = tuple(call.shape[-2:]) == (1, 1)
    return field.with_planes(planes, _axes(field.axes, 2, cells), _GLOBAL if one else _IRREGULAR)


def upsampled(call: Call) -> Field:
    """Follow interpolation; which pixels it mixes is found by running it on one-hot rows and columns."""
    field, given = call.fields()[0], call.given
    rest = {name: value for name, value in given.items() if value is not call.first()}
    first = next(iter(given))

    def run(basis: Tensor) -> Tensor:
        return call.func(**{first: basis, **rest})

    planes = list(field.planes)
    for which in (0, 1):
        found = windows.probed(run, (field.shape[-2], field.shape[-1]), which)
        planes = [windows.read(plane, which - 2, found) for plane in planes]
    axes = _axes(field.axes, 2, lambda axis, which: _finer(axis, call, field.shape[which - 2], call.shape[which - 2]))
    return field.with_planes(planes, axes, "a map is resized by a factor that is not whole")


def _finer(axis: Axis, call: Call, inputs: int, outputs: int) -> Axis | None:
    if outputs % inputs or call.given.get("align_corners") or "aa" in call.name:
        return None
    factor = outputs // inputs
    if "nearest" in call.name:
        return axis.finer(factor, Fraction(1 - factor, factor), Fraction(0))
    reach = 1 if "bilinear" in call.name else 2  # pixels on each side of (u + 1/2) / factor - 1/2
    middle = Fraction(1 - factor, 2 * factor)
    return axis.finer(factor, middle - reach, middle + reach)


def _axes(axes: Axes, rank: int, change: Any) -> Axes:
    """Change the lattice of each axis that the window moves along; one that runs along the channels ends."""
    changed: list[Axis | None] = []
    for axis in axes:
        if axis is None or axis.dim == -rank - 1 or (axis.count and axis.dim > -rank - 1):
            changed.append(None)
        else:
            changed.append(change(axis, axis.dim + rank) if axis.dim >= -rank else axis)
    return changed[0], changed[1]


def _each(value: int | Sequence[int], rank: int) -> list[int]:
    values = [value] if isinstance(value, int) else list(value)
    return values * rank if len(values) == 1 else values
