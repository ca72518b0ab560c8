"""`EmbeddingMap` and its page: every message is small, stale ones are refused, a saved page answers itself."""

from __future__ import annotations

import gc
import json
import re
import time
import weakref

import numpy as np
import pytest
from fake_page import FakePage
from map_requests import NUMBER, asked
from networks import small_network

import deepviz_widgets as dv
from deepviz_widgets.widgets import wire
from deepviz_widgets.widgets.embedding_map_state import MapState


@pytest.fixture(scope="module")
def still(photos):
    """A map at its end, for tests that leave it as it is."""
    net = dv.Network(small_network(), input_size=(3, 16, 16), classes=list("abcde"))
    found = dv.EmbeddingMap(net, photos, "5", iterations=60)
    found.wait()
    yield found
    found.close()


# -------------------------------------------------------------------- the wire


def messages_of(found, act):
    """Every message that a widget sends while something is done, as bytes: the JSON and its buffers."""
    sent = []

    class Comm:
        kernel, comm_id = True, "a map"

        def send(self, data=None, metadata=None, buffers=None):
            sent.append((json.dumps(data, allow_nan=False, default=repr), [bytes(one) for one in buffers or []]))

        def on_msg(self, *_):
            pass

        def close(self, *_, **__):
            pass

    found._trait_values["comm"] = Comm()  # old ipywidgets take none but ipykernel's
    act()
    return sent


def test_every_message_is_under_one_mebibyte(net):
    rng = np.random.default_rng(0)
    number = 30_000
    photos = dv.ImageSet(rng.integers(0, 255, (64, 160, 160, 3), np.uint8)[rng.integers(0, 64, 300)],
                         names=[f"{'a long name ' * 8}{k}" for k in range(300)])

    def forming():
        found = dv.EmbeddingMap(net, photos, "5", layers=["0", "5"], iterations=50, arrangement="grid")
        found.wait()
        return found

    many = dv.EmbeddingMap(photos=dv.ImageSet(np.zeros((number, 4, 4), np.uint8)),
                           positions=rng.normal(size=(number, 2)), columns={"light": rng.normal(size=number)})

    def explored():
        many.arrangement = "grid"
        many.wait()
        many.selected = range(25_000)
        many.send_state()
        key, ids = many._points["key"], list(range(256))
        ask = {"type": "request", "key": key, "rid": 1, "generation": many._points["generation"]}
        for what, more in (("positions", {"iteration": 1}), ("grid", {}), ("base", {}), ("column", {"name": "rank"}),
                           ("column", {"name": "light"}), ("search", {"text": "image"}), ("thumbs", {"level": 32,
                           "ids": ids})):
            many._handle_custom_msg({**ask, "what": what, "from": 0, **more}, [])

    found = forming()
    explore = {"rid": 1, "type": "request", "key": found._points["key"], "generation": found._points["generation"]}

    def looked():
        found.send_state()
        found.layer = "0"
        found.wait()
        for level in (32, 64, 128):
            found._handle_custom_msg({**explore, "what": "thumbs", "level": level, "ids": list(range(256)),
                                      "generation": found._points["generation"]}, [])
        for what in ("picture", "card"):
            found._handle_custom_msg({**explore, "what": what, "id": 3, "generation": found._points["generation"]}, [])
        found.null = True
        found.wait()
        found.send_state()
        found.null = False
        found.compare_seeds()
        found.wait()
        found.send_state()

    sent = [*messages_of(many, explored), *messages_of(found, looked)]
    assert len(sent) > 20
    without_code = [len(text) - (len(found._code) + len(found._css) if '"_code"' in text else 0) for text, _ in sent]
    sizes = [size + sum(map(len, buffers)) for size, (_, buffers) in zip(without_code, sent, strict=True)]
    assert max(sizes) < wire.MESSAGE_LIMIT
    assert not any('"ok": false' in text for text, _ in sent), "nothing was refused"


@pytest.mark.parametrize("content", [
    {"what": "base", "from": 0, "key": "old"}, {"what": "thumbs", "level": 32, "ids": [1], "key": "0"},
    {"what": "positions", "iteration": 25, "from": 0, "generation": -1}, {"what": "card", "id": 1, "key": None},
])
def test_a_request_about_images_or_a_still_that_was_replaced_is_refused(still, content):
    reply, buffers = FakePage(still).ask(type="request", **{"key": still._points["key"], **content})
    assert not reply["ok"] and reply["reason"] == "This map was replaced." and not buffers


@pytest.mark.parametrize("content", [
    {"what": "secrets"}, {"what": "base"}, {"what": "base", "from": NUMBER}, {"what": "base", "from": -1},
    {"what": "thumbs", "level": 31, "ids": [1]}, {"what": "thumbs", "level": 32, "ids": "all"},
    {"what": "thumbs", "level": 32, "ids": []}, {"what": "thumbs", "level": 32, "ids": [NUMBER]},
    {"what": "card", "id": True}, {"what": "card", "id": "1"}, {"what": "column", "name": "secrets", "from": 0},
    {"what": "positions", "iteration": 26, "from": 0}, {"what": "positions", "layer": 3, "from": 0},
    {"what": "grid", "from": 0}, {"what": "picture", "id": 10**9}, {"what": "positions", "iteration": None, "from": 0},
])
def test_what_cannot_be_answered_is_refused_in_a_sentence_and_changes_nothing(still, content):
    before = {name: value for name, value in still.get_state().items() if name != "layout"}
    reply, buffers = FakePage(still).ask(type="request", key=still._points["key"], **content)
    assert not reply["ok"] and re.match(r"^[A-Z'].*\.$", reply["reason"]) and not buffers
    assert {name: value for name, value in still.get_state().items() if name != "layout"} == before


def test_a_message_that_comes_twice_is_answered_twice_alike(still):
    page = FakePage(still)
    one, two = (asked(page, "positions", iteration=25, **{"from": 0}) for _ in range(2))
    assert one[1] == two[1] and {**one[0], "rid": 0} == {**two[0], "rid": 0}
    stale = page.ask(type="step", job=still._job - 1)[0]
    assert stale["status"] == "done"


@pytest.mark.parametrize("state", [
    {"layer": "nope"}, {"image": 99}, {"selected": [NUMBER]}, {"selected": "all"}, {"hovered": NUMBER},
    {"view": [1.0]}, {"view": [0.0, 0.0, -1.0]}, {"colour": "nope"}, {"perplexity": 30.0}, {"perplexity": -2.0},
    {"exaggeration": 0.0}, {"arrangement": "heap"}, {"seed": -1}, {"layers": ["nope"]}, {"size": 1000.0},
])
def test_a_value_that_is_refused_is_put_back_and_explained(still, state):
    page, (name,) = FakePage(still), state
    before = getattr(still, name)
    still.set_state(state)
    assert getattr(still, name) == before
    assert page.sent[-1][0]["type"] == "refused" and page.sent[-1][0]["reason"]


# -------------------------------------------------------------------- being a widget


def test_closing_lets_go_of_the_model_and_the_images(photos):
    model = small_network()
    net = dv.Network(model, input_size=(3, 16, 16))
    images = dv.ImageSet(np.random.default_rng(0).integers(0, 255, (12, 16, 16, 3), np.uint8))
    found = dv.EmbeddingMap(net, images, "5", iterations=20)
    found.wait()
    watched = [weakref.ref(thing) for thing in (model, net, images)]
    found.close()
    found.close()
    del model, net, images
    gc.collect()
    assert [ref() for ref in watched] == [None] * 3
    with pytest.raises(RuntimeError, match="This EmbeddingMap is closed"):
        found.wait()
    assert repr(found)


def test_construction_is_instant_and_the_repr_is_stable(net, photos):

    dv.EmbeddingMap(net, photos, "5")
    began = time.perf_counter()
    found = [dv.EmbeddingMap(net, photos, "5") for _ in range(5)][-1]
    assert (time.perf_counter() - began) / 5 < 0.1
    found.selected = [1, 2]
    assert repr(found) == "EmbeddingMap('5', 40 images, 2 selected)"


def test_every_public_trait_is_documented():
    names = [name for name in dv.EmbeddingMap.class_traits(sync=True) if name in vars(MapState) and name[0] != "_"]
    assert len(names) >= 16 and all(getattr(MapState, name).help for name in names)


def test_a_saved_page_holds_what_the_page_would_ask_for(net, photos, tmp_path):
    found = dv.EmbeddingMap(net, photos, "5", layers=["0", "5"], iterations=50, arrangement="grid")
    text = found.to_html(tmp_path / "map.html").read_text()
    state = json.loads(re.search(r'id="dvw-state">(.*?)</script>', text, re.DOTALL).group(1))["widgets"][0]
    store = state["state"]["_store"]
    kinds = {entry["what"] for entry in store}
    assert kinds == {"base", "column", "positions", "grid", "card", "thumbs"} and state["state"]["_live"] is False
    assert sum(entry["count"] for entry in store if entry["what"] == "base") == NUMBER
    assert {entry["name"] for entry in store if entry["what"] == "column"} >= {"label", "prediction", "kept", "rank"}
    assert sorted(i for entry in store if entry["what"] == "thumbs" for i in entry["ids"]) == list(range(NUMBER))
    assert {entry["level"] for entry in store if entry["what"] == "thumbs"} == {128}, "all of them fit"
    assert [e["iteration"] for e in store if e["what"] == "positions" and "iteration" in e] == [0, 25, 50]
    assert [entry["id"] for entry in store if entry["what"] == "card"] == list(range(NUMBER))
    assert found.get_state()["_stored"] == b"", "what was recorded does not go to the live page"
    small = dv.EmbeddingMap(net, photos, "5", iterations=20).to_html(tmp_path / "small.html", max_mb=0.15)
    assert small.stat().st_size < 0.15e6 + len(found._code) * 1.1 + 40_000 < (tmp_path / "map.html").stat().st_size * 2
