"""The wheel: built, installed where nothing else of ours is, imported, and complete."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from environments import ROOT, environment

CHECK = """
import pathlib, sys
import deepviz_widgets as dv
here = pathlib.Path(dv.__file__).parent
assert here.is_relative_to(sys.argv[1]), here
for kind in (dv.LayerPicker, dv.ActivationMaps):
    assert len(kind._code.default_value) > 1000 and ".dvw" in kind._css, kind
net, images = dv.demo.digits()
maps = dv.ActivationMaps(net, images, layer="conv1")
maps.wait()
print(dv.__version__, maps)
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("dist")
    subprocess.run([sys.executable, "-m", "build", "--wheel", "--outdir", out, ROOT], check=True, capture_output=True)
    (built,) = out.glob("*.whl")
    return built


def test_every_file_that_a_class_names_is_in_the_wheel(wheel):
    inside = set(zipfile.ZipFile(wheel).namelist())
    static = {path.relative_to(ROOT).as_posix() for path in (ROOT / "deepviz_widgets" / "static").iterdir()}
    weights = {path.relative_to(ROOT).as_posix() for path in (ROOT / "deepviz_widgets" / "demo").rglob("*.safetensors")}
    assert static and weights and static | weights <= inside
    assert "deepviz_widgets/py.typed" in inside
    assert not any(name.startswith(("tests/", "js/", "notebooks/")) for name in inside)


def test_every_lesson_is_in_the_wheel_as_it_is_in_the_repository(wheel):
    packed = zipfile.ZipFile(wheel)
    lessons = sorted((ROOT / "notebooks").glob("*.ipynb"))
    assert len(lessons) >= 6
    for lesson in lessons:
        assert packed.read(f"deepviz_widgets/notebooks/{lesson.name}") == lesson.read_bytes(), lesson.name


@pytest.mark.slow
def test_the_wheel_works_in_an_environment_of_its_own(wheel, tmp_path):
    """Our package comes from the wheel alone; torch and the others are lent by a .pth file, not installed again."""
    own = environment(tmp_path / "venv")
    own.install(wheel, options=["--no-deps"])
    own.borrow()
    done = own.run("-c", CHECK, own.site, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "ActivationMaps(layer='conv1'" in done.stdout
    command = own.folder / "bin" / "deepviz-widgets"
    says = subprocess.run([command, "--version"], capture_output=True, text=True, cwd=tmp_path, check=True)
    assert says.stdout.strip() == f"deepviz_widgets {done.stdout.split()[0]}"


def test_the_installed_size_stays_small(wheel):
    assert wheel.stat().st_size < 5_000_000
