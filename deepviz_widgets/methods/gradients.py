"""The gradient of a unit with respect to the image: plain, guided, or as a deconvolutional network takes it back.

The three differ only in what a ReLU hands back, with a its answer and g the gradient that arrives there: plain g·[a > 0],
guided max(g, 0)·[a > 0], deconvolution max(g, 0). captum gives a `torch.nn.ReLU` these rules through hooks on it; it does
not see functional ReLUs, fails on those that work in place, and mixes up the calls of one that is used several times.
So every ReLU of the pass, whatever way it is written, is led here through a module of its own, which captum sees and
which reads a copy; the user's model is hooked by `capture` only, and not copied or changed.
"""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from ..capture import capture
from ..layers import Layer
from ..network import Network, NetworkError
from ..words import count, first_line, listing, plural, size
from .activations import layout_of, which_call
from .receptive_field import ReceptiveField, receptive_field

__all__ = ["KINDS", "UnitGradient", "displayed", "gradient"]

KINDS = ("plain", "guided", "deconvolution")
_CALLS = (128, 1024, 16384)  # ReLUs of a pass to be ready for: a few hundred in the deepest classifiers
_RELUS = {F.relu, F.relu_, torch.relu, torch.relu_, Tensor.relu, Tensor.relu_}
_IN_PLACE = {F.relu_, torch.relu_, Tensor.relu_}
_OTHERS = {
    F.leaky_relu: "leaky ReLU", F.relu6: "ReLU6", F.hardtanh: "ReLU6", F.elu: "ELU", F.gelu: "GELU", F.silu: "SiLU",
    F.hardswish: "hard swish", F.hardsigmoid: "hard sigmoid", F.mish: "Mish", F.prelu: "PReLU", F.selu: "SELU",
    F.celu: "CELU", F.softplus: "softplus", F.threshold: "threshold", F.rrelu: "RReLU", torch.tanh: "tanh",
    Tensor.tanh: "tanh", F.tanh: "tanh", torch.clamp: "clamp", Tensor.clamp: "clamp", torch.clamp_min: "clamp",
    Tensor.clamp_min: "clamp", Tensor.clamp_: "clamp", Tensor.clamp_min_: "clamp",
}  # bends, not gates: a sigmoid that scales channels is no nonlinearity of a unit


@dataclass(frozen=True, eq=False)
class UnitGradient:
    """The gradient of one unit at one place with respect to the network's input.

    Attributes
    ----------
    values : ndarray (H, W, C) float32
        Signed, per channel of the network's input (after any normalisation): by how much the unit's answer grows with
        each value. Also what `numpy.asarray` makes of this object.
    layer : str
    unit : int or None
        None for a direction.
    place : (int, int)
        Row and column in the map of the unit.
    kind : {"plain", "guided", "deconvolution"}
    answer : float
        The value of the unit there.
    field : ReceptiveField
        What the units of the layer can see.
    relus, others : int, tuple of str
        How many ReLUs of the pass had the rule of the kind, and which nonlinearities have none and stay plain.
    says : str
        What is to be known about it, in a sentence; '' where nothing is.
    """

    values: np.ndarray
    layer: str
    unit: int | None
    place: tuple[int, int]
    kind: str
    answer: float
    field: ReceptiveField
    relus: int = 0
    others: tuple[str, ...] = ()
    says: str = ""

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.array(self.values, dtype, copy=True if copy is None else copy)

    @property
    def box(self) -> tuple[int, int, int, int]:
        """Top, left, bottom, right (half-open) of what the unit can see, ending at the border of the image."""
        return self.field.clipped(*self.place)

    @property
    def shown(self) -> np.ndarray:
        """The whole gradient as a picture, (H, W, 1 or 3) uint8 in which 128 is 0."""
        return displayed(self.values)

    @property
    def crop(self) -> np.ndarray:
        """The part that the unit can see as a picture, (h, w, 1 or 3) uint8 in which 128 is 0."""
        return displayed(self.values, self.box)


def displayed(values: Any, box: tuple[int, int, int, int] | None = None) -> np.ndarray:
    """Make a signed gradient a picture, scaled symmetrically so that 0 is mid-grey.

    Parameters
    ----------
    values : UnitGradient or ndarray (H, W, C)
        Other than 1 or 3 channels are averaged.
    box : (top, left, bottom, right), optional
        Half-open, in pixels; that part is cut out first, and scaled by its own largest magnitude.

    Returns
    -------
    ndarray (h, w, 1 or 3) uint8
        128 is 0, 255 the largest magnitude, 1 its negative.

    Raises
    ------
    ValueError
        For something else, values that are not finite, or an empty box.

    References
    ----------
    As `norm01c` of J. Yosinski et al., *Understanding Neural Networks Through Deep Visualization*, 2015.

    Examples
    --------
    >>> import numpy as np
    >>> displayed(np.array([[[-2.0], [0.0], [1.0], [2.0]]]))[0, :, 0].tolist()
    [1, 128, 192, 255]
    """
    array = np.asarray(values, np.float32)
    if array.ndim != 3:
        raise ValueError(f"A gradient to show is (H, W, C); this one is {size(array.shape) or 'one number'}.")
    if box is not None:
        top, left, bottom, right = box
        array = array[max(top, 0) : bottom, max(left, 0) : right]
    if not array.size:
        raise ValueError(f"There is nothing to show of a gradient in the box {box}.")
    if not np.isfinite(array).all():
        raise ValueError("The gradient has values that are NaN or infinite.")
    if array.shape[2] not in (1, 3):
        array = array.mean(2, keepdims=True)
    most = float(np.abs(array).max()) or 1.0
    return np.round(128 + array / most * 127).astype(np.uint8)


def gradient(
    net: Network,
    image: Any,
    layer: Any,
    unit: Any,
    place: tuple[int, int] | None = None,
    kind: str = "plain",
    *,
    call: int = -1,
) -> UnitGradient:
    """Take the gradient of what a unit answers at a place with respect to the image.

    Parameters
    ----------
    net : Network
    image : Picture, path, PIL image, ndarray or Tensor
    layer : str, nn.Module or a widget with a `layer`
    unit : int, or a vector (C,)
        A channel of the layer, or a direction in the space of its channels.
    place : (int, int), optional
        Row and column of the map; where the answer is largest by default.
    kind : {"plain", "guided", "deconvolution"}
        Guided and deconvolution hand back positive gradients only, through every ReLU. What they show depends on the
        image more than on the unit; other nonlinearities stay plain, and `says` counts them.
    call : int
        Which call of a layer that runs several times, counted from 0; -1 is the last.

    Raises
    ------
    ValueError
        For an unknown layer, unit, place or kind, or a unit that no gradient leads back from.
    NetworkError
        If the network fails, or the unit's answer is not finite.

    References
    ----------
    K. Simonyan, A. Vedaldi, A. Zisserman, *Deep Inside Convolutional Networks*, 2014 (plain); J. T. Springenberg et al.,
    *Striving for Simplicity: The All Convolutional Net*, 2015 (guided); M. D. Zeiler, R. Fergus, *Visualizing and
    Understanding Convolutional Networks*, ECCV 2014 (deconvolution); a caution: J. Adebayo et al., *Sanity Checks for
    Saliency Maps*, NeurIPS 2018.

    Examples
    --------
    >>> import deepviz_widgets as dv
    >>> from deepviz_widgets.methods.gradients import gradient
    >>> net, images = dv.demo.digits()
    >>> found = gradient(net, images[0], "relu2", 3, kind="guided")
    >>> found.values.shape, found.relus, found.crop.dtype
    ((32, 32, 1), 2, dtype('uint8'))
    """
    if kind not in KINDS:
        raise ValueError(f"The kind of a gradient is {', '.join(map(repr, KINDS[:-1]))} or {KINDS[-1]!r}; not {kind!r}.")
    chosen = net.layer(layer)
    watch = _Watch(net, chosen, which_call(chosen, call), unit, place)
    batch = net.inputs([image])
    values = watch.attribute(batch, kind)
    field = receptive_field(net, chosen, call=watch.call, input_size=tuple(batch.shape[1:]))
    others = tuple(sorted(watch.others)) if kind != "plain" else ()
    return UnitGradient(
        values, chosen.name, watch.channel, watch.at, kind, watch.answer, field, watch.relus if kind != "plain" else 0,
        others, watch.says(kind, values),
    )


class _Watch(nn.Module):
    """A module for captum: it answers with the value of one unit at one place."""

    def __init__(self, net: Network, layer: Layer, call: int, unit: Any, place: tuple[int, int] | None):
        super().__init__()
        self.run: Callable[[Tensor], Tensor] = self._plain
        object.__setattr__(self, "net", net)  # so that the model is no submodule, and captum leaves it alone
        self.layer, self.call, self.place = layer, call, place
        self.channel, self.vector = _unit(layer, unit)
        self.own = nn.ModuleList()
        self.at, self.answer, self.relus, self.others = (0, 0), 0.0, 0, Counter[str]()

    def attribute(self, batch: Tensor, kind: str) -> np.ndarray:
        """Return the gradient (H, W, C) for a batch of one image."""
        from captum.attr import Deconvolution, GuidedBackprop, Saliency  # noqa: PLC0415  slow to import

        if kind == "plain":
            return self._values(Saliency(self), batch, abs=False)
        self.run = self._ruled
        for most in _CALLS:
            self.own = nn.ModuleList(nn.ReLU() for _ in range(most))
            try:
                return self._values((GuidedBackprop if kind == "guided" else Deconvolution)(self), batch)
            except _TooFewError:
                continue
        raise NetworkError(f"The network calls more than {count(_CALLS[-1])} ReLUs in a pass; take the plain gradient.")

    def _values(self, method: Any, batch: Tensor, **options: Any) -> np.ndarray:
        given = batch.detach().to(self.net.device, self.net.dtype).clone().requires_grad_()
        with self.net.running(grad=True), warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Setting backward hooks")
            try:
                found = method.attribute(given, target=0, **options)
            except (_TooFewError, NetworkError, ValueError):
                raise
            except RuntimeError as error:  # what autograd says of an operation without a gradient
                raise NetworkError(
                    f"No gradient of layer {self.layer.name!r} reaches the image: {first_line(error)}."
                ) from error
        return found[0].detach().movedim(0, -1).float().cpu().numpy().copy()

    def forward(self, batch: Tensor) -> Tensor:
        """Run the network up to the layer and return the value of the unit, (1, 1)."""
        return self.run(batch)

    def _ruled(self, batch: Tensor) -> Tensor:
        with _OwnRelus(self.own, self.layer_relu()) as mode:
            answer = self._plain(batch)
        self.relus, self.others = mode.used, mode.others
        return answer

    def layer_relu(self) -> bool:
        """Whether the layer is scripted, so that nothing inside it is seen."""
        return isinstance(self.net.module(self.layer), torch.jit.ScriptModule)

    def _plain(self, batch: Tensor) -> Tensor:
        net, name = self.net, self.layer.name
        with capture(net, [name], keep=lambda output: output.clone(), stop=True) as seen:
            net.forward(batch.clone(), grad=True)  # a clone, as the model may begin in place
        if len(seen[name]) <= self.call:
            raise NetworkError(f"For this image the network called layer {name!r} only {len(seen[name])} times.")
        output = seen[name][self.call]
        layout = layout_of(self.layer, output, batch)
        maps, _ = layout.maps(layout.image(output))
        plane = maps[self.channel] if self.vector is None else torch.tensordot(
            self.vector.to(maps.device, maps.dtype), maps, 1
        )
        self.at = _place(self.layer, plane, self.place)
        value = plane[self.at]
        self.answer = float(value.detach())
        if not np.isfinite(self.answer):
            raise NetworkError(f"Layer {name!r} answers {self.answer} at {self.at}, which has no gradient.")
        if not value.requires_grad:
            raise ValueError(f"What layer {name!r} answers does not depend on the image through a gradient.")
        return value.reshape(1, 1)

    def says(self, kind: str, values: np.ndarray) -> str:
        """Tell what a reader has to know, in one sentence; '' for nothing."""
        scripted = [name for name, module in self.net.model.named_modules() if isinstance(module, torch.jit.ScriptModule)]
        if not values.any():
            return f"The gradient is 0 everywhere: the unit answers {self.answer:.4g} here and nothing small changes that."
        if kind == "plain":
            return ""
        if scripted:
            return f"What is scripted ({listing(scripted, 1)}) hides its ReLUs, so the gradient through it is plain."
        if self.others:
            which = ", ".join(f"{what} ({times})" for what, times in sorted(self.others.items()))
            ruled = f"the rule holds for {plural(self.relus, 'ReLU')}" if self.relus else "there is no ReLU"
            return f"Up to this layer {ruled}; through what is no ReLU the gradient is plain: {which}."
        if not self.relus:
            return "Up to this layer there is no ReLU, so this is the plain gradient."
        return ""


class _TooFewError(Exception):
    """More ReLUs were called than there are modules for."""


class _OwnRelus(TorchFunctionMode):
    """Leads every ReLU that is called through a module of its own."""

    def __init__(self, own: nn.ModuleList, _hidden: bool = False):
        super().__init__()
        self.own, self.used, self.others = own, 0, Counter[str]()

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func not in _RELUS:
            if func in _OTHERS:
                self.others[_OTHERS[func]] += 1
            return func(*args, **kwargs)
        values = args[0] if args else kwargs.get("input")
        if not values.requires_grad:  # a ReLU of something that does not depend on the image
            return func(*args, **kwargs)
        if self.used >= len(self.own):
            raise _TooFewError
        result = self.own[self.used](values.clone())
        self.used += 1
        in_place = func in _IN_PLACE or bool(kwargs.get("inplace", args[1] if len(args) > 1 else False))
        return values.copy_(result) if in_place else result


def _unit(layer: Layer, unit: Any) -> tuple[int | None, Tensor | None]:
    """Take a channel by its number, or a direction by its vector."""
    channels = layer.layout.channels
    if hasattr(unit, "__index__") and not isinstance(unit, (bool, Tensor, np.ndarray)):
        if not 0 <= unit < channels:
            there = plural(channels, "channel")
            raise ValueError(f"Layer {layer.name!r} has {there}; there is no channel {unit}, counted from 0.")
        return int(unit), None
    vector = np.asarray(unit.detach().cpu() if isinstance(unit, Tensor) else unit)
    if vector.shape != (channels,) or vector.dtype.kind not in "fiu" or not np.isfinite(vector).all():
        raise ValueError(
            f"A unit of layer {layer.name!r} is a number from 0 to {channels - 1}, or a vector of {count(channels)} "
            "finite numbers."
        )
    return None, torch.from_numpy(vector.astype(np.float32))


def _place(layer: Layer, plane: Tensor, place: tuple[int, int] | None) -> tuple[int, int]:
    rows, columns = plane.shape
    if place is None:
        return divmod(int(plane.detach().float().nan_to_num(-torch.inf).argmax()), columns)
    y, x = place
    if not (0 <= y < rows and 0 <= x < columns):
        raise ValueError(
            f"Layer {layer.name!r} gives a map of {size((rows, columns))}; there is no place ({y}, {x}), counted from 0."
        )
    return int(y), int(x)
