"""What one dry run tells about the layers of a network: order, shapes, and how their outputs are laid out.

`survey` runs a model once and returns a `Layer` for every module that was called, in call order. Reading a layer's
output needs to know which axis holds the channels: maps are (C, H, W) in a convolutional network, (H, W, C) in a Swin
transformer, and tokens (T, C) in a vision transformer. That is worked out here, once, as a `Layout`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from .words import count, size

_ADDS = {"add", "add_", "__add__", "__iadd__", "__radd__"}
_CATS = {"cat", "concat", "concatenate"}
_MAX_EXTRA_TOKENS = 8  # class, distillation and register tokens that may stand before the grid of patches


@dataclass(frozen=True)
class Layout:
    """How the output of a layer, without its batch axis, is read as channels over a grid.

    Attributes
    ----------
    kind : {"maps", "tokens", "vector", "other"}
        Maps over the image, tokens of a transformer, one number a channel, or anything else.
    channels : int
        How many channels.
    grid : (int, int)
        Rows and columns of a channel; (1, 1) for a vector.
    axis : int
        The axis of the channels, 0 or -1.
    extra : int
        Tokens before the grid, such as the class token of a vision transformer.
    batch : int or None
        The axis of the images in the output itself; None where the layer folds it away.
    """

    kind: str
    channels: int
    grid: tuple[int, int]
    axis: int = 0
    extra: int = 0
    batch: int | None = 0

    def image(self, output: Tensor, index: int = 0) -> Tensor:
        """Take one image out of a layer's output, without its batch axis."""
        return output if self.batch is None or output.dim() == 0 else output.select(self.batch, index)

    def maps(self, output: Tensor) -> tuple[Tensor, Tensor]:
        """Split one output (without batch axis) into maps (C, H, W) and extra tokens (C, extra)."""
        if output.dim() < 2:
            return output.reshape(-1, 1, 1), output.new_zeros((output.numel(), 0))
        channels_first = output.movedim(self.axis, 0).reshape(self.channels, -1)
        extra, cells = channels_first[:, : self.extra], channels_first[:, self.extra :]
        return cells.reshape(self.channels, *self.grid), extra


@dataclass(frozen=True)
class Layer:
    """One called module of a network.

    Attributes
    ----------
    name : str
        The dotted name, as in `named_modules()`.
    kind, detail : str
        The class (`Conv2d`) and its settings in words (`3 × 3, stride 2`).
    shape : tuple of int
        Shape of the first tensor it returns, without the batch axis.
    parameters : int
        How many parameters it and the modules inside it have.
    called : int
        How often one forward pass calls it.
    joins : {"", "add", "cat"}
        Whether its forward adds its own input to its result, or concatenates the two.
    leaf : bool
        Whether no module inside it was called.
    layout : Layout
        How its output is read as channels over a grid.
    """

    name: str
    kind: str
    detail: str
    shape: tuple[int, ...]
    parameters: int
    called: int
    joins: str
    leaf: bool
    layout: Layout

    def __str__(self) -> str:
        weights = f"{count(self.parameters)} weights" if self.parameters else "no weights"
        what = f"{self.kind} {self.detail}".strip()
        return f"{self.name}: {what}, {size(self.shape) or 'one number'}, {weights}"


@dataclass
class _Call:
    """A module while it runs: its tensors are kept so that their identities stay unique."""

    name: str
    inputs: list[Tensor]
    near_input: list[Tensor] = field(default_factory=list)  # outputs of children that read the module's own input


@dataclass
class _Record:
    shape: tuple[int, ...] = ()
    batch: int | None = None
    called: int = 0
    joins: str = ""


def first_tensor(output: Any) -> Tensor | None:
    """Find the tensor that matters in what a module returned: itself, `logits`, or the first one inside."""
    if isinstance(output, Tensor):
        return output
    if isinstance(output, dict):
        values = [output["logits"]] if "logits" in output else list(output.values())
    elif hasattr(output, "logits"):
        values = [output.logits]
    elif isinstance(output, (tuple, list)):
        values = list(output)
    else:
        values = list(vars(output).values()) if hasattr(output, "__dict__") else []
    found = (first_tensor(value) for value in values)
    return next((tensor for tensor in found if tensor is not None), None)


class Survey:
    """Watches one forward pass of a model through hooks; `with Survey(model) as watch: model(x)`.

    The hooks and the function mode live only inside the `with`. After an error, `where` names the module that
    was running.
    """

    def __init__(self, model: nn.Module):
        # a scripted part refuses hooks: it stays one piece, seen through the module around it
        named = [(name, module) for name, module in model.named_modules() if name]
        self._modules = {name: m for name, m in named if not isinstance(m, torch.jit.ScriptModule)}
        self._model = model
        self._records: dict[str, _Record] = {}
        self._running: list[_Call] = []
        self._handles: list[Any] = []
        self._mode = _Joins(self)

    @property
    def where(self) -> str:
        """Name of the innermost module that is running, '' when none is."""
        return self._running[-1].name if self._running else ""

    def __enter__(self) -> Survey:
        for name, module in (self._modules or {"": self._model}).items():
            self._handles.append(module.register_forward_pre_hook(self._before(name), with_kwargs=True))
            self._handles.append(module.register_forward_hook(self._after(name)))
        self._mode.__enter__()
        return self

    def __exit__(self, *exc: object) -> None:
        self._mode.__exit__(*exc)
        for handle in self._handles:
            handle.remove()

    def _before(self, name: str) -> Any:
        def hook(_module: nn.Module, args: tuple, kwargs: dict) -> None:
            tensors = [value for value in (*args, *kwargs.values()) if isinstance(value, Tensor)]
            self._running.append(_Call(name, tensors))
            self._records.setdefault(name, _Record())  # keeps call order: parents start first
        return hook

    def _after(self, name: str) -> Any:
        def hook(_module: nn.Module, _args: tuple, output: Any) -> None:
            call = self._running.pop()
            tensor, record = first_tensor(output), self._records[name]
            record.called += 1
            if record.called == 1 and tensor is not None:
                record.shape, record.batch = _without_batch(tuple(tensor.shape))
            parent = self._running[-1] if self._running else None
            if parent and tensor is not None and _shares(call.inputs, parent.inputs):
                parent.near_input.append(tensor)
        return hook

    def joined(self, how: str, operands: list[Tensor]) -> None:
        """Note that the running module adds or concatenates `operands`."""
        if not self._running:
            return
        call = self._running[-1]
        if any(isinstance(operand, nn.Parameter) for operand in operands):
            return  # a bias or a position embedding, not the module's own input
        own = [_shares([operand], call.inputs) for operand in operands]
        if how == "cat" and any(own) and not all(own):
            self._records[call.name].joins = how
        near = any(own) or _shares(operands, call.near_input)
        if how == "add" and near and len(operands) == 2 and operands[0].shape == operands[1].shape:
            self._records[call.name].joins = how

    def layers(self) -> tuple[Layer, ...]:
        """Return the called modules in call order."""
        names = [name for name, record in self._records.items() if record.called]
        modules = {name: self._modules.get(name, self._model) for name in names}
        layouts = _layouts([(modules[name], self._records[name]) for name in names])
        parents = {name.rpartition(".")[0] for name in names}
        inner = {part for name in parents for part in _ancestors(name)}
        return tuple(
            Layer(
                name=name or "model",
                kind=type(modules[name]).__name__,
                detail=_detail(modules[name]),
                shape=self._records[name].shape,
                parameters=sum(p.numel() for p in modules[name].parameters()),
                called=self._records[name].called,
                joins=self._records[name].joins,
                leaf=name not in inner,
                layout=layout,
            )
            for name, layout in zip(names, layouts, strict=True)
        )


class _Joins(TorchFunctionMode):
    """Sees additions and concatenations, which no module hook can."""

    def __init__(self, survey: Survey):
        super().__init__()
        self._survey = survey

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = getattr(func, "__name__", "")
        if name in _ADDS:
            self._survey.joined("add", [value for value in args[:2] if isinstance(value, Tensor)])
        elif name in _CATS and args and isinstance(args[0], (list, tuple)):
            self._survey.joined("cat", list(args[0]))
        return func(*args, **(kwargs or {}))


def _shares(some: list[Tensor], others: list[Tensor]) -> bool:
    return any(a is b for a in some for b in others)


def _ancestors(name: str) -> list[str]:
    parts = name.split(".")
    return [".".join(parts[:end]) for end in range(1, len(parts) + 1)] if name else []


def _without_batch(shape: tuple[int, ...]) -> tuple[tuple[int, ...], int | None]:
    """Drop the axis of the images, the first of size 1, as the survey runs on one image."""
    if 1 not in shape:
        return shape, None
    axis = shape.index(1)
    return shape[:axis] + shape[axis + 1 :], axis


def _detail(module: nn.Module) -> str:
    """Say the settings of a module that a student would ask for: `3 × 3, stride 2`."""
    words = []
    window = getattr(module, "kernel_size", None)
    if window is not None:
        words.append(_each(window, 2))
        if _each(getattr(module, "stride", 1) or window, 2) not in ("1 × 1", words[0] if _pools(module) else ""):
            words.append(f"stride {_each(module.stride)}")
        if _each(getattr(module, "dilation", 1), 2) != "1 × 1":
            words.append(f"dilation {_each(module.dilation)}")
    groups = getattr(module, "groups", 1)
    if isinstance(groups, int) and groups > 1:
        words.append("depthwise" if groups == getattr(module, "in_channels", 0) else f"{groups} groups")
    if getattr(module, "output_size", None) is not None and window is None:
        words.append(f"to {_each(module.output_size, 2)}")
    return ", ".join(words)


def _pools(module: nn.Module) -> bool:
    return not hasattr(module, "weight")


def _each(value: Any, at_least: int = 1) -> str:
    """Write 3 as `3 × 3` (for two axes), (2, 2) as `2`, (1, 2) as `1 × 2`."""
    values = tuple(value) if isinstance(value, (tuple, list)) else (value,)
    if len(set(values)) == 1:
        values = values[:1] * at_least if at_least > 1 else values[:1]
    return " × ".join(str(v) for v in values)


def _layouts(outputs: list[tuple[nn.Module, _Record]]) -> list[Layout]:
    axes = [_channel_axis(module, record.shape) for module, record in outputs]
    known = {record.shape: axis for (_, record), axis in zip(outputs, axes, strict=True) if axis is not None}
    grids: list[tuple[int, int]] = []
    layouts = []
    for (_, record), axis in zip(outputs, axes, strict=True):
        layout = _layout(record.shape, known.get(record.shape) if axis is None else axis, grids)
        if layout.kind == "maps":
            grids.append(layout.grid)
        layouts.append(replace(layout, batch=record.batch))
    return layouts


def _channel_axis(module: nn.Module, shape: tuple[int, ...]) -> int | None:
    """Return 0 or -1 where the module's own settings tell which axis of its output holds the channels."""
    sizes = (getattr(module, name, None) for name in ("out_channels", "num_features", "num_channels", "out_features"))
    features = next((value for value in sizes if isinstance(value, int)), None)
    prefer = (0, -1) if not isinstance(module, nn.Linear) else (-1, 0)
    if features is None and isinstance(module, (nn.LayerNorm, nn.MultiheadAttention)):
        features = module.normalized_shape[-1] if isinstance(module, nn.LayerNorm) else module.embed_dim
        prefer = (-1, 0)
    if features is None or len(shape) < 2:
        return None
    return next((axis for axis in prefer if shape[axis] == features), None)


def _layout(shape: tuple[int, ...], axis: int | None, grids: list[tuple[int, int]]) -> Layout:
    if len(shape) < 2:
        return Layout("vector", math.prod(shape), (1, 1))
    if len(shape) == 2:
        axis = -1 if axis is None else axis
        cells, channels = (shape[0], shape[1]) if axis == -1 else (shape[1], shape[0])
        grid, extra = _token_grid(cells, grids)
        return Layout("tokens" if axis == -1 else "maps", channels, grid, axis, extra)
    axis = 0 if axis is None else axis
    spatial = shape[1:] if axis == 0 else shape[:-1]
    channels = shape[axis]
    if len(spatial) == 2:
        one = spatial == (1, 1)
        return Layout("vector" if one else "maps", channels, (spatial[0], spatial[1]), axis)
    return Layout("other", channels, (math.prod(spatial[:-1]), spatial[-1]), axis)


def _token_grid(cells: int, grids: list[tuple[int, int]]) -> tuple[tuple[int, int], int]:
    """Find the rows and columns that the tokens stand for: those of the latest map of that many cells, or a square."""
    for extra in range(min(_MAX_EXTRA_TOKENS, cells - 1) + 1):
        for grid in reversed(grids):
            if math.prod(grid) == cells - extra and cells - extra > 1:
                return grid, extra
    for extra in (0, 1):
        side = math.isqrt(cells - extra)
        if side > 1 and side * side == cells - extra:
            return (side, side), extra
    return (1, cells), 0
