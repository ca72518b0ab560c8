"""Two oracles for receptive fields: where a NaN gets to, and where a gradient comes from; and small networks."""

from __future__ import annotations

import copy

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

import deepviz_widgets as dv
from deepviz_widgets.methods.activations import layout_of


def boxes_by_nan(net: dv.Network, names: list[str], side_step: int = 1) -> dict[str, np.ndarray]:
    """Boxes (rows, columns, 4) of all units: a unit reads a row of pixels if NaN there makes it NaN.

    NaN passes any weight, ReLU, max pooling and softmax, so this needs no luck with values. A mask does not stop it.
    """
    found: dict[str, np.ndarray] = {}
    for which, side in enumerate(net.input_size[1:]):
        for line in range(0, side, side_step):
            batch = torch.rand(1, *net.input_size)
            batch.select(2 + which, line)[:] = torch.nan
            with dv.capture(net, names, keep=torch.isnan) as seen:
                net.forward(batch)
            for name in names:
                output = seen[name][-1]
                layout = layout_of(net.layer(name), output, batch)
                reads = layout.maps(layout.image(output))[0].any(0).numpy()
                boxes = found.setdefault(name, np.tile(np.array([-1, -1, 0, 0]), (*reads.shape, 1)))
                first = reads & (boxes[..., which] < 0)
                boxes[..., which][first] = line
                boxes[..., which + 2][reads] = line + 1
    for boxes in found.values():
        boxes[(boxes[..., :2] < 0).any(-1)] = 0
    return found


class SumPool(nn.Module):
    """A max pooling's windows with a sum, so that every cell in a window gets some gradient."""

    def __init__(self, pool: nn.MaxPool2d):
        super().__init__()
        self.pool = pool

    def forward(self, x):
        pool = self.pool
        kernel, stride, padding, dilation = (
            (value, value) if isinstance(value, int) else value
            for value in (pool.kernel_size, pool.stride, pool.padding, pool.dilation)
        )
        shape = pool(x).shape[2:]
        ends = [
            max(0, (shape[i] - 1) * stride[i] + dilation[i] * (kernel[i] - 1) + 1 - x.shape[2 + i] - padding[i])
            for i in (0, 1)
        ]
        padded = F.pad(x, (padding[1], ends[1], padding[0], ends[0]))
        ones = x.new_ones(x.shape[1], 1, *kernel)
        return F.conv2d(padded, ones, stride=stride, dilation=dilation, groups=x.shape[1])[..., : shape[0], : shape[1]]


def linearised(model: nn.Module) -> nn.Module:
    """A copy in double precision with positive weights and sums for max poolings: nothing cancels or dies."""
    model = copy.deepcopy(model).double().eval()
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.rand(parameter.shape, generator=generator, dtype=torch.float64) + 0.5)
    for parent in list(model.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, nn.MaxPool2d):
                setattr(parent, name, SumPool(child))
    return model


def box_by_gradient(net: dv.Network, layer: str, y: int, x: int, call: int = -1) -> tuple[int, int, int, int]:
    """The box around the pixels for which a unit, summed over channels with random weights, has a gradient."""
    generator = torch.Generator().manual_seed(1)
    batch = (torch.rand(1, *net.input_size, generator=generator) + 0.5).requires_grad_()
    with dv.capture(net, [layer], keep=torch.clone) as seen:
        net.forward(batch, grad=True)
    output = seen[layer][call]
    layout = layout_of(net.layer(layer), output, batch)
    unit = layout.maps(layout.image(output))[0][:, y, x]
    weights = torch.rand(unit.shape, generator=generator, dtype=unit.dtype) + 0.5
    if not unit.requires_grad:
        return 0, 0, 0, 0
    (gradient,) = torch.autograd.grad((unit * weights).sum(), batch, allow_unused=True)
    support = torch.zeros(1, 1) if gradient is None else gradient[0].abs().sum(0)
    rows, columns = np.flatnonzero(support.any(1)), np.flatnonzero(support.any(0))
    if not len(rows):
        return 0, 0, 0, 0
    return int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1


def contains(outer, inner) -> bool:
    """Whether one box lies in another; an empty one lies in all."""
    empty = inner[2] <= inner[0] or inner[3] <= inner[1]
    return empty or (outer[0] <= inner[0] and outer[1] <= inner[1] and outer[2] >= inner[2] and outer[3] >= inner[3])


def made(*layers: nn.Module, size: tuple[int, int, int] = (3, 24, 20)) -> dv.Network:
    """A classifier that ends in the mean over the map; its layers are called '0', '1', ..."""
    torch.manual_seed(0)
    return dv.Network(nn.Sequential(*layers, Mean()), input_size=size)


class Mean(nn.Module):
    def forward(self, x):
        return x.flatten(2).mean(2)


class Calls(nn.Module):
    """A layer that runs a function of its input."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x)
