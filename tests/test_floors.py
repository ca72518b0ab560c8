"""The lowest versions that pyproject.toml allows are those in Colab; the widgets' tests pass on them too."""

from __future__ import annotations

import re
import tomllib

import pytest
from environments import ROOT, environment

PINNED = ("ipywidgets", "anywidget", "traitlets", "bqplot")  # torch and numpy are lent, not installed twice
LOWEST = re.compile(r"^(\w+)>=([\d.]+)")


@pytest.mark.slow
def test_the_widgets_pass_their_tests_on_the_lowest_versions_allowed(tmp_path):
    wanted = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    floors = ["==".join(LOWEST.match(line).groups()) for line in wanted if line.startswith(PINNED)]
    assert len(floors) == len(PINNED)
    own = environment(tmp_path / "venv")
    own.install(*floors, "ipykernel==6.17.1", "pytest", "pytest-timeout", "hypothesis")
    own.borrow()
    found = own.run("-c", "import anywidget, ipywidgets; print(ipywidgets.__version__, anywidget.__version__)")
    versions = found.stdout.split()
    assert {f"ipywidgets=={versions[0]}", f"anywidget=={versions[1]}"} <= set(floors), "the floors are what is tested"
    tests = ["-m", "pytest", "-q", "-p", "no:cacheprovider", "-m", "not zoo", ROOT / "tests" / "widgets",
             "--ignore", ROOT / "tests" / "widgets" / "test_fuzz.py"]
    done = own.run(*tests, cwd=ROOT)
    assert done.returncode == 0, done.stdout[-3000:]
