"""What a unit of a layer can see of the image.

The field is worked out from one forward pass: every operation is followed, and for each value the box of
the image that it is connected to is kept. So it holds for functional operations, branches, skips and layers that run
twice, and it is known for each unit, also at the border. It is structural: weights that happen to be 0, cancellation,
and which pixel wins a max pooling or passes a ReLU are not looked at. The box is what the unit can read, over all
images and weights.
"""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from ...capture import capture
from ...layers import Layer
from ...network import Network, NetworkError
from ..activations import layout_of, which_call
from .read import Reading, read
from .result import ReceptiveField
from .trace import Trace, ValuesMatter

__all__ = ["receptive_field", "receptive_fields"]

_SIZES_KEPT = 4  # of images; a set of photographs may have as many sizes as it has photographs
_CACHE: weakref.WeakKeyDictionary[Network, dict[tuple[int, ...], dict[str, list[ReceptiveField]]]] = (
    weakref.WeakKeyDictionary()
)


def receptive_fields(net: Network, input_size: Sequence[int] | None = None) -> dict[str, ReceptiveField]:
    """Work out what the units of every layer can see, in one traced forward pass, mostly without its values.

    Parameters
    ----------
    net : Network
    input_size : (C, H, W), optional
        The size of the image; the network's own by default.

    Returns
    -------
    dict of str to ReceptiveField
        One a layer in call order, of its last call.

    Raises
    ------
    ValueError
        For an input size that is none.
    NetworkError
        If the network fails on that size.

    References
    ----------
    A. Araujo, W. Norris, J. Sim, *Computing Receptive Fields of Convolutional Neural Networks*, Distill, 2019.

    Examples
    --------
    >>> import deepviz_widgets as dv
    >>> from deepviz_widgets.methods.receptive_field import receptive_fields
    >>> net, images = dv.demo.digits()
    >>> fields = receptive_fields(net)
    >>> fields["conv1"].size, fields["conv1"].stride, fields["conv1"].status
    ((5, 5), (1, 1), 'exact')
    """
    return {name: calls[-1] for name, calls in _traced(net, input_size).items() if calls}


def receptive_field(
    net: Network, layer: Any, *, call: int = -1, input_size: Sequence[int] | None = None
) -> ReceptiveField:
    """Work out what the units of one layer can see of the image.

    Parameters
    ----------
    net : Network
    layer : str, nn.Module or a widget with a `layer`
    call : int
        Which call of a layer that runs several times, counted from 0; -1 is the last.
    input_size : (C, H, W), optional
        The size of the image; the network's own by default.

    Raises
    ------
    ValueError
        For an unknown layer or call, or a layer that returns no tensor.
    NetworkError
        If the network fails on that size.

    Examples
    --------
    >>> import torch, deepviz_widgets as dv
    >>> from deepviz_widgets.methods.receptive_field import receptive_field
    >>> model = torch.nn.Sequential(torch.nn.Conv2d(3, 8, 5, stride=2, padding=1), torch.nn.AdaptiveAvgPool2d(1),
    ...                             torch.nn.Flatten(), torch.nn.Linear(8, 10))
    >>> found = receptive_field(dv.Network(model, input_size=(3, 32, 32)), "0")
    >>> found.size, found.stride, found.padding, found.box(0, 3), found.clipped(0, 3)
    ((5, 5), (2, 2), (1, 1), (-1, 5, 4, 10), (0, 5, 4, 10))
    """
    chosen = net.layer(layer)
    index = which_call(chosen, call)
    calls = _traced(net, input_size)[chosen.name]
    if index >= len(calls):
        raise ValueError(f"Layer {chosen.name!r} returns no tensor in call {index}, so it has no units.")
    return calls[index]


def _traced(net: Network, input_size: Sequence[int] | None) -> dict[str, list[ReceptiveField]]:
    shape = _valid(net, input_size)
    with net.lock:  # two widgets may ask from two threads: one works it out, the other waits for it
        known = _CACHE.setdefault(net, {})
        found = known.pop(shape, None) or _trace(net, shape)
        known[shape] = found  # the latest last
        while len(known) > _SIZES_KEPT:
            known.pop(next(iter(known)))
        return found


def _valid(net: Network, given: Sequence[int] | None) -> tuple[int, ...]:
    if given is None:
        return net.input_size
    shape = tuple(given) if isinstance(given, (tuple, list)) else ()
    if len(shape) != 3 or not all(isinstance(side, int) and side > 0 for side in shape):
        raise ValueError(f"An input size is (channels, height, width) in whole numbers; this is {given!r}.")
    return shape


def _trace(net: Network, shape: tuple[int, ...]) -> dict[str, list[ReceptiveField]]:
    batch = torch.rand((1, *shape), generator=torch.Generator().manual_seed(0))  # as in the network's own dry run
    try:
        seen = _followed(net, batch, values=False)
    except (NetworkError, ValuesMatter):  # what is wrong, or what depends on values, shows in a pass with values
        seen = _followed(net, batch, values=True)
    read_already: dict[Any, Reading] = {}
    return {
        layer.name: [_named(layer, index, one, batch, read_already) for index, one in enumerate(seen[layer.name])]
        for layer in net.layers
    }


def _followed(net: Network, batch: Tensor, *, values: bool) -> dict[str, list[_Seen]]:
    trace = Trace(batch, values=values)
    with capture(net, [layer.name for layer in net.layers], keep=lambda output: _Seen(output, trace)) as seen, trace:
        net.forward(batch)
    return seen


class _Seen:
    """What a layer's output reads, taken before a later layer changes it in place."""

    def __init__(self, output: Tensor, trace: Trace):
        self.shape, self.found = output.shape, trace.answer(output)


def _named(layer: Layer, call: int, seen: _Seen, batch: Tensor, known: dict[Any, Reading]) -> ReceptiveField:
    """Read one output; a convolution, its normalisation and its ReLU share one field and are read once."""
    layout = layout_of(layer, torch.empty(seen.shape, device="meta"), batch)
    image = (batch.shape[-2], batch.shape[-1])
    key = (id(seen.found), layout)
    found = known[key] = known.get(key) or read(seen.found, layout, image)
    return ReceptiveField(
        layer.name, call, found.size, found.stride, found.padding, found.status, found.why, image, found.grid,
        found.boxes, found.lattice,
    )
