"""A real JupyterLab on a free port of this machine, and the handles a person would use on it."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
QUIET = {"apputils-extension/notification.jupyterlab-settings": {"fetchNews": "false", "checkForUpdates": False}}


class Lab:
    """A running server: its address and the folder that it shows."""

    def __init__(self, url: str, folder: Path):
        self.url, self.folder = url, folder

    def open(self, browser, notebook: str, *, width: int = 1280, height: int = 1600, scale: float = 1):
        """Open a notebook in a new window, wait until its kernel is idle; return the page."""
        context = browser.new_context(viewport={"width": width, "height": height}, device_scale_factor=scale)
        page = context.new_page()
        page.set_default_timeout(60_000)
        page.goto(f"{self.url}/lab/tree/{notebook}?reset")
        page.wait_for_selector(".jp-Notebook .jp-Cell")
        page.evaluate(
            """async () => {
                const { sessionContext } = window.jupyterapp.shell.currentWidget;
                await sessionContext.ready;
                await sessionContext.session.kernel.info;  // before its answer, a run is lost without a word
            }"""
        )
        return page


def own_settings(folder: Path) -> dict[str, str]:
    """Return an environment in which Jupyter keeps to a folder of its own and asks nothing at the start."""
    home = folder / ".home"
    for name, values in QUIET.items():
        path = home / "settings" / "@jupyterlab" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(values))
    return {
        "JUPYTERLAB_SETTINGS_DIR": str(home / "settings"), "JUPYTERLAB_WORKSPACES_DIR": str(home / "work"),
        "JUPYTER_CONFIG_DIR": str(home / "config"), "JUPYTER_RUNTIME_DIR": str(home / "runtime"),
        "JUPYTER_DATA_DIR": str(home / "data"), "IPYTHONDIR": str(home / "ipython"),
    }


@contextmanager
def running(folder: Path) -> Iterator[Lab]:
    """Start JupyterLab in a folder, with settings of its own; stop it by its process id."""
    port = free_port()
    env = {**os.environ, **own_settings(folder)}
    command = [
        sys.executable, "-m", "jupyterlab", "--no-browser", "--ip=127.0.0.1", f"--port={port}", "--allow-root",
        "--IdentityProvider.token=", "--expose-app-in-browser", f"--ServerApp.root_dir={folder}",
        "--ServerApp.port_retries=0",
    ]
    with (folder / "lab.log").open("w") as log:
        server = subprocess.Popen(command, env=env, stdout=log, stderr=log, cwd=folder)
        try:
            url = f"http://127.0.0.1:{port}"
            wait_for(f"{url}/api/status", server, folder / "lab.log")
            yield Lab(url, folder)
        finally:
            server.terminate()
            try:
                server.wait(15)
            except subprocess.TimeoutExpired:
                server.kill()


def copy_of_notebooks(folder: Path) -> Path:
    """Copy the notebooks, so that the ones in the repository keep their empty outputs."""
    shutil.copytree(ROOT / "notebooks", folder / "notebooks", ignore=shutil.ignore_patterns(".ipynb_checkpoints"))
    return folder / "notebooks"


def new_notebook(path: Path, *sources: str) -> None:
    """Write a notebook of these cells."""
    cells = [{"cell_type": "code", "id": f"cell{number}", "metadata": {}, "source": source, "outputs": [],
              "execution_count": None} for number, source in enumerate(sources)]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    path.write_text(json.dumps({"cells": cells, "metadata": kernel, "nbformat": 4, "nbformat_minor": 5}))


def run_all(page, seconds: float = 120) -> None:
    """Choose Run > Run All Cells from the menu, and wait until the kernel is idle and every cell has its number."""
    page.click(".lm-MenuBar-itemLabel:text-is('Run')")
    page.click("[data-command='notebook:run-all-cells'], .lm-Menu-itemLabel:text-is('Run All Cells')")
    page.wait_for_function(
        """() => {
            const prompts = [...document.querySelectorAll('.jp-CodeCell .jp-InputArea-prompt')];
            return prompts.length && prompts.every(({ textContent }) => /\\d/.test(textContent));
        }""",
        timeout=seconds * 1000,
    )


def _is_ours(message) -> bool:
    """Whether a line of the console is an error, and not one of bqplot's, which draws also where it has no room."""
    return message.type == "error" and "/bqplot" not in message.location["url"]


@contextmanager
def with_all_cells_run(
    browser, lab: Lab, name: str, widget: str, *, width: int, height: int, seconds: float = 120
) -> Iterator:
    """Open a notebook and run it, until its first widget is there; at the end nothing may have gone wrong in the page.

    `widget` is the label of a widget in it.
    """
    page = lab.open(browser, f"notebooks/{name}.ipynb", width=width, height=height)
    page.problems = []
    page.on("console", lambda message: page.problems.append(message.text) if _is_ours(message) else None)
    page.on("pageerror", lambda error: page.problems.append(str(error)))
    run_all(page, seconds)
    page.locator(f".dvw[aria-label='{widget}']").first.wait_for(state="attached", timeout=60_000)
    yield page
    bad = [text for text in page.problems if "dvw" in text or "Error" in text]
    assert not bad, bad
    page.context.close()


def python(page, code: str) -> str:
    """Run Python in the notebook's kernel beside the cells; return what it printed."""
    return page.evaluate(
        """async code => {
            const kernel = window.jupyterapp.shell.currentWidget.sessionContext.session.kernel;
            const future = kernel.requestExecute({ code, stop_on_error: false, store_history: false });
            let text = '';
            future.onIOPub = ({ header, content }) => {
                if (header.msg_type === 'stream') text += content.text;
                if (header.msg_type === 'error') text += content.ename + ': ' + content.evalue;
            };
            await future.done;
            return text.trim();
        }""",
        code,
    )


def printed(page, code: str, wanted, seconds: float = 10) -> str:
    """Run Python until it prints what is wanted (a text, or a test of it); return what it printed last.

    What a person did in the page reaches Python by a message of its own, which a busy machine may deliver later.
    """
    until = time.monotonic() + seconds
    while True:
        text = python(page, code)
        if (wanted(text) if callable(wanted) else text == wanted) or time.monotonic() > until:
            return text
        page.wait_for_timeout(100)


def into_view(locator, seconds: float = 30) -> None:
    """Scroll to what is in a notebook, again until it stays in sight.

    JupyterLab hides the cells that are far from what is in sight, and what moves when another one grows may be hidden.
    """
    page, until = locator.page, time.monotonic() + seconds
    while True:
        locator.scroll_into_view_if_needed()
        page.wait_for_timeout(250)
        box = locator.bounding_box() if locator.is_visible() else None
        if box and box["y"] < page.viewport_size["height"] and box["y"] + box["height"] > 0:
            return
        assert time.monotonic() < until, f"JupyterLab hides {locator} again and again"


def new_cell(page, code: str) -> None:
    """Add a cell at the end, type into it and run it, as with the keyboard."""
    page.evaluate(
        """async code => {
            const { commands, shell } = window.jupyterapp;
            const notebook = shell.currentWidget.content;
            notebook.activeCellIndex = notebook.widgets.length - 1;
            await commands.execute('notebook:insert-cell-below');
            notebook.activeCell.model.sharedModel.setSource(code);
            await commands.execute('notebook:run-cell');
        }""",
        code,
    )


def pixels(locator) -> str:
    """Fingerprint what a canvas shows."""
    return locator.evaluate(
        """canvas => {
            const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
            let hash = 7;
            for (let i = 0; i < data.length; i += 1) hash = (Math.imul(hash, 31) + data[i]) | 0;
            return `${canvas.width}x${canvas.height}:${hash}`;
        }"""
    )


def distinct_colours(locator) -> int:
    """Count the colours on a canvas: a blank one has one."""
    return locator.evaluate(
        """canvas => {
            const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
            return new Set(new Uint32Array(data.buffer)).size;
        }"""
    )


def set_theme(page, name: str) -> None:
    """Switch the theme of JupyterLab, as Settings > Theme does."""
    page.evaluate("name => window.jupyterapp.commands.execute('apputils:change-theme', { theme: name })", name)
    light = "false" if "Dark" in name else "true"
    page.wait_for_selector(f"body[data-jp-theme-light='{light}']", state="attached")


def free_port() -> int:
    """Find a port that is free on this machine."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(url: str, server: subprocess.Popen, log: Path, seconds: float = 60) -> None:
    """Wait until a server answers; raise with its log if it ends instead."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if server.poll() is not None:
            break
        try:
            urllib.request.urlopen(url, timeout=2).close()
            return
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            time.sleep(0.2)
    raise RuntimeError(f"JupyterLab did not start:\n{log.read_text()[-3000:]}")


def repainted(locator, before: str, seconds: float = 10) -> bool:
    """Wait until a canvas shows something else than it did `before`; False where it does not in time."""
    until = time.monotonic() + seconds
    while pixels(locator) == before:
        if time.monotonic() > until:
            return False
        locator.page.wait_for_timeout(50)
    return True
