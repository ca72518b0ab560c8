"""Malformed, stale and out-of-order messages by the thousand: none raises, changes the model or leaves work behind."""

from __future__ import annotations

import gc
import json
import math
import random
import threading
import weakref

import numpy as np
import pytest
from networks import small_network

import deepviz_widgets as dv
from deepviz_widgets.widgets import base, job

LEAN, ALL = 1_500, 10_000
WHATS = ("tiles", "survey", "effective", "place", "fields", "patches", "enlarge", "pair", "vote", "base", "thumbs",
         "picture", "card", "column", "search", "positions", "grid", "step", "restart", "undo", "redo", "auto",
         "frame", "no")
NAMES = ("key", "channels", "shape", "channel", "row", "column", "y", "x", "units", "unit", "rank", "gradient",
         "number", "chosen", "from", "level", "ids", "id", "name", "text", "iteration", "layer", "seed", "generation",
         "codec")
ODD = (None, True, False, -1, 0, 1, 2, 7, 64, 10**9, -(2**63), 2**64, 10**40, 0.5, -1e308, math.nan, math.inf, "", "0",
       "conv1", "5", "units", "label", "wheel", "</script>", "\ud800", "x" * 5000, [], [0], [0, 1], [-1, 10**12],
       [None, {}, "a"], [[[]]], {}, {"a": {"b": []}}, b"", b"\xff" * 7, bytearray(9), memoryview(b"abcd"),
       [math.nan] * 3, [0.0, 0.0, 1e-320], list(range(3000)))


def makers(net, images):
    return {
        "LayerPicker": lambda: dv.LayerPicker(net, layer="2"),
        "ActivationMaps": lambda: dv.ActivationMaps(net, images, layer="2"),
        "KernelGrid": lambda: dv.KernelGrid(net, images, layer="0"),
        "OcclusionMap": lambda: dv.OcclusionMap(net, images, patch=8, stride=4),
        "TopPatches": lambda: dv.TopPatches(net, images, layer="0", layers=["0", "2"], k=2),
        "EmbeddingMap": lambda: dv.EmbeddingMap(net, images, "5", iterations=30),
        "ConfusionMatrix": lambda: dv.ConfusionMatrix(net, images),
        "SeparatingUnits": lambda: dv.SeparatingUnits(net, images, layer="2", selected=[1, 3]),
        "UnitSwitches": lambda: dv.UnitSwitches(net, images, layer="2"),
        "Sketchpad": lambda: dv.Sketchpad(net),
        "Webcam": lambda: dv.Webcam(net),
        "ExplorerBar": lambda: dv.Explorer(net, images, panels=["picker", "activations"], layer="2").bar,
    }


class Page:
    """Sends what a broken page, an old one, or an evil one would; seeded."""

    def __init__(self, widget, seed):
        self.widget, self.random, self.sent = widget, random.Random(seed), 0
        self.replies = []
        self.before = []
        widget.send = lambda content, buffers=None: self.replies.append((content, buffers or []))

    def odd(self):
        return self.random.choice(ODD)

    def value(self, name):
        """A value of the right kind a third of the time, so that messages get past the first check."""
        if self.random.random() < 0.67:
            return self.odd()
        meta = [getattr(self.widget, trait, None) for trait in ("_tiles_meta", "_sweep_meta", "_table", "_points")]
        keys = [one["key"] for one in meta if isinstance(one, dict) and "key" in one]
        right = {"key": [*keys, "1", "2"], "channels": [[0, 1]], "shape": [[8, 8]], "units": [[0, 1]], "ids": [[0, 3]],
                 "name": ["label", "rank"], "gradient": ["none", "guided"], "level": [16, 32, 128],
                 "codec": ["raw", "jpeg"]}
        return self.random.choice(right.get(name, [0, 1, 2, 3]))

    def message(self):
        kind = self.random.choice(("step", "step", "cancel", "resume", "retry", "request", "request", "request", "odd"))
        content = {"type": self.odd() if kind == "odd" else kind, "rid": self.random.randrange(10**6)}
        if kind == "step":
            content["job"] = self.random.choice((self.widget._job, self.widget._job - 1, self.widget._job + 1,
                                                 self.odd()))
        if kind == "request":
            content["what"] = self.random.choice(WHATS)
            content |= {name: self.value(name) for name in self.random.sample(NAMES, self.random.randrange(9))}
        if self.random.random() < 0.1:
            content["rid"] = self.odd()
        return self.odd() if self.random.random() < 0.05 else content

    def state(self):
        names = self.random.sample(sorted(self.widget.keys), self.random.choice((1, 1, 1, 2, 5)))
        if self.random.random() < 0.1:
            names.append(self.random.choice(("nonsense", "__class__", "network", "_net", "images")))
        return {name: self.odd() for name in names if name != "layout"}

    def send(self):
        """Send one message as the comm would hand it over; now and then one from before."""
        self.sent += 1
        if self.before and self.random.random() < 0.1:
            data = self.random.choice(self.before)
        elif self.random.random() < 0.4:
            data = {"method": "update", "state": self.state(), "buffer_paths": []}
        else:
            data = {"method": "custom", "content": self.message()}
        self.before = [*self.before[-200:], data]
        buffers = [memoryview(self.random.randbytes(self.random.randrange(64)))] * self.random.randrange(3)
        self.widget._handle_msg({"content": {"data": dict(data)}, "buffers": buffers})


def fuzz(kind, net, images, number, monkeypatch, unchanged):
    monkeypatch.setattr(job, "_BUDGET", 0.002)
    threads = threading.active_count()
    widget = makers(net, images)[kind]()
    page = Page(widget, f"{kind} {number}")
    with unchanged(net.model):
        for _ in range(number):
            page.send()
            assert widget.status in base.STATES
    finite = [json.dumps(content, allow_nan=False, ensure_ascii=False) for content, _ in page.replies]
    assert all(one.encode() for one in finite)
    assert finite and any('"ok": true' in one for one in finite) and any('"ok": false' in one for one in finite)
    assert all(content["reason"] for content, _ in page.replies if not content.get("ok", content["type"] == "refused"))
    assert widget.network is net and widget._live is True
    widget.cancel()
    assert widget.status != "running", "work that nobody drives any more can be stopped"
    owner = getattr(widget, "_explorer", widget)
    owner.close()
    assert threading.active_count() <= threads
    gone = weakref.ref(widget)
    del widget, page, owner
    gc.collect()
    assert gone() is None


KINDS = list(makers(None, None))


@pytest.mark.parametrize("kind", KINDS)
def test_no_message_breaks_a_widget(kind, net, images, monkeypatch, unchanged):
    fuzz(kind, net, images, LEAN, monkeypatch, unchanged)


@pytest.mark.zoo
@pytest.mark.parametrize("kind", KINDS)
def test_none_of_ten_thousand_messages_breaks_a_widget(kind, net, images, monkeypatch, unchanged):
    fuzz(kind, net, images, ALL, monkeypatch, unchanged)


@pytest.mark.parametrize("kind", KINDS)
def test_a_widget_works_on_after_it_was_sent_nonsense(kind, net, images, monkeypatch):
    monkeypatch.setattr(job, "_BUDGET", 0.002)
    widget = makers(net, images)[kind]()
    fresh = makers(net, images)[kind]()
    page = Page(widget, kind)
    others = ("layout", "tabbable", "tooltip", "status", "progress", "error")
    public = [name for name in widget.keys if not name.startswith("_") and name not in others]
    for _ in range(150):
        page.widget._handle_custom_msg(page.message(), [])
    widget.set_state({name: getattr(fresh, name) for name in public})
    for one in (widget, fresh):
        if one.status in ("cancelled", "error"):
            one.resume()
        one.wait()
    assert widget.status == fresh.status and widget.error == fresh.error == ""
    assert repr(widget) == repr(fresh)
    for one in (widget, fresh):
        getattr(one, "_explorer", one).close()


def test_what_the_kernel_owns_is_not_the_pages_to_set(net, images):
    maps = dv.ActivationMaps(net, images, layer="2")
    maps.wait()
    given = {"status": "running", "progress": 0.1, "_job": 9, "_tiles": b"x", "_uid": "y", "_live": False}
    before = {name: getattr(maps, name) for name in given}
    maps.set_state(given)
    assert {name: getattr(maps, name) for name in before} == before


def test_the_images_stay_as_they_are(images):
    net = dv.Network(small_network(), input_size=(3, 16, 16))
    before = np.asarray(images[0].pixels).copy()
    page = Page(dv.ActivationMaps(net, images, layer="2"), 1)
    for _ in range(100):
        page.send()
    assert np.array_equal(images[0].pixels, before)
    page.widget.close()
