"""`TopPatches`: rows are those of the scan, thumbnails those of the images, and what is hidden stays hidden."""

from __future__ import annotations

import gc
import io
import json
import weakref

import numpy as np
import pytest
import traitlets
from fake_page import FakePage
from networks import small_network
from PIL import Image

import deepviz_widgets as dv
from deepviz_widgets.methods import activations
from deepviz_widgets.methods.patches.directions import random
from deepviz_widgets.widgets import wire

LAYER = "4.conv1"


@pytest.fixture
def board(net, images):
    found = dv.TopPatches(net, images, layer=LAYER, k=3, layers=[LAYER, "0"])
    yield found
    found.close()


@pytest.fixture
def voting(net, images):
    directions = [random(net, LAYER, 4, seed=0)]
    found = dv.TopPatches(net, images, layer=LAYER, k=3, layers=LAYER, directions=directions, mode="vote")
    found.wait()
    yield found
    found.close()


def rows_of(board, name="_values", dtype="<f4"):
    table = board._table
    return np.frombuffer(getattr(board, name), dtype).reshape(-1, table["count"], table["k"])[0]


def statistics_of(board):
    rows = np.frombuffer(board._statistics, "<f4").reshape(9, -1)
    names = ("maximum", "sparsity", "purity", "friends", "dead", "mean", "entropy", "chance", "lost")
    return dict(zip(names, rows, strict=True))


def maxima(net, images, layer):
    """The largest answer of each unit to each image, by brute force: (U, N)."""
    return np.stack([activations(net, image, layer).maps.max((1, 2)) for image in images], 1)


def test_the_rows_are_the_largest_answers_of_each_unit(net, images, board, unchanged):
    with unchanged(net.model):
        assert board.status == "running" and board._values == b"", "nothing is computed before a page asks"
        FakePage(board).pump()
    truth = np.sort(maxima(net, images, LAYER), 1)[:, ::-1][:, :3]
    assert np.allclose(rows_of(board), truth, atol=1e-5)
    assert board._table["done"] == board._table["total"] == 12 and board._table["layer"] == LAYER
    labels = rows_of(board, "_labels", "<i2")
    assert np.array_equal(labels, np.array(images.labels)[board.index[LAYER].images])


def test_the_numbers_of_a_row_are_those_of_the_index(board):
    board.wait()
    found, table = statistics_of(board), board.index[LAYER]
    assert np.allclose(found["maximum"], table.values[:, 0]) and np.allclose(found["mean"], table.mean, atol=1e-5)
    assert np.array_equal(found["dead"] > 0, table.dead)
    for unit, row in enumerate(rows_of(board, "_labels", "<i2")):
        assert found["purity"][unit] == pytest.approx(np.bincount(row).max() / 3)


def test_a_thumbnail_comes_from_its_image_and_its_place(net, board):
    board.wait()
    page = FakePage(board)
    reply, (data,) = page.ask(type="request", what="patches", key=board._table["key"], units=[5, 2])
    height, width = reply["cell"]
    sheet = np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))
    assert sheet.shape[:2] == (2 * height, 3 * width)
    table = board.index[LAYER]
    assert reply["ids"] == table.images[[5, 2]].tolist()
    assert reply["names"][0][0] == f"image {table.images[5, 0]}"
    for line, unit in enumerate((5, 2)):
        top, left, bottom, right = table.boxes[unit, 0]
        shown = net.displayed(net.input(board._images[int(table.images[unit, 0])]))
        cell = sheet[line * height :, :width][:height]
        inside = cell[height // 2 - 4 : height // 2 + 4, width // 2 - 4 : width // 2 + 4]
        middle = shown[(top + bottom) // 2, (left + right) // 2]
        assert np.abs(inside.reshape(-1, 3) - middle.astype(float)).min() < 60


def test_a_patch_is_enlarged_with_the_map_that_has_its_value_in_its_place(net, images, board):
    board.wait()
    page, key = FakePage(board), board._table["key"]
    reply, data = page.ask(type="request", what="enlarge", key=key, unit=4, rank=1, gradient="none")
    table, parts = board.index[LAYER], reply["parts"]
    assert reply["id"] == table.images[4, 1] and reply["box"] == table.boxes[4, 1].tolist()
    levels = np.frombuffer(data[parts["map"]["at"]], np.uint8).reshape(reply["grid"])
    map_ = reply["lo"] + levels / 255 * (reply["hi"] - reply["lo"])
    truth = activations(net, images[reply["id"]], LAYER).maps[4]
    assert np.allclose(map_, truth, atol=(reply["hi"] - reply["lo"]) / 400)
    assert map_[tuple(reply["place"])] == pytest.approx(table.values[4, 1], abs=(reply["hi"] - reply["lo"]) / 400)
    assert "gradient" not in parts
    json.dumps(reply, allow_nan=False)


@pytest.mark.parametrize("kind", ["plain", "guided", "deconvolution"])
def test_the_gradient_of_a_patch_is_as_large_as_the_patch(net, board, kind, unchanged):
    board.wait()
    with unchanged(net.model):
        reply, data = FakePage(board).ask(
            type="request", what="enlarge", key=board._table["key"], unit=4, rank=0, gradient=kind
        )
    top, left, bottom, right = reply["box"]
    assert reply["unmapped"] == "" and reply["parts"]["gradient"]["shape"][:2] == [bottom - top, right - left]
    assert len(data) == 3


def test_choosing_a_patch_chooses_its_image_elsewhere(net, images):
    maps = dv.ActivationMaps(net, images, layer=LAYER)
    board = dv.TopPatches(net, images, layer=maps, channel=maps, image=maps, k=3, layers=[LAYER, "0"])
    board.wait()
    board.channel, board.rank = 3, 2
    assert board.image == maps.image == board.index[LAYER].images[3, 2] and maps.channel == 3
    maps.layer = "0"
    assert board.layer == "0" and board.rank == -1


def test_a_layer_that_was_scanned_is_there_at_once_and_another_one_is_said_to_be_missing(net, images, board):
    board.wait()
    scanned = board.index
    board.layer = "0"
    FakePage(board).pump()
    assert board.index is scanned and board._table["layer"] == "0" and board._table["key"] == "2"
    board.layer = "4.conv2"
    FakePage(board).pump()
    assert board.status == "error" and "'4.conv2'" in board.error and "layers=" in board.error
    board.layer = LAYER
    FakePage(board).pump()
    assert board.status == "done" and board.error == ""


def test_cancel_keeps_what_was_found_and_resume_finishes_it(net, images):
    board = dv.TopPatches(net, images, layer=LAYER, k=3, layers=LAYER)
    board._worker.step(budget=0)
    board.cancel()
    done = board._table["done"]
    assert board.status == "cancelled" and 0 < done <= 12 and np.isfinite(rows_of(board)[:, 0]).all()
    board.resume()
    board.wait()
    assert board._table["done"] == 12
    assert np.allclose(rows_of(board)[:, 0], maxima(net, images, LAYER).max(1), atol=1e-5)


def test_with_shards_a_board_goes_on_where_another_one_ended(net, images, tmp_path):
    given = {"layer": LAYER, "layers": LAYER, "k": 3, "shards": tmp_path / "state"}
    first = dv.TopPatches(net, images, **given)
    first.wait()
    first.close()
    second = dv.TopPatches(net, images, **given)
    assert second.index.images_seen == 12, "before any work"
    second.wait()
    assert np.allclose(rows_of(second)[:, 0], maxima(net, images, LAYER).max(1), atol=1e-5)
    second.close()


def test_a_file_is_shown_without_network_and_images(board, tmp_path):
    path = board.save(tmp_path / "patches.parquet")
    opened = dv.TopPatches(index=path, layer=LAYER)
    page = FakePage(opened)
    page.pump()
    assert opened.status == "done" and opened.network is None
    assert np.array_equal(rows_of(opened), rows_of(board))
    reply, data = page.ask(type="request", what="patches", key=opened._table["key"], units=[0, 1])
    assert reply["ok"] and Image.open(io.BytesIO(data[0])).size[0] >= 3 * 8
    opened.rank = 0
    assert opened.image == opened.index[LAYER].images[0, 0]
    reply, _ = page.ask(type="request", what="enlarge", key=opened._table["key"], unit=0, rank=0, gradient="none")
    assert not reply["ok"] and "give the network and the photos" in reply["reason"]
    with pytest.raises(traitlets.TraitError, match="No layer 'conv9'"):
        opened.layer = "conv9"
    opened.close()


def test_classes_are_hidden_while_students_name_the_units(board):
    board.wait()
    board.mode = "name"
    assert board.labels is False
    board.names = {f"{LAYER}:3": "edges"}
    board.mode = "board"
    assert board.labels is True and board.names == {f"{LAYER}:3": "edges"}


def test_a_vote_tells_neither_row_and_is_counted_for_the_right_one(voting):
    page = FakePage(voting)
    seen = set()
    reply, data = page.ask(type="request", what="pair")
    for _ in range(8):
        assert set(reply) & {"unit", "direction", "basis"} == set() and len(data) == 2
        number, unit, basis, row, swapped = voting._pair
        sides = [voting._thumbnails([unit], "units")[1], voting._thumbnails([row], basis)[1]]
        assert data == [side[0] for side in (sides[::-1] if swapped else sides)]
        seen.add(swapped)
        chosen = int(swapped)  # always the unit
        reply, data = page.ask(type="request", what="vote", number=number, chosen=chosen)
    assert seen == {True, False}, "the unit is not always on the same side"
    assert [vote["chosen"] for vote in voting.votes] == ["unit"] * 8
    assert voting._tally["units"] == voting._tally["votes"] == 8 and 0.6 < voting._tally["low"] < 0.7


def test_the_tally_is_silent_at_first_and_a_vote_for_an_old_pair_is_refused(voting):
    page = FakePage(voting)
    reply, _ = page.ask(type="request", what="pair")
    page.ask(type="request", what="vote", number=reply["number"], chosen=0)
    assert voting._tally["votes"] == 1 and voting._tally["units"] == 0 and voting._tally["high"] == 1
    reply, _ = page.ask(type="request", what="vote", number=0, chosen=0)
    assert not reply["ok"] and "replaced" in reply["reason"] and len(voting.votes) == 1


def test_directions_are_rows_of_their_own(net, images, voting):
    voting.basis = voting._bases[1]
    FakePage(voting).pump()
    table = voting.index[LAYER, voting.basis]
    assert voting._table["count"] == 4 and voting._table["rows"] == list(table.names)
    reply, data = FakePage(voting).ask(
        type="request", what="enlarge", key=voting._table["key"], unit=1, rank=0, gradient="guided"
    )
    levels = np.frombuffer(data[reply["parts"]["map"]["at"]], np.uint8).reshape(reply["grid"])
    assert levels[tuple(reply["place"])] == 255 and "gradient" in reply["parts"]


@pytest.mark.parametrize("message", [
    {"what": "patches", "units": [99]}, {"what": "patches", "units": []}, {"what": "patches", "units": "all"},
    {"what": "patches", "units": list(range(8)) * 3}, {"what": "enlarge", "unit": 0, "rank": 9, "gradient": "none"},
    {"what": "enlarge", "unit": 0, "rank": 0, "gradient": "magic"}, {"what": "vote", "number": 3, "chosen": 0},
    {"what": "patches", "key": "77", "units": [0]}, {"what": "pair"},
])
def test_what_does_not_exist_is_refused_in_words(board, message):
    board.wait()
    before = dict(board._table)
    reply, _ = FakePage(board).ask(type="request", **{"key": board._table["key"], **message})
    assert not reply["ok"] and reply["reason"].endswith(".") and board._table == before


def test_what_it_is_not_made_of_is_refused_in_words(net, images):
    with pytest.raises(TypeError, match="needs a network and photos, or index="):
        dv.TopPatches(net)
    with pytest.raises(TypeError, match="no keyword 'chanel'; did you mean 'channel'"):
        dv.TopPatches(net, images, chanel=3)
    with pytest.raises(traitlets.TraitError, match="No layer 'conv9'"):
        dv.TopPatches(net, images, layer="conv9")


def test_a_channel_that_the_layer_does_not_have_is_refused(board):
    board.wait()
    with pytest.raises(traitlets.TraitError, match="There is no channel 8; layer '4.conv1' has 8"):
        board.channel = 8


def test_the_histogram_has_all_answers_and_the_best_of_each_image_and_follows_the_unit(board):
    figure = board.histogram
    board.wait()
    bars, line, marks = figure.marks
    table = board.index[LAYER]
    for shown, counts, number in ((bars.y, table.answers[0], 2 * 12), (line.y, table.maxima[0], 12)):
        shares = np.where(shown > 0, 1e-5 * 10.0 ** np.asarray(shown), 0)
        assert counts.sum() == number and np.allclose(shares[shares > 0], counts[counts > 0] / number)
    assert len(marks.x) == 3 and list(figure.axes[1].tick_labels) == ["1", "2", "3", "4", "5"]
    assert figure.title == f"{LAYER}, unit 0: 12 images"
    board.channel = 4
    assert figure.title == f"{LAYER}, unit 4: 12 images" and board.histogram is figure
    assert bars.x[0] - 1 <= marks.x.min() and marks.x.max() <= bars.x[-1] + 1


def test_no_message_passes_the_limit_and_rows_that_do_not_fit_are_left_out(monkeypatch, board):
    monkeypatch.setattr(wire, "MESSAGE_LIMIT", 4 * 9 * 5)
    board.wait()
    assert board._table["count"] == 5 and len(board._statistics) <= wire.MESSAGE_LIMIT
    assert len(board._values) == 5 * 3 * 4


def test_a_saved_page_holds_the_thumbnails_and_what_was_seen(board, tmp_path):
    board.wait()
    FakePage(board).ask(type="request", what="enlarge", key=board._table["key"], unit=4, rank=1, gradient="none")
    text = board.to_html(tmp_path / "patches.html").read_text()
    kinds = [one["what"] for one in board._saved_meta]
    assert kinds == ["patches", "enlarge"] and board._saved_meta[1]["id"].endswith("|4|1|none")
    assert sum(sum(one["lengths"]) for one in board._saved_meta) == len(board._saved)
    assert '"_live": false' in text


def test_a_closed_board_lets_its_network_and_images_go(images):
    net = dv.Network(small_network(), input_size=(3, 16, 16))
    board = dv.TopPatches(net, images[:6], layer=LAYER, k=2, layers=LAYER)
    board.histogram  # noqa: B018  asked for, so that it is there to be let go
    board._worker.step(budget=0)
    FakePage(board).ask(type="request", what="patches", key=board._table.get("key"), units=[0])
    gone = [weakref.ref(net), weakref.ref(board._images)]
    board.close()
    del net
    gc.collect()
    assert [one() for one in gone] == [None, None]
    with pytest.raises(RuntimeError, match="is closed"):
        board.wait()


def test_the_repr_is_short_and_stable(board):
    assert repr(board) == f"TopPatches(layer='{LAYER}', channel=0)"
