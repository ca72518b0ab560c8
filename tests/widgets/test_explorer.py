"""The explorer: all panels show the same, whatever was chosen where; undo, state, switches, and letting go."""

from __future__ import annotations

import gc
import json
import re
import weakref

import ipywidgets
import numpy as np
import pytest
import torch
import traitlets as t
from fake_page import FakePage

import deepviz_widgets as dv

ALL = ("picker", "activations", "kernels", "scores", "occlusion", "patches", "map", "units", "confusion", "switching")


@pytest.fixture
def explorer(net, images):
    found = dv.Explorer(net, images, layer="0")
    yield found
    found.close()


def test_one_line_shows_the_layers_the_maps_the_kernels_and_the_scores(explorer):
    assert explorer.visible == ("picker", "activations", "scores", "kernels")
    assert explorer.layer == "0" and repr(explorer).startswith("Explorer(layer='0', image=")
    shown = [child for slot in explorer.children[1].children for child in slot.children]
    assert shown == [explorer.picker, explorer.activations, explorer.scores, explorer.kernels]


def test_an_image_chosen_in_any_panel_is_the_image_of_all(explorer):
    panels = [getattr(explorer, name) for name in ("activations", "kernels", "scores", "occlusion", "map", "confusion")]
    for turn, panel in enumerate(panels, 1):
        panel.image = turn
        assert {explorer.image, *(one.image for one in panels)} == {turn}


def test_a_unit_chosen_in_any_panel_is_the_unit_of_all(explorer):
    panels = [explorer.activations, explorer.kernels, explorer.patches, explorer.switching]
    for turn, panel in enumerate(panels, 1):
        panel.channel = turn
        assert {explorer.channel, *(one.channel for one in panels)} == {turn}


def test_a_layer_chosen_in_the_picker_reaches_all_and_takes_its_unit_along(explorer):
    explorer.channel = 7
    explorer.picker.layer = "7"
    assert explorer.layer == explorer.activations.layer == "7" and explorer.channel == explorer.activations.channel == 0


def test_a_layer_without_kernels_shows_those_that_it_reads_and_stays_chosen(explorer):
    explorer.layer = "2"
    assert explorer.kernels.layer == "0" and explorer.layer == explorer.activations.layer == "2"
    explorer.kernels.channel = 5
    assert explorer.layer == "2" and explorer.channel == explorer.activations.channel == 5


def test_the_class_is_the_most_probable_one_until_one_is_chosen(explorer, net, images):
    best = [int(net.scores(images[k]).raw.argmax()) for k in range(len(images))]
    other = next(k for k in range(len(images)) if best[k] != best[0]) if len(set(best)) > 1 else 1
    explorer.image = other
    assert explorer.target == explorer.scores.target == explorer.occlusion.target == best[other]
    explorer.scores.target = (best[0] + 1) % 5
    explorer.image = 0
    assert explorer.target == explorer.occlusion.target == (best[0] + 1) % 5
    explorer.most_probable()
    assert explorer.target == best[0]


def test_the_images_of_a_cell_are_chosen_on_the_map_and_told_apart(explorer):
    explorer.confusion.wait()
    counts = np.array(explorer.confusion._table["counts"])
    row, column = (int(at) for at in np.argwhere(counts > 1)[0])
    explorer.map  # noqa: B018
    explorer.confusion.cell = [row, column]
    assert explorer.selected == explorer.map.selected == sorted(explorer.confusion._members[row][column])
    assert explorer.image in explorer.selected
    explorer.units.wait()
    assert explorer.units._about["selected"] == len(explorer.selected)
    explorer.map.selected = [0, 1]
    assert explorer.selected == [0, 1] and explorer.confusion.cell == []


def test_a_unit_that_separates_is_shown_everywhere_with_its_layer(explorer):
    explorer.selected = [0, 2, 4]
    units = explorer.units
    units.layer = "4"
    units.wait()
    units.unit = units._rows[0][0]
    assert (explorer.layer, explorer.channel) == ("4", units._rows[0][0])
    assert explorer.activations.channel == units._rows[0][0]
    explorer.undo()
    assert (explorer.layer, explorer.channel) == ("0", 0)


def test_features_that_the_map_has_read_are_not_read_again(explorer):
    explorer.map.wait()
    explorer.selected = [0, 1, 2]
    units = explorer.units
    assert units.layer == explorer.map.layer
    results = list(units._work())
    assert len(results) == 1 and results[0].selected == 3


def test_the_images_of_a_units_patches_are_marked_on_the_map(explorer):
    explorer.show("patches", "map")
    explorer.patches.wait()
    explorer.marks = True
    explorer.channel = 3
    wanted = sorted({int(one) for one in explorer.patches.index["0"].images[3] if one >= 0})
    assert explorer.selected == explorer.map.selected == wanted
    explorer.undo()
    assert explorer.channel == 0


# ---------------------------------------------------------------- undo and state

def test_undo_and_redo_go_through_what_was_chosen(explorer):
    explorer.image, explorer.channel, explorer.selected = 3, 2, [1, 5]
    assert explorer.undo() and explorer.selected == []
    assert explorer.undo() and explorer.channel == explorer.activations.channel == 0
    assert explorer.redo() and explorer.channel == explorer.activations.channel == 2
    explorer.image = 4
    assert not explorer.redo(), "a new choice ends what could be redone"
    while explorer.undo():
        pass
    assert explorer.image == 0


def test_the_page_undoes_by_its_bar(explorer):
    explorer.image = 5
    assert explorer.bar._now["can"] == [True, False]
    page = FakePage(explorer.bar)
    assert page.ask(type="request", what="undo")[0]["done"]
    assert explorer.image == explorer.bar.image == 0 and explorer.bar._now["can"] == [False, True]


def test_the_state_is_json_and_opens_the_same_view(explorer, net, images):
    explorer.image, explorer.channel, explorer.selected, explorer.target = 3, 2, [0, 1, 2, 7], 4
    explorer.switches = {"0": {1: 0.5}}
    explorer.show("occlusion")
    explorer.activations.gamma = 0.5
    explorer.occlusion.view = "winner"
    explorer.arrangement, explorer.tab = "tabs", "occlusion"
    state = json.loads(json.dumps(explorer.state))
    again = dv.Explorer(net, images, state=state)
    assert again.state == state and again.visible == ("occlusion",) and again.occlusion.view == "winner"
    assert again.activations.gamma == 0.5 and again.scores.target == 4
    linked = dv.Explorer(net, images)
    linked.state = f"https://example.org/page.html#dvw={explorer.fragment}"
    assert linked.state == state
    again.close(), linked.close()


@pytest.mark.parametrize("state", [{"layer": "nope"}, {"image": 99}, {"selected": "0-99"}, {"shown": ["nope"]},
                                   {"switches": [["0", 99, 0.0]]}, {"channel": 10_000}])
def test_a_state_that_does_not_fit_changes_nothing(explorer, state):
    explorer.image, explorer.selected = 2, [1]
    before = explorer.state
    with pytest.raises(t.TraitError):
        explorer.state = state
    assert explorer.state == before


@pytest.mark.parametrize("text", ["nonsense", "#dvw=!!!", 3, {"version": 99}])
def test_what_is_no_state_is_said(explorer, text):
    with pytest.raises(ValueError, match="state|version"):
        explorer.state = text


def test_a_saved_page_has_the_panels_on_screen_linked_and_a_drawing_of_the_scores(explorer, tmp_path):
    explorer.show("confusion")
    explorer.hide("kernels")
    explorer.channel, explorer.selected = 3, [1, 4]
    text = explorer.to_html(tmp_path / "explorer.html", title="x").read_text()
    state = json.loads(re.search(r'id="dvw-state">(.*?)</script>', text, re.DOTALL)[1])
    assert list(state["esm"]) == ["explorer_bar", "layer_picker", "activation_maps", "confusion_matrix"]
    assert {(a[1], b[1]) for a, b in state["links"]} == {("channel", "channel"), ("selected", "selected")}
    assert state["widgets"][0]["state"]["_saved"]["channel"] == 3 and "dvw-chart" in text
    assert explorer.bar._saved == {}, "the live bar stays as it was"


# ---------------------------------------------------------------- switches

def test_a_switched_unit_changes_scores_maps_occlusion_and_accuracy_and_undo_brings_them_back(explorer, net, unchanged):
    explorer.show("occlusion", "confusion")
    explorer.wait()
    whole = explorer.scores.scores.raw.copy()
    with unchanged(net.model):
        explorer.switches = {"0": range(8)}
        explorer.wait()
        assert not np.allclose(explorer.scores.scores.raw, whole)
        assert not explorer.activations.activations.maps.any()
        assert np.allclose(explorer.occlusion.sweep.base_raw, explorer.scores.scores.raw, atol=1e-5)
        assert len(set(explorer.confusion.confusion.predictions)) == 1, "nothing reaches the end of the network"
        assert np.array_equal(net.scores([explorer.images[0]]).raw, whole), "the user's own network is whole"
        explorer.undo()
        explorer.wait()
    assert np.allclose(explorer.scores.scores.raw, whole) and explorer.activations.activations.maps.any()
    assert np.allclose(explorer.occlusion.sweep.base_raw, whole, atol=1e-5)


def test_the_panel_of_switches_tells_what_they_cost(explorer):
    explorer.switching.wait()
    explorer.switching.switches = [["0", unit, 0.0] for unit in range(8)]
    assert explorer.switches == explorer.switching.switches
    explorer.switching.wait()
    before, after = explorer.switching.before, explorer.switching.after
    assert explorer.switching._effect["changed"] == after.changed(before).tolist()
    assert len(set(after.predictions)) == 1


def test_weights_that_changed_are_seen_everywhere_after_a_refresh(explorer, net):
    explorer.show("confusion")
    explorer.wait()
    before = explorer.scores.scores.raw.copy()
    with torch.no_grad():
        net.model[7].bias[4] += 100
    explorer.refresh()
    explorer.wait()
    assert explorer.target == 4 and explorer.scores.scores.raw[0, 4] > before[0, 4] + 90
    assert set(explorer.confusion.confusion.predictions) == {4}


# ---------------------------------------------------------------- what is shown

def test_panels_that_are_not_shown_do_not_exist_or_rest(explorer):
    assert set(explorer._built) == {"picker", "activations", "kernels", "scores"}
    explorer.hide("activations")
    explorer.image = 6
    assert explorer._built["activations"].image == 0
    explorer.show("activations")
    assert explorer._built["activations"].image == 6


def test_a_panel_that_was_taken_out_follows_wherever_it_is_shown(explorer):
    taken = explorer.occlusion
    explorer.image = 4
    assert "occlusion" not in explorer.visible and taken.image == 4


def test_a_narrow_cell_shows_one_panel_as_a_tab(explorer):
    explorer.bar._wide = False
    assert explorer.visible == ("activations",)
    explorer.bar.tab = "scores"
    assert explorer.visible == ("scores",)
    explorer.arrangement = "grid"
    assert explorer.visible == ("picker", "activations", "scores", "kernels")


def test_wait_cancel_and_the_status_are_those_of_the_panels_on_screen(explorer):
    assert explorer.status == "running"
    explorer.cancel()
    assert explorer.status == "cancelled" and explorer.activations.status == "cancelled"
    explorer.resume()
    explorer.wait()
    assert explorer.status == "done" and explorer.progress == 1.0


def test_a_panel_that_cannot_be_made_says_why_and_the_others_are_there(net):
    few = dv.Explorer(net, np.zeros((2, 16, 16, 3), np.uint8), layer="0")
    few.show("map")
    assert "at least 4 images" in few._why_not["map"] and few.activations.image == 0
    assert next(one["why"] for one in few.bar._panels if one["name"] == "map")
    few.close()


@pytest.mark.parametrize("given, says", [
    ({"lyer": "0"}, "did you mean 'layer'"), ({"photos": None}, "needs photos"), ({"net": 3}, "needs a Network"),
])
def test_what_cannot_be_opened_is_said(net, images, given, says):
    arguments = {"net": net, "photos": images, **given}
    with pytest.raises(TypeError, match=says):
        dv.Explorer(**arguments)


# ---------------------------------------------------------------- letting go

def test_closing_lets_go_of_everything(model, images, unchanged):
    before = dict(ipywidgets.Widget.widgets) if hasattr(ipywidgets.Widget, "widgets") else None
    with unchanged(model):
        net = dv.Network(model, input_size=(3, 16, 16), classes=list("abcde"))
        explorer = dv.Explorer(net, images, layer="0")
        for name in ALL:
            getattr(explorer, name)
        explorer.switches = {"0": [1]}
        explorer.wait()
        gone = [weakref.ref(explorer), weakref.ref(net), *(weakref.ref(getattr(explorer, name)) for name in ALL)]
        explorer.close()
    with pytest.raises(RuntimeError, match="closed"):
        explorer.state  # noqa: B018
    if before is not None:
        assert set(ipywidgets.Widget.widgets) <= set(before), "what was opened is closed"
    of_net = gone.pop(1)
    del net
    gc.collect()
    assert of_net() is None, "a closed explorer that is still held, as IPython's Out would, holds no network"
    del explorer
    gc.collect()
    assert not [ref() for ref in gone if ref() is not None]


def test_the_network_of_another_widget_is_not_shared_with(explorer, net, images):
    explorer.switches = {"0": range(8)}
    own = dv.ClassScores(net, images)
    assert np.array_equal(own.scores.raw, net.scores([images[0]]).raw)
    own.close()


def test_switching_the_image_takes_one_pass(images):
    class Counting(torch.nn.Sequential):
        passes = 0

        def forward(self, x):
            type(self).passes += 1
            return super().forward(x)

    from networks import small_network

    net = dv.Network(Counting(*small_network()).eval(), input_size=(3, 16, 16), classes=list("abcde"))
    Counting.passes = 0
    explorer = dv.Explorer(net, images, layer="4")
    assert Counting.passes == 1, "the first picture takes one pass too"
    explorer.wait()
    Counting.passes = 0
    explorer.image = 9
    explorer.wait()
    explorer.close()
    assert Counting.passes == 1
