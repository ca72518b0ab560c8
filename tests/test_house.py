"""The floors of the house: who may use whom, and that the files stay rooms, not halls."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

HOUSE = Path(__file__).parent.parent / "deepviz_widgets"
GROUND = {path.stem for path in HOUSE.glob("*.py")} - {"__init__"}
FRONT_END = {"ipywidgets", "anywidget", "bqplot", "traitlets", "IPython"}


def modules(folder: str) -> list[Path]:
    return sorted(path for path in (HOUSE / folder).rglob("*.py"))


def imports(path: Path) -> set[str]:
    """What a file imports: top-level names of other packages, and rooms of ours as `.methods.activations`."""
    here, found = path.relative_to(HOUSE).parent.parts, set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            found.add((node.module or "").split(".")[0])
        elif isinstance(node, ast.ImportFrom):
            base = here[: len(here) - node.level + 1]
            inner = [".".join((*base, node.module))] if node.module else [".".join((*base, a.name)) for a in node.names]
            found |= {"." + name for name in inner}
    return found


def test_the_ground_floor_stands_on_nothing_of_ours_above():
    for name in GROUND:
        above = {room for room in imports(HOUSE / f"{name}.py") if room.startswith((".methods", ".widgets", ".demo"))}
        assert not above, f"{name} uses {above}"


@pytest.mark.parametrize("folder", ["methods", "demo"])
def test_methods_and_demos_know_no_widget(folder):
    for path in modules(folder):
        found = imports(path)
        assert not found & FRONT_END, f"{path.name} imports {found & FRONT_END}"
        assert not any(room.startswith(".widgets") for room in found), path.name


def test_job_and_wire_know_no_technique():
    for name in ("job", "wire"):
        assert not any(room.startswith(".methods") for room in imports(HOUSE / "widgets" / f"{name}.py"))


def test_no_widget_runs_a_model_itself():
    for path in modules("widgets"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call):
                called = ast.unparse(node.func)
                assert not called.endswith((".model", ".forward")), f"{path.name}:{node.lineno} calls {called}"


def test_a_widget_knows_no_other_widget():
    shared = {"base", "charts", "charts_drawn", "job", "live", "live_frames", "wire", "export", "row", "stills",
              "stills_views", "trait_types"}
    stems = {path.stem for path in modules("widgets")}

    def widget(stem: str) -> str:
        """The widget that a module is a part of: that of `top_patches_board` is `top_patches`."""
        return next((whole for whole in sorted(stems) if stem.startswith(f"{whole}_")), stem)

    for path in modules("widgets"):
        if path.stem in shared or path.stem in ("__init__", "explorer"):
            continue
        used = {room.removeprefix(".widgets.") for room in imports(path) if room.startswith(".widgets.")}
        others = {room for room in used if widget(room) != widget(path.stem)}
        assert others <= shared, f"{path.name} uses {others - shared}"


def test_every_widget_has_its_folder_of_javascript_and_its_bundle():
    js, found = HOUSE.parent / "js" / "src", 0
    for path in modules("widgets"):
        if "_code = code(" in path.read_text():
            found += 1
            assert (js / path.stem.replace("_", "-") / "index.js").exists(), path.stem
            for end in ("js", "css"):
                assert (HOUSE / "static" / f"{path.stem}.{end}").exists(), path.stem
    assert found >= 12


def test_no_file_is_a_hall_and_no_function_a_corridor():
    for path in modules("."):
        text = path.read_text()
        assert text.count("\n") <= 400, f"{path.name} has {text.count(chr(10))} lines"
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef):
                length = node.end_lineno - node.lineno
                documented = ast.get_docstring(node) or ""
                assert length - documented.count("\n") <= 50, f"{path.name}:{node.lineno} {node.name}"


def test_no_two_files_of_the_tests_share_a_name():
    """pytest imports them by name alone: of two namesakes, the second gets the first's content."""
    names = [path.stem for path in Path(__file__).parent.rglob("*.py") if path.stem != "conftest"]
    assert not (twice := {name for name in names if names.count(name) > 1}), f"twice: {sorted(twice)}"
