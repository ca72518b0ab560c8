"""The command `deepviz-widgets`: `deepviz-widgets demo` opens the tour in JupyterLab."""

from __future__ import annotations

import argparse
import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

TOUR = "00-tour.ipynb"
_INSTALL = 'JupyterLab is not installed in this Python; install it with: pip install "deepviz_widgets[lab]"'


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; arguments are those of the command line where not given. Return the exit status."""
    options = _parser().parse_args(arguments)
    if importlib.util.find_spec("jupyterlab") is None:
        sys.stderr.write(f"{_INSTALL}\n")
        return 1
    try:
        folder = copied(options.dir)
    except OSError as error:
        sys.stderr.write(f"The lessons cannot be copied to {str(options.dir)!r}: {error.strerror}.\n")
        return 1
    sys.stdout.write(f"The lessons are in {folder}; opening the tour. Stop with Ctrl+C.\n")
    sys.stdout.flush()
    return _opened(folder, options)


def lessons() -> Path:
    """Return the folder of the notebooks: in the wheel inside the package, in a checkout beside it."""
    inside = Path(__file__).parent / "notebooks"
    return inside if inside.is_dir() else Path(__file__).parent.parent / "notebooks"


def copied(folder: Path) -> Path:
    """Copy the lessons into a folder, so that nobody edits the installed ones; what is there already stays."""
    folder = folder.expanduser().resolve()
    folder.mkdir(parents=True, exist_ok=True)
    for path in sorted(lessons().glob("*.ipynb")):
        if not (folder / path.name).exists():
            shutil.copyfile(path, folder / path.name)
    return folder


def _opened(folder: Path, options: argparse.Namespace) -> int:
    command = [sys.executable, "-m", "jupyterlab", f"--ServerApp.root_dir={folder}",
               f"--LabApp.default_url=/lab/tree/{TOUR}"]
    if options.no_browser:
        command.append("--no-browser")
    if options.port is not None:
        command += [f"--port={options.port}", "--ServerApp.port_retries=0"]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        command.append("--allow-root")
    try:
        return subprocess.run(command, check=False).returncode
    except KeyboardInterrupt:  # Jupyter has had it too and said goodbye
        return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="deepviz-widgets", description="See inside deep networks for images.")
    parser.add_argument("--version", action="version", version=f"deepviz_widgets {_version()}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")
    demo = commands.add_parser("demo", help="open the tour and the lessons in JupyterLab",
                               description="Copy the lessons to a folder of your own and open the tour in JupyterLab.")
    demo.add_argument("--dir", type=Path, default=Path("deepviz-lessons"), metavar="FOLDER",
                      help="where the lessons are copied to; notebooks that are there stay (./deepviz-lessons)")
    demo.add_argument("--port", type=_port, help="of the server; a free one from 8888 on where not given")
    demo.add_argument("--no-browser", action="store_true", help="open no browser; print the address")
    return parser


def _port(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 65535:
        raise argparse.ArgumentTypeError(f"a port is a number from 1 to 65,535, not {text!r}")
    return int(text)


def _version() -> str:
    try:
        return version("deepviz_widgets")
    except PackageNotFoundError:  # a checkout that was never installed
        return "(not installed)"
