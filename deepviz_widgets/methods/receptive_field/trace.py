"""Follows one forward pass, operation by operation, and keeps for every tensor what it reads of the image."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import torch
from torch import Tensor
from torch.multiprocessing.reductions import StorageWeakRef
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.weak import WeakTensorKeyDictionary

from .blanks import blank
from .boxes import Field, Flag, everything, of_image, together, whole
from .ops import Call, rule_for

_PEEKS = {"_local_scalar_dense", "equal", "is_nonzero", "item"}  # values of the image leave the tensors
_LEAVES = {"numpy", "__array__", "tolist", "data_ptr", "__dlpack__"}
_LOOSE = Flag(1, "values are written in place into a part of a tensor, which is followed only as a whole")


class ValuesMatter(BaseException):
    """Gives up a pass without values; not an Exception, so that no `except Exception` in a model swallows it."""


class Trace(TorchDispatchMode):
    """Watches the operations under it; `fields` of the tensors are asked for while it runs or after.

    Parameters
    ----------
    image : Tensor (1, C, H, W)
        The input of the network.
    values : bool
        Whether the expensive operations are worked out. Without, they only give outputs of the right shape, and a
        pass that turns out to depend on values raises ValuesMatter.
    """

    def __init__(self, image: Tensor, *, values: bool = True):
        super().__init__()
        self._values = values
        self._fields: Any = WeakTensorKeyDictionary()
        self._written: dict[StorageWeakRef, Field] = {}  # weak references keep an address from being used again
        self._image = of_image(image.shape)
        self._fields[image] = self._image
        self._doubt = Flag()
        self._escapes = _Escapes(self)

    def field(self, tensor: Any) -> Field | None:
        """Return what a tensor reads; None for one that depends on nothing in the image."""
        found = self._fields.get(tensor) if isinstance(tensor, Tensor) else None
        if found is None and self._written and isinstance(tensor, Tensor):
            wide = self._written.get(_storage(tensor))
            found = None if wide is None else everything(wide, tensor.shape, _LOOSE.why)
        return found

    def doubt(self, flag: Flag) -> None:
        """Note that from here on nothing that a layer answers is certain."""
        self._needs_no_values(flag)
        self._doubt = max(self._doubt, flag, key=lambda each: each.rank)

    def _needs_no_values(self, flag: Flag) -> None:
        if flag.rank >= 2 and not self._values:
            raise ValuesMatter

    def __enter__(self) -> Trace:
        super().__enter__()
        self._escapes.__enter__()
        return self

    def __exit__(self, *exc: Any) -> None:
        self._escapes.__exit__(*exc)
        super().__exit__(*exc)

    def answer(self, output: Tensor) -> Field | None:
        """Return what a layer's output reads, with the doubts about the pass as a whole."""
        found = self.field(output)
        if self._doubt.rank:
            return whole(found or self._image, output.shape, self._doubt)
        return found

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        strides = args[0].stride() if func is torch.ops.aten.as_strided_.default else None  # lost once it has run
        given = _bound(func, args, kwargs or {})
        followed = any(self.field(tensor) is not None for tensor in tensors_in(given.values()))
        answer = blank(_name(func), given) if followed and not self._values else None
        if answer is None:
            answer = func(*args, **(kwargs or {}))
        if strides is not None:
            given["strides before"] = strides
        if followed:
            self._follow(func, given, answer)
        return answer

    def _follow(self, func: Any, given: dict[str, Any], answer: Any) -> None:
        outputs = tensors_in([answer])
        name = _name(func)
        if name in _PEEKS:
            why = f"the forward pass looks at values it computed ({name}), so its course may depend on them"
            self.doubt(Flag(2, why))
            return
        if not outputs:
            if func._schema.is_mutable:
                self.doubt(Flag(3, f"the operation {name!r} changes tensors in a way that is not followed"))
            return
        call = Call(name, func, given, outputs, self.field)
        fields = self._applied(call)
        mutates = func._schema.is_mutable
        for output, field in zip(outputs, fields, strict=True):
            if field is not None:
                self._needs_no_values(field.flag)
            if mutates:
                self._write(output, field)
            elif field is not None:
                self._fields[output] = field

    def _applied(self, call: Call) -> list[Field | None]:
        """Return the fields of the outputs; one that no rule explains reads the whole image."""
        try:
            found = rule_for(call)(call)
        except Exception as error:  # noqa: BLE001  a form of the operation that its rule does not expect: say so
            why = f"the operation {call.name!r} is used in a way that is not followed ({type(error).__name__})"
            found = whole(call.fields()[0], call.outputs[0].shape, Flag(3, why))
        if isinstance(found, list) and len(found) == len(call.outputs):
            return found
        if isinstance(found, list):
            found = whole(call.fields()[0], call.shape, Flag(3, f"the operation {call.name!r} is not followed"))
        return [None if found is None else _fitted(found, output) for output in call.outputs]

    def _write(self, tensor: Tensor, field: Field | None) -> None:
        """Set the field of a tensor that was changed in place, and of all that share its memory."""
        if field is self.field(tensor):
            return
        mine = _storage(tensor)
        for other, old in list(self._fields.items()):
            if other is not tensor and _storage(other) == mine:
                self._fields[other] = field if _same_place(other, tensor) and field is not None else _mixed(old, field)
        if field is None:
            self._fields.pop(tensor, None)
            return
        self._fields[tensor] = field
        wide = everything(field, (1,), _LOOSE.why).flagged(_LOOSE)
        before = self._written.get(mine)
        self._written[mine] = wide if before is None else together([before, wide], (1,))


class _Escapes(TorchFunctionMode):
    """Sees values of the image leave for NumPy or Python, where they cannot be followed."""

    def __init__(self, trace: Trace):
        super().__init__()
        self._trace = trace

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = getattr(func, "__name__", "")
        if name in _LEAVES and self._trace.field(args[0]) is not None:
            why = f"the forward pass takes values out of PyTorch ({name}), where they cannot be followed"
            self._trace.doubt(Flag(3, why))
        return func(*args, **(kwargs or {}))


@lru_cache(maxsize=2048)
def _name(func: Any) -> str:
    return func._schema.name.rpartition("::")[2]


def _storage(tensor: Tensor) -> StorageWeakRef:
    return StorageWeakRef(tensor.untyped_storage())


def _same_place(a: Tensor, b: Tensor) -> bool:
    return (a.shape, a.stride(), int(a.storage_offset())) == (b.shape, b.stride(), int(b.storage_offset()))


def _mixed(old: Field, new: Field | None) -> Field:
    """Return the field of a tensor of which some part was overwritten."""
    if new is None:
        return old
    wide = everything(new, (1,) * len(old.shape), _LOOSE.why)
    return together([old, wide], old.shape).flagged(_LOOSE)


def _fitted(field: Field, output: Tensor) -> Field | None:
    if field.shape == output.shape:
        return field
    if output.numel() == 0:
        return None  # statistics that evaluation mode leaves empty
    return everything(field, output.shape, "a statistic is taken over the map")


def tensors_in(values: Any) -> list[Tensor]:
    """Find the tensors in nested lists."""
    found = []
    for value in values:
        if isinstance(value, Tensor):
            found.append(value)
        elif isinstance(value, (list, tuple, dict)):
            found += [leaf for leaf in tree_leaves(value) if isinstance(leaf, Tensor)]
    return found


@lru_cache(maxsize=2048)
def _parameters(func: Any) -> tuple[tuple[str, ...], dict[str, Any]]:
    arguments = func._schema.arguments
    return tuple(a.name for a in arguments), {a.name: a.default_value for a in arguments if a.has_default_value()}


def _bound(func: Any, args: Any, kwargs: dict[str, Any]) -> dict[str, Any]:
    """Give each argument of a call its name, with the defaults of what was left out."""
    names, defaults = _parameters(func)
    values = {**defaults, **dict(zip(names, args, strict=False)), **kwargs}
    return {name: values[name] for name in names if name in values}
