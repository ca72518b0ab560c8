"""Hidden patches on every family of torchvision: both engines against the user's own model, within 1e-4."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch
from incremental_nets import by_hand, error, lively
from torchvision import models

import deepviz_widgets as dv
from deepviz_widgets.methods.incremental import evaluator

FAST = {
    "alexnet": 96, "mnasnet0_5": 64, "mobilenet_v2": 64, "mobilenet_v3_small": 96, "regnet_x_400mf": 64,
    "regnet_y_400mf": 64, "resnet18": 96, "shufflenet_v2_x0_5": 64, "squeezenet1_1": 96, "vgg11_bn": 64,
    "convnext_tiny": 64, "efficientnet_b0": 64, "googlenet": 96,
}
FIRST = ("alexnet", "resnet18", "mobilenet_v3_small", "squeezenet1_1")  # which are part of `make test`
SLOW = {
    "densenet121": 96, "efficientnet_v2_s": 96, "inception_v3": 139, "resnet50": 96, "resnext50_32x4d": 96,
    "wide_resnet50_2": 96, "swin_t": 96, "swin_v2_t": 96, "maxvit_t": 224, "vit_b_32": 224, "vgg16": 96,
    "convnext_small": 96, "mobilenet_v3_large": 96, "densenet161": 96, "regnet_y_800mf": 96,
}


def made(name: str, side: int) -> dv.Network:
    torch.manual_seed(0)
    more = {"init_weights": False} if name in ("googlenet", "inception_v3") else {}
    model = models.get_model(name, weights=None, **more)
    if name.startswith("vit"):  # its last layer starts with zeros, which would show nothing
        torch.nn.init.normal_(model.heads[-1].weight, std=0.02)
    width = side if name.startswith(("vit", "maxvit")) else side + 8
    return dv.Network(lively(model), input_size=(3, side, width))


def check(name: str, side: int, unchanged) -> None:
    net = made(name, side)
    generator = torch.Generator().manual_seed(1)
    x, filled = (torch.randn(net.input_size, generator=generator) for _ in range(2))
    patch = side // 6
    boxes = np.array([(y, z, y + patch, z + patch) for y in (0, 9, side - patch // 2) for z in (3, 14)]
                     + [(1, 1, 2, 2), (0, 0, side, side + 8)])
    with unchanged(net.model), warnings.catch_warnings():
        warnings.simplefilter("error")
        wanted = by_hand(net, x, filled, boxes)
        for engine in ("incremental", "dense"):
            hide = evaluator(net, x, filled, engine=engine)
            assert hide.how == engine, hide.why
            assert error(hide.run(boxes)[0], wanted) < 1e-4
    assert wanted.std(0).max() > 0, "the patches change something"


@pytest.mark.parametrize("name", [
    *FIRST, *(pytest.param(name, marks=pytest.mark.slow) for name in FAST if name not in FIRST),
])
def test_one_of_each_small_family_agrees(name, unchanged):
    check(name, FAST[name], unchanged)


@pytest.mark.zoo
@pytest.mark.parametrize("name", SLOW)
def test_the_larger_ones_agree(name, unchanged):
    check(name, SLOW[name], unchanged)


def test_what_saves_nothing_is_run_whole():
    net = made("efficientnet_b0", 64)
    x = torch.randn(net.input_size, generator=torch.Generator().manual_seed(1))
    hide = evaluator(net, x, torch.zeros_like(x))
    boxes = np.array([(y, z, y + 16, z + 16) for y in range(0, 48, 8) for z in range(0, 48, 8)])
    raw = hide.run(boxes)[0]
    assert hide.how == "dense" and "of the operations" in hide.why
    assert error(hide.run(boxes)[0], raw) < 1e-4
