"""The widgets as Python objects, driven by a fake page that speaks the page's protocol."""

from __future__ import annotations

import gc
import threading
import time
import warnings
import weakref

import numpy as np
import pytest
import torch
import traitlets
from networks import small_network
from PIL import Image
from torch import nn

import deepviz_widgets as dv
from deepviz_widgets.widgets import wire


class FakePage:
    """Sends a widget the messages of a page and keeps what comes back."""

    def __init__(self, widget):
        self.widget, self.sent, self.rid = widget, [], 100
        widget.send = lambda content, buffers=None: self.sent.append((content, buffers or []))

    def send(self, content):
        self.widget._handle_custom_msg(content, [])

    def ask(self, **content):
        self.rid += 1
        self.send({"rid": self.rid, **content})
        return next(reply for reply in self.sent if reply[0].get("rid") == self.rid)

    def pump(self):
        """Steps until the work has ended, as the page does."""
        steps = 0
        while self.widget.status == "running":
            self.ask(type="step", job=self.widget._job)
            steps += 1
        return steps


@pytest.fixture
def net(model):
    return dv.Network(model, input_size=(3, 16, 16), classes=list("abcde"))


@pytest.fixture
def images():
    rng = np.random.default_rng(0)
    return dv.ImageSet(rng.integers(0, 255, (12, 16, 16, 3), np.uint8), labels=[0, 1] * 6, classes=["cat", "dog"])


def tiles_of(maps):
    """Unpacks the tiles as the page does: (C, h, w) values, from uint8 and the channel's own range."""
    meta = maps._tiles_meta
    low, high = np.frombuffer(maps._stats, "<f4").reshape(6, -1)[:2]
    if meta["codec"] == "raw":
        grey = np.frombuffer(maps._tiles, np.uint8).reshape(meta["shape"])
    else:
        import io

        sheet = np.asarray(Image.open(io.BytesIO(maps._tiles)))
        (ch, cw), columns = meta["cell"], sheet.shape[1] // meta["cell"][1]
        c, h, w = meta["shape"]
        grey = np.stack([sheet[i // columns * ch :, i % columns * cw :][:h, :w] for i in range(c)])
    return low[:, None, None] + grey / 255.0 * (high - low)[:, None, None]


def map_of(maps):
    return np.frombuffer(maps._map, "<f4").reshape(maps._map_meta["shape"])


# ------------------------------------------------------------------ choosing


def test_the_picker_lists_layers_in_call_order_with_parents_first(net):
    rows = dv.LayerPicker(net)._layers
    assert [row["name"] for row in rows] == [layer.name for layer in net.layers]
    parents = {row["name"]: rows[row["parent"]]["name"] for row in rows if row["parent"] >= 0}
    assert parents == {"4.conv1": "4", "4.relu": "4", "4.conv2": "4"}
    assert next(row for row in rows if row["name"] == "4")["joins"] == "add"


def test_a_subtree_stays_together_when_a_shared_module_is_called_elsewhere_first():
    class Shared(nn.Module):
        def __init__(self):
            super().__init__()
            self.a = nn.Sequential(nn.Conv2d(3, 3, 1), nn.ReLU())
            self.b = nn.Sequential(nn.Conv2d(3, 3, 1), nn.ReLU())

        def forward(self, x):
            return self.b(self.a(self.b[0](x))).mean((2, 3))

    rows = dv.LayerPicker(dv.Network(Shared(), input_size=(3, 8, 8)))._layers
    for index, row in enumerate(rows):
        assert row["parent"] < index
        if row["parent"] >= 0:
            between = rows[row["parent"] + 1 : index]
            assert all(other["depth"] > rows[row["parent"]]["depth"] for other in between)


def test_a_small_network_is_shown_whole_and_a_large_one_by_its_shape(net):
    assert dv.LayerPicker(net).expanded == ["4"]
    blocks = [nn.Sequential(*[nn.ReLU() for _ in range(9)]) for _ in range(12)]
    deep = nn.Sequential(nn.Sequential(*blocks), nn.Flatten())
    picker = dv.LayerPicker(dv.Network(deep, input_size=(3, 8, 8)))
    assert picker.expanded == ["0"], "twelve blocks show its shape; their inner layers stay closed"


def test_the_layer_can_be_given_by_name_module_and_widget_and_is_linked(net, images):
    picker = dv.LayerPicker(net, layer=net.model[4].conv1)
    maps = dv.ActivationMaps(net, images, layer=picker)
    assert picker.layer == maps.layer == "4.conv1"
    picker.layer = "3"
    assert maps.layer == "3"
    maps.layer = net.model[0]
    assert picker.layer == "0"


def test_a_picker_in_which_nothing_is_chosen_is_given_the_first_layer_with_maps(net, images):
    picker = dv.LayerPicker(net)
    maps = dv.ActivationMaps(net, images, layer=picker)
    assert picker.layer == maps.layer == "0"


def test_an_unknown_layer_raises_with_the_nearest_and_keeps_the_old(net, images):
    maps = dv.ActivationMaps(net, images, layer="4.conv1")
    maps.wait()
    with pytest.raises(traitlets.TraitError, match=r"No layer '4.conv9'; did you mean '4.conv[12]'"):
        maps.layer = "4.conv9"
    assert maps.layer == "4.conv1" and maps.status == "done" and maps._tiles


@pytest.mark.parametrize("name", ["layr", "chanel"])
def test_an_unknown_keyword_raises_and_suggests(net, images, name):
    with pytest.raises(TypeError, match=f"has no keyword {name!r}; did you mean"):
        dv.ActivationMaps(net, images, **{name: 1})


def test_a_bare_model_is_refused_with_the_way_to_wrap_it(model):
    with pytest.raises(TypeError, match=r"needs a Network; wrap the Sequential: Network\(model, ...\)"):
        dv.LayerPicker(model)


# ------------------------------------------------------------------ showing


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
    assert maps._field_meta == {"key": maps._tiles_meta["key"], "most": False}
    top, bottom, left, right = field.reshape(4, 8)
    # a 3 x 3 convolution, a 2 x 2 pooling, a 3 x 3 convolution: 8 pixels wide, 2 apart, cut at the border of 16
    assert np.array_equal(top, np.clip(np.arange(8) * 2 - 3, 0, 16)) and np.array_equal(top, left)
    assert np.array_equal(bottom, np.clip(np.arange(8) * 2 + 5, 0, 16)) and np.array_equal(bottom, right)


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


# ------------------------------------------------------------------ measuring all images


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


# ------------------------------------------------------------------ what goes wrong


def test_nan_is_traced_to_the_first_layer_that_gives_it(net, images):
    with torch.no_grad():
        net.model[4].conv1.weight[0, 0, 0, 0] = float("nan")
    maps = dv.ActivationMaps(net, images, layer="4.conv2")
    page = FakePage(maps)
    page.pump()
    assert maps.status == "error"
    assert maps.error.startswith("Layer '4.conv2' gives NaN, as layer '4.conv1' before it gives NaN or infinite values")
    assert "its weights hold NaN" in maps.error


def test_a_model_that_raises_shows_where_and_the_next_layer_works(images):
    class Moody(nn.Module):
        def forward(self, x):
            if x.shape[-1] != 16 or self.bad:
                raise ValueError("not today")
            return x

    Moody.bad = False
    tail = (nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2))
    model = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), Moody(), *tail)
    maps = dv.ActivationMaps(dv.Network(model, input_size=(3, 16, 16)), images, layer="2")
    Moody.bad = True
    FakePage(maps).pump()
    assert maps.status == "error" and "failed in layer '1'" in maps.error and "not today" in maps.error
    maps.layer = "0"
    FakePage(maps).pump()
    assert maps.status == "done" and maps.error == ""


def test_an_image_of_the_wrong_channel_count_is_an_error_in_words(net):
    maps = dv.ActivationMaps(net, np.zeros((16, 16, 5), np.uint8), layer="0")
    FakePage(maps).pump()
    assert "has 5 channels, but the network takes 3" in maps.error


@pytest.mark.parametrize(
    "message",
    [
        None, 7, "step", [], {}, {"type": "step"}, {"rid": "a", "type": "step"}, {"rid": 1}, {"rid": 1, "type": None},
        {"rid": 1, "type": "step"}, {"rid": 1, "type": "step", "job": "x"}, {"rid": 1, "type": "step", "job": 10**9},
        {"rid": 1, "type": "request"}, {"rid": 1, "type": "request", "what": "secrets"},
        {"rid": 1, "type": "request", "what": "tiles", "channels": "all", "shape": [1]},
        {"rid": 1, "type": "request", "what": "tiles", "channels": [None], "shape": ["a", {}]},
        {"rid": True, "type": "cancel"},
    ],
)
def test_a_malformed_or_stale_message_changes_nothing(net, images, message):
    maps = dv.ActivationMaps(net, images, layer="2")
    maps.wait()
    page = FakePage(maps)
    before = {key: value for key, value in maps.get_state().items() if key != "layout"}
    page.send(message)
    assert {key: value for key, value in maps.get_state().items() if key != "layout"} == before
    assert all(reply[0]["rid"] == 1 for reply in page.sent)


@pytest.mark.parametrize(
    "state", [{"layer": "nope"}, {"image": 99}, {"channel": -1}, {"gamma": 50.0}, {"order": "x"}, {"layer": 3}]
)
def test_a_value_from_the_page_that_is_refused_is_put_back_and_explained(net, images, state):
    maps = dv.ActivationMaps(net, images, layer="2")
    maps.wait()
    page, (key,) = FakePage(maps), state
    before, resent = getattr(maps, key), []
    maps.send_state = lambda keys=None: resent.append(keys)
    maps.set_state(state)
    assert getattr(maps, key) == before and [key] in resent
    assert page.sent[-1][0]["type"] == "refused" and page.sent[-1][0]["reason"]


def test_the_newest_value_is_the_last_one_sent_when_two_threads_send(net, images):
    maps = dv.ActivationMaps(net, images, layer="2")
    maps.wait()
    sent, slow, go_on = [], threading.Event(), threading.Event()

    def send(message, buffers=None):
        if not slow.is_set():
            slow.set()
            go_on.wait(5)  # a large message is on its way while the other thread changes a value
        sent.append(message["state"].get("gamma"))

    maps._send = send
    first = threading.Thread(target=lambda: maps.send_state(["gamma", "_tiles"]))
    first.start()
    slow.wait(5)
    second = threading.Thread(target=lambda: (setattr(maps, "gamma", 0.5), maps.send_state("gamma")))
    second.start()
    second.join(0.2)
    go_on.set()
    first.join(5)
    second.join(5)
    assert sent[:2] == [1.0, 0.5]


def test_a_closed_widget_says_so_and_answers_the_page(net, images):
    maps = dv.ActivationMaps(net, images, layer="2")
    page = FakePage(maps)
    maps.close()
    maps.close()
    for use in (maps.wait, maps.measure, lambda: maps.to_html("x.html"), lambda: maps.network):
        with pytest.raises(RuntimeError, match="This ActivationMaps is closed; make a new one"):
            use()
    reply, _ = page.ask(type="step", job=1)
    assert not reply["ok"] and "closed" in reply["reason"]
    assert repr(maps)


def test_closing_frees_the_model_and_the_images():
    model = small_network()
    net = dv.Network(model, input_size=(3, 16, 16))
    images = dv.ImageSet(np.zeros((4, 16, 16, 3), np.uint8))
    picker = dv.LayerPicker(net, layer="0")
    maps = dv.ActivationMaps(net, images, layer=picker)
    maps.measure()
    maps._worker.step(budget=0)
    watched = [weakref.ref(thing) for thing in (model, net, images)]
    maps.close()
    picker.close()
    del model, net, images
    gc.collect()
    assert [ref() for ref in watched] == [None] * 3, "the widgets are still held, as IPython's Out would"
    kept = weakref.ref(maps)
    del maps, picker
    gc.collect()
    assert kept() is None


def test_a_widget_that_failed_to_start_leaves_no_warning_behind(net):
    with warnings.catch_warnings():
        warnings.simplefilter("error", pytest.PytestUnraisableExceptionWarning)
        with pytest.raises(TypeError):
            dv.ActivationMaps(net, layr=1)
        gc.collect()


# ------------------------------------------------------------------ being a widget


def test_the_repr_is_short_and_stable(net, images):
    maps = dv.ActivationMaps(net, images, layer="2", channel=3)
    maps.wait()
    assert repr(maps) == "ActivationMaps(layer='2', image='image 0', channel=3)"
    assert repr(dv.LayerPicker(net, layer="2")) == "LayerPicker(layer='2')"


def test_construction_is_instant(net, images):
    dv.ActivationMaps(net, images, layer="2")
    began = time.perf_counter()
    for _ in range(10):
        dv.ActivationMaps(net, images, layer="2")
        dv.LayerPicker(net)
    assert (time.perf_counter() - began) / 20 < 0.05


def test_a_page_without_kernel_holds_all_tiles_and_escapes_labels(net, tmp_path):
    images = dv.ImageSet(np.zeros((1, 16, 16, 3), np.uint8), names=["</script><b>x"])
    picker = dv.LayerPicker(net, layer="2")
    maps = dv.ActivationMaps(net, images, layer=picker)
    maps.wait()
    text = maps.to_html(tmp_path / "page.html").read_text()
    assert "</script><b>x" not in text and "\\u003c/script>" in text
    assert "http://" not in text.replace("http://www.w3.org", "") and '"_live": false' in text


def test_every_public_trait_is_documented_and_every_synced_private_one_is_hidden():
    for kind in (dv.LayerPicker, dv.ActivationMaps):
        for name, trait in kind.class_traits(sync=True).items():
            if name in kind.class_own_traits() and not name.startswith("_"):
                assert trait.help, f"{kind.__name__}.{name} has no help"
