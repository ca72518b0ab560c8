"""`Atlas` and columns: what is known of each image stands in its own row, whichever images could be read."""

from __future__ import annotations

import numpy as np
import pytest
from networks import small_network

import deepviz_widgets as dv
from deepviz_widgets.methods import embedding as em
from deepviz_widgets.methods.atlas import Atlas, joined
from deepviz_widgets.methods.columns import MOST_CATEGORIES, Column, columns_of, frame, parquet

SHORT = {"iterations": 30}


@pytest.fixture
def photos():
    rng = np.random.default_rng(1)
    return dv.ImageSet(rng.integers(0, 255, (24, 16, 16, 3), np.uint8), labels=[0, 1] * 12, classes=["cat", "dog"])


@pytest.fixture
def small():
    return dv.Network(small_network(), input_size=(3, 16, 16), classes=list("abcde"))


class Torn:
    """Images of which two cannot be read."""

    classes, targets = ("cat", "dog"), [0, 1] * 8

    def __len__(self):
        return 16

    def __getitem__(self, row):
        if row in (3, 9):
            raise OSError("torn")
        return np.random.default_rng(row).integers(0, 255, (16, 16, 3), np.uint8), row % 2


def finished(atlas, *layers):
    for _ in atlas.read(layers):
        pass
    for layer in layers:
        atlas.run(layer).run()
    return atlas


def test_one_pass_reads_several_layers_and_the_maps_are_those_of_the_engine(small, photos, unchanged):
    with unchanged(small.model):
        atlas = finished(Atlas(photos, small, **SHORT), "0", "5")
    for layer in ("0", "5"):
        truth = em.features_of(small, photos, [layer])[layer].values
        assert np.array_equal(atlas.values[layer], truth)
        assert np.array_equal(atlas.positions(layer), em.embedding(truth, **SHORT).run().positions)


def test_images_that_cannot_be_read_have_no_position_and_no_prediction(small):
    atlas = finished(Atlas(dv.ImageSet(Torn()), small, **SHORT), "5")
    assert sorted(atlas.skipped) == [3, 9] and len(atlas.rows) == 14
    lost = np.isin(np.arange(16), (3, 9))
    assert np.array_equal(np.isnan(atlas.positions("5")).all(1), lost)
    assert np.array_equal(atlas.predictions < 0, lost) and np.array_equal(np.isnan(atlas.confidences), lost)
    ids, far = atlas.neighbours("5", 4, 5)
    values = dict(zip(atlas.rows, atlas.values["5"], strict=True))
    distances = {row: np.linalg.norm(value - values[4]) for row, value in values.items() if row != 4}
    assert ids.tolist() == sorted(distances, key=distances.get)[:5]
    assert np.allclose(far, sorted(distances.values())[:5], rtol=1e-5)


def test_neighbours_are_those_of_brute_force_and_none_is_the_image_itself(small, photos):
    atlas = finished(Atlas(photos, small, **SHORT), "5")
    every = np.linalg.norm(atlas.values["5"][:, None] - atlas.values["5"][None], axis=2)
    np.fill_diagonal(every, np.inf)
    for row in range(24):
        ids, far = atlas.neighbours("5", row, 6)
        assert np.allclose(far, np.sort(every[row])[:6], rtol=1e-5) and row not in ids
        assert np.allclose(every[row, ids], far, rtol=1e-5)


def test_a_second_map_is_turned_onto_the_first_without_a_change_of_shape(small, photos):
    atlas = finished(Atlas(photos, small, **SHORT), "0", "5")
    before = atlas.positions("5").copy()
    assert not atlas.turn("0") and atlas.turn("5") and not atlas.turn("5"), "only the second one, once"
    after = atlas.positions("5")

    def apart(points):
        return np.linalg.norm(points[:, None] - points[None], axis=2)

    ratio = apart(after)[~np.eye(24, dtype=bool)] / apart(before)[~np.eye(24, dtype=bool)]
    assert np.allclose(ratio, ratio[0], rtol=1e-3), "a similarity"
    assert np.linalg.norm(after - atlas.positions("0")) < np.linalg.norm(before - atlas.positions("0"))
    kept = atlas.positions("5", atlas.keyframes("5")[30])
    assert np.allclose(kept, after, atol=1e-4), "moments are turned as the map is"


def test_features_and_positions_that_are_given_are_taken_as_they_are(photos):
    rows = np.random.default_rng(0).normal(size=(24, 5))
    atlas = Atlas(photos, features={"a": rows, "b": 2 * rows}, **SHORT)
    assert list(atlas.values) == ["a", "b"] and np.allclose(atlas.values["b"], 2 * rows)
    given = Atlas(photos, positions=rows[:, :2])
    given.run("").run()
    assert given.given and np.allclose(given.positions(""), rows[:, :2])


@pytest.mark.parametrize(("what", "says"), [
    ({"features": np.zeros((5, 3))}, "24 images but 5 rows of features"),
    ({"positions": np.zeros((5, 2))}, "24 images but 5 positions"),
    ({"positions": np.full((24, 2), np.nan)}, "NaN"),
    ({"positions": np.zeros((24, 3))}, "positions are an array|Positions are an array"),
])
def test_what_does_not_fit_the_images_is_refused_in_a_sentence(photos, what, says):
    with pytest.raises(ValueError, match=says):
        Atlas(photos, **what)


def test_errors_are_told_by_names_where_network_and_images_share_them():
    images = dv.ImageSet(np.zeros((4, 8, 8, 3), np.uint8), labels=[0, 1, 1, 0], classes=["dog", "cat"])
    net = dv.Network(small_network(classes=2), input_size=(3, 8, 8), classes=["cat", "dog"])
    atlas = Atlas(images, net)
    atlas.predictions = np.array([1, 0, 1, -1])
    assert atlas.wrong().tolist() == [0, 0, 1, -1], "class 1 of the network is class 0 of the images"
    known = Atlas(images)
    known.predictions = np.array([0, 0, 1, 1])
    assert known.wrong().tolist() == [0, 1, 0, 1]


def test_kept_and_false_neighbours_are_those_of_the_honesty(small, photos):
    atlas = finished(Atlas(photos, small, **SHORT), "5")
    found = atlas.honesty("5")
    assert np.allclose(atlas.kept("5"), found.kept)
    for row in range(24):
        far = set(atlas.neighbours("5", row, min(3 * found.k, 23))[0].tolist())
        assert atlas.false("5", row) == [one for one in found.near[row].tolist() if one not in far]
    share = np.mean([len(atlas.false("5", row)) / found.k for row in range(24)])
    assert share == pytest.approx(float(found.false.mean()), abs=0.02)
    atlas.changed("5")
    assert np.isnan(atlas.kept("5")).all() and atlas.false("5", 0) == [], "a map that moves on was not measured"


def test_new_images_are_placed_beside_those_that_they_are_like(small, photos):
    atlas = finished(Atlas(photos, small, **SHORT), "5")
    before = atlas.positions("5").copy()
    new = photos[[4, 7]]
    ids = atlas.add(new, em.features_of(small, new, ["5"]))
    assert ids.tolist() == [24, 25] and atlas.count == 26 and np.array_equal(atlas.positions("5")[:24], before)
    spread = np.ptp(before, 0).max()
    assert (np.linalg.norm(atlas.positions("5")[24:] - before[[4, 7]], axis=1) < 0.4 * spread).all()
    assert atlas.labels[24:].tolist() == photos.labels[[4, 7]].tolist()
    assert atlas.predictions[24:].tolist() == atlas.predictions[[4, 7]].tolist()
    assert atlas.neighbours("5", 24, 1)[0].tolist() == [4] and atlas.images[25].name == photos[7].name


def test_joined_images_share_the_names_of_their_classes(photos):
    other = dv.ImageSet(np.zeros((2, 16, 16, 3), np.uint8), labels=[0, 0], classes=["dog"])
    both = joined(photos, other)
    assert len(both) == 26 and both[25].class_name == "dog"
    strange = dv.ImageSet(np.zeros((2, 16, 16, 3), np.uint8), labels=[0, 0], classes=["cow"])
    assert joined(photos, strange).labels is None


def test_columns_are_categories_or_numbers_as_they_come():
    found = columns_of({"light": [0.5, np.nan, 2.0], "place": ["sea", None, "sea"], "few": [3, 1, 3],
                        "flag": [True, False, True]}, 3)
    assert {name: column.kind for name, column in found.items()} == {
        "light": "number", "place": "category", "few": "category", "flag": "category"}
    assert found["place"].categories == ("sea",) and found["place"].values.tolist() == [0, -1, 0]
    assert [found["light"].text(k) for k in range(3)] == [0.5, None, 2.0] and found["few"].text(1) == "1"
    assert columns_of({"many": np.arange(40)}, 40)["many"].kind == "number"
    names = columns_of({"name": [f"n{k}" for k in range(3000)]}, 3000)["name"]
    assert len(names.categories) == MOST_CATEGORIES and names.categories[-1] == "other"
    with pytest.raises(ValueError, match="'light' has 2 values, but there are 3 images"):
        columns_of({"light": [1.0, 2.0]}, 3)


def test_coded_columns_lead_back_to_their_values():
    values = np.array([3.5, np.nan, -1.0, 8.25, 0.0])
    codes, low, high = Column("v", "number", values).coded()
    assert codes[1] == 65535 and codes.dtype == np.uint16
    known = np.isfinite(values)
    assert np.allclose(low + codes[known] / 65534 * (high - low), values[known], atol=(high - low) / 65000)
    words = Column("w", "category", np.array([2, -1, 0]), tuple("abc")).coded()[0]
    assert words.tolist() == [2, 255, 0] and words.dtype == np.uint8
    assert Column("w", "category", np.array([300]), tuple(map(str, range(301)))).coded()[0].dtype == np.uint16
    even = Column("e", "number", np.full(3, 7.0)).coded()
    assert even[1] == 7.0 and even[0].tolist() == [0, 0, 0]


def test_a_table_comes_back_from_its_file(tmp_path):
    import pyarrow.parquet

    table = {"id": np.arange(3), "name": ["a", "b", "c"], "x": np.array([1.0, np.nan, 2.0], np.float32)}
    path = parquet(table, tmp_path / "found.parquet")
    back = pyarrow.parquet.read_table(path).to_pydict()
    assert back["name"] == ["a", "b", "c"] and back["x"][0] == 1.0 and np.isnan(back["x"][1])
    assert frame(table)["id"].tolist() == [0, 1, 2]
    with pytest.raises(ValueError, match="no folder"):
        parquet(table, tmp_path / "nowhere" / "found.parquet")


def test_a_map_goes_on_from_where_the_images_lay():
    rows, lay = np.random.default_rng(0).normal(size=(40, 5)), np.random.default_rng(1).normal(size=(40, 2))
    found = em.embedding(rows, start=lay, iterations=25).run()
    assert np.allclose(found.keyframes[0][1], lay) and not np.allclose(found.positions, lay)
    with pytest.raises(ValueError, match="A map of 40 images starts from 40 finite pairs"):
        em.embedding(rows, start=lay[:30])
    with pytest.raises(ValueError, match="starts from 'pca' or 'random'"):
        em.embedding(rows, start="middle")
