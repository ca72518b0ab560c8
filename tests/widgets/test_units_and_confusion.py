"""The confusion matrix, the units that separate a selection, and the switches, each as a widget of its own."""

from __future__ import annotations

import io

import numpy as np
import pytest
import traitlets as t
from fake_page import FakePage
from PIL import Image

import deepviz_widgets as dv
from deepviz_widgets.methods import separation
from deepviz_widgets.methods.embedding import features_of


@pytest.fixture
def labelled(images):
    return dv.ImageSet(np.stack([picture.pixels for picture in images]), labels=[0, 1, 2] * 4, classes=list("abc"))


def test_the_matrix_forms_while_the_page_asks_and_a_cell_has_its_images(net, labelled, unchanged):
    matrix = dv.ConfusionMatrix(net, labelled)
    with unchanged(net.model):
        FakePage(matrix).pump()
    counts = np.array(matrix._table["counts"])
    assert counts.sum() == 12 and matrix.confusion.accuracy == np.trace(matrix.confusion.matrix) / 12
    row, column = (int(at) for at in np.unravel_index(counts.argmax(), counts.shape))
    matrix.cell = [row, column]
    assert matrix.selected == sorted(matrix._members[row][column]) and matrix.image in matrix.selected
    sheet = Image.open(io.BytesIO(matrix._thumbs))
    assert matrix._thumbs_meta["ids"] == matrix._members[row][column] and sheet.width >= 64
    matrix.selected = [11]
    assert matrix.cell == []
    matrix.close()


def test_images_of_a_cell_come_with_the_surest_first(net, labelled):
    matrix = dv.ConfusionMatrix(net, labelled)
    matrix.wait()
    sure = matrix.confusion.confidences
    for row in matrix._members:
        for ids in row:
            assert list(sure[ids]) == sorted(sure[ids], reverse=True)
    matrix.close()


@pytest.mark.parametrize("cell", [[99, 0], [0], [0, 0, 0]])
def test_a_cell_that_does_not_exist_is_refused(net, labelled, cell):
    matrix = dv.ConfusionMatrix(net, labelled)
    matrix.wait()
    with pytest.raises(t.TraitError, match="A cell is"):
        matrix.cell = cell
    matrix.close()


def test_separating_units_are_those_of_the_method(net, images, unchanged):
    found = dv.SeparatingUnits(net, images, layer="0", selected=[0, 2, 4])
    with unchanged(net.model):
        FakePage(found).pump()
    wanted = separation(features_of(net, images, ["0"])["0"].values, [0, 2, 4])
    assert [row[0] for row in found._rows] == wanted.order.tolist()
    assert np.allclose([row[1] for row in found._rows], wanted.effect[wanted.order])
    assert found._about == {"layer": "0", "selected": 3, "others": 9, "units": 8}
    found.close()


def test_another_selection_needs_no_other_pass_and_none_empties_the_list(net, images):
    found = dv.SeparatingUnits(net, images, layer="0", selected=[0, 1])
    found.wait()
    found.selected = [3, 4, 5]
    assert len(list(found._work())) == 1
    found.wait()
    assert found._about["selected"] == 3
    found.selected = []
    found.wait()
    assert found._rows == [] and found.separation is None
    found.selected = range(12)
    with pytest.raises(ValueError, match="every image"):
        found.wait()
    assert "every image" in found.error
    found.close()


def test_separating_units_follow_a_map(net, photos):
    map_ = dv.EmbeddingMap(net, photos, "5", iterations=20)
    found = dv.SeparatingUnits(net, photos, layer=map_, selected=map_)
    map_.selected = [0, 2, 4, 6]
    assert found.layer == "5" and found.selected == [0, 2, 4, 6]
    found.close(), map_.close()


def test_switches_tell_the_accuracy_with_and_without(net, labelled, unchanged):
    found = dv.UnitSwitches(net, labelled, layer="0")
    with unchanged(net.model):
        FakePage(found).pump()
        assert found._effect["before"] == found.before.accuracy and found._effect["changed"] == []
        found.set_state({"switches": [["0", unit, 0.0] for unit in range(8)]})
        FakePage(found).pump()
    altered = net.switched({"0": range(8)})
    wanted = [int(one.argmax()) for one in altered.scores(list(labelled)).raw]
    assert found.after.predictions.tolist() == wanted
    assert found._effect["changed"] == [k for k in range(12) if wanted[k] != found.before.predictions[k]]
    assert np.array_equal(found.altered.scores(labelled[0]).raw, altered.scores(labelled[0]).raw)
    found.close()


@pytest.mark.parametrize("switches", [[["0", 99, 0]], [["nope", 0, 0]], [[]], 7, [["0", 1, None]], [[[], 0, 0]], "ab"])
def test_malformed_switches_of_a_page_are_put_back(net, labelled, switches):
    found = dv.UnitSwitches(net, labelled, layer="0", switches={"0": [1]})
    page = FakePage(found)
    found.set_state({"switches": switches})
    assert found.switches == [["0", 1, 0.0]] and page.sent[-1][0]["type"] == "refused"
    found.close()


@pytest.mark.parametrize("selected", ["ab", [[0], [1, 2]], [0.5], [99], [-1], 3, None])
def test_malformed_selections_of_a_page_are_put_back(net, images, selected):
    found = dv.SeparatingUnits(net, images, layer="0", selected=[1])
    page = FakePage(found)
    found.set_state({"selected": selected})
    assert found.selected == [1] and page.sent[-1][0]["type"] == "refused"
    found.close()


@pytest.mark.parametrize("kind", ["ConfusionMatrix", "SeparatingUnits", "UnitSwitches"])
def test_each_needs_photos_and_is_saved_whole(net, labelled, tmp_path, kind):
    with pytest.raises(TypeError, match="needs photos"):
        getattr(dv, kind)(net)
    given = {"selected": [0, 1]} if kind == "SeparatingUnits" else {}
    found = getattr(dv, kind)(net, labelled, **given)
    text = found.to_html(tmp_path / "page.html").read_text()
    assert found.status == "done" and '"_live": false' in text
    for name, trait in getattr(dv, kind).class_own_traits(sync=True).items():
        assert name.startswith("_") or trait.help
    found.close()
