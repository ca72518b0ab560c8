"""Units that tell a selection from the rest: against the definition by brute force, and known answers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import mannwhitneyu

from deepviz_widgets.methods import separation


def by_definition(values, inside):
    """P(X > Y) - P(X < Y) over all pairs of a selected and another image."""
    pairs = values[inside][:, None] - values[~inside][None, :]
    return np.sign(pairs).mean((0, 1))


@settings(max_examples=40, deadline=None)
@given(st.integers(2, 12), st.integers(1, 4), st.integers(0, 9999))
def test_the_effect_is_cliffs_delta_with_ties(number, units, seed):
    rng = np.random.default_rng(seed)
    values = rng.integers(0, 4, (number, units)).astype(np.float32)
    inside = np.zeros(number, bool)
    inside[rng.permutation(number)[: rng.integers(1, number)]] = True
    found = separation(values, np.flatnonzero(inside))
    assert np.allclose(found.effect, by_definition(values, inside))


def test_the_effect_is_that_of_the_statistic_of_mann_and_whitney():
    values = np.random.default_rng(0).gamma(1.0, size=(60, 5)).astype(np.float32)
    found = separation(values, range(20))
    wins = np.array([mannwhitneyu(values[:20, k], values[20:, k]).statistic for k in range(5)])
    assert np.allclose(found.effect, 2 * wins / (20 * 40) - 1)


def test_a_unit_that_fires_for_the_selection_alone_comes_first():
    rng = np.random.default_rng(1)
    values = rng.normal(size=(100, 30)).astype(np.float32)
    values[40:60, 17] += 50
    values[40:60, 5] -= 3
    found = separation(values, range(40, 60))
    assert found.order[0] == 17 and found.effect[17] == 1.0 and found.word(17) == "large"
    assert found.order[1] == 5 and found.effect[5] < -0.9
    assert found.inside[17] == np.median(values[40:60, 17]) and (found.selected, found.others) == (20, 80)


def test_the_scale_of_a_unit_does_not_matter_its_order_does():
    values = np.random.default_rng(2).normal(size=(30, 4))
    assert np.allclose(separation(values, range(9)).effect, separation(np.exp(3 * values), range(9)).effect)


def test_a_unit_that_never_answers_separates_nothing():
    found = separation(np.zeros((10, 2)), [0, 1])
    assert found.effect.tolist() == [0, 0] and found.word(0) == "negligible" and found.order.tolist() == [0, 1]


@pytest.mark.parametrize("selected, says", [([], "no image"), (range(4), "every image"), ([7], "no row 7")])
def test_a_selection_that_cannot_be_told_apart_is_said(selected, says):
    with pytest.raises(ValueError, match=says):
        separation(np.ones((4, 2)), selected)


def test_answers_that_are_not_finite_are_refused():
    with pytest.raises(ValueError, match="not finite"):
        separation([[np.nan, 1.0], [0.0, 1.0]], [0])
