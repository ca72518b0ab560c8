"""`KernelGrid`: what the page gets are the weights themselves, the verdict, and the arithmetic on an image."""

from __future__ import annotations

import copy
import gc
import json
import weakref

import numpy as np
import pytest
import torch
import traitlets
from fake_page import FakePage
from networks import small_network
from torch import nn

import deepviz_widgets as dv
from deepviz_widgets.widgets import wire


def f4(raw, *shape):
    return np.frombuffer(raw, "<f4").reshape(shape)


def tiles_of(grid):
    """The tiles as the page unpacks them: (steps, count, planes, h, w)."""
    meta = grid._kernels_meta
    shape = (meta["steps"], meta["count"], meta["planes"], *meta["shape"])
    if meta["codec"] == "f4":
        return f4(grid._kernels, *shape)
    most = f4(grid._most, *shape[:2])[..., None, None, None]
    return (np.frombuffer(grid._kernels, np.uint8).reshape(shape) / 255 * 2 - 1) * most


def input_of(grid):
    meta = grid._input_meta
    levels = np.frombuffer(grid._input, "<u2" if meta["bits"] == 16 else np.uint8).reshape(meta["shape"])
    return meta["lo"] + levels / (2 ** meta["bits"] - 1) * (meta["hi"] - meta["lo"])


def weights_of(net, layer):
    return net.module(layer).weight.detach().numpy()


def test_the_page_gets_the_kernels_of_the_first_layer_as_they_are(net, images, unchanged):
    with unchanged(net.model):
        grid = dv.KernelGrid(net, images)
        assert grid.status == "running" and grid._kernels == b"", "nothing is read before a page asks"
        FakePage(grid).pump()
    assert grid.layer == "0" and np.array_equal(tiles_of(grid)[0], weights_of(net, "0"))
    assert grid._kernels_meta["face"] == "rgb" and grid._kernels_meta["full"] == [8, 3, 3, 3]
    assert f4(grid._span, 1)[0] == np.abs(weights_of(net, "0")).max()
    orders = f4(grid._orders, 5, 8)
    assert all(sorted(order) == list(range(8)) for order in orders)
    assert list(orders[0]) == list(np.argsort(-(weights_of(net, "0") ** 2).sum((1, 2, 3))))


def test_a_deeper_layer_is_shown_one_channel_at_a_time_from_either_side(net):
    grid = dv.KernelGrid(net, layer="4.conv1", channel=3)
    page = FakePage(grid)
    page.pump()
    weights = weights_of(net, "4.conv1")
    assert np.array_equal(tiles_of(grid)[0, :, 0], weights[3]) and grid._kernels_meta["fixed"] == 3
    grid.source = 5
    assert grid.status == "done", "another tile of the same channel is there already"
    grid.channel = 6
    page.pump()
    assert np.array_equal(tiles_of(grid)[0, :, 0], weights[6])
    grid.side = "outputs"
    page.pump()
    assert np.array_equal(tiles_of(grid)[0, :, 0], weights[:, 5]) and grid._kernels_meta["fixed"] == 5
    grid.channel = 2
    assert grid.status == "done"


def test_single_weights_are_a_matrix_without_an_order(net):
    grid = dv.KernelGrid(net, layer="7")
    grid.wait()
    assert grid._kernels_meta["face"] == "matrix" and grid._orders == b""
    assert np.array_equal(tiles_of(grid)[0, 0, 0], weights_of(net, "7"))
    assert "single weights" in grid._fails


@pytest.mark.parametrize("channel", [0, 2, 7])
def test_what_the_page_multiplies_is_what_the_layer_answers(net, images, channel):
    grid = dv.KernelGrid(net, images, layer="0", channel=channel, image=4)
    grid.wait()
    meta, about = grid._response_meta, grid._kernels_meta
    with torch.no_grad():
        answer = net.model[0](net.input(images[4])[None])[0, channel].numpy()
    response = f4(grid._response, *meta["shape"])
    assert np.array_equal(response, answer) and meta["channel"] == channel
    padded = np.pad(input_of(grid), ((0, 0), *[(about["padding"][0], about["padding"][1])] * 2))
    for y, x in ((0, 0), (5, 9), (15, 15)):
        patch = padded[:, y : y + 3, x : x + 3]
        assert (patch * tiles_of(grid)[0, channel]).sum() + meta["bias"] == pytest.approx(response[y, x], abs=1e-3)


def test_a_slice_of_a_deep_layer_gets_its_one_input_and_the_whole_answer(net, images):
    grid = dv.KernelGrid(net, images, layer="4.conv2", channel=1, source=4)
    grid.wait()
    given = dv.methods.activations(net, images[0], "4.relu", call=0).maps
    assert np.allclose(input_of(grid)[0], given[4], atol=1e-3)
    assert np.allclose(f4(grid._response, *grid._response_meta["shape"]),
                       dv.methods.activations(net, images[0], "4.conv2").maps[1])
    grid.source = 6
    assert np.allclose(input_of(grid)[0], given[6], atol=1e-3), "another input is there without running the network"


def test_without_images_the_kernels_are_shown_and_what_is_missing_is_said(net, images):
    grid = dv.KernelGrid(net)
    grid.wait()
    assert grid.status == "done" and "KernelGrid(net, images)" in grid._fails and grid._response == b""
    grid.images = images
    grid.wait()
    assert grid._fails == "" and grid._response


def test_an_image_that_does_not_fit_takes_no_kernel_away(net):
    grid = dv.KernelGrid(net, np.zeros((16, 16, 5), np.uint8))
    FakePage(grid).pump()
    assert grid.status == "done" and grid._kernels and "has 5 channels, but the network takes 3" in grid._fails


def test_the_verdict_reaches_the_page_with_all_its_numbers_and_no_nan(net):
    grid = dv.KernelGrid(net, layer="0")
    grid.wait()
    found = json.loads(json.dumps(grid._verdict, allow_nan=False))[0]
    assert found["headline"] == grid.diagnosis.headline and found["layer"] == "0"
    assert len(found["findings"]) == len(grid.diagnosis.findings)
    for told, finding in zip(found["findings"], grid.diagnosis.findings, strict=True):
        assert told["kind"] == finding.kind and told["says"] and told["source"]
    rms = f4(grid._measures, 1, 3, 8)[0, 0]
    assert np.allclose(rms, np.sqrt((weights_of(net, "0") ** 2).mean((1, 2, 3))))


def test_checkpoints_come_together_and_keep_the_order_of_the_last(net, images):
    later = copy.deepcopy(net.model)
    with torch.no_grad():
        later[0].weight.mul_(torch.arange(8, 0, -1)[:, None, None, None])
    nets = {"start": net, "later": dv.Network(later, input_size=(3, 16, 16))}
    grid = dv.KernelGrid(nets, images)
    page = FakePage(grid)
    page.pump()
    assert grid.step == 1 and grid._steps == ["start", "later"] and "step='later'" in repr(grid)
    assert np.array_equal(tiles_of(grid), np.stack([weights_of(net, "0"), later[0].weight.detach()]))
    assert list(f4(grid._orders, 5, 8)[0]) == list(np.argsort(-(later[0].weight**2).sum((1, 2, 3)).detach().numpy()))
    assert len(grid._verdict) == 2
    key, answer = grid._kernels_meta["key"], grid._response
    grid.step = 0
    page.pump()
    assert grid._kernels_meta["key"] == key, "all tiles are there already"
    assert grid._response != answer and grid.network is net
    assert np.array_equal(grid.kernels.weights, weights_of(net, "0"))


def test_kernels_too_many_for_a_message_are_rounded_and_the_chosen_one_is_exact(monkeypatch, net):
    monkeypatch.setattr(wire, "MESSAGE_LIMIT", 500)
    grid = dv.KernelGrid({"a": net, "b": net}, layer="0", channel=5)
    grid.wait()
    weights = weights_of(net, "0")
    assert grid._kernels_meta["codec"] == "u1" and grid._kernels_meta["steps"] == 1 and grid._kernels_meta["from"] == 1
    assert np.abs(tiles_of(grid)[0] - weights).max() <= np.abs(weights).max() / 127
    assert np.array_equal(f4(grid._exact, 3, 3, 3), weights[5])
    grid.channel = 2
    assert np.array_equal(f4(grid._exact, 3, 3, 3), weights[2])


def test_no_message_of_a_large_layer_passes_the_limit():
    class Flat(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(3 * 64 * 64, 200)

        def forward(self, x):
            return self.fc(x.flatten(1))

    grid = dv.KernelGrid(dv.Network(Flat(), input_size=(3, 64, 64)))
    grid.wait()
    meta = grid._kernels_meta
    assert len(grid._kernels) <= wire.MESSAGE_LIMIT and meta["shrunk"] and meta["full"] == [200, 3, 64, 64]
    assert f4(grid._exact, 3, 64, 64).shape == (3, 64, 64)


def test_nan_weights_reach_the_page_as_nan_and_are_in_the_verdict(net):
    with torch.no_grad():
        net.model[0].weight[2, 1, 0, 0] = float("nan")
    grid = dv.KernelGrid(net, layer="0")
    grid.wait()
    assert np.isnan(tiles_of(grid)[0, 2, 1, 0, 0]) and np.isfinite(f4(grid._most, 1, 8)).all()
    assert "not finite" in [finding.kind for finding in grid.diagnosis.found]


def test_a_layer_without_kernels_is_refused_at_once_and_in_the_cell_when_a_picker_chooses_it(net, images):
    with pytest.raises(ValueError, match=r"This MaxPool2d has no kernels|Layer '3' \(MaxPool2d\) has no kernels"):
        dv.KernelGrid(net, layer="3")
    picker = dv.LayerPicker(net)
    grid = dv.KernelGrid(net, images, layer=picker)
    assert picker.layer == "0"
    FakePage(grid).pump()
    picker.layer = "3"
    FakePage(grid).pump()
    assert grid.status == "error" and "Layer '3' (MaxPool2d) has no kernels of its own; there are '0'" in grid.error
    picker.layer = "4.conv1"
    FakePage(grid).pump()
    assert grid.status == "done" and grid.error == "" and grid._kernels_meta["layer"] == "4.conv1"


def test_layer_channel_and_image_are_shared_with_other_widgets(net, images):
    maps = dv.ActivationMaps(net, images, layer="4.conv1", channel=2)
    grid = dv.KernelGrid(net, images, layer=maps, channel=maps, image=maps)
    assert (grid.layer, grid.channel) == ("4.conv1", 2)
    grid.channel, maps.image = 5, 3
    assert maps.channel == 5 and grid.image == 3


@pytest.mark.parametrize("name, value, says", [
    ("channel", 8, "There is no channel 8; layer '0' has 8"),
    ("source", 3, "There is no input channel 3; layer '0' has 3"),
    ("step", 1, "There is no checkpoint 1; there is 1"), ("image", 12, "There is no image 12; there are 12"),
    ("layer", "9", "No layer '9'"), ("order", "hue", "'hue'"), ("side", "both", "'both'"),
])
def test_what_does_not_exist_is_refused_in_words(net, images, name, value, says):
    grid = dv.KernelGrid(net, images, layer="0")
    with pytest.raises(traitlets.TraitError, match=says):
        setattr(grid, name, value)
    with pytest.raises(traitlets.TraitError):
        dv.KernelGrid(net, images, **{name: value})


def test_what_is_no_network_is_refused_in_words(net):
    with pytest.raises(TypeError, match="this is a Sequential"):
        dv.KernelGrid(net.model)
    with pytest.raises(TypeError, match="no keyword 'chanel'; did you mean 'channel'"):
        dv.KernelGrid(net, chanel=3)


def test_the_channel_falls_back_where_the_new_layer_has_fewer(net):
    grid = dv.KernelGrid(net, layer="0", channel=7)
    grid.layer = "7"
    assert grid.channel == 0
    grid.wait()
    assert grid._kernels_meta["layer"] == "7"


def test_the_histogram_follows_the_layer_and_the_checkpoint(net):
    other = dv.Network(small_network().double().float(), input_size=(3, 16, 16))
    with torch.no_grad():
        other.model[0].weight.mul_(3)
    grid = dv.KernelGrid({"start": net, "end": other})
    figure = grid.histogram
    grid.wait()
    bars, start = figure.marks
    assert figure.title == "0: 216 weights" and bars.y.sum() == pytest.approx(1)
    assert figure.axes[0].label == "weight (line: start)" and start.visible
    spread = bars.x[bars.y > 0].max()
    grid.step = 0
    grid.wait()
    assert bars.x[bars.y > 0].max() < spread / 2
    grid.layer = "4.conv1"
    grid.wait()
    assert figure.title == "4.conv1: 576 weights" and grid.histogram is figure


def test_a_closed_grid_lets_its_networks_go(images):
    net = dv.Network(small_network(), input_size=(3, 16, 16))
    gone = weakref.ref(net)
    grid = dv.KernelGrid([net], images)
    grid.histogram  # noqa: B018  asked for, so that it is there to be let go
    grid.wait()
    grid.close()
    del net
    gc.collect()
    assert gone() is None
    with pytest.raises(RuntimeError, match="is closed"):
        _ = grid.kernels


def test_a_saved_grid_is_complete(net, images, tmp_path):
    grid = dv.KernelGrid(net, images, layer="0")
    text = grid.to_html(tmp_path / "kernels.html").read_text()
    assert grid.status == "done" and "</section>" not in text and grid._response and grid._verdict
