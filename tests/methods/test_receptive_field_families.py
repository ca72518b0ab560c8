"""Receptive fields of one of each of torchvision's families, all layers and all units, against where a NaN gets to."""

from __future__ import annotations

import pytest
import torch
from fields_oracle import boxes_by_nan, contains
from torch import nn
from torchvision import models
from torchvision.models import swin_transformer as swin

import deepviz_widgets as dv
from deepviz_widgets.methods.receptive_field import fields, receptive_fields

FAST = {
    "mnasnet0_5": 37, "mobilenet_v2": 37, "mobilenet_v3_small": 33, "regnet_x_400mf": 33, "regnet_y_400mf": 33,
    "resnet18": 45, "shufflenet_v2_x0_5": 41, "squeezenet1_1": 49, "vgg11_bn": 35, "convnext_tiny": 36,
    "efficientnet_b0": 33, "googlenet": 35,
}
FIRST = ("resnet18", "mobilenet_v3_small", "shufflenet_v2_x0_5")  # whose units are all checked in `make test`
SLOW = {
    "alexnet": 96, "densenet121": 48, "efficientnet_v2_s": 40, "inception_v3": 79, "resnet50": 40,
    "resnext50_32x4d": 48, "wide_resnet50_2": 36, "swin_t": 64, "swin_v2_t": 64, "efficientnet_b1": 48, "vgg16": 35,
}


def agrees(net: dv.Network) -> int:
    """Check all units of all layers; return of how many layers the field is known exactly."""
    fields = receptive_fields(net)
    truth = boxes_by_nan(net, list(fields))
    for name, field in fields.items():
        for y in range(field.grid[0]):
            for x in range(field.grid[1]):
                found = tuple(int(edge) for edge in truth[name][y, x])
                assert contains(field.clipped(y, x), found), (name, y, x, field, found)
                assert contains(field.box(y, x), field.clipped(y, x)), (name, y, x, field)
                if field.status in ("exact", "whole image"):
                    assert field.clipped(y, x) == found, (name, y, x, field, found)
    assert not {field.status for field in fields.values()} & {"unknown", "data dependent"}
    return sum(field.status == "exact" for field in fields.values())


def torchvisions(name: str, side: int) -> dv.Network:
    torch.manual_seed(0)
    more = {"init_weights": False} if name in ("googlenet", "inception_v3") else {}
    height = side if name.startswith("swin") else side - 2
    return dv.Network(models.get_model(name, weights=None, **more), input_size=(3, max(height, side - 2), side))


@pytest.mark.parametrize("name", [
    *FIRST, *(pytest.param(name, marks=pytest.mark.slow) for name in FAST if name not in FIRST),
])
def test_every_unit_of_every_layer_reads_what_is_said(name):
    assert agrees(torchvisions(name, FAST[name])) >= 8


@pytest.mark.zoo
@pytest.mark.parametrize("name", SLOW)
def test_every_unit_of_every_layer_of_the_larger_ones_reads_what_is_said(name):
    assert agrees(torchvisions(name, SLOW[name])) >= 5


TRANSFORMERS = {
    "vision transformer": (lambda: models.VisionTransformer(32, 8, 2, 2, 16, 32), (3, 32, 32)),
    "maxvit": (lambda: models.MaxVit((32, 32), 8, 4, [8, 16], [1, 2], 4, 0.0, num_classes=5), (3, 32, 32)),
    "swin": (lambda: models.SwinTransformer([4, 4], 16, [2, 2], [2, 2], [4, 4], num_classes=5), (3, 64, 48)),
    "swin, padded": (lambda: models.SwinTransformer([4, 4], 16, [2, 2], [2, 2], [4, 4], num_classes=5), (3, 56, 40)),
    "swin v2": (lambda: models.SwinTransformer(
        [4, 4], 16, [2, 2], [2, 2], [4, 4], num_classes=5, block=swin.SwinTransformerBlockV2,
        downsample_layer=swin.PatchMergingV2), (3, 64, 56)),
}


@pytest.mark.parametrize("family", TRANSFORMERS)
def test_every_unit_of_small_transformers_reads_what_is_said(family):
    make, size = TRANSFORMERS[family]
    torch.manual_seed(0)
    assert agrees(dv.Network(make(), input_size=size)) >= 3


def test_windows_of_a_swin_transformer_are_boxes_of_their_own_and_a_shift_is_a_bound():
    make, size = TRANSFORMERS["swin"]
    fields = receptive_fields(dv.Network(make(), input_size=size))
    first, shifted = fields["features.1.0"], fields["features.1.1"]
    assert first.status == "exact" and first.stride is None and first.size == (16, 16)
    assert first.clipped(5, 2) == (16, 0, 32, 16)
    assert shifted.status == "upper bound" and "mask" in shifted.why


def test_a_module_that_returns_nothing_of_the_image_reads_nothing():
    class Bias(nn.Module):
        def __init__(self):
            super().__init__()
            self.table = nn.Linear(2, 3)

        def forward(self, x):
            return x.mean((2, 3)) + self.table(torch.ones(1, 2))

    fields = receptive_fields(dv.Network(Bias(), input_size=(3, 8, 8)))
    assert fields["table"].size == (0, 0) and fields["table"].clipped(0, 0) == (0, 0, 0, 0)


@pytest.mark.parametrize("name", [*FAST, "resnet50", "densenet121", "inception_v3", *TRANSFORMERS])
def test_a_pass_without_values_follows_the_same_as_one_with_them(name):
    torch.manual_seed(0)
    small = TRANSFORMERS.get(name)
    net = torchvisions(name, {**SLOW, **FAST}[name]) if small is None else dv.Network(small[0](), input_size=small[1])
    batch = torch.rand(1, *net.input_size)
    quick, full = (fields._followed(net, batch, values=values) for values in (False, True))
    for layer in net.layers:
        for one, other in zip(quick[layer.name], full[layer.name], strict=True):
            assert one.shape == other.shape, layer.name
            assert (one.found is None) == (other.found is None), layer.name
            if one.found is not None:
                assert (one.found.axes, one.found.flag, one.found.why) == \
                    (other.found.axes, other.found.flag, other.found.why), layer.name
                assert all(map(torch.equal, one.found.planes, other.found.planes)), layer.name
