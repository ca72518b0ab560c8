"""`ClassScores`: bars of the network's own probabilities, linked by image and target."""

from __future__ import annotations

import numpy as np
import pytest
import traitlets

import deepviz_widgets as dv


def bars(chart):
    return dict(zip(chart.marks[0].x, chart.marks[0].y))


def test_the_bars_are_the_probabilities_with_the_largest_on_top(net, images, unchanged):
    with unchanged(net.model):
        chart = dv.ClassScores(net, images, image=3, most=3)
    oracle = net.scores([images[3]]).confidences[0]
    assert list(chart.marks[0].x) == [net.classes[i] for i in np.argsort(-oracle)[:3][::-1]]
    assert all(bars(chart)[name] == pytest.approx(oracle[net.classes.index(name)]) for name in bars(chart))
    assert chart.target == oracle.argmax() and chart.title == images[3].name


def test_another_image_has_other_bars_and_a_class_that_is_not_shown_is_added_when_chosen(net, images):
    chart = dv.ClassScores(net, images, most=2)
    before = bars(chart)
    chart.image = 7
    assert bars(chart) != before
    last = int(np.argmin(chart.scores.confidences[0]))
    chart.target = last
    assert chart.marks[0].x[0] == net.classes[last] and len(chart.marks[0].x) == 2
    marked = [name for name, colour in zip(chart.marks[0].x, chart.marks[0].colors) if colour == "#3f7ce0"]
    assert marked == [net.classes[last]]


def test_a_click_on_a_bar_chooses_its_class_for_the_linked_map_too(net, images):
    found = dv.OcclusionMap(net, images, target="b", image=2)
    chart = dv.ClassScores(net, images, image=found, target=found)
    assert chart.image == 2 and chart.target == 1
    chart._on_click(None, {"data": {"index": 0}})
    assert net.classes[found.target] == chart.marks[0].x[0]
    found.image = 4
    assert chart.title == images[4].name
    chart.close()
    found.image = 5
    assert chart.image == 4


def test_what_does_not_exist_is_refused_in_words(net, images):
    with pytest.raises(traitlets.TraitError, match="There is no image 12"):
        dv.ClassScores(net, images, image=12)
    with pytest.raises(traitlets.TraitError, match="No class 'dog'"):
        dv.ClassScores(net, images, target="dog")
    with pytest.raises(TypeError, match="wrap the Sequential"):
        dv.ClassScores(net.model, images)
