"""Exercises of the lessons: a cell that checks its own answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np


def check(answer: Any, right: Any, hint: str = "") -> Verdict:
    """Compare an answer with the right one; None is no answer yet.

    Parameters
    ----------
    answer : anything
    right : anything, or callable
        A value, which numbers and arrays must meet to a thousandth of it and words but for their case; or a function
        that says whether an answer is right.
    hint : str
        What to look at when it is wrong.

    Examples
    --------
    >>> from deepviz_widgets.demo import check
    >>> check(None, 7), check(7.001, 7), check(5, 7, "Count the rows.")
    (Your turn: put your answer in place of None., Right., Not yet. Count the rows.)
    """
    if answer is None:
        return Verdict("Your turn: put your answer in place of None.", None)
    try:
        good = bool(right(answer)) if isinstance(right, Callable) else _same(answer, right)  # type: ignore[arg-type]
    except (TypeError, ValueError, LookupError, AttributeError):
        good = False  # an answer of another kind is a wrong one
    return Verdict("Right." if good else f"Not yet. {hint}".strip(), good)


class Verdict:
    """What a cell shows; `right` is None while there is no answer."""

    def __init__(self, says: str, right: bool | None):
        self.says, self.right = says, right

    def __repr__(self) -> str:
        return self.says

    def __bool__(self) -> bool:
        return self.right is True


def _same(answer: Any, right: Any) -> bool:
    if isinstance(right, str):
        return str(answer).strip().casefold() == right.casefold()
    if isinstance(right, (set, frozenset)):
        return set(answer) == right
    found, wanted = np.asarray(answer), np.asarray(right)
    return found.shape == wanted.shape and bool(np.allclose(found, wanted, rtol=1e-3, atol=1e-6))
