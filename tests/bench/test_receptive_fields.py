"""How long the receptive fields of all layers take, in forward passes of the same network: `make bench`."""

from __future__ import annotations

import pytest
import torch
from measure import interleaved, ratio, report
from torchvision import models

import deepviz_widgets as dv
from deepviz_widgets.methods.receptive_field import fields, receptive_fields

pytestmark = pytest.mark.bench


def passes(name: str) -> float:
    """Fields of all layers, worked out anew each round, in forward passes at 224 x 224."""
    torch.manual_seed(0)
    net = dv.Network(models.get_model(name, weights=None), input_size=(3, 224, 224))
    batch = torch.rand(1, 3, 224, 224)

    def anew():
        fields._CACHE.clear()
        receptive_fields(net)

    forward, ours = interleaved(lambda: net.forward(batch), anew)
    return ratio(ours, forward)


def test_the_fields_of_all_layers_of_resnet50_take_at_most_two_forward_passes():
    value = passes("resnet50")
    report("receptive fields of all layers / one forward pass (ResNet-50)", f"{value:.2f}", "<= 2", value <= 2)


@pytest.mark.parametrize("name", ["mobilenet_v3_large", "densenet121", "vit_b_16"])
def test_the_fields_of_other_families_are_printed_without_a_bar(name):
    value = passes(name)
    report(f"receptive fields of all layers / one forward pass ({name})", f"{value:.2f}", "none", value > 0)
