"""The gradient of a unit with respect to the image: plain, guided, or as a deconvolutional network takes it back.

The three differ in what a ReLU hands back, with a its answer and g the gradient that arrives there: plain g·[a > 0],
guided max(g, 0)·[a > 0], deconvolution max(g, 0). captum gives each `torch.nn.ReLU` these rules; it does not see
functional ReLUs, fails on those that work in place, and mixes up the calls of one that is used several times. So
every ReLU of the pass, however it is written, is led through a module of its own here, which captum gets to see
instead of the user's model.
"""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Callable, Sequence
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

__all__ = ["KINDS", "UnitGradient", "gradient"]

KINDS = ("plain", "guided", "deconvolution")
_IN_PLACE = {F.relu_, torch.relu_, Tensor.relu_}
_RELUS = {F.relu, torch.relu, Tensor.relu, *_IN_PLACE}
_OTHERS = {
    F.leaky_relu: "leaky ReLU", F.relu6: "ReLU6", F.hardtanh: "ReLU6", F.elu: "ELU", F.gelu: "GELU", F.silu: "SiLU",
    F.hardswish: "hard swish", F.mish: "Mish", F.prelu: "PReLU", F.selu: "SELU", F.celu: "CELU", F.rrelu: "RReLU",
    F.softplus: "softplus", F.threshold: "threshold", F.tanh: "tanh", torch.tanh: "tanh", Tensor.tanh: "tanh",
    torch.clamp: "clamp", Tensor.clamp: "clamp", Tensor.clamp_: "clamp", torch.clamp_min: "clamp",
    Tensor.clamp_min: "clamp", Tensor.clamp_min_: "clamp", torch.maximum: "maximum", Tensor.maximum: "maximum",
}  # a sigmoid is not among them: mostly it is a gate that scales channels


@dataclass(frozen=True, eq=False)
class UnitGradient:
    """The gradient of one unit at one place with respect to the network's input.

    Attributes
    ----------
    values : ndarray (H, W, C) float32
        Signed: by how much the unit's answer grows with each value of the (preprocessed) input.
    layer : str
    unit : int or None
        None for a direction.
    place : (int, int)
        Row and column in the map of the unit.
    kind : {"plain", "guided", "deconvolution"}
    answer : float
        What the unit answers there.
    field : ReceptiveField
        What the units of the layer can see.
    relus : int
        Calls of a ReLU up to the layer (its last call), which have the rule of the kind; 0 for the plain gradient.
    others : dict of str to int
        Nonlinearities that have no such rule, and how often each was called; {} for the plain gradient.
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
    relus: int
    others: dict[str, int]
    says: str

    @property
    def box(self) -> tuple[int, int, int, int]:
        """Top, left, bottom, right (half-open) of what the unit can see, ending at the border of the image."""
        return self.field.clipped(*self.place)

    @property
    def shown(self) -> np.ndarray:
        """The gradient as a picture, (H, W, 1 or 3) uint8: 128 is 0, 255 the largest magnitude, 1 its negative.

        Other than 1 or 3 channels are averaged. (As `norm01c` of the Deep Visualization Toolbox.)
        """
        shades = self.values if self.values.shape[2] in (1, 3) else self.values.mean(2, keepdims=True)
        most = float(np.abs(shades).max()) or 1.0
        return np.round(128 + shades / most * 127).astype(np.uint8)

    @property
    def crop(self) -> np.ndarray:
        """The part of `shown` that the unit can see, (h, w, 1 or 3) uint8; beyond it the gradient is 0."""
        top, left, bottom, right = self.box
        return self.shown[top:bottom, left:right]


def gradient(
    net: Network, image: Any, layer: Any, unit: Any, place: Sequence[int] | None = None, kind: str = "plain",
    *, call: int = -1,
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
        Guided and deconvolution hand only positive gradients back through every ReLU; other nonlinearities stay plain,
        and `says` names them. What these two show depends on the image more than on the unit (Adebayo et al.).
    call : int
        Which call of a layer that runs several times, counted from 0; -1 is the last.

    Returns
    -------
    UnitGradient

    Raises
    ------
    ValueError
        For an unknown layer, unit, place or kind.
    NetworkError
        If the network fails, the answer is not finite, or no gradient leads from it back to the image.

    References
    ----------
    K. Simonyan et al., *Deep Inside Convolutional Networks*, 2014 (plain); J. T. Springenberg et al., *Striving for
    Simplicity: The All Convolutional Net*, 2015 (guided); M. D. Zeiler, R. Fergus, *Visualizing and Understanding
    Convolutional Networks*, ECCV 2014 (deconvolution); a caution: J. Adebayo et al., *Sanity Checks for Saliency
    Maps*, NeurIPS 2018.

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
        raise ValueError(f"The kind of a gradient is {', '.join(map(repr, KINDS))}; {kind!r} is none of these.")
    chosen = net.layer(layer)
    call = which_call(chosen, call)
    channel, vector = _unit(chosen, unit)
    batch = net.inputs([image]).to(net.device, net.dtype)
    with _Relus() as seen:
        plane = _plane(net, chosen, call, channel, vector, batch, grad=False)
    at = _place(chosen, plane, place)
    answer = float(plane[at])
    if not np.isfinite(answer):
        raise NetworkError(f"Layer {chosen.name!r} answers {answer} at {at}, which has no gradient.")

    def value(inputs: Tensor) -> Tensor:
        return _plane(net, chosen, call, channel, vector, inputs, grad=True)[at].reshape(1, 1)

    values = _attributed(net, chosen, value, batch, kind, seen.called)
    field = receptive_field(net, chosen, call=call, input_size=tuple(batch.shape[1:]))
    relus, others = (0, {}) if kind == "plain" else (seen.called, dict(sorted(seen.others.items())))
    says = _says(net, kind, relus, others, None if values.any() else answer)
    return UnitGradient(values, chosen.name, channel, at, kind, answer, field, relus, others, says)


def _plane(
    net: Network, layer: Layer, call: int, channel: int | None, vector: Tensor | None, batch: Tensor, *, grad: bool
) -> Tensor:
    """Run the network up to a layer and return the map (H, W) of a unit or a direction."""
    with capture(net, [layer.name], keep=Tensor.clone, stop=True) as seen:  # what comes next may work in place
        net.forward(batch.clone(), grad=grad)  # and so may the first layer
    outputs = seen[layer.name]
    if len(outputs) <= call:
        raise NetworkError(f"For this image the network called layer {layer.name!r} only {len(outputs)} times.")
    layout = layout_of(layer, outputs[call], batch)
    maps = layout.maps(layout.image(outputs[call]))[0]
    return maps[channel] if vector is None else torch.tensordot(vector.to(maps.dtype).to(maps.device), maps, 1)


def _attributed(
    net: Network, layer: Layer, value: Callable[[Tensor], Tensor], batch: Tensor, kind: str, relus: int
) -> np.ndarray:
    """Return the gradient (H, W, C) of a value of the input, as captum takes it."""
    from captum.attr import Deconvolution, GuidedBackprop, Saliency  # noqa: PLC0415  slow to import

    given = batch.detach().clone().requires_grad_()
    with net.running(grad=True), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Setting backward hooks")
        try:
            if kind == "plain":
                (found,) = Saliency(value).attribute(given, target=0, abs=False)
            else:
                ruled = _Ruled(value, relus)
                method = GuidedBackprop(ruled) if kind == "guided" else Deconvolution(ruled)
                (found,) = method.attribute(given, target=0)
        except NetworkError:
            raise
        except RuntimeError as error:  # what autograd says of an operation without a gradient
            raise NetworkError(
                f"No gradient leads from layer {layer.name!r} back to the image: {first_line(error)}."
            ) from error
    return found.detach().movedim(0, -1).float().cpu().numpy().copy()


class _Ruled(nn.Module):
    """What captum gets to see: a function of the input, and a module for each call of a ReLU on the way."""

    def __init__(self, value: Callable[[Tensor], Tensor], relus: int):
        super().__init__()
        self.value = value
        self.own = nn.ModuleList(nn.ReLU() for _ in range(relus))

    def forward(self, batch: Tensor) -> Tensor:
        with _Relus(self.own):
            return self.value(batch)


class _Relus(TorchFunctionMode):
    """Counts the calls of ReLUs and other nonlinearities, and leads each of the ReLUs through a module of its own."""

    def __init__(self, own: nn.ModuleList | None = None):
        super().__init__()
        self.own, self.called, self.others = own, 0, Counter[str]()

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func in _OTHERS:
            self.others[_OTHERS[func]] += 1
        if func not in _RELUS:
            return func(*args, **kwargs)
        self.called += 1
        values = args[0] if args else kwargs["input"]
        if self.own is None or not values.requires_grad:  # captum cannot hook what does not depend on the image
            return func(*args, **kwargs)
        result = self.own[self.called - 1](values.clone())
        in_place = func in _IN_PLACE or kwargs.get("inplace", args[1] if len(args) > 1 else False)
        return values.copy_(result) if in_place else result


def _says(net: Network, kind: str, relus: int, others: dict[str, int], zero: float | None) -> str:
    """Tell what a reader has to know, in one sentence; '' for nothing. `zero` is the answer where all is 0."""
    if zero is not None:
        return f"The gradient is 0 everywhere: the unit answers {zero:.4g} here and nothing small changes that."
    if kind == "plain":
        return ""
    scripted = [name for name, part in net.model.named_modules() if isinstance(part, torch.jit.ScriptModule)]
    if scripted:
        return f"What is scripted ({listing(scripted, 1)}) hides its ReLUs, so the gradient through it is plain."
    if others:
        which = ", ".join(f"{what} ({times})" for what, times in others.items())
        ruled = f"the rule holds for {plural(relus, 'ReLU')}" if relus else "there is no ReLU"
        return f"Up to this layer {ruled}; through what is no ReLU the gradient is plain: {which}."
    return "" if relus else "Up to this layer there is no ReLU, so this is the plain gradient."


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
    return None, torch.from_numpy(vector.astype(np.float64))


def _place(layer: Layer, plane: Tensor, place: Sequence[int] | None) -> tuple[int, int]:
    rows, columns = plane.shape
    if place is None:
        return divmod(int(plane.float().nan_to_num(-torch.inf).argmax()), columns)
    y, x = place
    if not (0 <= y < rows and 0 <= x < columns):
        raise ValueError(
            f"Layer {layer.name!r} gives a map of {size((rows, columns))}; there is no place ({y}, {x}), counted "
            "from 0."
        )
    return int(y), int(x)
