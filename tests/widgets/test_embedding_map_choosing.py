"""`EmbeddingMap`: what is chosen is the same on both sides; images as they come; what has no map says why."""

from __future__ import annotations

import importlib

import numpy as np
import pytest
import traitlets
from fake_page import FakePage
from map_requests import NUMBER, asked, whole_column

import deepviz_widgets as dv
from deepviz_widgets.widgets.embedding_map_wire import bits_of, ids_of

# -------------------------------------------------------------------- choosing


def test_what_is_chosen_is_the_same_on_both_sides(map_, photos):
    map_.selected = [5, 3, 5]
    assert map_.selected == [3, 5] and [picture.name for picture in photos[map_.selected]] == [
        "photo 3.png", "photo 5.png"]
    map_.set_state({"selected": [1, 2], "hovered": 2, "view": [0.5, 1.0, 3.0], "image": 4})
    assert (map_.selected, map_.hovered, map_.view, map_.image) == ([1, 2], 2, [0.5, 1.0, 3.0], 4)
    map_.selected = photos.labels == 1
    assert map_.selected == [*range(1, NUMBER, 2)]
    map_.selected = []
    assert map_.selected == []


def test_many_chosen_images_travel_as_bits_both_ways(photos):
    number = 21_000
    images = dv.ImageSet(np.zeros((number, 8, 8), np.uint8))
    found = dv.EmbeddingMap(photos=images, positions=np.zeros((number, 2)))
    found.selected = range(0, number - 500)
    assert found.get_state("selected")["selected"] == [] and ids_of(found._mask, number) == found.selected
    assert len(found.selected) == number - 500, "Python sees them all"
    found.set_state({"selected": [], "_mask": memoryview(bits_of(range(5, number), number))})
    assert found.selected == [*range(5, number)]
    found.set_state({"selected": [3], "_mask": memoryview(b"")})
    assert found.selected == [3] and found._mask == b""
    found.selected = range(number)
    found.set_state({"selected": [], "_mask": b""})
    assert found.selected == []


def test_bits_beyond_the_last_image_are_ignored():
    assert ids_of(b"\xff\xff", 10) == [*range(10)] and ids_of(bits_of([0, 9], 10), 10) == [0, 9]


def test_flying_shows_the_images_that_are_named(map_):
    with pytest.raises(ValueError, match="not on the map yet"):
        map_.fly_to(3)
    map_.wait()
    map_.fly_to([3, 8])
    x, y, width = map_.view
    spots = map_.positions[[3, 8]]
    assert np.allclose([x, y], spots.mean(0), atol=1e-3) and width >= np.ptp(spots, 0).max()


def test_a_frame_and_a_file_hold_the_coordinates_and_the_choice(map_, tmp_path, photos):
    import pyarrow.parquet

    map_.wait()
    map_.selected = [2]
    frame = map_.to_frame()
    assert np.allclose(frame[["x", "y"]].to_numpy(), map_.positions) and frame["name"].tolist() == photos.names
    assert frame["selected"].tolist() == [k == 2 for k in range(NUMBER)]
    assert frame["label"][1] == "dog" and frame["prediction"].isin(list("abcde")).all()
    back = pyarrow.parquet.read_table(map_.save(tmp_path / "map.parquet")).to_pydict()
    assert np.allclose(np.stack([back["x"], back["y"]], 1), map_.positions) and back["selected"][2]


def test_a_map_follows_the_layer_and_the_image_of_another_widget(net, photos):
    picker = dv.LayerPicker(net, layer="0")
    found = dv.EmbeddingMap(net, photos, picker, iterations=20)
    assert found.layer == "0"
    picker.layer = "5"
    assert found.layer == "5"
    maps = dv.ActivationMaps(net, photos, layer="2", image=found)
    found.image = 6
    assert maps.image == 6


# -------------------------------------------------------------------- images as they come


class Torn:
    """A dataset with images that cannot be read."""

    targets = [0, 1] * 10

    def __len__(self):
        return 20

    def __getitem__(self, row):
        if row in (4, 11):
            raise OSError("torn")
        return np.random.default_rng(row).integers(0, 255, (16, 16, 3), np.uint8), row % 2


def test_images_that_cannot_be_read_keep_their_number_and_are_not_on_the_map(net):
    found = dv.EmbeddingMap(net, Torn(), "5", iterations=30, arrangement="grid")
    page = FakePage(found)
    page.pump()
    assert found.status == "done" and found._points["missing"] == [4, 11]
    lost = np.isin(np.arange(20), (4, 11))
    assert np.array_equal(np.isnan(found.positions).all(1), lost)
    assert np.array_equal((np.frombuffer(found._xy, "<u2").reshape(-1, 2) == 65535).all(1), lost)
    ranks = whole_column(page, "rank")[1]
    assert sorted(ranks.tolist()) == list(range(20)) and set(ranks[lost]) == {18, 19}
    cells = np.frombuffer(asked(page, "grid", generation=found._grid["generation"], **{"from": 0})[1][0], "<u2")
    assert np.array_equal((cells.reshape(-1, 2) == 65535).all(1), lost)
    assert asked(page, "card", id=4)[0]["neighbours"] == [] and not asked(page, "card", id=4)[0]["prediction"]
    found.positions = found.positions
    assert found.to_frame()["x"].isna().tolist() == lost.tolist()


def test_other_images_begin_another_map(map_, photos):
    map_.wait()
    map_.selected, key = [39], map_._points["key"]
    map_.images = photos[:20]
    assert map_._points["key"] != key and map_._points["count"] == 20 and map_.selected == [] and map_._xy == b""
    map_.wait()
    assert map_.positions.shape == (20, 2) and np.isfinite(map_.positions).all()


# -------------------------------------------------------------------- what cannot be mapped


def test_bad_input_is_refused_in_one_sentence(net, photos):
    for given, says in (
        ({"photos": photos[:3]}, "at least 4 images; there are 3"),
        ({"photos": photos, "perplexity": 40}, r"The perplexity is 40; for 40 images it goes from 1 to 13"),
        ({"photos": photos, "engine": "tnse"}, "No engine 'tnse'"),
        ({"photos": photos, "features": np.zeros((3, 2))}, "40 images but 3 rows"),
        ({"photos": photos, "positions": np.zeros((3, 2))}, "40 images but 3 positions"),
        ({"photos": photos, "columns": {"light": [1.0]}}, "'light' has 1 values, but there are 40 images"),
        ({"photos": photos, "pool": "places"}, "'places' is none of these"),
    ):
        with pytest.raises(ValueError, match=says):
            dv.EmbeddingMap(net, **given)
    with pytest.raises(TypeError, match="no keyword 'perplexty'; did you mean 'perplexity'"):
        dv.EmbeddingMap(net, photos, perplexty=3)
    with pytest.raises(TypeError, match="needs photos"):
        dv.EmbeddingMap(net)
    with pytest.raises(TypeError, match="needs a network"):
        dv.EmbeddingMap(photos=photos)
    with pytest.raises(TypeError, match="needs a Network"):
        dv.EmbeddingMap(net.model, photos)
    with pytest.raises(traitlets.TraitError, match="No layer 'nope'"):
        dv.EmbeddingMap(net, photos, "nope")


def test_an_engine_that_is_not_installed_names_the_line_that_installs_it(net, photos, monkeypatch):

    real = importlib.import_module

    def without(name, *rest):
        if name.startswith(("umap", "cuml")):
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(importlib, "import_module", without)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *_: None)
    with pytest.raises(ImportError, match="pip install umap-learn"):
        dv.EmbeddingMap(net, photos, engine="umap").wait()


def test_what_has_no_map_ends_in_an_error_that_says_why(net):
    same = dv.ImageSet(np.zeros((8, 16, 16, 3), np.uint8))
    nan = np.zeros((8, 3))
    nan[4, 1] = np.nan
    for found, says in (
        (dv.EmbeddingMap(net, same, "5"), "the same"),
        (dv.EmbeddingMap(photos=same, features=np.ones((8, 3))), "the same, so there is nothing to map"),
        (dv.EmbeddingMap(photos=same, features=nan), "NaN or infinite numbers, the first at row 4"),
    ):
        FakePage(found).pump()
        assert found.status == "error" and says in found.error and found.error.count("\n") == 0
        with pytest.raises(ValueError, match=says):
            found._restart()
            found.wait()
