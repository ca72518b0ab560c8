"""How operations act on crops. A rule that does not know its case answers NotImplemented, and whole maps are used."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, fx, nn

from . import multiply, windows
from .geometry import union
from .values import Box, rows_of, sums, windowed

Rule = Callable[..., Any]

_ELEMENTWISE_MODULES = (
    nn.ReLU, nn.ReLU6, nn.Hardswish, nn.Hardsigmoid, nn.SiLU, nn.GELU, nn.ELU, nn.LeakyReLU, nn.Sigmoid, nn.Tanh,
    nn.Softplus, nn.SELU, nn.CELU, nn.Mish, nn.Hardtanh, nn.LogSigmoid, nn.Softsign, nn.Tanhshrink, nn.Softshrink,
    nn.Hardshrink, nn.Threshold,
)
_ELEMENTWISE = {
    F.relu, torch.relu, F.relu6, F.silu, F.gelu, F.elu, F.leaky_relu, F.sigmoid, torch.sigmoid, F.tanh, torch.tanh,
    F.hardswish, F.hardsigmoid, F.softplus, F.mish, F.selu, F.celu, F.hardtanh, F.logsigmoid, F.softsign,
    torch.abs, torch.neg, torch.exp, torch.square, torch.sqrt, torch.sin, torch.cos, torch.clamp, operator.neg,
    operator.abs,
}
_ELEMENTWISE_METHODS = {
    "relu", "sigmoid", "tanh", "abs", "neg", "exp", "square", "sqrt", "sin", "cos", "clamp", "clip", "contiguous",
}
_NOTHING_MODULES = (nn.Identity, nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.AlphaDropout,
                    nn.FeatureAlphaDropout)
_IN_PLACE: dict[type[nn.Module], Callable[[Tensor], Tensor]] = {
    nn.ReLU: torch.relu_, nn.ReLU6: lambda x: F.relu6(x, inplace=True),
    nn.Hardswish: lambda x: F.hardswish(x, inplace=True), nn.SiLU: lambda x: F.silu(x, inplace=True),
}
_SUMS = {operator.add, torch.add, operator.sub, torch.sub}
_PRODUCTS = {operator.mul, torch.mul, operator.truediv, torch.div}
_IN_PLACE_OF: dict[Any, Callable[[Tensor, Tensor], Tensor]] = {  # of those that do not ask which comes first
    operator.add: Tensor.add_, torch.add: Tensor.add_, operator.mul: Tensor.mul_, torch.mul: Tensor.mul_,
}


def rule_of(node: fx.Node, modules: Mapping[str, nn.Module]) -> Rule | None:
    """Return how an operation acts on crops, None where only whole maps will do."""
    if node.op == "call_module":
        return _module_rule(modules[str(node.target)])
    if node.op == "call_method":
        return _method_rule(str(node.target))
    return _function_rule(node)


def _module_rule(module: nn.Module) -> Rule | None:
    kind = type(module)
    if kind in windows.RULES:
        return windows.RULES[kind]
    if kind in _NOTHING_MODULES or kind.__name__ == "StochasticDepth":
        return _nothing
    if kind in _ELEMENTWISE_MODULES:
        return _elementwise
    return {
        nn.BatchNorm2d: _channelwise, nn.PReLU: _channelwise, nn.LayerNorm: _layer_norm, nn.Linear: _linear,
        nn.AdaptiveAvgPool2d: _adaptive_average, nn.MultiheadAttention: _attention,
    }.get(kind)


def _method_rule(name: str) -> Rule | None:
    if name in _ELEMENTWISE_METHODS:
        return _elementwise
    return {"permute": _permute, "size": _size, "dim": _size, "mean": _mean, "add": _sum, "mul": _product}.get(name)


def _function_rule(node: fx.Node) -> Rule | None:
    function: Any = node.target
    if function in _ELEMENTWISE:
        return _elementwise
    if function in _SUMS:
        return _sum
    if function in _PRODUCTS:
        return _product
    name = getattr(function, "__name__", "")
    if function is getattr:
        return _size
    if name == "stochastic_depth" and not (node.kwargs.get("training", node.args[-1])):
        return _nothing
    return {
        torch.cat: _cat, torch.concat: _cat, torch.permute: _permute, torch.mean: _mean,
        F.adaptive_avg_pool2d: _adaptive_average, F.layer_norm: _layer_norm_function,
        F.max_pool2d: windows.max_pool, torch.max_pool2d: windows.max_pool,
    }.get(function)


def _first(step: Any, env: Mapping[Any, Any]) -> Box | None:
    """Return the crops that an operation with one map reads; None where it is no crop, or another input varies."""
    first = step.node.args[0] if step.node.args else None
    value = env.get(first) if isinstance(first, fx.Node) else None
    if not isinstance(value, Box) or sum(source in env for source in step.node.all_input_nodes) > 1:
        return None
    return value


# ---------------------------------------------------------------- cell by cell


def _nothing(step: Any, image: Any, env: Mapping[Any, Any]) -> Any:
    if step.module is not None and step.module.training:
        return NotImplemented
    return env[step.node.args[0]]


def _elementwise(step: Any, image: Any, env: Mapping[Any, Any]) -> Any:
    node, rest, named = step.node, step.node.args[1:], step.node.kwargs
    value = env.get(node.args[0]) if node.args else None
    if len(node.all_input_nodes) != 1 or not isinstance(value, (Box, Tensor)):
        return NotImplemented
    cells = value.crop if isinstance(value, Box) else value
    if node.op == "call_module":
        there = _IN_PLACE.get(type(step.module)) if node.args[0] in step.spent else None
        cells = there(cells) if there else step.module(cells)
    elif node.op == "call_method":
        cells = getattr(cells, str(node.target))(*rest, **named)
    else:
        cells = node.target(cells, *rest, **named)
    return value.like(cells) if isinstance(value, Box) else cells


def makes_new(node: fx.Node, modules: Mapping[str, nn.Module]) -> bool:
    """Tell whether the answer of an operation shares memory with nothing else, so that it may be overwritten."""
    if node.op == "call_module":
        new = (nn.Conv2d, nn.BatchNorm2d, nn.Linear, nn.LayerNorm, *_ELEMENTWISE_MODULES)
        return isinstance(modules[str(node.target)], new)
    return node.op == "call_function" and node.target in _SUMS | _PRODUCTS


def leaves_alone(node: fx.Node, modules: Mapping[str, nn.Module]) -> bool:
    """Tell whether the answer of an operation shares no memory with what it reads, as a view does."""
    if makes_new(node, modules):
        return True
    module = modules.get(str(node.target)) if node.op == "call_module" else None
    return isinstance(module, nn.AdaptiveAvgPool2d) and module.output_size in (1, (1, 1))


def over(step: Any, values: Mapping[Any, Any]) -> Tensor | None:
    """Combine two maps, or a map and its factors, in the memory of one that nobody reads after; None if there is none.

    New memory of that size costs more than the operation: the system hands it out page by page.
    """
    node = step.node
    if node.target not in _IN_PLACE_OF or node.kwargs or len(node.args) != 2 or node.args[0] is node.args[1]:
        return None
    one, two = (values.get(part) if isinstance(part, fx.Node) else None for part in node.args)
    if not isinstance(one, Tensor) or not isinstance(two, Tensor):
        return None
    shape, dtype = torch.broadcast_shapes(one.shape, two.shape), torch.result_type(one, two)
    for part, value, other in zip(node.args, (one, two), (two, one), strict=True):
        if part in step.spent and value.shape == shape and value.dtype == dtype:
            return _IN_PLACE_OF[node.target](value, other)
    return None


def _channelwise(step: Any, image: Any, env: Mapping[Any, Any]) -> Any:
    value = _first(step, env)
    if value is None or value.last or step.module.training or getattr(step.module, "running_var", 0) is None:
        return NotImplemented
    return value.like(rows_of(step.module(value.maps)))


def _layer_norm(step: Any, image: Any, env: Mapping[Any, Any]) -> Any:
    value = _first(step, env)
    if value is None or not value.last or len(step.module.normalized_shape) != 1:
        return NotImplemented
    return value.like(step.module(value.crop))


def _layer_norm_function(step: Any, image: Any, env: Mapping[Any, Any]) -> Any:
    value = _first(step, env)
    shape = step.node.args[1] if len(step.node.args) > 1 else step.node.kwargs.get("normalized_shape")
    if value is None or not value.last or not isinstance(shape, (tuple, list)) or len(shape) != 1:
        return NotImplemented
    args, named = (fx.node.map_arg(part, lambda source: value.crop if source in env else image.env[source])
                   for part in (step.node.args, step.node.kwargs))
    return value.like(step.node.target(*args, **named))


def _linear(step: Any, image: Any, env: Mapping[Any, Any]) -> Any:
    value = env[step.node.args[0]]
    if isinstance(value, Box):
        if not value.last:
            return NotImplemented
        return value.like(multiply.linear(value.crop, step.module.weight, step.module.bias))
    return multiply.linear(value, step.module.weight, step.module.bias)


# ---------------------------------------------------------------- several maps


def _together(step: Any, image: Any, env: Mapping[Any, Any], nodes: list[fx.Node]) -> list[Tensor] | None:
    """Cut several maps at the union of what changes in them, as (first Box with those places, crops)."""
    boxes: list[Any] = [env.get(node) for node in nodes]
    if not all(isinstance(box, Box) for box in boxes):
        return None
    first = boxes[0]
    if any((box.y.cells, box.x.cells, box.last) != (first.y.cells, first.x.cells, first.last) for box in boxes):
        return None
    y, x = first.y, first.x
    for box in boxes[1:]:
        y, x = union(y, box.y), union(x, box.x)
    if y.length * x.length >= windows.DENSE * y.cells * x.cells:
        return None
    crops = [windowed(box, image.map(node, box.last), y, x) for box, node in zip(boxes, nodes, strict=True)]
    step.cache["at"] = Box(crops[0], y, x, first.last)
    return crops


def _sum(step: Any, image: Any, env: Mapping[Any, Any]) -> Any:
    a, b = (*step.node.args[:2], None)[:2]
    if step.node.kwargs:
        return NotImplemented
    if isinstance(a, fx.Node) and isinstance(b, fx.Node) and a in env and b in env:
        crops = _together(step, image, env, [a, b])
        if crops is None:
            return NotImplemented
        return step.cache.pop("at").like(_function(step)(*crops))
    return _with_constant(step, image, env)


def _product(step: Any, image: Any, env: Mapping[Any, Any]) -> Any:
    return _sum(step, image, env)


def _with_constant(step: Any, image: Any, env: Mapping[Any, Any]) -> Any:
    """Combine crops with a number, or with one number a channel."""
    found: list[Any] = []
    box = None
    for part in step.node.args[:2]:
        value = env.get(part, image.env.get(part)) if isinstance(part, fx.Node) else part
        box = value if isinstance(value, Box) else box
        found.append(value)
    if box is None or len(found) != 2:
        return NotImplemented
    values = [box.crop if value is box else _constant(value, box) for value in found]
    if any(value is None for value in values):
        return NotImplemented
    return box.like(_function(step)(*values))


def _constant(value: Any, box: Box) -> Any:
    if isinstance(value, (int, float)):
        return value
    if not isinstance(value, Tensor):
        return None
    if value.numel() == 1:
        return value.reshape(())
    channels = box.crop.shape[-1]
    axis = -1 if box.last else -3
    alone = value.dim() >= -axis and value.shape[axis] == channels == value.numel()
    return value.reshape(channels) if alone else None


def _function(step: Any) -> Any:
    return getattr(torch, step.node.target) if step.node.op == "call_method" else step.node.target


def _cat(step: Any, image: Any, env: Mapping[Any, Any]) -> Any:
    parts = step.node.args[0] if step.node.args else step.node.kwargs.get("tensors")
    dim = step.node.args[1] if len(step.node.args) > 1 else step.node.kwargs.get("dim", step.node.kwargs.get("axis", 0))
    if not isinstance(parts, (tuple, list)) or not all(isinstance(part, fx.Node) and part in env for part in parts):
        return NotImplemented
    crops = _together(step, image, env, list(parts))
    if crops is None:
        return NotImplemented
    box = step.cache.pop("at")
    if dim not in ((3, -1) if box.last else (1, -3)):
        return NotImplemented
    return box.like(torch.cat(crops, -1))


# ---------------------------------------------------------------- shapes


def _permute(step: Any, image: Any, env: Mapping[Any, Any]) -> Any:
    value = _first(step, env)
    dims = step.node.args[1:] if step.node.args[1:] else (step.node.kwargs.get("dims"),)
    order = dims[0] if len(dims) == 1 else dims
    if value is None or not isinstance(order, (tuple, list)):
        return NotImplemented
    order = tuple(axis % 4 for axis in order)
    if order == ((0, 3, 1, 2) if value.last else (0, 2, 3, 1)):
        return Box(value.crop, value.y, value.x, not value.last)
    return value if order == (0, 1, 2, 3) else NotImplemented


def _size(step: Any, image: Any, env: Mapping[Any, Any]) -> Any:
    value, node = _first(step, env), step.node
    if value is None:
        return NotImplemented
    shape = torch.Size((value.positions, *image.env[node.args[0]].shape[1:]))
    if node.op == "call_function":
        return shape if node.args[1] == "shape" else NotImplemented
    if node.target == "dim":
        return len(shape)
    return shape[node.args[1]] if len(node.args) > 1 else shape


# ---------------------------------------------------------------- averages over the map


def _average(step: Any, image: Any, box: Box) -> Any:
    """Return the mean over the map for each position, (P, C); a difference of infinite sums would be none."""
    source = step.node.args[0]
    total = image.total(source, box.last)
    if not bool(total.isfinite().all()):
        return NotImplemented
    return sums(box, image.map(source, box.last), total) / (box.y.cells * box.x.cells)


def _adaptive_average(step: Any, image: Any, env: Mapping[Any, Any]) -> Any:
    value = _first(step, env)
    size = step.module.output_size if step.module is not None else (*step.node.args[1:2], None)[0]
    if value is None or value.last or not isinstance(size, (int, tuple, list)):
        return NotImplemented
    high, wide = (size, size) if isinstance(size, int) else size
    cells = (value.y.cells, value.x.cells)
    if (high or cells[0], wide or cells[1]) == cells:
        return value
    if (high, wide) == (1, 1):
        mean = _average(step, image, value)
        return mean if mean is NotImplemented else mean[:, :, None, None]
    return NotImplemented


def _mean(step: Any, image: Any, env: Mapping[Any, Any]) -> Any:
    value = _first(step, env)
    dims = step.node.args[1] if len(step.node.args) > 1 else step.node.kwargs.get("dim")
    keep = step.node.args[2] if len(step.node.args) > 2 else step.node.kwargs.get("keepdim", False)
    if value is None or not isinstance(dims, (tuple, list)) or len(step.node.all_input_nodes) > 1:
        return NotImplemented
    if {axis % 4 for axis in dims} != ({1, 2} if value.last else {2, 3}):
        return NotImplemented
    mean = _average(step, image, value)
    if mean is NotImplemented or not keep:
        return mean
    return mean[:, None, None] if value.last else mean[:, :, None, None]


# ---------------------------------------------------------------- attention


def _attention(step: Any, image: Any, env: Mapping[Any, Any]) -> Any:
    """Attend by the same products as the module does, each by the faster library."""
    module, node = step.module, step.node
    plain = set(node.kwargs) <= {"need_weights"} and node.kwargs.get("need_weights") is False and len(node.args) == 3
    if not plain or len(set(node.args)) != 1 or not module.batch_first or module.in_proj_weight is None:
        return NotImplemented
    x = env[node.args[0]]
    if not isinstance(x, Tensor) or x.dim() != 3 or module.bias_k is not None or module.add_zero_attn:
        return NotImplemented
    both = multiply.linear(x, module.in_proj_weight, module.in_proj_bias)
    heads = both.view(*x.shape[:2], 3, module.num_heads, module.head_dim).permute(2, 0, 3, 1, 4)
    seen = F.scaled_dot_product_attention(heads[0], heads[1], heads[2])
    out = seen.transpose(1, 2).reshape(x.shape)
    return multiply.linear(out, module.out_proj.weight, module.out_proj.bias), None


# ---------------------------------------------------------------- the head


_HEAD_METHODS = {"flatten", "relu", "softmax", "log_softmax", "reshape"}


def HEAD(node: fx.Node, modules: Mapping[str, nn.Module]) -> bool:  # noqa: N802
    """Tell whether an operation may run once for all positions, on vectors."""
    if node.op != "call_module":
        return False
    module = modules[str(node.target)]
    if isinstance(module, (nn.Linear, nn.Softmax, nn.LogSoftmax)):
        return not isinstance(module, (nn.Softmax, nn.LogSoftmax)) or module.dim in (1, -1)
    return isinstance(module, (nn.Dropout, nn.Identity, *_ELEMENTWISE_MODULES))

