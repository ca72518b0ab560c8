"""Every classifier of torchvision: through `Network`, `capture` of every layer, and the LayerPicker.

`make test` runs a few, `make test-slow` one of each family, `make test-zoo` all of them and writes the README's grid.
"""

from __future__ import annotations

import gc

import numpy as np
import pytest
import torch
import torchvision

import deepviz_widgets as dv

ALL = torchvision.models.list_models(module=torchvision.models)
SMALLEST = {  # of each family, the one that runs fastest
    "alexnet": "alexnet", "convnext": "convnext_tiny", "densenet": "densenet121", "efficientnet": "efficientnet_b0",
    "efficientnet_v2": "efficientnet_v2_s", "googlenet": "googlenet", "inception": "inception_v3", "maxvit": "maxvit_t",
    "mnasnet": "mnasnet0_5", "mobilenet_v2": "mobilenet_v2", "mobilenet_v3": "mobilenet_v3_small",
    "regnet": "regnet_y_400mf", "resnet": "resnet18", "resnext": "resnext50_32x4d", "shufflenet": "shufflenet_v2_x0_5",
    "squeezenet": "squeezenet1_1", "swin": "swin_t", "swin_v2": "swin_v2_t", "vgg": "vgg11_bn", "vit": "vit_b_32",
    "wide_resnet": "wide_resnet50_2",
}
QUICK = ("alexnet", "densenet121", "mobilenet_v3_small", "resnet18", "vit_b_32")  # those for `make test`


def family(name: str) -> str:
    """Name the family of a classifier, the longest that it begins with."""
    return max((key for key in SMALLEST if name.startswith(key)), key=len)


def check(name: str, unchanged) -> dict[str, object]:
    """Take one classifier through everything; return what was counted."""
    net = dv.Network.pretrained(name, weights=None)
    image = np.random.default_rng(0).integers(0, 255, (*net.input_size[1:], 3), np.uint8)
    with unchanged(net.model):
        batch = net.inputs(image)
        with dv.capture(net, [layer.name for layer in net.layers], keep=lambda t: tuple(t.shape)) as seen:
            scores = net.forward(batch)
    assert scores.shape == (1, 1000) == (1, len(net.classes))
    for layer in net.layers:
        assert len(seen[layer.name]) == layer.called, layer.name
        shape = list(seen[layer.name][0])
        if layer.layout.batch is not None:
            assert shape.pop(layer.layout.batch) == 1, layer.name
        assert tuple(shape) == layer.shape, layer.name
        cells = layer.layout.grid[0] * layer.layout.grid[1] + layer.layout.extra
        assert layer.layout.channels * cells == np.prod(layer.shape), (layer.name, layer.layout)
    picker = dv.LayerPicker(net, layer=net.layers[-1].name)
    assert len(picker._layers) == len(net.layers)
    maps = dv.ActivationMaps(net, image, layer=net.layers[len(net.layers) // 2].name)
    maps.wait()
    assert maps.status == "done" and maps._tiles
    counted = {"layers": len(net.layers), "size": "×".join(map(str, net.input_size))}
    maps.close()
    picker.close()
    return counted


@pytest.mark.parametrize("name", QUICK)
def test_some_families_go_through(name, unchanged, record_property):
    _record(name, unchanged, record_property)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(set(SMALLEST.values()) - set(QUICK)))
def test_one_of_each_family_goes_through(name, unchanged, record_property):
    _record(name, unchanged, record_property)


@pytest.mark.zoo
@pytest.mark.parametrize("name", [name for name in ALL if name not in SMALLEST.values()])
def test_every_classifier_goes_through(name, unchanged, record_property):
    _record(name, unchanged, record_property)


def _record(name, unchanged, record_property):
    record_property("classifier", name)
    record_property("family", family(name))
    with torch.random.fork_rng():
        for key, value in check(name, unchanged).items():
            record_property(key, value)
    gc.collect()


def test_every_classifier_belongs_to_a_family():
    assert {family(name) for name in ALL} == set(SMALLEST)
