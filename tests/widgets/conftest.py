"""What the tests of widgets share: a small network, images, and a map of them."""

from __future__ import annotations

import numpy as np
import pytest
from map_requests import NUMBER

import deepviz_widgets as dv


@pytest.fixture
def net(model):
    return dv.Network(model, input_size=(3, 16, 16), classes=list("abcde"))


@pytest.fixture
def images():
    rng = np.random.default_rng(0)
    return dv.ImageSet(rng.integers(0, 255, (12, 16, 16, 3), np.uint8), labels=[0, 1] * 6, classes=["cat", "dog"])


@pytest.fixture(scope="module")
def photos():
    """Two kinds of images, each of one colour with noise, so that a map has two clusters."""
    rng = np.random.default_rng(0)
    pixels = np.where(np.arange(NUMBER)[:, None, None, None] % 2, 60, 180) + rng.integers(0, 60, (NUMBER, 16, 16, 3))
    return dv.ImageSet(pixels.astype(np.uint8), labels=[0, 1] * (NUMBER // 2), classes=["cat", "dog"],
                       names=[f"photo {k}.png" for k in range(NUMBER)])


@pytest.fixture
def map_(net, photos):
    found = dv.EmbeddingMap(net, photos, "5", iterations=60)
    yield found
    found.close()
