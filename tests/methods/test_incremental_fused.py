"""Operations that run as one step, and memory that is used again, change no result."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from incremental_nets import by_hand, error, lattice, lively, network
from torch import nn

from deepviz_widgets.methods.incremental import evaluator
from deepviz_widgets.methods.incremental.engine import Incremental, Plan
from deepviz_widgets.methods.incremental.prepared import prepared
from deepviz_widgets.methods.incremental.winograd import convolve, weights
from deepviz_widgets.methods.incremental.workspace import Workspace


class Dense(nn.Module):
    """A block of a DenseNet: each layer reads all that was computed before it."""

    def __init__(self, layers: int = 4, side: int = 12, *, function: bool = False, affine: bool = True):
        super().__init__()
        self.first = nn.Conv2d(3, side, 5, padding=2)
        self.norms = nn.ModuleList(nn.BatchNorm2d(side + 4 * k, affine=affine) for k in range(layers))
        self.relus = nn.ModuleList(nn.ReLU(inplace=True) for _ in range(layers))
        self.ones = nn.ModuleList(nn.Conv2d(side + 4 * k, 8, 1) for k in range(layers))
        self.threes = nn.ModuleList(nn.Conv2d(8, 4, 3, padding=1) for _ in range(layers))
        self.last, self.function = nn.Linear(side + 4 * layers, 5), function

    def forward(self, x):
        """Return five scores."""
        maps = [self.first(x)]
        for norm, relu, one, three in zip(self.norms, self.relus, self.ones, self.threes):
            seen = norm(torch.cat(maps, 1))
            maps.append(three(one(F.relu(seen) if self.function else relu(seen))))
        return self.last(torch.cat(maps, dim=1).mean((2, 3)))


def plan(net, layers=()) -> Plan:
    return prepared(net).plan(net, list(layers), exact=True)


@pytest.mark.parametrize("options", [{}, {"function": True}, {"affine": False}])
def test_what_a_densenet_does_before_each_layer_is_one_step_and_gives_the_same(options):
    net = network(lively(Dense(**options).double()), (3, 24, 33))
    assert sum(bool(step.chain) for step in plan(net).steps) == 4
    x, filled = torch.randn(2, 3, 24, 33, dtype=torch.float64)
    boxes = np.concatenate([lattice(24, 33, 6, 5), [(0, 0, 24, 33), (3, 3, 22, 31)]])  # crops, and whole maps
    found = evaluator(net, x, filled, exact=True, engine="incremental").run(boxes)[0]
    assert error(found, by_hand(net, x, filled, boxes)) < 1e-6  # scores are told as float32


def test_a_layer_that_is_watched_is_not_run_over():
    net = network(lively(Dense()), (3, 24, 24))
    watched = ["norms.2", "relus.1"]
    assert sum(bool(step.chain) for step in plan(net, watched).steps) == 2
    x, filled = torch.randn(2, 3, 24, 24)
    boxes = lattice(24, 24, 8, 8)
    sums = evaluator(net, x, filled, layers=watched, engine="incremental").run(boxes)[1]
    wanted = evaluator(net, x, filled, layers=watched, engine="dense").run(boxes)[1]
    for name in watched:
        assert error(sums[name], wanted[name]) < 1e-4


def test_a_normalisation_that_others_read_too_stays_a_step_of_its_own():
    class Shared(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b, self.norm = nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(8)
            self.one, self.last = nn.Conv2d(8, 8, 1), nn.Linear(8, 5)

        def forward(self, x):
            seen = self.norm(torch.cat([self.a(x), self.b(x)], 1))
            return self.last((self.one(F.relu(seen)) + seen).mean((2, 3)))

    net = network(lively(Shared()), (3, 16, 16))
    assert not any(step.chain for step in plan(net).steps)
    x, filled = torch.randn(2, 3, 16, 16)
    boxes = lattice(16, 16, 5, 4)
    found = evaluator(net, x, filled, engine="incremental").run(boxes)[0]
    assert error(found, by_hand(net, x, filled, boxes)) < 1e-4


@torch.no_grad()
def test_windows_of_other_sizes_one_after_the_other_leave_nothing_behind():
    space = Workspace()
    sizes = ((3, 8, 12, 11, 7), (3, 8, 12, 6, 6), (3, 16, 4, 13, 20), (3, 8, 12, 11, 7), (1, 8, 12, 11, 10))
    for positions, channels, outputs, high, wide in sizes:
        conv = nn.Conv2d(channels, outputs, 3).double()
        window = torch.randn(positions, high, wide, channels, dtype=torch.float64)
        found = convolve(window, weights(conv), conv.bias, 3, space)
        wanted = conv(window.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
        assert torch.allclose(found, wanted, atol=1e-10) and found.is_contiguous()
        space.take("out", (4,), window).fill_(torch.nan)
        assert torch.isfinite(found).all(), "a result is nobody's buffer"


def test_every_position_goes_through_the_deep_layers_once(monkeypatch):
    class Unpacks(nn.Module):
        def __init__(self):
            super().__init__()
            self.parts = nn.Sequential(*(nn.Conv2d(3 if i == 0 else 4, 4, 3, padding=1) for i in range(12)))
            self.last = nn.Linear(4, 5)

        def forward(self, x):
            x = self.parts(x)
            _, _, high, wide = x.shape  # sizes that nobody reads among those that are
            return self.last(x.reshape(-1, 4, high * wide).sum(2))

    net = network(lively(Unpacks()), (3, 20, 20))
    x, filled = torch.randn(2, 3, 20, 20)
    boxes = lattice(20, 20, 5, 4)
    seen, head = [], Incremental.head
    monkeypatch.setattr(Incremental, "head", lambda self, features: seen.append(len(features)) or head(self, features))
    hide = evaluator(net, x, filled, engine="incremental")
    seen.clear()
    assert error(hide.run(boxes)[0], by_hand(net, x, filled, boxes)) < 1e-4
    assert seen == [len(boxes)]
