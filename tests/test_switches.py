"""Switched units: what they do to the passes of one network, and that they do nothing to the model or to others."""

from __future__ import annotations

import threading

import numpy as np
import pytest
import torch
from torch import nn

import deepviz_widgets as dv
from deepviz_widgets.methods import activations, occlusion


@pytest.fixture
def net(model):
    return dv.Network(model, input_size=(3, 16, 16), classes=list("abcde"))


@pytest.fixture
def image():
    return dv.as_picture(np.random.default_rng(3).integers(0, 255, (16, 16, 3), np.uint8))


def test_a_unit_that_is_off_answers_zero_and_the_others_as_before(net, image, unchanged):
    with unchanged(net.model):
        before, after = (activations(one, image, "0").maps for one in (net, net.switched({"0": [2]})))
    assert before[2].any() and not after[2].any()
    assert np.array_equal(np.delete(before, 2, 0), np.delete(after, 2, 0))


def test_a_unit_can_be_held_at_a_value(net, image):
    assert (activations(net.switched({"0": {1: -2.5}}), image, "0").maps[1] == -2.5).all()


def test_the_network_that_was_switched_and_other_views_of_the_model_stay_as_they_are(net, image, unchanged):
    with unchanged(net.model):
        whole = net.scores(image).raw
        without = net.switched({"0": [0, 1, 2]})
        assert not np.array_equal(without.scores(image).raw, whole)
        assert np.array_equal(net.scores(image).raw, whole)
        assert np.array_equal(without.switched({}).scores(image).raw, whole)
    assert net.altered == ()


def test_switching_a_unit_off_is_the_same_as_clearing_its_weights(net, image):
    copy = torch.nn.Sequential(*net.model)
    found = net.switched({"0": [3]}).scores(image).raw
    weights, bias = copy[0].weight.data.clone(), copy[0].bias.data.clone()
    try:
        copy[0].weight.data[3] = 0
        copy[0].bias.data[3] = 0
        assert np.allclose(net.scores(image).raw, found, atol=1e-6)
    finally:
        copy[0].weight.data.copy_(weights)
        copy[0].bias.data.copy_(bias)


def test_an_error_inside_the_pass_leaves_no_hook(net, unchanged):
    without = net.switched({"0": [0]})
    with unchanged(net.model), pytest.raises(dv.NetworkError):
        without.forward(torch.zeros(1, 7, 16, 16))


def test_passes_of_the_user_in_another_thread_are_not_switched(net, image):
    batch, theirs = net.inputs(image), []
    wanted = net.model(batch)
    without = net.switched({"0": [0, 1, 2, 3]})
    with without.running():
        other = threading.Thread(target=lambda: theirs.append(net.model(batch)))
        other.start()
        other.join()
        assert not torch.equal(net.model(batch), wanted)
    assert torch.equal(theirs[0], wanted)


def test_units_of_tokens_and_of_channels_last_are_switched(image):
    class Tokens(nn.Module):
        def __init__(self):
            super().__init__()
            self.cut, self.mix, self.head = nn.Conv2d(3, 6, 4, 4), nn.Linear(6, 6), nn.Linear(6, 5)

        def forward(self, x):
            tokens = self.mix(self.cut(x).flatten(2).transpose(1, 2))
            return self.head(tokens.mean(1))

    torch.manual_seed(0)
    net = dv.Network(Tokens(), input_size=(3, 16, 16))
    before, after = (activations(one, image, "mix").maps for one in (net, net.switched({"mix": [4]})))
    assert not after[4].any() and np.array_equal(np.delete(before, 4, 0), np.delete(after, 4, 0))


def test_occlusion_follows_the_switches(net, image):
    without = net.switched({"0": {0: 1.0, 5: 0.0}})
    run = occlusion(without, image, patch=4, stride=4)
    *_, sweep = run
    clean = without.scores(image).raw[0]
    assert np.allclose(sweep.base_raw, clean, atol=1e-5)
    assert run.how == "dense"
    assert not np.allclose(sweep.base_raw, net.scores(image).raw[0], atol=1e-5)


@pytest.mark.parametrize("units, says", [
    ({"nope": [0]}, "No layer 'nope'"), ({"0": [99]}, "no unit 99"), ({"0": {1: float("nan")}}, "finite"),
    ({"0": ["a"]}, "counted from 0"),
])
def test_what_cannot_be_switched_is_said(net, units, says):
    with pytest.raises(ValueError, match=says):
        net.switched(units)
