"""The confusion matrix against scikit-learn's and against a network whose answers are known."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.metrics import confusion_matrix
from torch import nn

import deepviz_widgets as dv
from deepviz_widgets.methods import confusion
from deepviz_widgets.methods.confusion import condensed, in_words


class Brightness(nn.Module):
    """Takes an image for the class of its grey value: 0 for black, 3 for white."""

    def __init__(self):
        super().__init__()
        self.mean = nn.AdaptiveAvgPool2d(1)

    def forward(self, x):
        level = self.mean(x).flatten(1).mean(1, keepdim=True) * 3
        return -10 * (level - torch.arange(4.0)) ** 2


@pytest.fixture
def net():
    return dv.Network(Brightness(), input_size=(3, 8, 8), classes=["black", "dark", "light", "white"])


def painted(levels, **options):
    pixels = np.array([85 * level for level in levels], np.uint8)[:, None, None, None]
    return dv.ImageSet(np.broadcast_to(pixels, (len(levels), 8, 8, 3)).copy(), **options)


def whole(net, images, **options):
    *_, found = confusion(net, images, **options)
    return found


def test_the_matrix_is_that_of_scikit_learn_and_its_cells_are_the_images(net, unchanged):
    rng = np.random.default_rng(0)
    levels, labels = rng.integers(0, 4, 50), rng.integers(0, 4, 50)
    with unchanged(net.model):
        found = whole(net, painted(levels, labels=labels, classes=list(net.classes)), batch_size=7)
    assert np.array_equal(found.predictions, levels)
    assert np.array_equal(found.matrix, confusion_matrix(labels, levels, labels=range(4)))
    assert found.accuracy == (labels == levels).mean()
    table = condensed(found)
    for i in range(4):
        for j in range(4):
            assert set(table.ids(i, j)) == set(np.flatnonzero((labels == i) & (levels == j)))


def test_labels_are_matched_by_their_names_not_by_their_numbers(net):
    found = whole(net, painted([0, 3, 1], labels=[1, 0, 2], classes=["white", "black", "unheard of"]))
    assert found.labels.tolist() == [0, 3, -1] and found.accuracy == 1.0
    assert in_words(found) == "100.0 % of 2 images are right"


def test_images_come_a_batch_at_a_time_and_the_surest_first(net):
    steps = [found.done for found in confusion(net, painted([0, 1, 2, 3, 3], labels=[0] * 5), batch_size=2)]
    assert steps == [2, 4, 5]
    pixels = np.zeros((3, 8, 8, 3), np.uint8) + np.array([200, 255, 230], np.uint8)[:, None, None, None]
    found = whole(net, dv.ImageSet(pixels, labels=[3, 3, 3]))
    ids = condensed(found).ids(*(condensed(found).names.index("white"),) * 2)
    assert ids.tolist() == sorted(ids, key=lambda one: -found.confidences[one])


def test_without_labels_there_are_predictions_and_no_accuracy(net):
    found = whole(net, painted([0, 2]))
    assert found.predictions.tolist() == [0, 2] and np.isnan(found.accuracy)
    assert "none with a label" in in_words(found) and condensed(found).names == ()


def test_many_classes_are_condensed_and_no_image_is_lost(net):
    rng = np.random.default_rng(1)
    found = whole(net, painted(rng.integers(0, 4, 40), labels=rng.integers(0, 4, 40)))
    table = condensed(found, most=2)
    assert table.names[-1] == "other classes" and len(table.names) == 3
    assert table.counts.sum() == 40
    assert all(len(table.ids(i, j)) == table.counts[i, j] for i in range(3) for j in range(3))


def test_what_another_run_takes_for_another_class_is_told(net):
    one, two = (whole(net, painted(levels)) for levels in ([0, 1, 2], [0, 3, 2]))
    assert one.changed(two).tolist() == [1]
