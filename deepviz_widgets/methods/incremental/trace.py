"""The operations of a network as a graph in which nothing happens in place, or the reason why there is none."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import fx, nn

_FUNCTIONS: dict[Any, Any] = {  # what happens in place, and what does the same to a new tensor
    operator.iadd: operator.add, operator.isub: operator.sub, operator.imul: operator.mul,
    operator.itruediv: operator.truediv, torch.relu_: torch.relu, F.relu_: F.relu,
}
_VIEWS = {  # results that share memory with what they are made from, so that a change in place shows in both
    "view", "reshape", "flatten", "permute", "transpose", "unsqueeze", "squeeze", "expand", "detach", "contiguous",
    "chunk", "split", "getitem", "narrow", "select", "unbind", "t", "swapaxes", "movedim", "dropout", "float", "to",
    "stochastic_depth", "type", "unflatten", "tensor_split", "double", "expand_as", "view_as", "reshape_as", "getattr",
}
_VIEW_MODULES = (nn.Identity, nn.Flatten, nn.Unflatten, nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d,
                 nn.AlphaDropout)


class UntraceableError(Exception):
    """The network's operations cannot be followed; the message is the reason."""


@dataclass(frozen=True, eq=False)
class Traced:
    """A network as a graph.

    Attributes
    ----------
    root : nn.Module
        The private copy that holds the modules and weights the graph names.
    graph : fx.Graph
    answer : fx.Node
        The scores.
    layers : dict of str to fx.Node
        The value that each layer answers, at its last call.
    """

    root: nn.Module
    graph: fx.Graph
    answer: fx.Node
    layers: dict[str, fx.Node]


class _Tracer(fx.Tracer):
    """Notes which node is the answer of which module, also of those that the trace goes into."""

    def __init__(self) -> None:
        super().__init__()
        self.layers: dict[str, Any] = {}

    def call_module(self, m: nn.Module, forward: Any, args: Any, kwargs: Any) -> Any:
        answer = super().call_module(m, forward, args, kwargs)
        self.layers[self.path_of_module(m)] = answer
        return answer


def traced(root: nn.Module) -> Traced:
    """Trace a private copy of a network; in-place operations become ordinary ones.

    Raises
    ------
    UntraceableError
        If its operations depend on values, or change a tensor in place that is used otherwise.
    """
    if any(module._forward_hooks or module._forward_pre_hooks for module in root.modules()):
        raise UntraceableError("it has forward hooks, which may change what layers answer")
    tracer = _Tracer()
    try:
        graph = tracer.trace(root)
    except Exception as error:  # the user's own code runs here and may raise anything
        raise UntraceableError("its forward pass depends on values or takes several inputs") from error
    if sum(node.op == "placeholder" for node in graph.nodes) != 1:
        extra = [node for node in graph.nodes if node.op == "placeholder"][1:]
        _drop_defaults(graph, extra)
    _without_in_place(graph, dict(root.named_modules()))
    layers = {name: _node_of(answer) for name, answer in tracer.layers.items()}
    answer = first_of(_output(graph).args[0])
    if answer is None:
        raise UntraceableError("it returns no tensor that depends on its input")
    layers["model"] = layers.get("model") or answer
    found = {name: node for name, node in layers.items() if node is not None}
    for node in graph.nodes:
        if node.op == "call_method" and node.target == "view":
            node.target = "reshape"  # channels last in memory
    return Traced(root, graph, answer, found)


def _drop_defaults(graph: fx.Graph, extra: Sequence[fx.Node]) -> None:
    """Give the further arguments of `forward` their defaults."""
    for node in extra:
        if not node.args:
            raise UntraceableError("its forward pass takes several inputs")
        node.replace_all_uses_with(node.args[0])  # type: ignore[arg-type]
        graph.erase_node(node)


def _node_of(answer: Any) -> fx.Node | None:
    """Return the node of a layer's answer: of the tensor itself, as several tensors have no single one."""
    if isinstance(answer, fx.Proxy):
        return answer.node
    return answer if isinstance(answer, fx.Node) else None


def first_of(answer: Any) -> fx.Node | None:
    """Find the scores in what a network returns: as `scores_in` does, of nodes."""
    if isinstance(answer, fx.Node):
        return answer
    if isinstance(answer, dict):
        answer = [answer["logits"]] if "logits" in answer else list(answer.values())
    found = (first_of(part) for part in answer) if isinstance(answer, (tuple, list)) else iter(())
    return next((node for node in found if node is not None), None)


def _output(graph: fx.Graph) -> fx.Node:
    return next(node for node in reversed(graph.nodes) if node.op == "output")


# ---------------------------------------------------------------- in place


def _without_in_place(graph: fx.Graph, modules: dict[str, nn.Module]) -> None:
    """Make in-place operations ordinary ones: later uses of the changed tensor read the new one."""
    place = {node: index for index, node in enumerate(graph.nodes)}
    groups = _aliases(graph, modules)
    changed = [node for node in graph.nodes if _make_ordinary(node, modules)]
    for node in changed:
        target = node.args[0]
        if not isinstance(target, fx.Node):
            raise UntraceableError("it changes something in place that is no tensor")
        for alias in groups[target]:
            if alias is not target and any(place[user] > place[node] for user in alias.users):
                if alias is node or alias in _views_of(node, groups, place):
                    continue
                raise UntraceableError("it changes a tensor in place of which a view is used later")
        target.replace_all_uses_with(node, delete_user_cb=_after(node, place))
    for module in modules.values():
        if getattr(module, "inplace", False) is True:
            module.inplace = False  # type: ignore[assignment]


def _after(node: fx.Node, place: dict[fx.Node, int]) -> Callable[[fx.Node], bool]:
    return lambda user: place[user] > place[node]


def _views_of(node: fx.Node, groups: dict[fx.Node, set[fx.Node]], place: dict[fx.Node, int]) -> set[fx.Node]:
    """Return what is made from the answer of an in-place operation: it has the new values anyway."""
    return {alias for alias in groups[node] if place[alias] > place[node]}


def _aliases(graph: fx.Graph, modules: dict[str, nn.Module]) -> dict[fx.Node, set[fx.Node]]:
    """Group the nodes that may share memory."""
    groups: dict[fx.Node, set[fx.Node]] = {}
    for node in graph.nodes:
        groups[node] = {node}
        if _shares(node, modules):
            for source in node.all_input_nodes[:1]:
                merged = groups[source] | groups[node]
                for member in merged:
                    groups[member] = merged
    return groups


def _shares(node: fx.Node, modules: dict[str, nn.Module]) -> bool:
    if node.op == "call_module":
        module = modules[str(node.target)]
        return isinstance(module, _VIEW_MODULES) or bool(getattr(module, "inplace", False))
    name = node.target if isinstance(node.target, str) else getattr(node.target, "__name__", "")
    return node.op.startswith("call_") and (
        name in _VIEWS or name.endswith("_") or node.target in _FUNCTIONS or bool(node.kwargs.get("inplace"))
    )


def _make_ordinary(node: fx.Node, modules: dict[str, nn.Module]) -> bool:
    """Turn an in-place operation into an ordinary one; tell whether it was one."""
    if node.op == "call_module":
        return bool(getattr(modules[str(node.target)], "inplace", False))
    if node.op == "call_method":
        return _method(node)
    return node.op == "call_function" and _function(node)


def _function(node: fx.Node) -> bool:
    function: Any = node.target
    if function is operator.setitem or "out" in node.kwargs:
        raise UntraceableError("it writes into parts of a tensor")
    if function in _FUNCTIONS:
        node.target = _FUNCTIONS[function]
        return True
    names = _parameters(function)
    where = names.index("inplace") if "inplace" in names else len(node.args)
    if where < len(node.args) and node.args[where]:
        node.args = (*node.args[:where], False, *node.args[where + 1 :])
        return True
    if node.kwargs.get("inplace"):
        node.kwargs = {**node.kwargs, "inplace": False}
        return True
    name = getattr(function, "__name__", "")
    if name.endswith("_") and not name.startswith("_"):
        raise UntraceableError(f"it calls {name} in place")
    return False


def _method(node: fx.Node) -> bool:
    name = str(node.target)
    if not name.endswith("_") or name.endswith("__"):
        return False
    if not hasattr(torch.Tensor, name[:-1]):
        raise UntraceableError(f"it calls {name} in place")
    node.target = name[:-1]
    return True


def _parameters(function: Any) -> tuple[str, ...]:
    code = getattr(function, "__code__", None)
    return code.co_varnames[: code.co_argcount] if code else ()


def attribute(root: nn.Module, path: str) -> Any:
    """Return what a dotted path names."""
    for name in path.split("."):
        root = getattr(root, name)
    return root


def call(node: fx.Node, modules: Mapping[str, nn.Module], env: Mapping[Any, Any]) -> Any:
    """Do what a node says, on whole maps."""
    args: Any = fx.node.map_arg(node.args, lambda source: env[source])
    kwargs: Any = fx.node.map_arg(node.kwargs, lambda source: env[source])
    if node.op == "call_module":
        return modules[str(node.target)](*args, **kwargs)
    if node.op == "call_method":
        return getattr(args[0], str(node.target))(*args[1:], **kwargs)
    return node.target(*args, **kwargs)  # type: ignore[operator]
