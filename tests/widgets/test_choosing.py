"""Choosing a layer: by name, module or another widget, in Python."""

from __future__ import annotations

import pytest
import traitlets
from torch import nn

import deepviz_widgets as dv


def test_the_picker_lists_layers_in_call_order_with_parents_first(net):
    rows = dv.LayerPicker(net)._layers
    assert [row["name"] for row in rows] == [layer.name for layer in net.layers]
    parents = {row["name"]: rows[row["parent"]]["name"] for row in rows if row["parent"] >= 0}
    assert parents == {"4.conv1": "4", "4.relu": "4", "4.conv2": "4"}
    assert next(row for row in rows if row["name"] == "4")["joins"] == "add"


def test_a_subtree_stays_together_when_a_shared_module_is_called_elsewhere_first():
    class Shared(nn.Module):
        def __init__(self):
            super().__init__()
            self.a = nn.Sequential(nn.Conv2d(3, 3, 1), nn.ReLU())
            self.b = nn.Sequential(nn.Conv2d(3, 3, 1), nn.ReLU())

        def forward(self, x):
            return self.b(self.a(self.b[0](x))).mean((2, 3))

    rows = dv.LayerPicker(dv.Network(Shared(), input_size=(3, 8, 8)))._layers
    for index, row in enumerate(rows):
        assert row["parent"] < index
        if row["parent"] >= 0:
            between = rows[row["parent"] + 1 : index]
            assert all(other["depth"] > rows[row["parent"]]["depth"] for other in between)


def test_a_saved_picker_knows_what_the_cells_see(net, tmp_path):
    text = dv.LayerPicker(net).to_html(tmp_path / "picker.html").read_text()
    assert '"sees": [8, 8]' in text


def test_a_small_network_is_shown_whole_and_a_large_one_by_its_shape(net):
    assert dv.LayerPicker(net).expanded == ["4"]
    blocks = [nn.Sequential(*[nn.ReLU() for _ in range(9)]) for _ in range(12)]
    deep = nn.Sequential(nn.Sequential(*blocks), nn.Flatten())
    picker = dv.LayerPicker(dv.Network(deep, input_size=(3, 8, 8)))
    assert picker.expanded == ["0"], "twelve blocks show its shape; their inner layers stay closed"


def test_the_layer_can_be_given_by_name_module_and_widget_and_is_linked(net, images):
    picker = dv.LayerPicker(net, layer=net.model[4].conv1)
    maps = dv.ActivationMaps(net, images, layer=picker)
    assert picker.layer == maps.layer == "4.conv1"
    picker.layer = "3"
    assert maps.layer == "3"
    maps.layer = net.model[0]
    assert picker.layer == "0"


def test_a_picker_in_which_nothing_is_chosen_is_given_the_first_layer_with_maps(net, images):
    picker = dv.LayerPicker(net)
    maps = dv.ActivationMaps(net, images, layer=picker)
    assert picker.layer == maps.layer == "0"


def test_an_unknown_layer_raises_with_the_nearest_and_keeps_the_old(net, images):
    maps = dv.ActivationMaps(net, images, layer="4.conv1")
    maps.wait()
    with pytest.raises(traitlets.TraitError, match=r"No layer '4.conv9'; did you mean '4.conv[12]'"):
        maps.layer = "4.conv9"
    assert maps.layer == "4.conv1" and maps.status == "done" and maps._tiles


@pytest.mark.parametrize("name", ["layr", "chanel"])
def test_an_unknown_keyword_raises_and_suggests(net, images, name):
    with pytest.raises(TypeError, match=f"has no keyword {name!r}; did you mean"):
        dv.ActivationMaps(net, images, **{name: 1})


def test_a_bare_model_is_refused_with_the_way_to_wrap_it(model):
    with pytest.raises(TypeError, match=r"needs a Network; wrap the Sequential: Network\(model, ...\)"):
        dv.LayerPicker(model)
