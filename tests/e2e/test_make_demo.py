"""`make demo`, the README's first command: the address that it prints opens the tour."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import time

import lab as jupyter
import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.e2e


@pytest.fixture
def address(tmp_path):
    """What `make demo` prints for a person to open; the server is stopped by its process group."""
    if not (jupyter.ROOT / ".venv").exists() or not shutil.which("make"):
        pytest.fail("`make demo` is tested from a checkout with make; run `make test`.")
    port = jupyter.free_port()
    flags = f"--no-browser --ip=127.0.0.1 --port={port} --ServerApp.port_retries=0"
    env = {**os.environ, **jupyter.own_settings(tmp_path)}
    log = tmp_path / "demo.log"
    with log.open("w") as out:
        server = subprocess.Popen(["make", "demo", f"LAB_FLAGS={flags}"], cwd=jupyter.ROOT, env=env, stdout=out,
                                  stderr=out, start_new_session=True)
        try:
            yield _printed(log, port, server)
        finally:
            _stop(server)


def _stop(server) -> None:
    os.killpg(server.pid, signal.SIGTERM)
    try:
        server.wait(10)
    except subprocess.TimeoutExpired:  # Jupyter waits for ever for a kernel that was just starting
        os.killpg(server.pid, signal.SIGKILL)
        server.wait(10)


def _printed(log, port, server) -> str:
    until = time.monotonic() + 300
    while time.monotonic() < until and server.poll() is None:
        found = re.search(rf"http://127\.0\.0\.1:{port}/\S+", log.read_text())
        if found:
            jupyter.wait_for(f"http://127.0.0.1:{port}/api", server, log)
            return found[0]
        time.sleep(0.3)
    raise AssertionError(log.read_text()[-2000:])


def test_the_printed_address_opens_the_tour(browser, address):
    page = browser.new_page()
    page.set_default_timeout(60_000)
    page.goto(address)
    expect(page.locator(".jp-Notebook")).to_contain_text("See inside a deep network", timeout=60_000)
    page.wait_for_function("() => /Idle/.test(document.querySelector('#jp-bottom-panel')?.textContent)")
    assert "00-tour.ipynb" in address
    page.close()
