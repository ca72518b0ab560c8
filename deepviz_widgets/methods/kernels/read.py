"""`Kernels`: the weights of one layer, read as kernels with places, whatever kind of layer holds them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ...layers import Layer
from ...network import Network
from ...words import kind_of, listing, size
from .flattened import places

_NAMES = ("weight", "in_proj_weight")  # the second is that of nn.MultiheadAttention
_TRANSPOSED = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)


@dataclass(frozen=True, eq=False)
class Kernels:
    """The weights of one layer as kernels.

    Attributes
    ----------
    layer : str
        Its name; the class name for a bare module.
    kind : str
        The class of the module.
    weights : ndarray (out, in, h, w) float32
        `in` is counted within a group. A matrix has h = w = 1; a linear layer that reads flattened maps has kernels
        as large as these maps, one that reads patches of the image has kernels as large as a patch.
    bias : ndarray (out,) float32 or None
    groups : int
    stride, padding, dilation : (int, int)
        Down and right; the padding is that above and to the left.
    reads : {"image", "maps", "vector"}
        What the layer reads: the network's own input, maps of an earlier layer, or numbers without places.
    module : nn.Module or None
        None where an array was given.
    """

    layer: str
    kind: str
    weights: np.ndarray
    bias: np.ndarray | None = None
    groups: int = 1
    stride: tuple[int, int] = (1, 1)
    padding: tuple[int, int] = (0, 0)
    dilation: tuple[int, int] = (1, 1)
    reads: str = "maps"
    module: nn.Module | None = field(default=None, repr=False)

    @property
    def out(self) -> int:
        """How many kernels."""
        return self.weights.shape[0]

    @property
    def size(self) -> tuple[int, int]:
        """Height and width."""
        return self.weights.shape[2], self.weights.shape[3]

    @property
    def transposed(self) -> bool:
        """Whether the kernels are written with and not read with."""
        return isinstance(self.module, _TRANSPOSED)

    def __repr__(self) -> str:
        return f"Kernels({self.layer!r}, {self.kind}, {size(self.weights.shape)}, reads {self.reads})"


def learned_kernels(source: Any, layer: Any = None) -> Kernels:
    """Read the weights of one layer.

    Parameters
    ----------
    source : Network, nn.Module, Kernels, ndarray or Tensor
        A network and one of its layers, or the layer itself, or weights (out, in, h, w) or (out, in).
    layer : str, nn.Module or a widget with a `layer`
        Which layer, where the source is a network.

    Returns
    -------
    Kernels
        The weights are float32; they share memory with the layer where they can, so do not write into them.

    Raises
    ------
    ValueError
        For an unknown layer, or one without weights, with quantised weights, or with weights on the meta device.

    Examples
    --------
    >>> import deepviz_widgets as dv
    >>> net, images = dv.demo.digits()
    >>> dv.methods.kernels.learned_kernels(net, "conv1")
    Kernels('conv1', Conv2d, 16 × 1 × 5 × 5, reads image)
    """
    if isinstance(source, Kernels):
        return source
    if isinstance(source, Network):
        return _of_network(source, layer)
    if isinstance(source, nn.Module):
        return _of_module(source, type(source).__name__)
    raw = _plain("This array", source)
    return Kernels("weights", "array", _four(raw, "This array"), reads=_guess(raw))


def layers_with_kernels(net: Network) -> tuple[Layer, ...]:
    """List the called layers that have kernels, in call order."""
    return tuple(layer for layer in net.layers if has_kernels(net.module(layer)))


def has_kernels(module: nn.Module) -> bool:
    """Whether a module itself has weights with an input and an output axis."""
    weight = _weight(module)
    return weight is not None and (callable(weight) or weight.dim() >= 2)


# ---------------------------------------------------------------- reading


def _of_network(net: Network, layer: Any) -> Kernels:
    if layer is None:
        raise ValueError(f"Name a layer whose kernels to read; {net.name!r} has {_there(net)}.")
    chosen = net.layer(layer)
    module = net.module(chosen)
    if not has_kernels(module):
        raise ValueError(f"Layer {chosen.name!r} ({chosen.kind}) has no kernels of its own; there are {_there(net)}.")
    found = _of_module(module, chosen.name)
    if isinstance(module, nn.Linear):
        grid, reads = places(net, chosen, module.in_features)
        if grid is not None:
            return replace(found, weights=grid.kernels(found.weights[:, :, 0, 0]), stride=grid.stride, reads=reads)
    if found.reads == "vector":
        return found
    return replace(found, reads="image" if _reads_image(net, chosen, found) else "maps")


def _there(net: Network) -> str:
    return listing(layer.name for layer in layers_with_kernels(net))


def _reads_image(net: Network, layer: Layer, found: Kernels) -> bool:
    """Whether nothing with weights has touched the image before this layer."""
    first = next((one.name for one in net.layers if has_kernels(net.module(one))), None)
    planes = found.weights.shape[1] * found.groups
    return layer.name == first and planes == net.input_size[0] and found.kind.startswith("Conv")


def _of_module(module: nn.Module, name: str) -> Kernels:
    if not has_kernels(module):
        raise ValueError(f"{_subject(name, module)} has no kernels of its own; give a convolution or a linear layer.")
    raw = _plain(_subject(name, module), _weight(module))
    if isinstance(module, _TRANSPOSED):
        raw = _untransposed(raw, module.groups)
    bias = getattr(module, "bias", None)
    return Kernels(
        name, type(module).__name__, _four(raw, _subject(name, module)),
        _plain(name, bias) if isinstance(bias, Tensor) else None,
        groups=getattr(module, "groups", 1), stride=_pair(getattr(module, "stride", 1)), padding=_padding(module),
        dilation=_pair(getattr(module, "dilation", 1)), reads=_guess(raw), module=module,
    )


def _subject(name: str, module: nn.Module) -> str:
    kind = type(module).__name__
    return f"This {kind}" if name == kind else f"Layer {name!r} ({kind})"


def _weight(module: nn.Module) -> Any:
    """Return the weights: a tensor, or for quantised layers the function that makes one."""
    found = (getattr(module, name, None) for name in _NAMES)
    return next((weight for weight in found if isinstance(weight, Tensor) or callable(weight)), None)


def _plain(subject: str, weight: Any) -> np.ndarray:
    """Return weights as float32; refuse what holds no numbers that mean something as they are."""
    if isinstance(weight, (np.ndarray, list, tuple)):
        weight = torch.as_tensor(np.asarray(weight))
    if not isinstance(weight, Tensor) and not callable(weight):
        raise ValueError(f"Kernels are read from a Network, a layer or an array of weights; this is {kind_of(weight)}.")
    if callable(weight) or weight.is_quantized or not weight.is_floating_point():
        stored = "quantised" if callable(weight) else f"stored as {str(weight.dtype).removeprefix('torch.')}"
        raise ValueError(f"{subject} has weights that are {stored}; give the network as it was before quantisation.")
    if weight.is_meta:
        raise ValueError(f"{subject} has weights on the meta device, which holds no numbers; load its weights first.")
    return weight.detach().to("cpu", torch.float32).numpy()


def _four(raw: np.ndarray, subject: str) -> np.ndarray:
    """Give weights the four axes (out, in, h, w)."""
    if raw.ndim == 4 and raw.size:
        return raw
    if raw.ndim == 3 and raw.size:
        return raw[:, :, None, :]  # over a sequence
    if raw.ndim == 2 and raw.size:
        return raw[:, :, None, None]
    shape = size(raw.shape) or "no shape"
    raise ValueError(f"{subject} has weights of {shape}; kernels have 2 to 4 axes: out, in, height, width.")


def _guess(raw: np.ndarray) -> str:
    """Without a network: 1 or 3 planes are an image."""
    return "vector" if raw.ndim == 2 else "image" if raw.ndim == 4 and raw.shape[1] in (1, 3) else "maps"


def _untransposed(raw: np.ndarray, groups: int) -> np.ndarray:
    """Turn (in, out / groups, ...) into (out, in / groups, ...)."""
    split = raw.reshape(groups, raw.shape[0] // groups, *raw.shape[1:])
    return np.ascontiguousarray(split.swapaxes(1, 2).reshape(-1, split.shape[1], *raw.shape[2:]))


def _pair(value: int | Sequence[int]) -> tuple[int, int]:
    values = tuple(value) if isinstance(value, (tuple, list)) else (value, value)
    return (1, *values)[-2:] if len(values) < 2 else (values[0], values[1])


def _padding(module: nn.Module) -> tuple[int, int]:
    """Return the padding above and to the left, also of 'same' and 'valid'."""
    given: Any = getattr(module, "padding", 0)
    if given == "same":
        sides: Any = module.kernel_size
        steps: Any = module.dilation
        reach = zip(_pair(sides), _pair(steps), strict=True)
        return tuple((side - 1) * step // 2 for side, step in reach)  # type: ignore[return-value]
    return (0, 0) if given == "valid" else _pair(given)
