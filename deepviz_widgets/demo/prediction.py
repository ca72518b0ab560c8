"""Predict, then reveal: a question whose answer stays closed until somebody has chosen one."""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import Any

from .lesson import Verdict

_BOX = "margin:8px 0 8px 0;border-left:3px solid #788290;padding:4px 0 4px 12px;max-width:720px"


class Prediction:
    """A question with choices; a click on one, or `guess`, opens what is right and why.

    The page needs no kernel and no script for it: each choice is a `<details>` element, so it works in JupyterLab, in
    Colab, in a saved page, and by keyboard.

    Parameters
    ----------
    question : str
    choices : sequence
        At least two.
    right : one of the choices
        Work it out from the experiment, so that it stays true.
    because : str
        What the experiment says, shown with the answer.

    Raises
    ------
    ValueError
        If `right` is none of the choices, or there are fewer than two.

    Examples
    --------
    >>> from deepviz_widgets.demo import predict
    >>> asked = predict("How many sides has a square?", [3, 4], right=4, because="It has four corners.")
    >>> asked
    Predict: How many sides has a square? 3 / 4 (then asked.guess(...) or a click on a choice)
    >>> asked.guess(3)
    Not so: it is 4. It has four corners.
    """

    def __init__(self, question: str, choices: Sequence[Any], right: Any, because: str = ""):
        self.question, self.choices = question, [str(choice) for choice in choices]
        if len(self.choices) < 2:
            raise ValueError(f"A prediction needs at least two choices; there are {len(self.choices)}.")
        if str(right) not in self.choices:
            raise ValueError(f"The right answer {str(right)!r} is none of the choices: {', '.join(self.choices)}.")
        self._right, self._because = str(right), because

    def guess(self, choice: Any) -> Verdict:
        """Choose one and see what is right.

        Raises
        ------
        ValueError
            If it is none of the choices.
        """
        if str(choice) not in self.choices:
            raise ValueError(f"{str(choice)!r} is none of the choices: {', '.join(self.choices)}.")
        return Verdict(self._says(str(choice)), str(choice) == self._right)

    def _says(self, choice: str) -> str:
        found = "As you predicted." if choice == self._right else f"Not so: it is {self._right}."
        return f"{found} {self._because}".strip()

    def __repr__(self) -> str:
        return f"Predict: {self.question} {' / '.join(self.choices)} (then asked.guess(...) or a click on a choice)"

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<details style='margin:2px 0'><summary style='cursor:pointer;padding:2px 0'>{html.escape(choice)}"
            f"</summary><div style='padding:2px 0 6px 18px'>{html.escape(self._says(choice))}</div></details>"
            for choice in self.choices
        )
        return (
            f"<div style='{_BOX}'><strong>Predict first.</strong> {html.escape(self.question)}"
            f"<div style='margin-top:4px'>{rows}</div></div>"
        )


def predict(question: str, choices: Sequence[Any], right: Any, because: str = "") -> Prediction:
    """Ask a question whose answer opens once one of the choices is chosen; see `Prediction`."""
    return Prediction(question, choices, right, because)
