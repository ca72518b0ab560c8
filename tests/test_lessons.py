"""The lessons: their common form, exercises that take the right answer and no other, predictions that open."""

from __future__ import annotations

import ast
from pathlib import Path

import nbformat
import pytest
from IPython.core.inputtransformer2 import TransformerManager

from deepviz_widgets.demo.prediction import Prediction

LESSONS = sorted((Path(__file__).parent.parent / "notebooks").glob("0[0-9]-*.ipynb"))
COLAB = """# in Colab: installs the package where it is missing
import importlib.util
if importlib.util.find_spec("deepviz_widgets") is None:
    %pip install --quiet deepviz_widgets"""
each_lesson = pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)


def value_of(source: str, names: dict):
    """Run a cell; return the value of its last line."""
    tree = ast.parse(TransformerManager().transform_cell(source))
    last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, "cell", "exec"), names)
    return None if last is None else eval(compile(ast.Expression(last.value), "cell", "eval"), names)


@pytest.mark.slow
@each_lesson
def test_every_exercise_takes_the_right_answer_and_no_other(path, capsys):
    names: dict = {}
    exercises, predictions = 0, []
    for cell in nbformat.read(path, 4).cells:
        if cell.cell_type != "code":
            continue
        answers = cell.metadata.get("exercise")
        if answers is not None:
            exercises += 1
            assert cell.source.count(" = None") == 1, "the student sees where the answer goes"
            for kind, right in (("right", True), ("wrong", False)):
                found = value_of(cell.source.replace(" = None", f" = {answers[kind]}"), dict(names))
                assert found.right is right, f"exercise {exercises}, {kind}: {found}"
            assert value_of(cell.source, dict(names)).right is None
        found = value_of(cell.source, names)
        predictions += [found] if isinstance(found, Prediction) else []
    assert exercises >= (1 if path.stem == "00-tour" else 4)
    assert predictions, "a student predicts before the experiment is shown"
    for asked in predictions:
        assert sum(asked.guess(choice).right for choice in asked.choices) == 1
        assert any(mark.isdigit() for mark in repr(asked.guess(asked.choices[0]))), "the answer has a number in it"
    assert not capsys.readouterr().err


@each_lesson
def test_every_lesson_has_the_common_form(path):
    book = nbformat.read(path, 4)
    first, second = book.cells[:2]
    text = "\n".join(cell.source for cell in book.cells if cell.cell_type == "markdown")
    assert first.cell_type == "markdown" and first.source.startswith("# ") and len(first.source.split("\n\n")) >= 2
    assert second.source == COLAB
    assert "## Pitfalls" in text and "## Sources" in text
    assert "Deep Learning: Visualization & Attention, part 3" in text and "CC BY 4.0" in text
    assert book.metadata.kernelspec.name == "python3"
    assert not any(cell.get("outputs") or cell.get("execution_count") for cell in book.cells)


def test_every_link_between_the_lessons_leads_somewhere():
    there = {path.name for path in LESSONS}
    for path in LESSONS:
        for cell in nbformat.read(path, 4).cells:
            links = [part.split(")")[0] for part in cell.source.split("](")[1:]]
            assert {link for link in links if link.endswith(".ipynb")} <= there, path.name


def test_there_are_the_tour_and_the_lessons():
    assert [path.stem for path in LESSONS][:3] == ["00-tour", "01-kernels", "02-activations"]
    assert LESSONS[-1].stem == "06-your-own-network"
