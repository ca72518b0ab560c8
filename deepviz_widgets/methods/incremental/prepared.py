"""What is kept of a network between evaluators: private copies, traced and folded, as long as its weights stay."""

from __future__ import annotations

import copy
import weakref
from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from ...network import Network
from .engine import Plan
from .fold import fold
from .trace import Traced, UntraceableError, traced
from .tuner import Speed

_KEPT: weakref.WeakKeyDictionary[nn.Module, Prepared] = weakref.WeakKeyDictionary()
_PLANS = 2  # each holds a copy of the weights
_SAMPLED = 1024  # values of a tensor that are compared


class Prepared:
    """The copies of one network, for one state of its weights."""

    def __init__(self, net: Network):
        self.mark = fingerprint(net.model)
        self.verdicts: dict[Any, str] = {}  # of the comparison with the network itself
        self.speeds: dict[Any, Speed] = {}
        self._plans: dict[Any, Plan | str] = {}
        self._copy: nn.Module | None = None
        self._copied = False

    def copy(self, net: Network) -> nn.Module | None:
        """Return a private copy in evaluation mode, None where the model cannot be copied."""
        if not self._copied:
            self._copy, self._copied = private(net), True
        return self._copy

    def plan(self, net: Network, layers: Sequence[str], exact: bool) -> Plan | str:
        """Return the network as steps, or the reason why it cannot be taken apart."""
        key = (tuple(sorted(layers)), exact)
        found = self._plans.pop(key, None) or _planned(net, layers, exact)
        self._plans[key] = found  # the latest last
        while len(self._plans) > _PLANS:
            self._plans.pop(next(iter(self._plans)))
        return found


def prepared(net: Network, *, anew: bool = False) -> Prepared:
    """Return what is kept of a network; made anew where its weights or modules have changed."""
    with net.lock:
        known = _KEPT.get(net.model)
        if known is None or anew or known.mark != fingerprint(net.model):
            known = _KEPT[net.model] = Prepared(net)
        return known


def fingerprint(model: nn.Module) -> tuple[Any, ...]:
    """Tell states of a model apart, cheaply: its modules, settings, tensors, their versions and samples of values."""
    tensors = [*model.named_parameters(), *model.named_buffers()]
    return repr(model), tuple(id(module) for module in model.modules()), tuple(
        (name, tensor.data_ptr(), tensor._version, str(tensor.dtype), tuple(tensor.shape), _sample(tensor))
        for name, tensor in tensors
    )


def _sample(tensor: torch.Tensor) -> str:
    """Sum some values: an edit through `.data` leaves the version as it was."""
    flat = tensor.detach().reshape(-1) if tensor.is_contiguous() else tensor.detach().flatten()
    return str(float(flat[:: max(1, len(flat) // _SAMPLED)].double().sum())) if len(flat) else ""


def private(net: Network) -> nn.Module | None:
    """Copy a network's model, in evaluation mode and without gradients; None where it cannot be copied."""
    try:
        with net.lock:
            model = copy.deepcopy(net.model)
    except Exception:  # noqa: BLE001  the user's own code runs here and may raise anything
        return None
    for module in model.modules():  # not through `model.eval()`, which models override
        module.training = False
    return model.requires_grad_(False)


def _planned(net: Network, layers: Sequence[str], exact: bool) -> Plan | str:
    root = private(net)
    if root is None:
        return "it cannot be copied"
    try:
        found = traced(root)
        kept = {name: _followed(found, name) for name in layers}
        if not exact:
            fold(found.graph, root, set(kept.values()))
            root.to(memory_format=torch.channels_last)
        return Plan(found, kept, exact=exact)
    except UntraceableError as reason:
        return str(reason)


def _followed(found: Traced, layer: str) -> Any:
    if layer not in found.layers:
        raise UntraceableError(f"layer {layer!r} answers no single tensor")
    return found.layers[layer]
