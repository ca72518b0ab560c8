"""The lowest versions that pyproject.toml allows are those in Colab; the widgets' tests pass on them too."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
import venv
from pathlib import Path

ROOT = Path(__file__).parent.parent
PINNED = ("ipywidgets", "anywidget", "traitlets", "bqplot")  # torch and numpy are lent, not installed twice
LOWEST = re.compile(r"^(\w+)>=([\d.]+)")


def test_the_widgets_pass_their_tests_on_the_lowest_versions_allowed(tmp_path):
    wanted = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    floors = ["==".join(LOWEST.match(line).groups()) for line in wanted if line.startswith(PINNED)]
    assert len(floors) == len(PINNED)
    venv.create(tmp_path / "venv", with_pip=True)
    python = tmp_path / "venv" / "bin" / "python"
    tools = ["ipykernel==6.17.1", "pytest", "pytest-timeout", "hypothesis"]
    subprocess.run([python, "-m", "pip", "install", "--quiet", *floors, *tools], check=True)
    code = "import sysconfig; print(sysconfig.get_path('purelib'))"
    site, lent = (
        subprocess.run([exe, "-c", code], check=True, capture_output=True, text=True).stdout.strip()
        for exe in (python, sys.executable)
    )
    (Path(site) / "lent.pth").write_text(lent)
    versions = subprocess.run(
        [python, "-c", "import anywidget, ipywidgets; print(ipywidgets.__version__, anywidget.__version__)"],
        check=True, capture_output=True, text=True,
    ).stdout.split()
    assert {f"ipywidgets=={versions[0]}", f"anywidget=={versions[1]}"} <= set(floors), "the floors are what is tested"
    done = subprocess.run(
        [python, "-m", "pytest", "-q", "-p", "no:cacheprovider", ROOT / "tests" / "widgets"],
        capture_output=True, text=True, cwd=ROOT, check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:]
