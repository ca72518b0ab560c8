"""Units of a network turned off or held at a value, while it runs and never after: the model stays as it is."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
from torch import Tensor, nn

from .words import count

if TYPE_CHECKING:
    from .layers import Layer
    from .network import Network

Switches = tuple[tuple[str, int, float], ...]  # (layer, unit, what it answers instead), sorted


def as_switches(net: Network, units: Mapping[Any, Any]) -> Switches:
    """Check switches and put them in order.

    Parameters
    ----------
    net : Network
    units : dict of layer to units
        The units of a layer are a list, which turns them off, or a dict of unit to the value it is held at.

    Returns
    -------
    tuple of (str, int, float)
        Layer, unit and value.

    Raises
    ------
    ValueError
        For an unknown layer or unit, a layer whose units cannot be told apart, or a value that is not finite.
    """
    found: dict[tuple[str, int], float] = {}
    for name, given in units.items():
        layer = net.layer(name)
        values = given if isinstance(given, Mapping) else dict.fromkeys(given, 0.0)
        for unit, value in values.items():
            found[layer.name, _unit(layer, unit)] = _value(layer.name, unit, value)
    return tuple((name, unit, value) for (name, unit), value in sorted(found.items()))


def as_dict(switches: Iterable[Iterable[Any]]) -> dict[str, dict[int, float]]:
    """Return switches by layer and unit, as `Network.switched` takes them."""
    found: dict[str, dict[int, float]] = {}
    for name, unit, value in switches:
        found.setdefault(name, {})[unit] = value
    return found


@contextmanager
def switched(net: Network) -> Iterator[None]:
    """Let the units answer what their switches say, in passes of this thread, until the block ends."""
    if not net.altered:
        yield
        return
    handles = []
    try:
        for name, units in as_dict(net.altered).items():
            hook = _hook(net.layer(name), units)
            # before all other hooks, so that who looks at the layer sees what the next one reads
            handles.append(net.module(name).register_forward_hook(hook, prepend=True))
        yield
    finally:
        for handle in handles:
            handle.remove()


def _hook(layer: Layer, units: dict[int, float]) -> Callable[[nn.Module, Any, Any], Any]:
    thread = threading.get_ident()
    layout = layer.layout

    def hook(_module: nn.Module, _args: Any, output: Any) -> Any:
        if threading.get_ident() != thread:
            return None  # a pass of the user's own
        if not isinstance(output, Tensor):
            raise ValueError(f"Layer {layer.name!r} answers a {type(output).__name__}; its units cannot be switched.")
        changed = output.clone()  # what else holds the output keeps it as it was
        axis = layout.axis if layout.axis < 0 or layout.batch is None else layout.axis + (layout.batch <= layout.axis)
        for unit, value in units.items():
            changed.select(axis, unit).fill_(value)
        return changed

    return hook


def _unit(layer: Layer, unit: Any) -> int:
    there = layer.layout.channels
    if isinstance(unit, bool) or not isinstance(unit, (int, np.integer)):
        raise ValueError(f"A unit is its number, counted from 0; {unit!r} is none.")
    if not 0 <= unit < there:
        raise ValueError(f"There is no unit {unit}; layer {layer.name!r} has {count(there)}, counted from 0.")
    if layer.layout.kind == "other":
        raise ValueError(f"The units of layer {layer.name!r} cannot be told apart, so they cannot be switched.")
    return int(unit)


def _value(name: str, unit: int, value: Any) -> float:
    number = float(value) if isinstance(value, (int, float, np.number)) else math.nan
    if not math.isfinite(number):
        raise ValueError(f"Unit {unit} of layer {name!r} is held at a finite number; {value!r} is none.")
    return number
