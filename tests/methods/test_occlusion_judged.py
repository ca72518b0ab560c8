"""Stability of occlusion maps over patches and fills; deletion and insertion curves."""

from __future__ import annotations

import time
from collections import deque

import numpy as np
import pytest
import torch
from occlusion_nets import ReadsOnePixel, ReadsTheMean

import deepviz_widgets as dv
from deepviz_widgets.methods.incremental import Evaluator
from deepviz_widgets.methods.occlusion import curves, forecast, occlusion, stability

IMAGE = np.random.default_rng(1).random((16, 16)).astype(np.float32)


def last(results):
    return deque(results, maxlen=1)[0]


@pytest.fixture
def mean_net():
    return dv.Network(ReadsTheMean(), input_size=(1, 16, 16))


def test_a_band_is_mean_and_spread_over_patches_and_fills(mean_net):
    found = list(stability(mean_net, IMAGE, target=1, patches=(4, (8, 2)), fills=("black", 0.5), kind="logit"))
    heats = [
        last(occlusion(mean_net, IMAGE, patch=patch, fill=fill)).heat(1, "logit")
        for patch in (4, (8, 2)) for fill in ("black", 0.5)
    ]
    band = found[-1]
    assert np.allclose(band.mean, np.mean(heats, 0), atol=1e-6)
    assert np.allclose(band.spread, np.std(heats, 0), atol=1e-6)
    assert np.allclose(band.low, np.min(heats, 0), atol=1e-6) and np.allclose(band.high, np.max(heats, 0), atol=1e-6)
    assert band.repeats == (((4, 4), "black"), ((4, 4), "colour"), ((8, 2), "black"), ((8, 2), "colour"))
    assert band.done == band.total and [part.done for part in found] == sorted(part.done for part in found)
    same = np.mean([np.sign(heat) == np.sign(band.mean) for heat in heats], 0)
    assert np.allclose(band.same_sign, same) and 0 < band.same_sign.mean() < 1


def test_a_band_of_a_map_that_does_not_depend_on_the_fill_has_no_spread_over_fills():
    net = dv.Network(ReadsOnePixel(5, 9), input_size=(1, 16, 16))
    image = np.where(IMAGE > 0.5, 0.8, 0.7).astype(np.float32)
    band = last(stability(net, image, target=0, patches=(4,), fills=(0.2, (0.2,)), kind="logit"))
    assert not band.spread.any() and band.mean[5, 9] > 0.4 and band.steady[5, 9] and not band.steady[0, 0]


def test_a_band_needs_something_to_repeat(mean_net):
    with pytest.raises(ValueError, match="at least one patch and one fill"):
        last(stability(mean_net, IMAGE, fills=()))


def test_curves_of_a_mean_follow_the_brightness_that_is_left(mean_net):
    heat = IMAGE
    found = last(curves(mean_net, IMAGE, heat, 0, patch=1, steps=8, fill="black", kind="logit"))
    bright = np.sort(IMAGE.ravel())[::-1]
    left = np.array([bright[count:].sum() / 256 for count in range(0, 257, 32)])
    assert np.allclose(found.deletion, left, atol=1e-6)
    assert np.allclose(found.insertion, left[0] - left, atol=1e-6)
    assert np.allclose(found.shares, np.linspace(0, 1, 9))
    assert np.isclose(found.deletion_area, ((left[1:] + left[:-1]) / 2).mean(), atol=1e-6)


def test_a_map_that_points_at_what_matters_beats_random_patches(mean_net):
    found = last(curves(mean_net, IMAGE, IMAGE, 0, patch=2, fill="black", kind="logit", random=8))
    assert found.deletion_area < found.random_deletion_areas.min()
    assert found.insertion_area > found.random_insertion_areas.max()
    worst = last(curves(mean_net, IMAGE, -IMAGE, 0, patch=2, fill="black", kind="logit", random=8))
    assert worst.deletion_area > worst.random_deletion_areas.max()


def test_curves_come_one_random_order_at_a_time_and_follow_the_seed(mean_net):
    found = list(curves(mean_net, IMAGE, IMAGE, 0, patch=4, random=3, seed=5))
    assert [len(part.random_deletion) for part in found] == [0, 1, 2, 3] and found[-1].total == 3
    again = last(curves(mean_net, IMAGE, IMAGE, 0, patch=4, random=3, seed=5))
    other = last(curves(mean_net, IMAGE, IMAGE, 0, patch=4, random=3, seed=6))
    assert np.allclose(again.random_deletion, found[-1].random_deletion, atol=1e-6)
    assert not np.allclose(other.random_deletion, again.random_deletion, atol=1e-4)


def test_tiles_at_the_edge_count_with_their_own_area(mean_net):
    found = last(curves(mean_net, IMAGE, np.arange(256.0).reshape(16, 16), 0, patch=10, steps=4, random=0))
    assert np.allclose(found.shares * 256, [0, 36, 96, 156, 256])


@pytest.mark.parametrize(("heat", "says"), [
    (np.zeros((8, 8)), "finite and 16 × 16, as the network's input; this one has 8 × 8 values"),
    (np.full((16, 16), np.nan), "has NaN or infinite values"),
])
def test_a_heat_map_of_another_kind_is_refused(mean_net, heat, says):
    with pytest.raises(ValueError, match=says):
        last(curves(mean_net, IMAGE, heat, 0))


def test_the_model_is_untouched(model, unchanged):
    net = dv.Network(model, input_size=(3, 16, 16))
    image = np.random.default_rng(0).integers(0, 255, (16, 16, 3), np.uint8)
    with unchanged(net.model):
        next(iter(stability(net, image, patches=(8,))))
        last(curves(net, image, np.ones((16, 16)), 0, random=1))


def test_a_forecast_counts_what_will_be_computed(model):
    net = dv.Network(model, input_size=(3, 16, 16))
    image = np.zeros((16, 16, 3), np.uint8)
    image[:6, :6] = 200
    cost = forecast(net, image, patch=4, stride=4, fill="black")
    assert (cost.positions, cost.forwards) == (16, 5) and cost.seconds > 0 and cost.memory_bytes >= 16 * 5 * 4
    assert str(cost).startswith("16 positions: 5 forward passes, 12 positions for nothing, about ")
    assert forecast(net, image, patch=4, stride=2, fill="grey").seconds > 0
    nothing = forecast(net, np.zeros((16, 16, 3), np.uint8), fill="black")
    assert nothing.forwards == 1 and nothing.seconds == 0


def test_a_forecast_takes_the_time_of_a_few_positions_for_all(monkeypatch):
    """With a clock by which a position takes a hundredth of a second."""
    torch.manual_seed(0)
    net = dv.Network(torch.nn.Sequential(
        torch.nn.Conv2d(3, 48, 3, padding=1), torch.nn.ReLU(), torch.nn.Conv2d(48, 48, 3, padding=1), torch.nn.ReLU(),
        torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(), torch.nn.Linear(48, 10)), input_size=(3, 64, 64))
    image = np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)
    sizes, begin = [], Evaluator.begin
    monkeypatch.setattr(Evaluator, "begin", lambda self, boxes: sizes.append(len(boxes)) or begin(self, boxes))
    monkeypatch.setattr(time, "perf_counter", lambda: sum(sizes) / 100)
    cost = forecast(net, image, patch=16, stride=2)
    assert cost.positions == 625 and sum(sizes) <= 20
    assert cost.seconds == pytest.approx(6.25)
    maps = 4 * (3 + 4 * 48) * 64 * 64  # the clean ones, before the average
    assert maps <= cost.memory_bytes <= 40 * maps


def test_what_a_larger_network_and_more_positions_need_is_more():
    def net(width):
        return dv.Network(torch.nn.Sequential(torch.nn.Conv2d(3, width, 3), torch.nn.AdaptiveAvgPool2d(1),
                                              torch.nn.Flatten(), torch.nn.Linear(width, 5)), input_size=(3, 32, 32))

    image = np.random.default_rng(0).integers(0, 255, (32, 32, 3), np.uint8)
    few, many = (forecast(net(8), image, patch=8, stride=stride) for stride in (8, 2))
    assert many.forwards > few.forwards and many.memory_bytes > few.memory_bytes
    assert forecast(net(64), image, patch=8, stride=8).memory_bytes > few.memory_bytes + 56 * 30 * 30 * 4
    dense = forecast(net(8), image, patch=8, stride=8, engine="dense")
    assert dense.how == "dense" and dense.memory_bytes > 0
