"""What ten explorers that were opened and closed leave in the memory of a page: `make bench`.

JupyterLab keeps the models of closed widgets, anyone's, as long as the kernel lives; so beside the explorers as many
plain widgets are opened and closed, and an explorer may leave no more than those.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from measure import report
from playwright.sync_api import sync_playwright

sys.path.insert(0, str(Path(__file__).parent.parent / "e2e"))
import chromium
import lab as jupyter

pytestmark = [pytest.mark.bench, pytest.mark.timeout(900)]
CYCLES, MORE = 10, 1.2
BEGIN = "import deepviz_widgets as dv\nimport ipywidgets\nnet, photos = dv.demo.scenes(n=24)"
EXPLORER = """x = dv.Explorer(net, photos, layer="conv2", panels=("picker", "activations", "kernels", "scores", "map"))
shown = [x]
x"""
PLAIN = """inner = [ipywidgets.IntSlider() for _ in range(18)]
boxes = [ipywidgets.VBox(inner[k : k + 3]) for k in range(0, 18, 3)]
x = ipywidgets.VBox(boxes)
shown = [*inner, *boxes, x]
x"""
CLOSE = "if hasattr(x, 'wait'): x.wait()\nfor one in shown: one.close()"


def used(page, session) -> float:
    """Megabytes of the page's heap after everything that can go has gone."""
    for _ in range(3):
        session.send("HeapProfiler.collectGarbage")
        page.wait_for_timeout(300)
    return session.send("Runtime.getHeapUsage")["usedSize"] / 1e6


def cycle(page, sign: str) -> None:
    """Run the cell, so that a new explorer takes the place of the old one, which is closed; then close this one too."""
    page.evaluate("""async () => {
        const { commands, shell } = window.jupyterapp;
        shell.currentWidget.content.activeCellIndex = 1;
        await commands.execute('notebook:run-cell');
    }""")
    page.locator(sign).last.wait_for()  # a locator: a handle would keep the element alive
    page.wait_for_timeout(500)
    jupyter.python(page, CLOSE)
    page.evaluate("window.jupyterapp.commands.execute('notebook:clear-cell-output')")
    page.locator(sign).first.wait_for(state="detached")


def left_by(folder: Path, name: str, code: str, sign: str) -> tuple[float, float]:
    """Return the megabytes of a page after the first cycle, and after ten more."""
    jupyter.new_notebook(folder / f"{name}.ipynb", BEGIN, code)
    with jupyter.running(folder) as lab, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium.install(), args=chromium.FLAGS)
        page = lab.open(browser, f"{name}.ipynb", width=1400, height=1400)
        session = page.context.new_cdp_session(page)
        jupyter.run_all(page)
        jupyter.python(page, CLOSE)
        cycle(page, sign)
        first = used(page, session)
        for _ in range(CYCLES):
            cycle(page, sign)
        last = used(page, session)
        browser.close()
    return first, last


def test_ten_explorers_leave_no_more_memory_in_the_page_than_plain_widgets(tmp_path):
    first, last = left_by(tmp_path, "explorer", EXPLORER, ".dvw[aria-label='Embedding map']")
    before, after = left_by(tmp_path, "plain", PLAIN, ".widget-slider")
    value = (last - first) / (after - before)
    report(f"Explorer: page memory that ten open-and-close cycles leave ({first:.1f} to {last:.1f} MB), in that of 25 "
           f"plain widgets ({before:.1f} to {after:.1f} MB)", f"{value:.2f} x", f"<= {MORE} x", value <= MORE)
