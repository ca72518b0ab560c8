"""The effective receptive field: how strongly a unit answers to each pixel, image after image."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from fields_oracle import made
from PIL import Image
from torch import nn

import deepviz_widgets as dv
from deepviz_widgets.methods.receptive_field import alike, effective_receptive_field, effective_receptive_fields


def test_the_effective_field_of_one_convolution_is_its_summed_kernel():
    net = made(nn.Conv2d(1, 2, 3, padding=1), size=(1, 7, 7))
    with torch.no_grad():
        net.model[0].weight[1] = torch.tensor([[1.0, -2, 3], [4, -5, 6], [-7, 8, 9]])
    found = effective_receptive_field(net, torch.rand(2, 1, 7, 7), "0", channel=1, at=(2, 4))
    kernel = net.model[0].weight[1, 0].abs().detach().numpy()
    assert np.allclose(found.map[1:4, 3:6], kernel / kernel.sum(), atol=1e-6)
    assert found.inside == pytest.approx(1) and found.map.sum() == pytest.approx(1) and found.images == 2
    assert found.map.dtype == np.float32 and found.size == 3


def test_the_effective_field_lies_inside_the_theoretical_one_is_smaller_and_is_the_same_each_time():
    torch.manual_seed(0)
    net = made(*(nn.Conv2d(3, 3, 5, padding=2) for _ in range(4)), size=(3, 33, 33))
    images = torch.rand(3, 3, 33, 33)
    found, again = (effective_receptive_field(net, images, "3") for _ in range(2))
    assert np.array_equal(found.map, again.map) and found.at == (16, 16)
    assert found.field.size == (17, 17) and found.inside == pytest.approx(1, abs=1e-5) and 1 < found.size < 17


def test_an_in_place_relu_after_a_layer_does_not_disturb_its_gradient(model):
    net = dv.Network(model, input_size=(3, 16, 16))
    found = effective_receptive_field(net, np.full((16, 16, 3), 90, np.uint8), "1")
    assert found.inside == pytest.approx(1) and found.map.sum() == pytest.approx(1)


def test_a_unit_that_answers_to_nothing_has_an_empty_effective_field():
    net = made(nn.Conv2d(3, 4, 3), nn.ReLU())
    with torch.no_grad():
        net.model[0].bias.fill_(-100)
    found = effective_receptive_field(net, torch.rand(2, 3, 24, 20), "1")
    assert found.map.sum() == 0 and found.size == 0 and found.inside == 0
    assert (found.images, found.answered) == (2, 0)


def plain(net: dv.Network, bright: float) -> torch.Tensor:
    """An image of one colour."""
    return torch.full(net.input_size, bright)


def test_an_image_to_which_a_unit_is_silent_is_counted_and_adds_nothing():
    net = made(nn.Conv2d(1, 1, 3, bias=False), nn.ReLU(), size=(1, 9, 9))
    with torch.no_grad():
        net.model[0].weight.copy_(torch.rand(1, 1, 3, 3) + 0.1)
    images = [plain(net, value) for value in (1.0, -1.0, 2.0)]
    every = list(effective_receptive_fields(net, images, "1", at=(4, 4)))
    assert [(found.images, found.answered) for found in every] == [(1, 1), (2, 1), (3, 2)]
    assert np.array_equal(every[0].map, every[1].map)
    silent = effective_receptive_field(net, images[1], "1", at=(4, 4))
    assert (silent.images, silent.answered, silent.map.any()) == (1, 0, False)


def test_each_result_is_the_mean_of_the_absolute_gradients_so_far():
    torch.manual_seed(0)
    net = made(nn.Conv2d(3, 4, 3, padding=1), nn.Tanh(), nn.Conv2d(4, 4, 5, padding=2))
    images = torch.rand(3, 3, 24, 20)
    gradients = []
    for image in images:
        batch = image[None].clone().requires_grad_()
        net.model[:3](batch)[0, 2, 7, 9].backward()
        gradients.append(batch.grad[0].abs().sum(0).numpy())
    every = list(effective_receptive_fields(net, images, "2", channel=2, at=(7, 9)))
    assert [found.images for found in every] == [1, 2, 3]
    for so_far, found in enumerate(every, 1):
        mean = np.mean(gradients[:so_far], 0)
        assert np.allclose(found.map, mean / mean.sum(), atol=1e-7)
    assert not np.allclose(every[0].map, every[2].map, atol=1e-5)
    assert np.array_equal(every[2].map, effective_receptive_field(net, images, "2", channel=2, at=(7, 9)).map)


def test_images_are_taken_one_at_a_time_and_only_when_asked_for(model, unchanged):
    net, taken = dv.Network(model, input_size=(3, 16, 16)), []

    def images():
        for number in range(5):
            taken.append(number)
            yield torch.full((3, 16, 16), number / 5)

    with unchanged(model):
        results = effective_receptive_fields(net, images(), "3", channel=1, at=(0, 3))
        assert taken == []
        assert next(results).images == 1 and taken == [0]
        assert next(results).images == 2 and taken == [0, 1]
        results.close()


def test_like_images_begin_with_the_chosen_one_are_spread_over_the_set_and_have_one_size():
    grey = [np.full((12, 12, 3), 10 * number, np.uint8) for number in range(20)]
    grey[5] = np.zeros((9, 12, 3), np.uint8)  # another size
    net = dv.Network(nn.Sequential(nn.Conv2d(3, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten()))

    def colours(*at: int) -> list[int]:
        return [round(float(tensor.mean()) * 255 / 10) for tensor in alike(net, dv.ImageSet(grey), *at)]

    assert colours(3) == [3, 8, 10, 13, 15, 18, 0]  # not the 5th
    assert colours(3, 2) == [3, 13]
    assert [tuple(tensor.shape) for tensor in alike(net, dv.ImageSet(grey), 5)] == [(3, 9, 12)]


@pytest.mark.filterwarnings("ignore:.*left out")
def test_an_image_that_cannot_be_read_is_left_out_of_the_like_ones(tmp_path):
    for name in "abc":
        Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)).save(tmp_path / f"{name}.jpg")
    whole = (tmp_path / "b.jpg").read_bytes()
    (tmp_path / "b.jpg").write_bytes(whole[: len(whole) // 2])
    net = made(nn.Conv2d(3, 4, 3), size=(3, 64, 64))
    assert len(list(alike(net, dv.ImageSet(tmp_path), 2))) == 2
