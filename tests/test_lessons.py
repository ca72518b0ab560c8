"""The exercises of the lessons: a right answer is taken, a wrong one is not, and without one the cell asks for it."""

from __future__ import annotations

import ast
from pathlib import Path

import nbformat
import pytest
from IPython.core.inputtransformer2 import TransformerManager

LESSONS = sorted((Path(__file__).parent.parent / "notebooks").glob("0[1-9]-*.ipynb"))


def value_of(source: str, names: dict):
    """Run a cell; return the value of its last line."""
    tree = ast.parse(TransformerManager().transform_cell(source))  # %pip is no Python
    last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, "cell", "exec"), names)
    return None if last is None else eval(compile(ast.Expression(last.value), "cell", "eval"), names)


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_every_exercise_takes_the_right_answer_and_no_other(path, capsys):
    names: dict = {}
    exercises = 0
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
        value_of(cell.source, names)
    assert exercises >= 4
    assert not capsys.readouterr().err


def test_there_are_lessons():
    assert [path.stem for path in LESSONS][:2] == ["01-kernels", "02-activations"]
