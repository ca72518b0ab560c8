"""The places where notebooks live: each in an environment of its own, served on a free port of this machine."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from environments import ROOT, Environment, environment

sys.path.insert(0, str(ROOT / "tests" / "e2e"))

import lab as jupyter
import shown

WIDE = {"width": 1280, "height": 5600}  # so high that no cell is scrolled out, which JupyterLab would take off the page
PATIENCE = 150_000  # ms for all cells of a notebook


@dataclass(frozen=True)
class Host:
    """A place.

    Attributes
    ----------
    title : str
        As the README's table calls it.
    packages : tuple of str
        What its environment has of its own; the rest is lent.
    command : callable
        Of a port and the folder with the notebooks, the arguments of Python that start its server.
    address : str
        What is opened on the server.
    run : callable
        Runs all cells on an opened page, and comes back when they have run.
    alive : str
        An address that answers when the server is up.
    """

    title: str
    packages: tuple[str, ...]
    command: Callable[[int, Path], list[str]]
    address: str
    run: Callable
    alive: str = "api/status"


def _jupyter(module: str, *more: str) -> Callable[[int, Path], list[str]]:
    return lambda port, folder: [
        "-m", module, "--no-browser", "--ip=127.0.0.1", f"--port={port}", "--allow-root", *more,
        *([] if module == "notebook" and "--NotebookApp.token=" in more else [f"--ServerApp.root_dir={folder}"]),
    ]


def _run_lab(page) -> None:
    page.wait_for_selector(".jp-Notebook .jp-Cell")
    page.evaluate("""async () => { const { sessionContext } = window.jupyterapp.shell.currentWidget;
        await sessionContext.ready; await sessionContext.session.kernel.info; }""")
    jupyter.run_all(page, PATIENCE / 1000)


def _run_classic(page) -> None:
    page.wait_for_function("() => window.Jupyter?.notebook?.kernel?.is_connected() && Jupyter.notebook._fully_loaded")
    page.wait_for_function("() => Jupyter.notebook.kernel.info_reply?.status === 'ok'")
    page.evaluate("Jupyter.notebook.execute_all_cells()")
    page.wait_for_function("() => Jupyter.notebook.get_cells().every((c) => Number(c.input_prompt_number) > 0)",
                           timeout=PATIENCE)


def _run_nothing(page) -> None:
    """Voila and marimo run a notebook as they open it."""


_OPEN = ("--IdentityProvider.token=", "--expose-app-in-browser", "--ServerApp.port_retries=0")
_CLASSIC = ("notebook==6.5.7", "ipywidgets==7.7.1", "ipykernel==6.17.1", "anywidget==0.9.21", "traitlets==5.7.1",
            "bqplot==0.12.47", "bqscales<0.3.7")
HOSTS = {
    "lab": Host("JupyterLab 4, ipykernel 7", (), _jupyter("jupyterlab", *_OPEN), "lab/tree/hosts.ipynb?reset",
                _run_lab),
    "notebook7": Host("Notebook 7", ("notebook>=7,<8",), _jupyter("notebook", *_OPEN), "notebooks/hosts.ipynb",
                      _run_lab),
    "classic": Host("notebook 6.5.7, ipywidgets 7.7.1 (Colab's versions)", _CLASSIC,
                    _jupyter("notebook", "--NotebookApp.token=", "--NotebookApp.port_retries=0"),
                    "notebooks/hosts.ipynb", _run_classic, "api"),
    "voila": Host("Voila", ("voila>=0.5",), lambda port, folder: [
        "-m", "voila", str(folder / "hosts.ipynb"), "--no-browser", f"--port={port}", "--Voila.ip=127.0.0.1",
        "--VoilaExecutor.timeout=200"], "", _run_nothing, "static/voila.js"),
    "marimo": Host("marimo", ("marimo>=0.9",), lambda port, folder: [
        "-m", "marimo", "run", str(folder / "hosts.py"), "--headless", "--host", "127.0.0.1", "--port", str(port),
        "--no-token"], "", _run_nothing, "health"),
}


def made(name: str, folder: Path) -> Environment:
    """Make the environment of a host: its own packages first, all others lent."""
    own = environment(folder)
    own.borrow(ROOT)
    if HOSTS[name].packages:
        own.install(*HOSTS[name].packages)
    return own


def _settings(name: str, own: Environment, folder: Path) -> dict[str, str]:
    """Return an environment in which Jupyter keeps to a folder of its own, and finds the front ends that are lent.

    What the host brings itself comes first: Voila's templates have the names of nbconvert's.
    """
    env = {**os.environ, **jupyter.own_settings(folder)}
    env.pop("PYTHONPATH", None)
    if name != "classic":  # which has front ends of its own versions
        shares = (f"{prefix}/share/jupyter" for prefix in (own.folder, sys.prefix))
        env |= {"JUPYTER_PATH": os.pathsep.join(shares), "JUPYTERLAB_DIR": f"{sys.prefix}/share/jupyter/lab",
                "JUPYTER_CONFIG_PATH": f"{sys.prefix}/etc/jupyter"}
    return env | {"MARIMO_SKIP_UPDATE_CHECK": "1", "XDG_CONFIG_HOME": str(folder / ".home")}


@contextmanager
def served(name: str, own: Environment, folder: Path) -> Iterator[str]:
    """Serve the notebook; stop the server by its process id."""
    shown.write(folder)
    host, port = HOSTS[name], jupyter.free_port()
    with (folder / "server.log").open("w") as log:
        command = [own.python, *host.command(port, folder)]
        server = subprocess.Popen(command, env=_settings(name, own, folder), stdout=log, stderr=log, cwd=folder)
        try:
            _wait_for(f"http://127.0.0.1:{port}/{host.alive}", server, folder / "server.log")
            yield f"http://127.0.0.1:{port}/{host.address}"
        finally:
            server.terminate()
            try:
                server.wait(15)
            except subprocess.TimeoutExpired:
                server.kill()


def _wait_for(url: str, server: subprocess.Popen, log: Path) -> None:
    """Wait until a server answers, whatever it says; raise with its log if it ends instead."""
    until = time.monotonic() + 120
    while time.monotonic() < until and server.poll() is None:
        try:
            urllib.request.urlopen(url, timeout=5).close()
            return
        except urllib.error.HTTPError:
            return  # not here, but it is up
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            time.sleep(0.3)
    raise RuntimeError(f"The server did not start:\n{log.read_text()[-3000:]}")


def opened(browser, name: str, url: str):
    """Open the notebook on a host and run its cells."""
    page = browser.new_context(viewport=WIDE, color_scheme="light").new_page()
    page.set_default_timeout(60_000)
    page.problems = []
    page.on("pageerror", lambda error: page.problems.append(str(error)))
    page.goto(url, timeout=PATIENCE, wait_until="commit")  # Voila answers while it runs the notebook
    HOSTS[name].run(page)
    return page
