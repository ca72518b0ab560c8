"""Predict, then reveal: closed until a choice is made, by call or by click."""

import pytest

from deepviz_widgets.demo import predict


def test_a_guess_says_what_is_right_and_why():
    asked = predict("Which?", ["black", "white"], right="white", because="It falls to 0.1.")
    assert asked.guess("white") and repr(asked.guess("white")) == "As you predicted. It falls to 0.1."
    assert asked.guess("black").right is False
    assert repr(asked.guess("black")) == "Not so: it is white. It falls to 0.1."


def test_before_a_guess_neither_the_repr_nor_the_open_part_of_the_page_tells_the_answer():
    first, second = (predict("Which?", [1, 2], right=right, because="So.") for right in (1, 2))
    assert repr(first) == repr(second) and "So." not in repr(first)
    page = first._repr_html_()
    assert page.count("<details") == page.count("<summary") == 2 and "<details open" not in page
    shown = page
    while "</summary>" in shown:  # what stands in a closed element is hidden
        start = shown.index("</summary>")
        shown = shown[:start] + shown[shown.index("</details>") + len("</details>"):]
    assert "So." not in shown and "it is" not in shown


def test_what_is_asked_is_text_and_never_markup():
    page = predict("<b>", ["<img onerror=x>", "b"], right="b", because="<script>")._repr_html_()
    assert "<img" not in page and "<script" not in page and "<b>" not in page


def test_a_question_without_its_answer_is_refused():
    with pytest.raises(ValueError, match="'grey' is none of the choices: black, white"):
        predict("Which?", ["black", "white"], right="grey")
    with pytest.raises(ValueError, match="at least two"):
        predict("Which?", ["black"], right="black")
    with pytest.raises(ValueError, match="none of the choices"):
        predict("Which?", ["black", "white"], right="black").guess("red")
