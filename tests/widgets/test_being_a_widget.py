"""What every widget promises: errors in words, refused values put back, a model let go, a saved page."""

from __future__ import annotations

import gc
import threading
import time
import warnings
import weakref

import numpy as np
import pytest
import torch
from fake_page import FakePage
from networks import small_network
from torch import nn

import deepviz_widgets as dv


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
