"""Arrays and Python values as JSON, and back, to the last bit: for the metadata of a file."""

from __future__ import annotations

import base64
import math
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np

__all__ = ["pack", "unpack"]

_PLAIN = (type(None), bool, int, str)


def pack(value: Any) -> Any:
    """Write a value so that JSON carries it: arrays compressed and in base64, tuples, dicts with keys of any kind.

    Parameters
    ----------
    value : None, bool, number, str, tuple, list, dict, frozenset or ndarray, in each other

    Raises
    ------
    TypeError
        For anything else.

    Examples
    --------
    >>> from deepviz_widgets.methods.patches.packing import pack, unpack
    >>> pack({0: (1, float("nan"))})
    {'dict': [[0, {'tuple': [1, {'float': 'nan'}]}]]}
    >>> unpack(pack({0: (1, 2.5)}))
    {0: (1, 2.5)}
    """
    value = value.item() if isinstance(value, np.generic) else value
    if isinstance(value, _PLAIN) or (isinstance(value, float) and math.isfinite(value)):
        return value
    if isinstance(value, list):
        return [pack(each) for each in value]
    if isinstance(value, np.ndarray) and value.dtype.kind in "biuf":
        return _packed_array(value)
    found = next((one for one in _PACK if isinstance(value, one[0])), None)
    if found is None:
        raise TypeError(f"A {type(value).__name__} cannot be kept in a file of patches.")
    return {found[1]: found[2](value)}


def unpack(value: Any) -> Any:
    """Undo `pack`."""
    if isinstance(value, list):
        return [unpack(each) for each in value]
    if not isinstance(value, dict):
        return value
    (name, inside), *more = value.items()
    if name == "array":
        return _unpacked_array(inside, **dict(more))
    return _UNPACK[name](inside)


def _packed_dict(value: dict[Any, Any]) -> Any:
    """Write keys that are strings as JSON does, so that people can read them."""
    if all(isinstance(key, str) for key in value):
        return {key: pack(each) for key, each in value.items()}
    return [[pack(key), pack(each)] for key, each in value.items()]


def _unpacked_dict(inside: Any) -> dict[Any, Any]:
    if isinstance(inside, dict):
        return {key: unpack(each) for key, each in inside.items()}
    return {unpack(key): unpack(each) for key, each in inside}


_PACK: tuple[tuple[type, str, Callable[[Any], Any]], ...] = (
    (float, "float", repr),
    (dict, "dict", _packed_dict),
    (tuple, "tuple", lambda values: [pack(each) for each in values]),
    (frozenset, "frozenset", lambda values: [pack(each) for each in values]),
)
_UNPACK: dict[str, Callable[[Any], Any]] = {
    "float": float,
    "dict": _unpacked_dict,
    "tuple": lambda values: tuple(map(unpack, values)),
    "frozenset": lambda values: frozenset(map(unpack, values)),
}


def _packed_array(values: np.ndarray) -> dict[str, Any]:
    little = np.ascontiguousarray(values, values.dtype.newbyteorder("<"))
    packed = base64.b64encode(zlib.compress(little.tobytes(), 1)).decode()
    return {"array": packed, "dtype": little.dtype.str, "shape": list(values.shape)}


def _unpacked_array(packed: str, dtype: str, shape: list[int]) -> np.ndarray:
    values = np.frombuffer(zlib.decompress(base64.b64decode(packed)), dtype).reshape(shape)
    return values.astype(values.dtype.newbyteorder("="))
