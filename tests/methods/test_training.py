"""Watching a training: what is dead, right and healthy, known by construction."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

import deepviz_widgets as dv


@pytest.fixture
def net():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.AdaptiveAvgPool2d(4), nn.Flatten(),
                          nn.Linear(96, 8), nn.ReLU(), nn.Linear(8, 3))
    return dv.Network(model, input_size=(1, 12, 12), classes=list("abc"))


@pytest.fixture
def images():
    pixels = np.random.default_rng(0).integers(0, 255, (70, 12, 12, 1), np.uint8)
    return dv.ImageSet(pixels, labels=np.arange(70) % 3, classes=list("abc"))


def test_units_that_are_killed_are_counted_where_they_are(net, images, unchanged):
    watch = dv.methods.Watch(net, images)
    with torch.no_grad():
        for unit in range(6):
            net.model[0].bias[unit] = 5.0  # all awake
        net.model[4].bias.fill_(50.0)
    watch.look("alive")
    with torch.no_grad():
        net.model[0].bias[2] = net.model[0].bias[5] = -1000.0
        net.model[4].bias[:3] = -1000.0
    with unchanged(net.model):
        found = watch.look("killed")
    assert watch.dead == {"1": [0, 2], "5": [0, 3]} and found.units == {"1": 6, "5": 8}
    assert "dead units 1: 2 of 6, 5: 3 of 8" in repr(found) and repr(watch).count("\n") == 1


def test_the_counts_are_those_of_the_survey_of_each_layer(net, images):
    found = dv.methods.Watch(net, images).look()
    for layer, count in found.dead.items():
        *_, survey = dv.methods.survey(net, images, layer)
        assert len(survey.dead) == count


def test_the_checkpoints_keep_the_weights_of_their_moment_and_the_accuracy_is_the_network_s(net, images):
    watch = dv.methods.Watch(net, images)
    first = watch.look("start")
    before = net.model[0].weight.detach().clone()
    with torch.no_grad():
        net.model[0].weight.mul_(-3)
        net.model[6].bias[1] = 1e4
    second = watch.look("later")
    assert torch.equal(watch.checkpoints["start"].model[0].weight, before)
    assert torch.equal(watch.checkpoints["later"].model[0].weight, net.model[0].weight)
    assert second.accuracy == pytest.approx(np.mean(images.labels == 1))
    assert first.accuracy == pytest.approx(np.mean(net_named(watch.checkpoints["start"], images) == images.labels))
    assert dv.KernelGrid(watch.checkpoints, layer="0").step == 1


def net_named(net, images):
    return net.scores(images).raw.argmax(1)


def test_scores_that_are_no_numbers_are_said(net, images):
    net.model[6].weight.data[0, 0] = float("nan")
    found = dv.methods.Watch(net, images).look()
    assert not found.finite and "no numbers" in repr(found)


def test_what_cannot_be_watched_is_refused_in_words(net, images):
    with pytest.raises(ValueError, match="No layer '9'"):
        dv.methods.Watch(net, images, layers=["9"])
    with pytest.raises(ValueError, match="no images"):
        dv.methods.Watch(net, images[:0])
    watch = dv.methods.Watch(net, images)
    watch.look("start")
    with pytest.raises(ValueError, match="a look 'start' already"):
        watch.look("start")
