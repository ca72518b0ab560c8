"""`methods.activations`: what a layer answers, against forward passes written out by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from networks import small_network
from torch import nn

import deepviz_widgets as dv
from deepviz_widgets.methods import activations, survey
from deepviz_widgets.methods.activations import overview


class ReadsOnePixel(nn.Module):
    """Channel c is the input, shifted so that its pixel (1, 2) lands on cell (0, c)."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 2, 3, bias=False)
        with torch.no_grad():
            self.conv.weight.zero_()
            self.conv.weight[0, 0, 1, 2] = self.conv.weight[1, 0, 1, 1] = 1

    def forward(self, x):
        return self.conv(x).mean((2, 3))


@pytest.fixture
def net(model):
    return dv.Network(model, input_size=(3, 16, 16))


@pytest.fixture
def images():
    return dv.ImageSet(np.random.default_rng(0).integers(0, 255, (10, 16, 16, 3), np.uint8))


def test_a_network_that_reads_one_pixel_answers_where_it_lies():
    net = dv.Network(ReadsOnePixel(), input_size=(1, 6, 6))
    image = np.zeros((6, 6), np.uint8)
    image[1, 2] = 255
    maps = activations(net, image, "conv").maps
    assert np.argwhere(maps).tolist() == [[0, 0, 0], [1, 0, 1]] and maps.max() == 1


def test_statistics_over_images_find_the_dead_channel_and_only_it(net, images):
    with torch.no_grad():
        net.model[0].weight[5], net.model[0].bias[5] = 0, -1
    found = list(survey(net, images, "2", batch=4))
    assert [part.done for part in found] == [4, 8, 10]
    assert found[-1].dead.tolist() == [5]
    each = np.stack([activations(net, picture, "2").maps for picture in images])
    assert np.allclose(found[-1].active, (each != 0).any((2, 3)).mean(0))
    assert np.allclose(found[-1].mean, each.mean((0, 2, 3)), atol=1e-6)


def test_the_batch_size_does_not_change_the_statistics(net, images):
    one, many = (list(survey(net, images, "4.conv1", batch=batch))[-1] for batch in (1, 7))
    assert np.allclose(one.strength, many.strength, atol=1e-6) and np.allclose(one.high, many.high, atol=1e-6)


def test_images_of_different_sizes_are_measured_together():
    net = dv.Network(small_network())
    images = dv.ImageSet([np.full((16, 16, 3), 255, np.uint8), np.full((20, 24, 3), 255, np.uint8)])
    found = list(survey(net, images, "0"))[-1]
    each = [activations(net, picture, "0").maps for picture in images]
    assert {maps.shape for maps in each} == {(8, 16, 16), (8, 20, 24)}
    cells = np.concatenate([maps.reshape(8, -1) for maps in each], 1)
    assert np.allclose(found.mean, cells.mean(1), atol=1e-6)


def test_a_vision_transformer_gives_maps_and_its_class_token():
    from torchvision.models import VisionTransformer

    torch.manual_seed(0)
    model = VisionTransformer(image_size=32, patch_size=8, num_layers=2, num_heads=2, hidden_dim=16, mlp_dim=32).eval()
    net = dv.Network(model, input_size=(3, 32, 32))
    image = np.random.default_rng(0).integers(0, 255, (32, 32, 3), np.uint8)
    found = activations(net, image, "encoder.layers.encoder_layer_0")
    tokens = []
    handle = model.encoder.layers[0].register_forward_hook(lambda _m, _i, out: tokens.append(out[0]))
    with torch.no_grad():
        model(net.input(image)[None])
    handle.remove()
    assert found.maps.shape == (16, 4, 4) and found.extra.shape == (16, 1)
    assert np.allclose(found.maps[3, 2, 1], tokens[0][1 + 2 * 4 + 1, 3], atol=1e-6)
    assert np.allclose(found.extra[:, 0], tokens[0][0], atol=1e-6)


def test_orders_are_by_strength_and_sparsity_and_ties_keep_the_index(net, images):
    found = activations(net, images[0], "2")
    assert np.array_equal(found.order("index"), np.arange(8))
    assert np.all(np.diff(found.strength[found.order("strongest")]) <= 0)
    assert np.all(np.diff(found.active[found.order("sparsest")]) >= 0)
    with pytest.raises(ValueError, match="ordered by 'index', 'strongest', 'sparsest'; 'loudest' is none"):
        found.order("loudest")


def test_an_overview_averages_and_never_enlarges():
    maps = np.arange(2 * 4 * 6, dtype=np.float32).reshape(2, 4, 6)
    assert np.array_equal(overview(maps, (2, 3)), maps.reshape(2, 2, 2, 3, 2).mean((2, 4)))
    assert overview(maps, (100, 100)) is maps


def test_an_unknown_call_says_how_often_the_layer_runs(net, images):
    with pytest.raises(ValueError, match="Layer '4.relu' is called 2 times; there is no call 2"):
        activations(net, images[0], "4.relu", call=2)


def test_the_model_is_untouched_by_both(net, images, unchanged):
    net.model.train()
    with unchanged(net.model):
        activations(net, images[0], "4.conv1")
        for _ in survey(net, images, "2", batch=3):
            break
