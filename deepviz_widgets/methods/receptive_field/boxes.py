"""What each value of a tensor reads of the image: boxes, and the regular lattice that they lie on.

A `Field` goes with one tensor of a forward pass. Its four planes have the tensor's own shape and hold, for every value,
the box of the image that it can depend on: top, left, and the negated bottom and right, so that the box around two
boxes is always the smaller of each. Axes along which a plane does not vary have stride 0, which keeps a plane of a
feature map as small as one row of it. The box around a union is the union of the boxes' hull, so boxes go through any
operation without loss: what comes out is the exact box around everything that a value is connected to.

Boxes end at the border of the image. What the field would be without a border (Araujo et al.: start = u * stride -
padding) is kept beside them for each axis of the image, as long as the operations keep it regular.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

import torch
from torch import Tensor

EMPTY = math.inf
FLATTENED = "its map is flattened"
REORDERED = "its places are reordered, so units do not lie on a grid of their own"
Planes = tuple[Tensor, ...]


@dataclass(frozen=True)
class Flag:
    """How far the boxes may be trusted: 0 exact, 1 upper bound, 2 data dependent, 3 unknown; and why."""

    rank: int = 0
    why: str = ""


@dataclass(frozen=True)
class Axis:
    """The lattice of one axis of the image: unit u reads from `stride * u + start` up to `stride * u + stop`.

    Attributes
    ----------
    dim : int
        The tensor's dimension that runs along the axis, counted from the end (negative).
    stride, start, stop : Fraction
        In pixels.
    tight : bool
        Whether every unit reads exactly that far; after upsampling some read less.
    count, inner : int
        Where the dimension was merged with others: how many units there are along the axis, and how many values of
        the dimension lie between two of them. A count of 0 says that the dimension is the axis itself.
    """

    dim: int
    stride: Fraction
    start: Fraction
    stop: Fraction
    tight: bool = True
    count: int = 0
    inner: int = 1

    def windowed(self, kernel: int, stride: int, padding: int, dilation: int) -> Axis:
        """Return the lattice after a window has moved over it."""
        start = self.start - self.stride * padding
        stop = self.stop + self.stride * (dilation * (kernel - 1) - padding)
        return replace(self, stride=self.stride * stride, start=start, stop=stop)

    def finer(self, factor: int, before: Fraction, after: Fraction) -> Axis:
        """Return the lattice after upsampling: unit u reads the old units from u / factor + before to + after."""
        start, stop = self.start + self.stride * before, self.stop + self.stride * after
        return replace(self, stride=self.stride / factor, start=start, stop=stop, tight=self.tight and factor == 1)


Axes = tuple["Axis | None", "Axis | None"]


@dataclass(frozen=True, eq=False)
class Field:
    """What every value of one tensor reads of an image of (height, width)."""

    planes: Planes
    axes: Axes
    image: tuple[int, int]
    flag: Flag = Flag()
    why: str = ""  # what ended the regular lattice, for people

    @property
    def shape(self) -> torch.Size:
        """Shape of the tensor."""
        return self.planes[0].shape

    def flagged(self, flag: Flag) -> Field:
        """Return the field with a doubt added; the gravest one is kept."""
        return self if flag.rank <= self.flag.rank else replace(self, flag=flag)

    def irregular(self, why: str) -> Field:
        """Return the field without its lattice."""
        return replace(self, axes=(None, None), why=why)

    def with_planes(self, planes: Sequence[Tensor], axes: Axes, why: str = "") -> Field:
        """Return a field of other planes and lattice; `why` is kept where the lattice ends here."""
        lost = any(old is not None and new is None for old, new in zip(self.axes, axes, strict=True))
        return Field(tuple(planes), axes, self.image, self.flag, why if lost else self.why)


def of_image(shape: Sequence[int]) -> Field:
    """Return the field of the network's input (1, C, H, W): each pixel reads itself."""
    height, width = shape[-2:]
    rows = torch.arange(height, dtype=torch.float32)[:, None]
    columns = torch.arange(width, dtype=torch.float32)
    planes = tuple(plane.expand(*shape) for plane in (rows, columns, -rows - 1, -columns - 1))
    one, zero = Fraction(1), Fraction(0)
    return Field(planes, (Axis(-2, one, zero, one), Axis(-1, one, zero, one)), (height, width))


def small(plane: Tensor) -> Tensor:
    """Keep one of each dimension along which a plane does not vary."""
    shape, strides = plane.shape, plane.stride()
    if 0 not in strides:
        return plane
    kept = [min(length, 1) if step == 0 else length for length, step in zip(shape, strides, strict=True)]
    return plane.as_strided(kept, strides, plane.storage_offset())


def compressed(plane: Tensor) -> Tensor:
    """Look at the values for dimensions along which a plane does not vary, and give those stride 0."""
    shape, plane = plane.shape, small(plane)
    if plane.numel() == 0:
        return plane.expand(shape)
    for dim in range(plane.dim()):
        first = plane.narrow(dim, 0, 1)
        if plane.size(dim) > 1 and bool((plane == first).all()):
            plane = first
    return plane.expand(shape)


def reshaped(plane: Tensor, shape: Sequence[int]) -> Tensor:
    """Reshape a plane, keeping stride 0 where groups of dimensions that do not vary become others."""
    if plane.numel() == 0 or math.prod(shape) != plane.numel():
        return plane.reshape(tuple(shape))
    old, new, kept = plane.shape, list(shape), small(plane)
    source: list[int] = []
    target: list[int] = []
    for olds, news in _groups(old, new):
        constant = all(kept.size(dim) == 1 for dim in olds)
        source += [1 if constant else old[dim] for dim in olds]
        target += [1 if constant else new[dim] for dim in news]
    return kept.expand(source).reshape(target).expand(new)


def _groups(old: Sequence[int], new: Sequence[int]) -> list[tuple[range, range]]:
    """Pair the dimensions of two shapes of as many values (not 0) in the shortest runs that hold as many."""
    groups = []
    i = j = 0
    while i < len(old) or j < len(new):
        first_i, first_j = i, j
        i, j = min(i + 1, len(old)), min(j + 1, len(new))
        while (held := math.prod(old[first_i:i])) != (wanted := math.prod(new[first_j:j])):
            i, j = (i + 1, j) if held < wanted else (i, j + 1)
        groups.append((range(first_i, i), range(first_j, j)))
    return groups


def together(fields: Sequence[Field], shape: Sequence[int]) -> Field:
    """Return the box around what several tensors read that are combined value by value, with broadcasting."""
    if len(fields) == 1 and fields[0].shape == torch.Size(shape):
        return fields[0]
    planes = []
    for each in zip(*(field.planes for field in fields), strict=True):
        least = small(each[0])
        for other in each[1:]:
            least = torch.minimum(least, small(other))
        planes.append(least.expand(tuple(shape)))
    axes = (_common(fields, 0, shape), _common(fields, 1, shape))
    flag = max((field.flag for field in fields), key=lambda flag: flag.rank)
    reasons = sorted((field.why for field in fields if field.why), key=lambda why: why in (FLATTENED, REORDERED))
    why = reasons[0] if reasons else "branches of different strides meet" if None in axes else ""
    return Field(tuple(planes), axes, fields[0].image, flag, why)


def _common(fields: Sequence[Field], which: int, shape: Sequence[int]) -> Axis | None:
    """Return the lattice that covers those of all fields, None where there is none."""
    axes = [field.axes[which] for field in fields]
    known = [axis for axis in axes if axis is not None]
    if len(known) < len(axes) or len({(axis.dim, axis.stride, axis.count, axis.inner) for axis in known}) > 1:
        return None
    dim = known[0].dim
    if any(field.shape[dim] != shape[dim] for field in fields):
        return None  # one unit is spread over many
    start, stop = min(axis.start for axis in known), max(axis.stop for axis in known)
    return replace(known[0], start=start, stop=stop, tight=all(axis.tight for axis in known))


def around(field: Field, dims: Sequence[int], why: str) -> Field:
    """Return the box around all values along some dimensions, for each of them; the shape stays."""
    rank = len(field.shape)
    dims = sorted({dim % rank for dim in dims}) if rank else []
    kept = [small(plane) for plane in field.planes]
    axes = [None if axis is None or axis.dim % rank in dims else axis for axis in field.axes]
    if all(plane.shape[dim] == 1 for plane in kept for dim in dims):
        return field.with_planes(field.planes, (axes[0], axes[1]), why)
    planes = [plane.amin(dims, keepdim=True).expand(field.shape) for plane in kept]
    return replace(field.with_planes(planes, (axes[0], axes[1])), why=why)


def everything(field: Field, shape: Sequence[int], why: str) -> Field:
    """Return the box around all that a tensor reads, for each value of another shape."""
    planes = [
        small(plane).amin().expand(tuple(shape)) if plane.numel() else plane.new_full((), EMPTY).expand(tuple(shape))
        for plane in field.planes
    ]
    return replace(field, planes=tuple(planes), axes=(None, None), why=why or field.why)


def whole(field: Field, shape: Sequence[int], flag: Flag) -> Field:
    """Return a field in which every value reads the whole image."""
    edges = (0.0, 0.0, -float(field.image[0]), -float(field.image[1]))
    planes = tuple(torch.tensor(edge).expand(tuple(shape)) for edge in edges)
    return Field(planes, (None, None), field.image, max(flag, field.flag, key=lambda f: f.rank), flag.why)
