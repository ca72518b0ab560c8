"""How long a stroke takes to show in every layer, in a real browser on a real JupyterLab: `make bench`."""

from __future__ import annotations

import statistics
import sys
from pathlib import Path

import pytest
from measure import report
from playwright.sync_api import sync_playwright

sys.path.insert(0, str(Path(__file__).parent.parent / "e2e"))
import chromium
import lab as jupyter

pytestmark = pytest.mark.bench

CELLS = [
    "import deepviz_widgets as dv\nnet, _ = dv.demo.digits()\npad = dv.Sketchpad(net)\npad",
    "large = dv.Network.pretrained('resnet18', weights=None)\nlarge_pad = dv.Sketchpad(large)\nlarge_pad",
    "snet, _ = dv.demo.scenes(n=6)\ncam = dv.Webcam(snet)\ncam",
]
# moves the pen, waits until the layers and bars are drawn anew, and rests; a MutationObserver hears of the change
# when the frame in which everything was drawn is done
STROKES = """async ([number, count]) => {
    const pad = document.querySelectorAll(".dvw[aria-label='Sketchpad']")[number];
    const [sheet, bars] = ['.sk-pad', '.lv-bars'].map((name) => pad.querySelector(name));
    const edge = sheet.getBoundingClientRect();
    const rest = (ms) => new Promise((done) => setTimeout(done, ms));
    const touch = (kind, i) => sheet.dispatchEvent(new PointerEvent(kind, {
        bubbles: true, cancelable: true, pointerId: 1, button: 0,
        clientX: edge.left + edge.width * (0.2 + 0.6 * i / count),
        clientY: edge.top + edge.height * (0.5 + 0.3 * Math.sin(i)),
    }));
    const drawn = () => new Promise((done, fail) => {
        setTimeout(() => fail(new Error('nothing was drawn in 10 s')), 10000);
        new MutationObserver((_, watch) => { watch.disconnect(); done(); })
            .observe(bars, { subtree: true, attributes: true, characterData: true, childList: true });
    });
    const times = [];
    touch('pointerdown', 0);
    await rest(1000);
    for (let i = 1; i <= count; i += 1) {
        const began = performance.now();
        const shown = drawn();
        touch('pointermove', i);
        await shown;
        times.push(performance.now() - began);
        await rest(120);
    }
    touch('pointerup', count);
    return times;
}"""
PASSES = """
import statistics, time
def passes(pad):
    batch, times = pad.network.inputs(pad.image), []
    for _ in range(12):
        began = time.perf_counter()
        pad.network.forward(batch)
        times.append(time.perf_counter() - began)
    return 1000 * statistics.median(times)
"""


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    folder = tmp_path_factory.mktemp("live")
    jupyter.new_notebook(folder / "live.ipynb", *CELLS)
    flags = [*chromium.FLAGS, *chromium.CAMERA]
    with jupyter.running(folder) as lab, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium.install(), args=flags)
        page = lab.open(browser, "live.ipynb", width=1280, height=1000)  # a person's screen
        jupyter.run_all(page)
        page.wait_for_timeout(3000)
        jupyter.python(page, PASSES)
        yield page
        browser.close()


@pytest.mark.parametrize(("number", "pad", "name"), [(0, "pad", "digits"), (1, "large_pad", "ResNet-18")])
def test_a_stroke_shows_in_every_layer_within_two_passes_and_50_ms(page, number, pad, name):
    page.locator(".dvw[aria-label='Sketchpad']").nth(number).scroll_into_view_if_needed()
    page.wait_for_timeout(800)
    once = [float(jupyter.python(page, f"print(passes({pad}))"))]
    times = page.evaluate(STROKES, [number, 15])
    once.append(float(jupyter.python(page, f"print(passes({pad}))")))
    took, bar = statistics.median(times), 2 * statistics.mean(once) + 50
    report(f"stroke to all layers drawn, in JupyterLab ({name}; one pass {statistics.mean(once):.0f} ms)",
           f"{took:.0f} ms", f"<= {bar:.0f} ms", took <= bar)


def test_the_camera_keeps_the_machine_busy(page):
    cam = page.locator(".dvw[aria-label='Webcam']")
    cam.scroll_into_view_if_needed()
    cam.get_by_role("button", name="Start camera").click()
    page.wait_for_timeout(3000)
    before = int(jupyter.python(page, "print(cam._shown)"))
    page.wait_for_timeout(5000)
    rate = (int(jupyter.python(page, "print(cam._shown)")) - before) / 5
    cam.get_by_role("button", name="Stop camera").click()
    report("camera frames a second through the network (scenes, 64 × 64, software rendering)", f"{rate:.1f}", ">= 5",
           rate >= 5)
