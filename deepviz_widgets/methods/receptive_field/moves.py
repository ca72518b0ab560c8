"""Rules of the operations that only move values: a plane of boxes is moved by the very same operation."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from .boxes import (
    EMPTY,
    FLATTENED,
    REORDERED,
    Axes,
    Axis,
    Field,
    Flag,
    compressed,
    reshaped,
    small,
    together,
    whole,
)

if TYPE_CHECKING:
    from .ops import Call


def renamed(axes: Axes, rank: int, kept: Sequence[int]) -> Axes:
    """Return the lattices after the dimensions of a tensor became `kept` of the old ones, in that order."""
    found = [
        replace(axis, dim=kept.index(axis.dim + rank) - len(kept)) if axis and axis.dim + rank in kept else None
        for axis in axes
    ]
    return found[0], found[1]


def _run(call: Call, plane: Tensor) -> Any:
    """Run the operation itself on a plane instead of its first tensor."""
    first = next(iter(call.given))
    rest = {name: value for name, value in call.given.items() if name != first}
    names = {argument.name for argument in call.func._schema.arguments if argument.kwarg_only}
    args = [value for name, value in rest.items() if name not in names]
    return call.func(plane.detach(), *args, **{name: value for name, value in rest.items() if name in names})


def as_view(call: Call) -> Field | list[Field | None]:
    """Follow any view by taking the same view of the planes; the lattice ends."""
    return _each_output(call, lambda plane: _run(call, plane), lambda _axes, _shape: (None, None))


def moved(call: Call) -> Field | list[Field | None]:
    """Follow an operation that copies values to other places, such as a reflection at the border."""
    pads = "pad" in call.name

    def run(plane: Tensor) -> Tensor:
        return compressed(_run(call, plane.contiguous()))

    def shifted(axes: Axes, _shape: Sequence[int]) -> Axes:
        if not pads:
            return None, None
        before = {-1 - which: start for which, start in enumerate(call.given["padding"][::2])}
        return _shift(axes, before)

    return _each_output(call, run, shifted)


def _each_output(
    call: Call, run: Callable[[Tensor], Any], axes: Callable[[Axes, Sequence[int]], Axes]
) -> Field | list[Field | None]:
    field = call.fields(next(iter(call.given)))[0]
    answers = [run(plane) for plane in field.planes]
    if isinstance(answers[0], Tensor):
        return field.with_planes(answers, axes(field.axes, answers[0].shape), REORDERED)
    several = zip(*answers, strict=True)
    return [field.with_planes(planes, axes(field.axes, planes[0].shape), REORDERED) for planes in several]


def reshape(call: Call) -> Field:
    """Follow a reshape; an axis of the image stays regular where it remains a dimension of its own."""
    field, shape = call.fields("self", "input")[0], tuple(call.shape)
    if "dtype" in call.given and "size" not in call.given:
        return field
    planes = [reshaped(plane, shape) for plane in field.planes]
    axes = [_found(axis, field.shape, shape) for axis in field.axes]
    return field.with_planes(planes, (axes[0], axes[1]), FLATTENED)


def _found(axis: Axis | None, old: Sequence[int], new: Sequence[int]) -> Axis | None:
    """Find the dimension that holds all units of an axis after a reshape, alone or merged with others."""
    if axis is None:
        return None
    count = axis.count or old[axis.dim]
    step = math.prod(old[axis.dim + len(old) + 1 :]) * axis.inner  # values between two units
    after = 1
    for dim in range(-1, -len(new) - 1, -1):
        inside = step % after == 0 and (after * new[dim]) % (step * count) == 0
        if inside and (count > 1 or new[dim] == 1):
            alone = step == after and new[dim] == count
            return replace(axis, dim=dim, count=0 if alone else count, inner=1 if alone else step // after)
        after *= new[dim]
    return None


def permute(call: Call) -> Field:
    """Follow a change of the order of dimensions, or of those of size 1."""
    field = call.fields("self")[0]
    rank, given, name = len(field.shape), call.given, call.name.rstrip("_")
    kept = list(range(rank))
    if name == "permute":
        kept = [dim % rank for dim in given["dims"]]
    elif name == "transpose":
        a, b = given["dim0"] % rank, given["dim1"] % rank
        kept[a], kept[b] = b, a
    elif name == "t":
        kept.reverse()
    elif name == "unsqueeze":
        kept.insert(given["dim"] % (rank + 1), -1)
    else:
        kept = _not_squeezed(field.shape, given.get("dim"))
    return field.with_planes([_run(call, plane) for plane in field.planes], renamed(field.axes, rank, kept), REORDERED)


def _not_squeezed(shape: Sequence[int], dims: Any) -> list[int]:
    rank = len(shape)
    chosen = range(rank) if dims is None else [dims % rank] if isinstance(dims, int) else [dim % rank for dim in dims]
    return [dim for dim in range(rank) if not (dim in chosen and shape[dim] == 1)]


def cut(call: Call) -> Field | list[Field | None]:
    """Follow slices and splits; along an axis of the image the lattice moves with the cut."""
    dim = call.given.get("dim") or 0
    start, step = (call.given.get("start") or 0, call.given.get("step") or 1) if "slice" in call.name else (0, 1)
    field = call.fields("self")[0]
    rank = len(field.shape)
    size = field.shape[dim]
    start = min(max(start + size if start < 0 else start, 0), size)
    narrowed = dim - rank if dim >= 0 else dim

    def sliced(axes: Axes, shape: Sequence[int]) -> Axes:
        return _sliced(axes, narrowed, start, step) if shape[dim] != size or step > 1 else axes

    if any(axis is not None and axis.dim == narrowed for axis in field.axes) and "slice" not in call.name:
        return as_view(call)
    return _each_output(call, lambda plane: _run(call, plane), sliced)


def _sliced(axes: Axes, dim: int, start: int, step: int) -> Axes:
    found = [
        axis if axis is None or axis.dim != dim else None if axis.count else axis.windowed(1, step, -start, 1)
        for axis in axes
    ]
    return found[0], found[1]


def _shift(axes: Axes, before: dict[int, int]) -> Axes:
    """Move lattices by the cells that were put before the first one."""
    found = [
        axis if axis is None or axis.dim not in before else
        None if axis.count else axis.windowed(1, 1, before[axis.dim], 1)
        for axis in axes
    ]
    return found[0], found[1]


def expand(call: Call) -> Field:
    """Follow an expansion, which is a broadcast."""
    return together(call.fields("self"), call.shape)


def cat(call: Call) -> Field:
    """Follow a concatenation; channels keep their own boxes, and the lattice covers those of all."""
    tensors = [tensor for tensor in call.given["tensors"] if tensor.dim() == len(call.shape)]
    dim = call.given.get("dim") or 0
    fields = [call.field(tensor) for tensor in tensors]
    known = [field for field in fields if field is not None]
    planes = []
    for which in range(4):
        parts = [torch.tensor(EMPTY).expand(tensor.shape) if field is None else field.planes[which]
                 for tensor, field in zip(tensors, fields, strict=True)]
        planes.append(_joined(parts, dim % len(call.shape)).expand(call.shape))
    along = dim % len(call.shape) - len(call.shape)
    return _covering(known, planes, along, call.shape)


def _covering(known: list[Field], planes: list[Tensor], dim: int, shape: torch.Size) -> Field:
    """Take the lattice, doubts and reasons that hold for all of some fields."""
    fields = [field.with_planes([p.amin(dim, keepdim=True) if p.numel() else p for p in map(small, field.planes)],
                                _without(field.axes, dim), REORDERED) for field in known]
    fields = [replace(field, planes=tuple(_spread(p, dim, shape) for p in field.planes)) for field in fields]
    return replace(together(fields, shape), planes=tuple(planes))


def _spread(plane: Tensor, dim: int, shape: torch.Size) -> Tensor:
    return plane.expand([size if d != dim + len(shape) else 1 for d, size in enumerate(shape)])


def _without(axes: Axes, dim: int) -> Axes:
    found = [None if axis is None or axis.dim == dim else axis for axis in axes]
    return found[0], found[1]


def _joined(parts: list[Tensor], dim: int) -> Tensor:
    """Concatenate planes, keeping one of each dimension along which none varies."""
    for other in range(parts[0].dim()):
        if other != dim and all(part.stride(other) == 0 or part.size(other) == 1 for part in parts):
            parts = [part.narrow(other, 0, 1) for part in parts]
    if all(part.stride(dim) == 0 or part.size(dim) == 1 for part in parts):
        ones = [part.narrow(dim, 0, 1) for part in parts if part.size(dim)]
        if all(torch.equal(ones[0], one) for one in ones[1:]):
            return ones[0]
    return torch.cat(parts, dim)


def stack(call: Call) -> Field:
    """Follow a stacking along a new dimension."""
    tensors, dim = call.given["tensors"], call.given.get("dim") or 0
    fields = [call.field(tensor) for tensor in tensors]
    known = [field for field in fields if field is not None]
    planes = [
        torch.stack([torch.tensor(EMPTY).expand(t.shape) if f is None else f.planes[which]
                     for t, f in zip(tensors, fields, strict=True)], dim)
        for which in range(4)
    ]
    planes = [compressed(plane) for plane in planes]
    return together(known, tensors[0].shape).with_planes(planes, (None, None), REORDERED)


def pad(call: Call) -> Field:
    """Follow padding with a constant: the new cells read nothing."""
    field, amounts = call.fields("self")[0], list(call.given["pad"])
    before = {-1 - which: start for which, start in enumerate(amounts[::2])}

    def padded(plane: Tensor) -> Tensor:
        kept, wanted = small(plane), []
        for which, (start, stop) in enumerate(zip(amounts[::2], amounts[1::2], strict=True)):
            dim = -1 - which
            told = any(other.stride(dim) != 0 for other in field.planes)  # another plane says which cells are empty
            skip = told and kept.shape[dim] == 1 and plane.shape[dim] != 1
            if not skip:
                kept = kept.expand([plane.shape[d] if d == plane.dim() + dim else n for d, n in enumerate(kept.shape)])
            wanted += [0, 0] if skip else [start, stop]
        return torch.constant_pad_nd(kept, wanted, EMPTY).expand(call.shape)

    return field.with_planes([padded(plane) for plane in field.planes], _shift(field.axes, before))


def _along(call: Call, dims: Sequence[int]) -> Field:
    """Run an operation that acts along some dimensions on planes that are small in all others."""
    field = call.fields("self")[0]
    rank = len(field.shape)
    acting = {dim % rank for dim in dims}

    def run(plane: Tensor) -> Tensor:
        kept = small(plane)
        if all(kept.shape[dim] == 1 for dim in acting):
            return plane
        shape = [plane.shape[dim] if dim in acting else kept.shape[dim] for dim in range(rank)]
        return _run(call, kept.expand(shape)).expand(call.shape)

    axes = [None if axis is None or axis.dim % rank in acting else axis for axis in field.axes]
    return field.with_planes([run(plane) for plane in field.planes], (axes[0], axes[1]), REORDERED)


def roll(call: Call) -> Field:
    """Follow a cyclic shift."""
    dims = call.given.get("dims") or []
    return _along(call, [dims] if isinstance(dims, int) else dims or range(len(call.shape)))


def flip(call: Call) -> Field:
    """Follow a mirroring."""
    return _along(call, call.given["dims"])


def indexed(call: Call) -> Field | list[Field | None]:
    """Follow an indexing by constants; by values of the image it may read anywhere."""
    rest = [name for name in call.given if name not in ("self", "input", "weight")]
    if call.fields(*rest) or "embedding" in call.name:
        return whole(call.fields()[0], call.shape, Flag(2, f"the operation {call.name!r} picks places by value"))
    call = replace(call, given={name: _on_cpu(value) for name, value in call.given.items()})
    return _each_output(
        call, lambda plane: compressed(_run(call, plane.contiguous())), lambda _axes, _shape: (None, None)
    )


def _on_cpu(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return [_on_cpu(item) for item in value]
    return value.cpu() if isinstance(value, Tensor) and not value.is_floating_point() else value
