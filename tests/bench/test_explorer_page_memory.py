"""What ten explorers that were opened and closed leave in the memory of a page: `make bench`."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from measure import report
from playwright.sync_api import sync_playwright

sys.path.insert(0, str(Path(__file__).parent.parent / "e2e"))
import chromium
import lab as jupyter

pytestmark = pytest.mark.bench
MORE = 1.05
BEGIN = "import deepviz_widgets as dv\nnet, photos = dv.demo.scenes(n=24)"
OPEN = """x = dv.Explorer(net, photos, layer="conv2", panels=("picker", "activations", "kernels", "scores", "map"))
x"""


def used(page, session) -> float:
    """Megabytes of the page's heap after everything that can go has gone."""
    for _ in range(3):
        session.send("HeapProfiler.collectGarbage")
        page.wait_for_timeout(300)
    return session.send("Runtime.getHeapUsage")["usedSize"] / 1e6


def cycle(page) -> None:
    """Run the cell, so that a new explorer takes the place of the old one, which is closed; then close this one too."""
    page.evaluate("""async () => {
        const { commands, shell } = window.jupyterapp;
        shell.currentWidget.content.activeCellIndex = 1;
        await commands.execute('notebook:run-cell');
    }""")
    page.locator(".dvw[aria-label='Embedding map']").wait_for()  # not a selector: its handle would keep the map alive
    jupyter.python(page, "x.wait()")
    page.wait_for_timeout(500)
    jupyter.python(page, "x.close()")
    page.evaluate("window.jupyterapp.commands.execute('notebook:clear-cell-output')")
    page.locator(".dvw[aria-label='Explorer']").wait_for(state="detached")


def test_ten_explorers_leave_no_memory_in_the_page(tmp_path):
    jupyter.new_notebook(tmp_path / "memory.ipynb", BEGIN, OPEN)
    with jupyter.running(tmp_path) as lab, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium.install(), args=chromium.FLAGS)
        page = lab.open(browser, "memory.ipynb", width=1400, height=1400)
        session = page.context.new_cdp_session(page)
        jupyter.run_all(page)
        jupyter.python(page, "x.close()")
        cycle(page)
        first = used(page, session)
        for _ in range(10):
            cycle(page)
        last = used(page, session)
        browser.close()
    value = last / first
    report(f"Explorer: page memory after ten more open-and-close cycles ({first:.1f} to {last:.1f} MB)",
           f"{value:.3f} x", f"<= {MORE} x", value <= MORE)
