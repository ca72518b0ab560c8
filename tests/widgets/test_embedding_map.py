"""`EmbeddingMap`: the map forms while it is watched, follows every knob, and says what it kept."""

from __future__ import annotations

import io

import numpy as np
import pytest
import traitlets
from fake_page import FakePage
from map_requests import NUMBER, asked, positions_of, whole_column
from PIL import Image

import deepviz_widgets as dv
from deepviz_widgets.methods import embedding as em
from deepviz_widgets.widgets.embedding_map_wire import ids_of
from deepviz_widgets.words import percent

# -------------------------------------------------------------------- the map forms


def test_nothing_is_computed_before_a_page_or_wait_asks(net, photos, unchanged):
    with unchanged(net.model):
        found = dv.EmbeddingMap(net, photos, "5", iterations=60)
        assert found.status == "running" and found._xy == b"" and not found._frame
        assert np.isnan(found.positions).all() and found._points["count"] == NUMBER
        FakePage(found).pump()
    assert found.status == "done" and found.error == ""


def test_the_positions_are_those_of_the_engine_called_by_hand_and_reach_the_page(net, photos, map_):
    map_.wait()
    rows = em.features_of(net, photos, ["5"])["5"]
    truth = em.embedding(rows, iterations=60).run().positions
    assert np.array_equal(map_.positions, truth)
    seen = positions_of(map_._xy, map_._frame)
    assert np.abs(seen - truth).max() <= np.ptp(truth, 0).max() / 65000
    assert map_._frame["layer"] == "5" and map_._frame["iteration"] == 60 and map_._points["phase"] == "done"


def test_the_map_forms_while_it_is_watched(net, photos):
    found = dv.EmbeddingMap(net, photos, "5", iterations=200)
    frames, phases = [], []
    found._atlas._options["pace"] = 0.0
    found.observe(lambda change: frames.append(change["new"]["iteration"]), "_frame")
    found.observe(lambda change: phases.append(change["new"]["phase"]), "_points")
    while found.status == "running":
        found._worker.step(budget=0)
        found._drawn = 0.0  # as if a while had passed
    assert frames == sorted(frames) and len(set(frames)) >= 4 and frames[-1] == 200
    order = ["features", "neighbours", "exaggeration", "settling", "done"]
    assert [phase for phase in order if phase in phases] == order
    assert found._points["keyframes"] == [*range(0, 201, 25)] and found.progress == 1.0


def test_pause_keeps_what_is_there_and_resume_goes_on(map_):
    map_._atlas._options["pace"] = 0.0  # one iteration a step: a fast machine is not done before it is paused
    page = FakePage(map_)
    while not map_._frame.get("iteration"):
        map_._worker.step(budget=0)
        map_._drawn = 0.0  # as if a while had passed
    map_.playing = False
    here = map_.positions.copy()
    assert map_.status == "cancelled" and page.ask(type="step", job=map_._job)[0]["status"] == "cancelled"
    assert np.array_equal(map_.positions, here)
    at = map_._frame["iteration"]
    asked(page, "step")
    assert map_._frame["iteration"] == at + 1 and map_.status == "cancelled", "one iteration further, still paused"
    map_.playing = True
    assert map_.status == "running"
    page.pump()
    assert map_._frame["iteration"] == 60 and not map_.playing


def test_a_new_perplexity_acts_on_the_map_as_it_is_and_searches_no_neighbours_again(map_):
    map_.wait()
    run, before, generation = map_._atlas.runs["5"], map_.positions.copy(), map_._points["generation"]
    search = run._search if hasattr(run, "_search") else None
    map_.perplexity = 4.0
    assert run.perplexity == 4.0 and map_.status == "running" and np.array_equal(map_.positions, before)
    FakePage(map_).pump()
    assert map_._atlas.runs["5"] is run and (search is None or run._search is search)
    assert not np.allclose(map_.positions, before) and map_._points["generation"] == generation
    assert map_._frame["iteration"] > 60 and map_._says["kept"] == map_.honesty.preservation


def test_the_perplexity_acts_while_the_map_forms_and_while_it_is_paused(map_):
    while not map_._frame.get("iteration"):
        map_._worker.step(budget=0)
    map_.set_state({"perplexity": 5.0})
    assert map_.status == "running" and map_._atlas.runs["5"].perplexity == 5.0
    map_.pause()
    map_.perplexity = 3.0
    assert map_.status == "cancelled" and map_._atlas.runs["5"].perplexity == 3.0
    map_.resume()
    map_.wait()
    assert map_._points["phase"] == "done"


def test_restart_begins_another_map_whose_moments_replace_the_old_ones(map_):
    map_.wait()
    page, before, generation = FakePage(map_), map_.positions.copy(), map_._points["generation"]
    reply, _ = asked(page, "restart", seed=7)
    assert map_._points["generation"] == reply["generation"] > generation and map_.seed == 7
    assert map_._frame["iteration"] == 0 and map_.status == "running" and map_._says == {}
    page.pump()
    assert not np.allclose(map_.positions, before)
    again = map_.positions.copy()
    map_.seed = 8
    map_.wait()
    assert not np.allclose(map_.positions, again)
    map_.restart(7)
    map_.wait()
    assert np.array_equal(map_.positions, again), "a seed leads to the same map"


def test_exaggeration_reaches_the_engine(net, photos):
    found = dv.EmbeddingMap(net, photos, "5", iterations=60, exaggeration=4)
    found._worker.step(budget=0)
    while "5" not in found._atlas.runs:
        found._worker.step(budget=0)
    assert found._atlas.runs["5"].exaggeration == 4
    found.exaggeration = 20
    assert found._atlas.runs["5"].exaggeration == 20


# -------------------------------------------------------------------- layers, grid, what is given


def test_maps_of_several_layers_lie_on_each_other_with_the_accuracy_of_their_probes(net, photos):
    found = dv.EmbeddingMap(net, photos, "5", layers=["pixels", "0", "5"], iterations=60)
    page = FakePage(found)
    page.pump()
    assert found._points["layers"] == ["pixels", "0", "5"]
    rows = em.features_of(net, photos, ["pixels", "5"])
    truth = em.probe(rows["pixels"].values, photos.labels)
    assert found._points["probe"][0] == [truth.accuracy, truth.error] == [
        found.probes["pixels"].accuracy, found.probes["pixels"].error]
    for number, layer in enumerate(("pixels", "0", "5")):
        reply, (data,) = asked(page, "positions", layer=number, generation=found._points["generation"], **{"from": 0})
        assert np.allclose(positions_of(data, reply), found._atlas.positions(layer), atol=0.01)
    generation = found._points["generation"]
    found.layer = "pixels"
    page.pump()
    assert found._frame["layer"] == "pixels" and found._points["generation"] == generation + 1
    assert np.array_equal(found.positions, found._atlas.positions("pixels"))


def test_another_layer_is_read_and_mapped_when_it_is_chosen(net, photos, map_):
    map_.wait()
    map_.layer = "0"
    assert map_.status == "running" and map_._points["phase"] == "features"
    map_.wait()
    truth = em.embedding(em.features_of(net, photos, ["0"])["0"], iterations=60).run().positions
    assert np.array_equal(map_.positions, truth)
    with pytest.raises(traitlets.TraitError, match="did you mean"):
        map_.layer = "4.conv9"


def test_the_grid_gives_each_image_one_cell_and_its_seams_are_true_distances(map_):
    map_.arrangement = "grid"
    page = FakePage(map_)
    page.pump()
    grid = map_._grid
    reply, (cells, right, down) = asked(page, "grid", generation=grid["generation"], **{"from": 0})
    places = np.frombuffer(cells, "<u2").reshape(-1, 2)
    assert len(places) == NUMBER == len({tuple(place) for place in places.tolist()})
    assert (places < (grid["columns"], grid["rows"])).all() and reply["count"] == NUMBER
    at = {tuple(place): k for k, place in enumerate(places.tolist())}
    values, shape = map_.features["5"], (grid["rows"], grid["columns"])
    for data, step in ((right, (1, 0)), (down, (0, 1))):
        levels = np.frombuffer(data, np.uint8).reshape(shape)
        for (column, row), image in at.items():
            other = at.get((column + step[0], row + step[1]))
            if other is None:
                assert levels[row, column] == 0
            else:
                far = np.linalg.norm(values[image] - values[other]) / grid["hi"] * 255
                assert levels[row, column] == pytest.approx(far, abs=1.01)
    top = [at[column, 0] for column in range(grid["columns"]) if (column, 0) in at]
    assert map_.positions[top, 1].mean() > map_.positions[:, 1].mean(), "the first row is the upper one"


def test_a_grid_that_is_chosen_later_is_made_without_another_map(map_):
    map_.wait()
    before = map_.positions
    map_.arrangement = "grid"
    assert map_._grid == {} and map_.status == "running"
    map_.wait()
    assert map_._grid["columns"] == 7 and np.array_equal(map_.positions, before)
    map_.perplexity = 5.0
    while map_._frame["iteration"] == 60:
        map_._worker.step(budget=0)
    assert map_._grid == {}, "the cells of a map that has moved on are not shown"


def test_positions_can_be_given_read_and_set(net, photos):
    spots = np.random.default_rng(0).normal(size=(NUMBER, 2)).astype(np.float32)
    for found in (dv.EmbeddingMap(photos=photos, positions=spots), dv.EmbeddingMap(net, photos, engine=spots)):
        found.wait()
        assert np.allclose(found.positions, spots) and found._points["phase"] == "given"
        found.positions = spots[::-1]
        assert np.allclose(found.positions, spots[::-1])
        assert np.allclose(positions_of(found._xy, found._frame), spots[::-1], atol=1e-3)
        found.wait()
    assert (found._atlas.predictions >= 0).all(), "the network is still asked what it sees"


def test_features_can_be_given_without_a_network(photos):
    rows = np.random.default_rng(0).normal(size=(NUMBER, 6))
    found = dv.EmbeddingMap(photos=photos, features={"words": rows}, iterations=40)
    found.wait()
    assert np.array_equal(found.positions, em.embedding(rows, iterations=40).run().positions)
    assert found.network is None and found.layer == "words" and "words" in repr(found)


def test_an_engine_that_cannot_be_stepped_shows_its_start_and_its_end(net, photos):
    found = dv.EmbeddingMap(net, photos, "5", engine="pca")
    FakePage(found).pump()
    assert found._points["steps"] is False and found._points["engine"] == "PCA" and found.status == "done"
    with pytest.raises(ValueError, match="cannot be stepped"):
        found.step()

    class Own:
        def fit_transform(self, rows):
            return rows[:, :2]

    other = dv.EmbeddingMap(net, photos, "5", engine=Own())
    other.wait()
    assert np.allclose(other.positions, other.features["5"][:, :2], atol=1e-5)


def test_new_images_are_placed_into_the_map_as_it_is(map_, photos):
    map_.wait()
    before, key = map_.positions.copy(), map_._points["key"]
    ids = map_.add(photos[[3, 8]])
    assert ids.tolist() == [NUMBER, NUMBER + 1] and map_._points["count"] == NUMBER + 2
    assert map_._points["key"] != key and np.array_equal(map_.positions[:NUMBER], before)
    assert map_._atlas.neighbours("5", NUMBER, 1)[0].tolist() == [3]
    map_.wait()
    assert len(map_._xy) == 4 * (NUMBER + 2)


# -------------------------------------------------------------------- what is known of the images


def test_honesty_is_measured_and_shown(map_):
    map_.wait()
    found = em.honesty(map_.features["5"], map_.positions)
    assert map_._says["kept"] == pytest.approx(found.preservation)
    assert map_._says["meaning"] == em.MEANING and map_._says["sentences"][:-1] == list(found.says)
    assert f"is {map_._points['kl']:.2f}" in map_._says["sentences"][-1]
    _, codes = whole_column(FakePage(map_), "kept")
    about = next(column for column in map_._columns if column["name"] == "kept")
    assert np.allclose(about["lo"] + codes / 65534 * (about["hi"] - about["lo"]), found.kept, atol=1e-4)


def test_the_null_map_is_that_of_the_shuffled_features_and_the_map_itself_stays(net, photos, map_):
    map_.wait()
    before, kept, generation = map_.positions.copy(), map_.honesty.preservation, map_._points["generation"]
    map_.null = True
    assert map_.status == "running" and map_._points["generation"] > generation and map_._says == {}
    FakePage(map_).pump()
    rows = em.shuffled(map_.features["5"])
    assert np.array_equal(map_.positions, em.embedding(rows, iterations=60).run().positions)
    assert map_._points["engine"] == "t-SNE of shuffled features" and map_._says["meaning"] == em.NULL_MEANING
    assert map_.honesty.preservation != kept and f"keeps {percent(kept)}" in map_._says["sentences"][1]
    far = np.linalg.norm(rows - rows[5], axis=1)
    assert map_.neighbours(5, 3)[0].tolist() == np.argsort(np.where(np.arange(NUMBER) == 5, np.inf, far))[:3].tolist()
    assert np.array_equal(map_.features["5"], em.features_of(net, photos, ["5"])["5"].values)
    map_.set_state({"null": False})
    assert np.array_equal(map_.positions, before) and map_._says["kept"] == kept, "nothing is computed again"
    map_.wait()
    assert np.array_equal(map_.positions, before)


def test_the_null_map_follows_the_layer_and_the_perplexity_and_leaves_with_new_images(net, photos):
    found = dv.EmbeddingMap(net, photos, "5", layers=["0", "5"], iterations=40)
    found.null = True
    found.wait()
    assert found._points["layers"] == [] and list(found._real.runs) == [], "only what is shown is computed"
    found.layer = "0"
    found.perplexity = 5
    found.wait()
    drawn = found._atlas.runs["0"]
    assert drawn.perplexity == 5 and np.array_equal(drawn.values, em.shuffled(found.features["0"]))
    found.null = False
    found.wait()
    assert found._points["layers"] == ["0", "5"] and found._real.runs["0"].perplexity == found.perplexity
    found.null = True
    found.add(photos[[1]])
    found.wait()
    assert found._points["count"] == NUMBER + 1 and np.isfinite(found.positions).all()


def test_maps_of_several_seeds_are_compared_while_the_map_stays(map_):
    page = FakePage(map_)
    map_.wait()
    before = map_.positions.copy()
    asked(page, "seeds")
    assert map_.status == "running" and map_.stability is None
    page.pump()
    *_, truth = em.stability(em.embedding(map_.features["5"], iterations=60), (0, 1, 2))
    assert np.allclose(map_.stability.pairs, truth.pairs) and np.array_equal(map_.positions, before)
    assert map_._says["sentences"][-1] == truth.says
    map_.colour = "stable"
    reply, codes = whole_column(page, "stable")
    assert np.allclose(reply["lo"] + codes / 65534 * (reply["hi"] - reply["lo"]), truth.kept, atol=1e-4)
    map_.perplexity = 4
    map_.wait()
    assert map_.stability is None and "stable" not in [column["name"] for column in map_._columns]
    with pytest.raises(ValueError, match=r"at least two different seeds; \[1, 1\] is too few"):
        map_.compare_seeds((1, 1))


def test_what_was_measured_on_the_way_is_measured_again_at_the_end(net, photos):
    found = dv.EmbeddingMap(net, photos, "5", iterations=1000)  # so many that no machine does all in one step
    while not found._frame.get("iteration"):
        found._worker.step(budget=0)
    assert found._frame["iteration"] < 1000
    early = found.honesty.near
    found.wait()
    truth = em.honesty(found.features["5"], found.positions)
    assert np.array_equal(found.honesty.near, truth.near) and found._says["kept"] == truth.preservation
    assert not np.array_equal(early, truth.near)


def test_images_are_coloured_by_all_that_is_known_of_them(net, photos):
    light = np.linspace(0, 1, NUMBER)
    found = dv.EmbeddingMap(net, photos, "5", iterations=30, columns={"light": light, "place": ["sea", "wood"] * 20})
    assert {column["name"] for column in found._columns} == {"label", "light", "place"}
    found.wait()
    names = [column["name"] for column in found._columns]
    assert names == ["label", "prediction", "error", "confidence", "kept", "light", "place"]
    page, rows = FakePage(found), em.features_of(net, photos, ["5"])["5"]
    assert whole_column(page, "label")[1].tolist() == photos.labels.tolist()
    assert whole_column(page, "prediction")[1].tolist() == rows.predictions.tolist()
    assert whole_column(page, "error")[1].tolist() == (photos.labels != rows.predictions).astype(int).tolist()
    assert np.allclose(whole_column(page, "light")[1] / 65534, light, atol=1e-4)
    reply, codes = whole_column(page, "confidence")
    truth = rows.confidences.max(1)
    assert np.allclose(reply["lo"] + codes / 65534 * (reply["hi"] - reply["lo"]), truth, atol=1e-4)
    found.colour = "light"
    with pytest.raises(traitlets.TraitError, match="No column 'ligth'; did you mean 'light'"):
        found.colour = "ligth"


def test_the_order_in_which_images_are_shown_is_a_permutation(map_):
    page = FakePage(map_)
    assert sorted(whole_column(page, "rank")[1].tolist()) == list(range(NUMBER)), "before there is a map"
    map_.wait()
    assert whole_column(page, "rank")[1].tolist() == em.ranks(map_.positions).tolist()


def test_a_card_tells_what_is_known_and_the_true_neighbours(map_, photos):
    map_.wait()
    reply, _ = asked(FakePage(map_), "card", id=5)
    rows = map_.features["5"]
    far = np.linalg.norm(rows - rows[5], axis=1)
    far[5] = np.inf
    assert np.allclose(reply["distances"], np.sort(far)[:10], rtol=1e-4)
    assert np.allclose(far[reply["neighbours"]], reply["distances"], rtol=1e-4)
    assert reply["name"] == "photo 5.png" and reply["label"] == "dog" and reply["prediction"] in "abcde"
    assert 0 <= reply["confidence"] <= 1 and reply["kept"] == pytest.approx(float(map_.honesty.kept[5]))


def test_a_search_finds_names_and_labels(map_):
    page = FakePage(map_)
    for text, truth in (("dog", [*range(1, NUMBER, 2)]), ("PHOTO 1.", [1]), ("zebra", []), ("", [])):
        reply, (bits,) = asked(page, "search", text=text)
        assert ids_of(bits, NUMBER) == truth and reply["count"] == len(truth) and reply["text"] == text


def test_thumbnails_show_the_images_asked_for(map_, photos):
    page = FakePage(map_)
    reply, (data,) = asked(page, "thumbs", level=32, ids=[7, 4])
    sheet = np.asarray(Image.open(io.BytesIO(data)))
    for k, image in enumerate((7, 4)):
        cell = sheet[: 32, 32 * k : 32 * (k + 1)].astype(float).mean()
        assert cell == pytest.approx(np.asarray(photos[image].image).mean(), abs=4)
    assert reply["ids"] == [7, 4] and reply["columns"] == 2
    base, (data,) = asked(page, "base", **{"from": 0})
    assert base["count"] == NUMBER and Image.open(io.BytesIO(data)).size[0] == 8 * base["columns"]
    reply, (data,) = asked(page, "picture", id=7)
    assert reply["codec"] == "raw" and np.array_equal(
        np.frombuffer(data, np.uint8).reshape(reply["shape"]), np.asarray(photos[7].image))
