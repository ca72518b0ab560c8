"""Exercises: right, wrong and missing answers of every kind."""

import numpy as np
import pytest

from deepviz_widgets.demo import check


@pytest.mark.parametrize("answer, right", [
    (7, 7), (0.12345, 0.12346), ("Noisy ", "noisy"), ([2, 1], {1, 2}), ((5, 5), (5, 5)), (np.float32(3), 3),
    ([[1, 2]], np.array([[1, 2]])), (12, lambda answer: answer > 10), (True, True),
])
def test_a_right_answer_is_right(answer, right):
    assert check(answer, right, "no") and repr(check(answer, right)) == "Right."


@pytest.mark.parametrize("answer, right", [
    (8, 7), (0.13, 0.12), ("dead", "noisy"), ([1], {1, 2}), ((5, 3), (5, 5)), ((5,), (5, 5)), ("five", 5), (5, "five"),
    (3, {3}), ("x", lambda answer: answer > 10), (3, lambda answer: answer.layers),
    ([], lambda answer: answer[0]), (float("nan"), 1),
])
def test_a_wrong_answer_gets_the_hint_and_never_an_error(answer, right):
    found = check(answer, right, "Look again.")
    assert not found and found.right is False and repr(found) == "Not yet. Look again."


def test_no_answer_yet_is_neither():
    assert check(None, 7).right is None and "in place of None" in repr(check(None, 7))
