"""What a DenseNet does before each layer, in one pass over memory: join maps, normalise, ReLU, 1 x 1 convolution.

Each part is normalised where it changes and written into its channels of the clean map; taken one after the other, the
four operations would write all channels four times.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, fx, nn

from .geometry import union
from .packed import ACTIVATIONS
from .values import Box, gather, paste, rows_of
from .windows import DENSE, is_product, packed

_FUNCTIONS = {torch.cat, torch.concat}
_RELUS = {F.relu, torch.relu}


def chain(node: fx.Node, modules: Mapping[str, nn.Module], kept: Collection[fx.Node]) -> tuple[fx.Node, ...]:
    """Return the nodes from a concatenation to the convolution that reads it; () where others see what is between."""
    if node.target not in _FUNCTIONS or not _is_channels(node):
        return ()
    found, tests = [node], (_is_norm, _is_relu, _is_convolution)
    for test in tests:
        last = found[-1]
        after = next(iter(last.users)) if len(last.users) == 1 else None
        if last in kept or after is None or after.all_input_nodes != [last] or not test(after, modules):
            return ()
        found.append(after)
    return tuple(found)


def _is_channels(node: fx.Node) -> bool:
    parts, *rest = (*node.args, *node.kwargs.values())
    return isinstance(parts, (tuple, list)) and rest in ([1], [-3])


def _module(node: fx.Node, modules: Mapping[str, nn.Module]) -> nn.Module | None:
    alone = node.op == "call_module" and len(node.args) == 1 and not node.kwargs
    return modules[str(node.target)] if alone else None


def _is_norm(node: fx.Node, modules: Mapping[str, nn.Module]) -> bool:
    norm = _module(node, modules)
    return type(norm) is nn.BatchNorm2d and not norm.training and norm.running_var is not None


def _is_relu(node: fx.Node, modules: Mapping[str, nn.Module]) -> bool:
    return type(_module(node, modules)) is nn.ReLU or node.target in _RELUS


def _is_convolution(node: fx.Node, modules: Mapping[str, nn.Module]) -> bool:
    conv = _module(node, modules)
    return type(conv) is nn.Conv2d and is_product(conv)


def activation(node: fx.Node, modules: Mapping[str, nn.Module], kept: Collection[fx.Node]) -> str:
    """Name the activation that alone reads a convolution and can run within it; "" where there is none."""
    if type(_module(node, modules)) is not nn.Conv2d or node in kept or len(node.users) != 1:
        return ""
    after = _module(next(iter(node.users)), modules)
    return "" if after is None else ACTIVATIONS.get(type(after), "")


def rule(nodes: tuple[fx.Node, ...], modules: Mapping[str, nn.Module]) -> Callable[..., Any]:
    """Return how such a chain acts on crops, or on whole maps."""
    given: Any = nodes[0].args[0] if nodes[0].args else nodes[0].kwargs["tensors"]
    norm, conv, joined = modules[str(nodes[1].target)], modules[str(nodes[3].target)], nodes[2]
    scale, shift = _affine(norm)

    def act(step: Any, image: Any, env: Mapping[Any, Any]) -> Any:
        values = [env.get(part) for part in given]
        if all(isinstance(value, Box) and not value.last for value in values):
            return _on_crops(step, image, joined, values, scale, shift, conv)
        if all(isinstance(value, Tensor) and value.dim() == 4 for value in values):
            return _on_maps(step, image, values, scale, shift, conv)
        return NotImplemented

    return act


def _affine(norm: Any) -> tuple[Tensor, Tensor]:
    """Return what a normalisation multiplies each channel by, and adds; worked out in float64."""
    gain = 1.0 if norm.weight is None else norm.weight.double()
    scale = gain / torch.sqrt(norm.running_var.double() + norm.eps)
    shift = (0.0 if norm.bias is None else norm.bias.double()) - norm.running_mean.double() * scale
    return scale.to(norm.running_var.dtype), shift.to(norm.running_var.dtype)


def _on_crops(
    step: Any, image: Any, joined: fx.Node, boxes: list[Any], scale: Tensor, shift: Tensor, conv: Any
) -> Any:
    first = boxes[0]
    if any((box.y.cells, box.x.cells) != (first.y.cells, first.x.cells) for box in boxes):
        return NotImplemented
    y, x = first.y, first.x
    for box in boxes[1:]:
        y, x = union(y, box.y), union(x, box.x)
    if y.length * x.length >= DENSE * y.cells * x.cells:
        return NotImplemented
    clean = image.map(joined)
    shape = (first.positions, y.length, x.length, clean.shape[2])
    window = gather(clean, y.start, y.length, x.start, x.length, image.workspace.take("joined", shape, clean))
    at = 0
    for box in boxes:
        to = slice(at, at := at + box.crop.shape[-1])
        part = _normalised(box.crop, scale[to], shift[to], image.workspace.take("part", tuple(box.crop.shape), clean))
        paste(window[..., to], y.start, x.start, Box(part, box.y, box.x))
    step.temporary = window.nbytes
    return Box(rows_of(packed(step, conv)(window.permute(0, 3, 1, 2))), y, x)


def _on_maps(step: Any, image: Any, maps: list[Any], scale: Tensor, shift: Tensor, conv: Any) -> Any:
    positions, _, height, width = maps[0].shape
    window = image.workspace.take("joined", (positions, height, width, len(scale)), maps[0])
    at = 0
    for part in maps:
        to = slice(at, at := at + part.shape[1])
        _normalised(part.permute(0, 2, 3, 1), scale[to], shift[to], window[..., to])
    step.temporary = window.nbytes
    return packed(step, conv)(window.permute(0, 3, 1, 2))


def _normalised(values: Tensor, scale: Tensor, shift: Tensor, out: Tensor) -> Tensor:
    return torch.addcmul(shift, values, scale, out=out).clamp_(min=0)
