"""Convolutions by tiles: right for every size, few enough products, and none where they do not pay."""

from __future__ import annotations

import sys
from itertools import product

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from incremental_nets import by_hand, error, lattice, lively, network
from torch import nn

import deepviz_widgets as dv
from deepviz_widgets.methods import occlusion
from deepviz_widgets.methods.incremental import evaluator, windows, winograd
from deepviz_widgets.methods.incremental.mosaic import apart, joined
from deepviz_widgets.methods.incremental.winograd import Way, convolve, weights
from deepviz_widgets.methods.incremental.workspace import Workspace


@pytest.fixture
def fast(monkeypatch):
    """Let tiles be as fast as on a machine where they pay."""
    monkeypatch.setattr(winograd, "gain", lambda *_: 0.9)


@torch.no_grad()
@pytest.mark.parametrize(("tile", "kernel", "most"), [(4, 3, 4e-6), (5, 3, 1e-5), (4, 5, 2e-5)])
def test_tiles_give_what_the_direct_way_gives(tile, kernel, most):
    torch.manual_seed(0)
    space = Workspace()
    for high, wide in product((kernel, 9, 14), (kernel + 1, 10, 17)):
        conv, window = nn.Conv2d(6, 8, kernel).double(), torch.randn(3, high, wide, 6, dtype=torch.float64)
        found = convolve(window, weights(conv, tile), conv.bias, kernel, space)
        wanted = conv(window.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
        assert found.shape == wanted.shape and torch.allclose(found, wanted, atol=1e-10)
    conv, window = nn.Conv2d(256, 64, kernel), torch.randn(4, 14, 14, 256).relu()
    found = convolve(window, weights(conv, tile), conv.bias, kernel, space).double()
    wanted = conv.double()(window.double().permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
    assert error(found, wanted) < most, "single precision loses no more than it must"


@torch.no_grad()
@pytest.mark.parametrize("padding", [(1, 1), (0, 2), (2, 1)])
def test_maps_that_share_their_padding_do_not_see_each_other(padding):
    space = Workspace()
    for count, down, across in product((1, 2, 5, 9), (1, 2, 3), (1, 2)):
        conv, maps = nn.Conv2d(4, 6, 3, padding=padding).double(), torch.randn(count, 7, 5, 4, dtype=torch.float64)
        space.take("mosaic", (20000,), maps).fill_(torch.nan)  # of another call
        window = joined(maps, padding, down, across, space)
        out = convolve(window, weights(conv), conv.bias, 3, space)
        wanted = conv(maps.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
        found = apart(out, count, tuple(wanted.shape[1:3]), tuple(2 - p for p in padding), down, across)
        assert torch.allclose(found, wanted, atol=1e-10)


@pytest.mark.parametrize(("count", "size", "gap", "wanted"), [
    (48, (7, 7), (1, 1), Way(5, 2, 2)),  # 15 = 3 x 5 outputs for two maps
    (48, (7, 7), None, Way(4)),  # windows that were cut out share nothing
    (48, (8, 8), (1, 1), Way(4)), (48, (12, 12), (1, 1), Way(4)),
    (25, (15, 15), None, Way(5)), (25, (14, 14), (1, 1), Way(5)),
    (8, (7, 7), (1, 1), Way(5, 2, 2)),  # the tiles that many maps take, whose weights are there
    (25, (11, 13), None, Way(4)),  # not worth weights for other tiles
    (1, (7, 7), (1, 1), None), (1, (10, 10), None, None), (48, (1, 1), None, None),
])
def test_the_way_with_the_fewest_products_is_taken(fast, count, size, gap, wanted):
    assert winograd.way(nn.Conv2d(512, 512, 3, padding=1), count, *size, gap) == wanted


def test_where_tiles_are_slow_none_are_taken(monkeypatch):
    monkeypatch.setattr(winograd, "gain", lambda *_: 0.25)
    assert winograd.way(nn.Conv2d(512, 512, 3, padding=1), 48, 8, 8) is None


class Wide(nn.Module):
    """Enough channels for tiles, maps that become whole, and a pixel that may become NaN."""

    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(1, 64, 3, stride=2, padding=1)
        self.parts = nn.Sequential(*(nn.Conv2d(64 if i == 0 else 128, 128, 3, padding=1) for i in range(4)))
        self.last = nn.Linear(128, 5)
        self.register_buffer("at", torch.zeros(1, 1, 14, 14))
        self.at[0, 0, 9, 4] = 1.0  # the pixel whose root is taken

    def forward(self, x):
        """Return five scores."""
        x = torch.where(self.at > 0, torch.sqrt(x), x)
        x = F.relu(self.first(x))
        return self.last(F.relu(self.parts(x)).mean((2, 3)))


@pytest.mark.parametrize("engine", ["incremental", "dense"])
def test_whole_maps_go_through_in_mosaics_and_scores_stay_right(fast, monkeypatch, engine):
    seen = []
    monkeypatch.setattr(windows, "joined", lambda *args: seen.append(args[2:4]) or joined(*args))
    net = network(lively(Wide()), (1, 14, 14))
    x, filled = torch.rand(2, 1, 14, 14)
    boxes = lattice(14, 14, 4, 2)
    found = evaluator(net, x, filled, engine=engine).run(boxes)[0]
    assert error(found, by_hand(net, x, filled, boxes)) < 1e-5 and (2, 2) in seen


def test_what_is_not_a_number_is_told_of_the_position_it_comes_from(fast, monkeypatch):
    net = network(lively(Wide()), (1, 14, 14))
    image = np.full((14, 14), 0.9, np.float32)
    fill = torch.full((1, 14, 14), -0.5)
    monkeypatch.setattr(sys.modules["deepviz_widgets.methods.occlusion.run"], "filled", lambda *_args, **_named: fill)
    with pytest.raises(dv.NetworkError, match=r"With the patch at \((8|9), (3|4)\)"):
        list(occlusion(net, image, patch=2, stride=1, engine="dense"))
