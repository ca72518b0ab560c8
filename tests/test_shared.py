"""One forward pass that serves several views of an image: the same answers, fewer passes, never an old one."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from networks import small_network

import deepviz_widgets as dv
from deepviz_widgets.methods import activations
from deepviz_widgets.methods.kernels.response import respond


class Counting(torch.nn.Sequential):
    passes = 0

    def forward(self, x):
        type(self).passes += 1
        return super().forward(x)


@pytest.fixture
def net():
    net = dv.Network(Counting(*small_network()).eval(), input_size=(3, 16, 16), classes=list("abcde"))
    Counting.passes = 0
    return net


@pytest.fixture
def images():
    return dv.ImageSet(np.random.default_rng(0).integers(0, 255, (4, 16, 16, 3), np.uint8))


def test_scores_maps_and_what_kernels_read_come_of_one_pass(net, images, unchanged):
    alone = net.scores(images[0]).raw, activations(net, images[0], "4").maps, respond(net, images[0], "0").answer
    Counting.passes, owner = 0, object()
    net.sharing.share(owner, ["0", "4"])
    with unchanged(net.model):
        shared = net.scores(images[0]).raw, activations(net, images[0], "4").maps, respond(net, images[0], "0").answer
    assert Counting.passes == 1
    assert all(np.array_equal(a, b) for a, b in zip(alone, shared, strict=True))


def test_a_layer_that_is_not_shared_and_several_images_are_run_as_ever(net, images):
    net.sharing.share(owner := object(), ["0"])
    net.scores(images[0])
    activations(net, images[0], "4")
    net.scores(images)
    assert Counting.passes == 3
    net.sharing.share(owner, None)
    net.scores(images[0])
    assert Counting.passes == 4


def test_weights_that_changed_are_noticed(net, images):
    net.sharing.share(object(), ["0"])
    before = net.scores(images[0]).raw
    with torch.no_grad():
        net.model[0].weight[0] += 1
    after = net.scores(images[0]).raw
    assert not np.array_equal(before, after)
    net.sharing.share(object(), [])
    assert np.array_equal(after, dv.Network(net.model, input_size=(3, 16, 16)).scores(images[0]).raw)


def test_switches_are_noticed(net, images):
    lab = net.switched({})
    lab.sharing.share(object(), ["0"])
    whole = lab.scores(images[0]).raw
    lab.altered = (("0", 1, 0.0),)
    off = lab.scores(images[0]).raw
    assert not np.array_equal(whole, off) and not activations(lab, images[0], "0").maps[1].any()
    lab.altered = ()
    assert np.array_equal(lab.scores(images[0]).raw, whole)


def test_going_back_and_forth_between_two_images_runs_each_once(net, images):
    net.sharing.share(object(), ["0"])
    for index in (0, 1, 0, 1, 0):
        net.scores(images[index])
    assert Counting.passes == 2


def test_what_a_caller_does_with_its_copy_does_not_reach_the_next(net, images):
    net.sharing.share(object(), ["0"])
    batch = net.inputs(images[0])
    first = net.forward(batch)
    wanted = first.clone()
    first.zero_()
    assert torch.equal(net.forward(batch), wanted)


def test_a_model_that_fails_leaves_no_hook_and_the_next_pass_works(net, images, unchanged):
    net.sharing.share(object(), ["0", "4"])
    with unchanged(net.model):
        with pytest.raises(dv.NetworkError):
            net.forward(torch.zeros(1, 9, 16, 16))
        assert net.scores(images[0]).raw.shape == (1, 5)
