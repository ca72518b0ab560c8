"""The picture beside a widget in a saved notebook: drawn at once, small, and of what is known."""

from __future__ import annotations

import base64
import io
import time

import numpy as np
import pytest
from PIL import Image

import deepviz_widgets as dv
from deepviz_widgets.widgets import stills
from deepviz_widgets.widgets.stills_views import VIEWS, still_of

VIEW = "application/vnd.jupyter.widget-view+json"


@pytest.fixture(scope="module")
def scenes():
    return dv.demo.scenes(n=24)


def shown(widget) -> np.ndarray:
    data = widget._repr_mimebundle_()
    data = data[0] if isinstance(data, tuple) else data
    assert VIEW in data and "text/plain" in data, "the widget itself is there as before"
    raw = base64.b64decode(data["image/png"])
    assert len(raw) <= stills.MOST
    found = np.asarray(Image.open(io.BytesIO(raw)).convert("RGB")).astype(int)
    assert found.shape[1] == stills.WIDTH
    return found


def colours(picture: np.ndarray) -> int:
    return len(np.unique(picture[44:-45].reshape(-1, 3), axis=0))


def makers(net, photos):
    return {
        "LayerPicker": lambda: dv.LayerPicker(net, layer="conv1"),
        "ActivationMaps": lambda: dv.ActivationMaps(net, photos, layer="conv1"),
        "KernelGrid": lambda: dv.KernelGrid(net, photos),
        "OcclusionMap": lambda: dv.OcclusionMap(net, photos, target="wheel", patch=16, stride=8),
        "ConfusionMatrix": lambda: dv.ConfusionMatrix(net, photos),
        "SeparatingUnits": lambda: dv.SeparatingUnits(net, photos, layer="conv2", selected=[0, 6, 12]),
        "UnitSwitches": lambda: dv.UnitSwitches(net, photos, layer="conv1", switches=[["conv1", 3, 0.0]]),
        "Sketchpad": lambda: dv.Sketchpad(net),
        "TopPatches": lambda: dv.TopPatches(net, photos, layer="conv2", layers=["conv2"], k=4),
        "EmbeddingMap": lambda: dv.EmbeddingMap(net, photos, positions=np.random.default_rng(0).normal(size=(24, 2))),
    }


@pytest.mark.parametrize("kind", list(makers(None, None)))
def test_every_widget_has_a_picture_before_and_after_its_work(kind, scenes):
    widget = makers(*scenes)[kind]()
    least = 1 if kind in ("Sketchpad", "UnitSwitches") else 10  # an empty sheet, a line of text
    before = shown(widget)
    assert colours(before) > least, "nothing is computed yet: the image and the structure are shown"
    widget.wait()
    after = shown(widget)
    assert colours(after) > least
    if kind not in ("LayerPicker", "KernelGrid", "UnitSwitches"):
        assert before.shape != after.shape or (before != after).mean() > 0.02, "what was computed is on it"
    widget.close()


def test_maps_are_where_they_belong_in_the_widgets_colours(scenes):
    maps = dv.ActivationMaps(*scenes, layer="relu1")
    maps.wait()
    picture = shown(maps)
    tile = picture[48 : 48 + 88, 16 + 216 : 16 + 216 + 88]
    values = maps.activations.maps[0]
    share = (values - values.min()) / (np.ptp(values) or 1)
    bright = np.asarray(Image.fromarray(share).resize((88, 88), Image.Resampling.NEAREST))
    assert np.corrcoef(tile.sum(2).ravel(), stills.colours(bright).sum(2).ravel())[0, 1] > 0.95


def test_a_photo_is_orange_where_hiding_lowers_the_score(scenes):
    found = dv.OcclusionMap(*scenes, target="wheel", patch=16, stride=8)
    found.wait()
    picture = shown(found)[48 : 48 + 320, 16 + 336 : 16 + 336 + 320]
    warm = picture[..., 0] - picture[..., 2]
    drop = found.sweep.base()[found.target] - found.sweep.map(found.target)
    y, x = np.unravel_index(np.argmax(drop), drop.shape)
    at = [int(320 * (k + 0.5) / n) for k, n in zip((y, x), drop.shape, strict=True)]
    assert warm[at[0], at[1]] > 40 and warm.max() < warm[at[0], at[1]] + 60


def test_charts_and_rows_have_pictures_too(scenes):
    net, photos = scenes
    scores = dv.ClassScores(net, photos)
    picture = shown(scores)
    blue = (np.abs(picture - [0x3F, 0x7C, 0xE0]).max(2) < 8).sum(1)
    assert blue.max() > 0.85 * scores.scores.confidences[0].max() * 620, "the bar is as long as the score"
    grid = dv.KernelGrid(net, photos)
    shown(grid.histogram)
    assert shown(dv.row(grid, scores)).shape[0] > shown(scores).shape[0] + 80


def test_a_picture_that_cannot_be_drawn_does_not_take_the_widget_away(scenes, monkeypatch):
    monkeypatch.setitem(VIEWS, "LayerPicker", lambda widget: 1 / 0)
    data = dv.LayerPicker(scenes[0])._repr_mimebundle_()[0]
    assert VIEW in data and "image/png" not in data


def test_it_never_delays_a_cell(scenes):
    for make in makers(*scenes).values():
        widget = make()
        widget.wait()
        still_of(widget)
        times = []
        for _ in range(3):
            began = time.thread_time()  # of this thread alone: others may use the machine
            still_of(widget)
            times.append(time.thread_time() - began)
        assert min(times) < 0.1, f"{widget}: {min(times):.3f} s"


def test_large_pictures_are_packed_smaller():
    noise = np.random.default_rng(0).integers(0, 255, (600, 800, 3), np.uint8)
    assert len(stills.packed(Image.fromarray(noise))) < stills._png(Image.fromarray(noise)).__len__() / 2


@pytest.mark.parametrize(("words", "room", "lines"), [("a b c", 1000, ["a b c"]), ("", 100, []), ("x" * 400, 100, 1)])
def test_text_is_broken_and_cut(words, room, lines):
    found = stills.wrapped(words, room, 13)
    assert (found == lines) if isinstance(lines, list) else (len(found) == lines and found[0].endswith("…"))
    assert all(stills.width_of(line, 13) <= room for line in found)
