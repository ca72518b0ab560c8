"""Virtual environments for tests: packages of their own, and all others lent by the one that runs the tests."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parent.parent


class Environment:
    """A virtual environment: its folder and its interpreter."""

    def __init__(self, folder: Path):
        self.folder, self.python = folder, folder / "bin" / "python"

    @property
    def site(self) -> Path:
        """The folder of its own packages."""
        return Path(sysconfig.get_path("purelib", vars={"base": str(self.folder)}))

    def install(self, *packages: str, options: Sequence[str] = ()) -> None:
        """Install packages into it; with pip's own words where that fails."""
        command = [sys.executable, "-m", "pip", "--python", self.python, "install", "--quiet", *options, *packages]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"pip could not install {', '.join(map(str, packages))}:\n{done.stderr[-2000:]}")

    def borrow(self, *more: Path) -> None:
        """Lend it what is installed here, after its own: torch and the like are not installed twice."""
        there = [path for path in sys.path if Path(path).name == "site-packages"]
        (self.site / "lent.pth").write_text("\n".join(map(str, [*more, *there])))

    def run(self, *arguments: object, **options) -> subprocess.CompletedProcess:
        """Run its Python, without what the shell would add to its path."""
        env = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
        command = [self.python, *arguments]
        return subprocess.run(command, capture_output=True, text=True, env=env, check=False, **options)


def environment(folder: Path) -> Environment:
    """Make an environment that holds nothing yet."""
    venv.create(folder, with_pip=False, symlinks=True)
    return Environment(folder)
