"""`ActivationMaps`: what the page gets is what the network answers, on one image and over all."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import traitlets
from fake_page import FakePage, map_of, tiles_of
from networks import small_network
from PIL import Image
from torch import nn

import deepviz_widgets as dv
from deepviz_widgets.widgets import wire


def test_the_page_gets_every_channel_and_the_exact_values_of_the_chosen_one(net, images, unchanged):
    with unchanged(net.model):
        maps = dv.ActivationMaps(net, images, layer="2", channel=3)
        FakePage(maps).pump()
    with torch.no_grad():
        oracle = net.model[:3](net.input(images[0])[None])[0].numpy()
    assert np.array_equal(map_of(maps), oracle[3])
    assert np.abs(tiles_of(maps) - oracle).max() <= (oracle.max((1, 2)) - oracle.min((1, 2))).max() / 255
    low, high, mean, active, strength, _ = np.frombuffer(maps._stats, "<f4").reshape(6, -1)
    assert np.allclose(mean, oracle.mean((1, 2)), atol=1e-6) and np.allclose(strength, np.abs(oracle).mean((1, 2)))
    assert np.allclose(active, (oracle != 0).mean((1, 2))) and np.array_equal(high, oracle.max((1, 2)))
    assert low.min() == 0 and not maps._tiles_meta["signed"]


def test_nothing_is_computed_before_a_page_or_wait_asks(net, images):
    calls = []
    handle = net.model[0].register_forward_hook(lambda *_: calls.append(1))
    maps = dv.ActivationMaps(net, images, layer="2")
    assert not calls and maps.status == "running"
    maps.wait()
    assert len(calls) == 2, "one pass for the maps, one, the first time, for what the cells see"
    maps.layer = "0"
    maps.wait()
    handle.remove()
    assert len(calls) == 3 and maps.status == "done"


def test_the_page_gets_what_each_row_and_column_of_the_map_sees(net, images):
    maps = dv.ActivationMaps(net, images, layer="4.conv1")
    maps.wait()
    field = np.frombuffer(maps._field, "<f4")
    assert maps._field_meta == {"key": maps._tiles_meta["key"], "size": (8, 8), "status": "exact"}
    top, bottom, left, right = field.reshape(4, 8)
    # a 3 x 3 convolution, a 2 x 2 pooling, a 3 x 3 convolution: 8 pixels wide, 2 apart, cut at the border of 16
    assert np.array_equal(top, np.clip(np.arange(8) * 2 - 3, 0, 16)) and np.array_equal(top, left)
    assert np.array_equal(bottom, np.clip(np.arange(8) * 2 + 5, 0, 16)) and np.array_equal(bottom, right)


def test_a_field_that_depends_on_the_values_is_called_so_and_has_no_numbers(images):
    class Peeks(nn.Module):
        def forward(self, x):
            return x * x.mean().item()

    model = nn.Sequential(nn.Conv2d(3, 4, 3), Peeks(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    maps = dv.ActivationMaps(dv.Network(model, input_size=(3, 16, 16)), images, layer="1")
    maps.wait()
    assert maps._field == b"" and maps._field_meta["status"] == "data dependent"
    maps.layer = "0"
    maps.wait()
    assert len(maps._field) == 4 * 4 * 14 and maps._field_meta["status"] == "exact"


class Pointing:
    """A page whose pointer rests on cells of a map."""

    def __init__(self, maps):
        self.maps, self.page = maps, FakePage(maps)
        self.page.pump()

    def ask(self, channel, row, column, **other):
        """The reply, and the roots of the map as the page reads them: 0-1, 1 at the strongest pixel."""
        cell = {"key": self.maps._tiles_meta["key"], "channel": channel, "row": row, "column": column, **other}
        reply, buffers = self.page.ask(type="request", what="effective", **cell)
        return reply, np.frombuffer(buffers[0], np.uint8).reshape(reply["shape"]) / 255 if buffers else None


def test_a_cell_that_is_pointed_at_gets_its_effective_field_one_image_more_each_time(net, images, unchanged):
    pointing = Pointing(dv.ActivationMaps(net, images, layer="4.conv1", image=5))
    with unchanged(net.model):
        replies = [pointing.ask(2, 3, 4) for _ in range(9)]
    taken = [images[(5 + step * 12 // 8) % 12] for step in range(8)]
    for number, (reply, heat) in enumerate(replies[:8], 1):
        found = dv.methods.effective_receptive_field(net, taken[:number], "4.conv1", channel=2, at=(3, 4))
        assert (reply["ok"], reply["images"], reply["answered"]) == (True, number, found.answered)
        assert reply["size"] == found.size and reply["done"] is False
        assert np.abs(heat - np.sqrt(found.map / found.map.max())).max() <= 0.5 / 255 + 1e-6
    assert replies[8][0]["done"] and np.array_equal(replies[8][1], replies[7][1]), "the images are used up"
    assert pointing.maps.status == "done", "asking is no work of the widget"


def test_another_cell_channel_or_image_starts_anew(net, images):
    pointing = Pointing(dv.ActivationMaps(net, images, layer="2"))
    assert [pointing.ask(1, 3, 4)[0]["images"] for _ in range(2)] == [1, 2]
    assert pointing.ask(1, 3, 5)[0]["images"] == 1
    assert pointing.ask(0, 3, 5)[0]["images"] == 1
    assert [pointing.ask(0, 3, 5)[0]["images"] for _ in range(2)] == [2, 3]
    pointing.maps.image = 3
    pointing.page.pump()
    assert pointing.ask(0, 3, 5)[0]["images"] == 1
    pointing.maps.images = images[:2]
    pointing.page.pump()
    assert [pointing.ask(0, 3, 5)[0]["images"] for _ in range(3)] == [1, 2, 2]


def test_a_pointer_that_comes_back_and_two_pages_that_point_at_two_cells_go_on_where_they_were(net, images):
    pointing = Pointing(dv.ActivationMaps(net, images[:4], layer="2"))
    turns = [(pointing.ask(1, 3, 4)[0], pointing.ask(1, 6, 6)[0]) for _ in range(5)]
    assert [[reply["images"] for reply in turn] for turn in turns] == [[1, 1], [2, 2], [3, 3], [4, 4], [4, 4]]
    assert [reply["done"] for turn in turns for reply in turn] == [False] * 8 + [True] * 2
    for column in range(4):
        pointing.ask(1, 0, column)
    assert pointing.ask(1, 3, 4)[0]["images"] == 1, "only a few cells are kept"


def test_what_cannot_be_answered_is_refused_in_a_sentence_and_changes_nothing(net, images):
    pointing = Pointing(dv.ActivationMaps(net, images, layer="2"))
    assert "were replaced" in pointing.ask(0, 0, 0, key="old")[0]["reason"]
    for cell in [(0, 99, 0), (0, 0, -1), (99, 0, 0), ("0", 0, 0), (0, None, 0)]:
        assert "there is no" in pointing.ask(*cell)[0]["reason"], cell
    assert pointing.ask(0, 1, 1)[0]["images"] == 1
    pointing.maps.close()
    assert "is closed" in pointing.ask(0, 1, 1)[0]["reason"]


def test_the_map_of_a_large_image_is_shrunk_before_it_is_sent(images):
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    large = dv.ImageSet(np.random.default_rng(0).integers(0, 255, (1, 300, 200, 3), np.uint8))
    pointing = Pointing(dv.ActivationMaps(dv.Network(model, input_size=(3, 300, 200)), large, layer="0"))
    reply, heat = pointing.ask(0, 100, 60)
    assert reply["shape"] == (100, 67) and np.unravel_index(heat.argmax(), heat.shape) in [(33, 20), (34, 20)]


def test_the_picker_gives_what_the_cells_of_every_layer_see_when_the_page_asks(net):
    picker = dv.LayerPicker(net)
    assert picker._fields == {}, "nothing is computed before a page asks"
    assert FakePage(picker).ask(type="request", what="fields")[0]["ok"]
    assert picker._fields["4.conv1"] == {"status": "exact", "sees": [8, 8], "apart": [2.0, 2.0]}
    assert picker._fields["7"]["status"] == "whole image"


def test_a_network_whose_fields_cannot_be_worked_out_still_shows_its_maps(net, images, monkeypatch):
    from deepviz_widgets.widgets import activation_maps

    def fails(*_args, **_kwargs):
        raise RuntimeError("no such rule")

    monkeypatch.setattr(activation_maps, "receptive_field", fails)
    maps = dv.ActivationMaps(net, images, layer="4.conv1")
    maps.wait()
    assert maps.status == "done" and maps._tiles and maps._field == b""


def test_switching_image_layer_and_channel_changes_what_is_shown(net, images):
    maps = dv.ActivationMaps(net, images, layer="2")
    page = FakePage(maps)
    page.pump()
    first, one = maps._tiles, maps._map
    maps.channel = 1
    assert maps._map != one and maps.status == "done", "a channel needs no new pass"
    maps.image = 1
    page.pump()
    assert maps._tiles != first and maps._image["name"] == "image 1" and maps._image["label"] == "dog"
    maps.layer = "4.conv1"
    page.pump()
    assert maps._tiles_meta["layer"] == "4.conv1" and maps._tiles_meta["signed"]


def test_the_arrays_are_always_those_of_the_chosen_layer_and_image(net, images):
    maps = dv.ActivationMaps(net, images, layer="2", order="strongest", colors="grey", overlay=0.5)
    assert maps.activations.layer == "2" and (maps.order, maps.colors, maps.overlay) == ("strongest", "grey", 0.5)
    maps.layer = "4.conv1"
    assert maps.activations.layer == "4.conv1"
    maps.measure()
    maps.image = 3
    oracle = dv.methods.activations(net, images[3], "4.conv1").maps
    assert np.array_equal(maps.activations.maps, oracle) and maps.status == "running", "measuring goes on after"
    maps.cancel()
    maps.image = 4
    maps.cancel()
    assert maps.activations is None


def test_the_second_call_of_a_shared_relu_is_another_map(net, images):
    maps = dv.ActivationMaps(net, images, layer="4.relu", call=0)
    maps.wait()
    first = maps._tiles
    maps.call = 1
    maps.wait()
    assert maps._tiles != first
    with pytest.raises(traitlets.TraitError, match="called 2 times"):
        maps.call = 2


def test_the_displayed_input_is_the_picture_with_normalisation_undone(images):
    def normalise(image):
        return (torch.from_numpy(np.asarray(image, np.float32)).movedim(-1, 0) / 255 - 0.5) / 0.25

    normalise.mean, normalise.std = [0.5] * 3, [0.25] * 3
    net = dv.Network(small_network(), transform=normalise, input_size=(3, 16, 16))
    maps = dv.ActivationMaps(net, images, layer="0")
    maps.wait()
    shown = np.frombuffer(maps._picture, np.uint8).reshape(maps._picture_meta["shape"])
    assert np.abs(shown.astype(int) - images[0].pixels).max() <= 1


def test_class_scores_carry_the_names_of_the_classes(net, images):
    maps = dv.ActivationMaps(net, images, layer="7")
    maps.wait()
    assert maps._tiles_meta["layout"] == "vector" and maps._tiles_meta["names"] == list("abcde")


def test_every_message_stays_below_a_megabyte_also_for_very_wide_layers():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, 2048, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(2048, 3))
    maps = dv.ActivationMaps(dv.Network(model, input_size=(3, 112, 112)), np.zeros((112, 112, 3), np.uint8), layer="0")
    maps.wait()
    assert len(maps._tiles) + len(maps._stats) + len(maps._map) < wire.MESSAGE_LIMIT


def test_sharper_tiles_are_given_by_channel_and_refused_when_stale():
    rng = np.random.default_rng(0)
    model = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3))
    net = dv.Network(model, input_size=(3, 300, 200))
    maps = dv.ActivationMaps(net, rng.integers(0, 255, (300, 200, 3), np.uint8), layer="0")
    maps.wait()
    assert maps._tiles_meta["shape"] == [4, 75, 50] and maps._tiles_meta["full"] == [300, 200]
    page = FakePage(maps)
    key = maps._tiles_meta["key"]
    reply, (data,) = page.ask(type="request", what="tiles", key=key, channels=[2, 0], shape=[300, 200])
    assert reply["ok"] and reply["channels"] == [2, 0]
    low, high = maps.activations.low[2], maps.activations.high[2]
    got = np.frombuffer(data, np.uint8).reshape(2, 300, 200)[0] / 255 * (high - low) + low
    assert np.abs(got - maps.activations.maps[2]).max() <= (high - low) / 255
    stale, _ = page.ask(type="request", what="tiles", key="0", channels=[0], shape=[9, 9])
    assert not stale["ok"] and "replaced" in stale["reason"]


def test_measuring_all_images_equals_measuring_each(net, images):
    maps = dv.ActivationMaps(net, images, layer="4.conv1")
    maps.measure()
    maps.wait()
    each = np.stack([dv.methods.activations(net, picture, "4.conv1").maps for picture in images])
    found = maps.statistics
    assert (found.done, found.total) == (12, 12)
    assert np.allclose(found.high, each.max((0, 2, 3)), atol=1e-5)
    assert np.allclose(found.strength, np.abs(each).mean((0, 2, 3)), atol=1e-5)
    maps.order, maps.over = "strongest", "all"
    assert np.array_equal(maps.channels, np.argsort(-found.strength, kind="stable"))


def test_measuring_can_be_cancelled_and_resumed_without_losing_or_repeating_an_image(net):
    images = dv.ImageSet(np.random.default_rng(0).integers(0, 255, (100, 16, 16, 3), np.uint8))
    maps = dv.ActivationMaps(net, images, layer="2")
    maps.wait()
    page = FakePage(maps)
    assert page.ask(type="request", what="survey")[0]["ok"]
    maps._worker.step(budget=0)
    page.ask(type="cancel")
    assert maps.status == "cancelled" and 0 < maps.statistics.done < 100
    page.ask(type="step", job=maps._job)
    stopped = maps.statistics.done
    maps.image = 5
    maps.wait()
    assert maps.status == "done" and maps.statistics.done == stopped, "another image does not go on measuring"
    maps.measure()
    maps.wait()
    whole = list(dv.methods.survey(net, images, "2"))[-1]
    assert maps.statistics.done == 100 and np.allclose(maps.statistics.strength, whole.strength)


def test_measuring_goes_on_when_the_image_is_switched_while_it_runs(net, images):
    maps = dv.ActivationMaps(net, images, layer="2")
    maps.wait()
    maps.measure()
    maps._worker.step(budget=0)
    maps.image = 3
    maps.wait()
    assert maps._image["name"] == "image 3" and maps.statistics.done == 12


@pytest.mark.filterwarnings("ignore:.*left out")
def test_unreadable_images_are_counted_not_fatal(net, tmp_path):
    rng = np.random.default_rng(0)
    for name in "abc":
        Image.fromarray(rng.integers(0, 255, (64, 64, 3), np.uint8)).save(tmp_path / f"{name}.jpg", quality=95)
    data = (tmp_path / "b.jpg").read_bytes()
    (tmp_path / "b.jpg").write_bytes(data[: len(data) // 2])
    maps = dv.ActivationMaps(net, dv.ImageSet(tmp_path), layer="2")
    maps.measure()
    maps.wait()
    assert maps.statistics.skipped == 1 and maps.statistics.done == 3
    maps.image = 1
    with pytest.raises(dv.ImageError, match="b.jpg cannot be read"):
        maps.wait()
    assert maps.status == "error" and "b.jpg cannot be read" in maps.error
    maps.image = 2
    maps.wait()
    assert maps.status == "done" and maps.error == ""
