"""One forward pass of a live picture: what it shows, and how pictures are drawn for a network."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from networks import small_network
from torch import nn

import deepviz_widgets as dv
from deepviz_widgets.methods import activations, glance
from deepviz_widgets.methods.live import blank, box_of, convention, placed, telling_layers


def counting(model):
    calls = []
    model.register_forward_hook(lambda *_: calls.append(1))
    return calls


def test_one_glance_is_one_pass_and_shows_what_the_layers_answer_one_by_one(unchanged):
    model = small_network()
    calls = counting(model)
    net = dv.Network(model, input_size=(3, 16, 16))
    image = np.random.default_rng(0).integers(0, 255, (16, 16, 3), np.uint8)
    names = ["0", "4.relu", "4", "7"]
    calls.clear()
    with unchanged(model):
        found = glance(net, image, names)
    assert len(calls) == 1 and list(found.layers) == names
    for name in names:  # an in-place ReLU after a layer must not show in it
        np.testing.assert_allclose(found.layers[name].maps, activations(net, image, name).maps, rtol=1e-6)
    np.testing.assert_allclose(found.scores.raw, net.scores(image).raw, rtol=1e-6)


def test_a_layer_has_one_scale_that_starts_at_zero_or_is_centred_there():
    seen = dv.methods.live.Seen
    assert seen("a", np.array([[[0.0, 3.0]], [[1.0, 0.5]]], np.float32)).range == (0.0, 3.0)
    assert seen("a", np.array([[[-4.0, 3.0]]], np.float32)).range == (-4.0, 4.0)


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 40), st.integers(1, 70), st.integers(1, 70), st.integers(1, 30), st.integers(1, 60))
def test_shrunk_maps_keep_to_their_limits_and_their_mean(channels, height, width, most, side):
    maps = np.random.default_rng(0).random((channels, height, width), np.float32)
    small = dv.methods.live.Seen("a", maps).shrunk(most, side, 4000)
    assert len(small) == min(channels, most) and max(small.shape[1:]) <= side
    assert small.size <= max(4000, len(small))
    if height % small.shape[1] == 0 and width % small.shape[2] == 0:
        np.testing.assert_allclose(small.mean((1, 2)), maps[: len(small)].mean((1, 2)), rtol=1e-4)


def test_nan_is_named_by_its_layer():
    model = small_network()
    with torch.no_grad():
        model[4].conv1.weight[0] = float("nan")
    with pytest.raises(dv.NetworkError, match="4.conv1"):
        glance(dv.Network(model, input_size=(3, 16, 16)), np.zeros((16, 16, 3), np.uint8), ["0", "4"])


def test_all_of_a_small_network_is_shown_and_a_few_telling_layers_of_a_large_one():
    net, _ = dv.demo.digits()
    assert telling_layers(net) == [layer.name for layer in net.layers if layer.kind != "Flatten"]
    resnet = dv.Network.pretrained("resnet18", weights=None)
    assert telling_layers(resnet)[:5] == ["conv1", "bn1", "relu", "maxpool", "layer1.0"]
    assert telling_layers(resnet)[-2:] == ["avgpool", "fc"]
    for number in (17, 40):  # one long row of layers, with nothing around them
        parts = [part for _ in range(number) for part in (nn.Conv2d(3, 3, 3, padding=1), nn.ReLU())]
        rows = telling_layers(dv.Network(nn.Sequential(*parts, nn.Flatten(), nn.Linear(192, 2)), input_size=(3, 8, 8)))
        assert 6 <= len(rows) <= 16 and rows[-1] == str(2 * number + 1)


@pytest.mark.parametrize(("mean", "light"), [(0.13, True), (0.87, False)])
def test_the_polarity_follows_the_preprocessing(mean, light):
    class Scaled:
        mean, std = torch.tensor([0.5]), torch.tensor([0.3])

        def __call__(self, image):
            return (torch.from_numpy(np.array(image, np.float32) / 255)[None] - self.mean[0]) / self.std[0]

    Scaled.mean = torch.tensor([mean])
    net = dv.Network(small_network(1), transform=Scaled(), input_size=(1, 28, 28))
    assert convention(net).light is light and convention(net).centred


@pytest.mark.parametrize("dark", [False, True])
def test_the_images_tell_polarity_size_and_stroke(dark):
    net = dv.Network(small_network(1), input_size=(1, 32, 32))
    pixels = np.zeros((6, 32, 32), np.uint8)
    pixels[:, 8:24, 14:17] = 255  # a bar of half the sheet's height, 3 px wide
    found = convention(net, dv.ImageSet(255 - pixels if dark else pixels))
    assert found.light is not dark and found.fill == 0.5
    assert 2.5 / 32 < found.width < 4.5 / 32


def test_photographs_have_no_paper_and_colour_networks_take_dark_ink_on_white():
    noise = dv.ImageSet(np.random.default_rng(0).integers(90, 160, (6, 32, 32), np.uint8))
    net = dv.Network(small_network(1), input_size=(1, 32, 32))
    assert convention(net, noise) == convention(net)
    assert not convention(dv.Network(small_network(), input_size=(3, 32, 32))).light


@settings(max_examples=60, deadline=None)
@given(*[st.integers(0, 60)] * 2, *[st.integers(4, 60)] * 2, st.floats(0.3, 1.0), st.booleans())
def test_a_placed_drawing_lies_in_the_middle_at_its_size(top, left, height, width, fill, light):
    sheet = np.zeros((128, 128, 1), np.uint8)
    sheet[top : top + height, left : left + width] = 255
    moved = placed(sheet if light else 255 - sheet, light=light, fill=fill)
    top, bottom, left, right = box_of((moved if light else 255 - moved)[..., 0] > 127)
    blur = 128 * fill / max(height, width) / 4  # enlarged so far, the edge of a pixel is known to a quarter of it
    assert abs(max(bottom - top, right - left) - 128 * fill) <= 2 + blur
    assert abs((top + bottom) / 2 - 64) <= 1.5 and abs((left + right) / 2 - 64) <= 1.5


def test_an_empty_sheet_stays_empty():
    for light in (True, False):
        sheet = blank((32, 32, 1), light=light)
        assert np.array_equal(placed(sheet.data, light=light, fill=0.7), sheet.data)
        assert sheet.data.max() == sheet.data.min() == (0 if light else 255)
