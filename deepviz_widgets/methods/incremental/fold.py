"""Batch normalisation folded into the convolution before it, only where that is safe.

`torch.fx.experimental.optimization.fuse` folds whatever follows each other, which is wrong where a convolution is
called twice: the second call would then be normalised too.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Set
from typing import Any

import torch
from torch import fx, nn

_PAIRS = {nn.Conv2d: nn.BatchNorm2d, nn.Conv1d: nn.BatchNorm1d, nn.Linear: nn.BatchNorm1d}


def fold(graph: fx.Graph, root: nn.Module, kept: Set[fx.Node]) -> dict[fx.Node, fx.Node]:
    """Fold normalisations into the weights of `root`, a private copy; return which node took the place of which.

    A convolution keeps its own answer where its node is in `kept`.
    """
    modules = dict(root.named_modules())
    calls = Counter(id(modules[node.target]) for node in graph.nodes if node.op == "call_module")
    owners = Counter(id(parameter) for module in set(modules.values()) for parameter in module._parameters.values())
    moved: dict[fx.Node, fx.Node] = {}
    for node in list(graph.nodes):
        before = _before(node, modules)
        if before is None or before in kept or len(before.users) > 1:
            continue
        layer, norm = modules[before.target], modules[node.target]
        if calls[id(layer)] > 1 or any(owners[id(p)] > 1 for p in (layer.weight, layer.bias) if p is not None):
            continue
        _merge(layer, norm)
        node.replace_all_uses_with(before)
        graph.erase_node(node)
        moved[node] = before
    return moved


def _before(node: fx.Node, modules: dict[str, nn.Module]) -> fx.Node | None:
    """Return the convolution that a normalisation reads, if that is what the node is."""
    if node.op != "call_module" or len(node.all_input_nodes) != 1 or len(node.args) != 1:
        return None
    before, norm = node.all_input_nodes[0], modules[str(node.target)]
    if before.op != "call_module" or getattr(norm, "running_var", None) is None or norm.training:
        return None
    return before if _PAIRS.get(type(modules[str(before.target)])) is type(norm) else None


def _merge(layer: Any, norm: Any) -> None:
    """Scale the weights of a layer so that it answers what the normalisation after it would; worked out in float64."""
    kind = layer.weight.dtype
    gain = torch.ones_like(norm.running_var) if norm.weight is None else norm.weight
    shift = torch.zeros_like(norm.running_var) if norm.bias is None else norm.bias
    scale = gain.double() / torch.sqrt(norm.running_var.double() + norm.eps)
    bias = 0 if layer.bias is None else layer.bias.double()
    weight = layer.weight.double() * scale.reshape(-1, *(1,) * (layer.weight.dim() - 1))
    layer.weight = nn.Parameter(weight.to(kind), requires_grad=False)
    layer.bias = nn.Parameter(((bias - norm.running_mean.double()) * scale + shift.double()).to(kind),
                              requires_grad=False)
