"""`deepviz-widgets`: what it says, what it copies, and that it serves the tour."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from deepviz_widgets import __version__, cli

sys.path.insert(0, str(Path(__file__).parent / "e2e"))
import lab as jupyter


def test_the_version_and_the_help_say_what_there_is(capsys):
    with pytest.raises(SystemExit) as ended:
        cli.main(["--version"])
    assert ended.value.code == 0 and capsys.readouterr().out.startswith("deepviz_widgets ")
    with pytest.raises(SystemExit):
        cli.main(["demo", "--help"])
    said = capsys.readouterr().out
    assert all(option in said for option in ("--no-browser", "--port", "--dir"))
    assert __version__


def test_a_port_that_is_none_is_refused_in_words(capsys):
    with pytest.raises(SystemExit):
        cli.main(["demo", "--port", "99999"])
    assert "a port is a number from 1 to 65,535, not '99999'" in capsys.readouterr().err


def test_without_jupyterlab_it_says_in_a_sentence_what_to_install(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(cli.importlib.util, "find_spec", lambda name: None)
    assert cli.main(["demo", "--dir", str(tmp_path / "new")]) == 1
    assert 'pip install "deepviz_widgets[lab]"' in capsys.readouterr().err and not (tmp_path / "new").exists()


def test_a_folder_that_cannot_be_is_refused_in_words(capsys, tmp_path):
    (tmp_path / "file").write_text("")
    assert cli.main(["demo", "--dir", str(tmp_path / "file" / "in")]) == 1
    assert "The lessons cannot be copied to" in capsys.readouterr().err


def test_the_lessons_are_copied_and_what_a_student_wrote_stays(tmp_path):
    folder = cli.copied(tmp_path / "mine")
    assert {path.name for path in folder.iterdir()} == {path.name for path in cli.lessons().glob("*.ipynb")}
    assert cli.TOUR in {path.name for path in folder.iterdir()}
    (folder / cli.TOUR).write_text("mine")
    (folder / "01-kernels.ipynb").unlink()
    cli.copied(folder)
    assert (folder / cli.TOUR).read_text() == "mine" and (folder / "01-kernels.ipynb").exists()


def test_the_command_serves_the_tour_from_the_copy(tmp_path):
    port, folder, log = jupyter.free_port(), tmp_path / "lessons", tmp_path / "log"
    env = {**os.environ, **jupyter.own_settings(tmp_path)}
    command = [sys.executable, "-c", "import sys; from deepviz_widgets.cli import main; sys.exit(main())",
               "demo", "--no-browser", "--port", str(port), "--dir", str(folder)]
    with log.open("w") as out:
        server = subprocess.Popen(command, stdout=out, stderr=out, cwd=tmp_path, env=env, start_new_session=True)
        try:
            address = _printed(log, port, server)
            assert "/lab/tree/00-tour.ipynb" in address
            token = address.rsplit("token=", 1)[1]
            url = f"http://127.0.0.1:{port}/api/contents/{cli.TOUR}?token={token}"
            with urllib.request.urlopen(url, timeout=30) as answer:
                cells = json.load(answer)["content"]["cells"]
            assert "See inside a deep network" in "".join(cells[0]["source"])
        finally:
            _stop(server)
    assert f"The lessons are in {folder}" in log.read_text()


def _printed(log, port, server) -> str:
    until = time.monotonic() + 120
    while time.monotonic() < until and server.poll() is None:
        found = re.search(rf"http://127\.0\.0\.1:{port}/\S+", log.read_text())
        if found:
            return found[0]
        time.sleep(0.3)
    raise AssertionError(log.read_text()[-2000:])


def _stop(server) -> None:
    os.killpg(server.pid, signal.SIGTERM)
    try:
        server.wait(15)
    except subprocess.TimeoutExpired:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait(15)
