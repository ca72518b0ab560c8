"""What the tests of widgets share: a small network and random images."""

from __future__ import annotations

import numpy as np
import pytest

import deepviz_widgets as dv


@pytest.fixture
def net(model):
    return dv.Network(model, input_size=(3, 16, 16), classes=list("abcde"))


@pytest.fixture
def images():
    rng = np.random.default_rng(0)
    return dv.ImageSet(rng.integers(0, 255, (12, 16, 16, 3), np.uint8), labels=[0, 1] * 6, classes=["cat", "dog"])
