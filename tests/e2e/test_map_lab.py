"""The embedding map in a real JupyterLab with a real kernel: it forms, is paused, explored, chosen from and set."""

from __future__ import annotations

import json
import re

import lab as jupyter
import map_page as mp
import numpy as np
import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.e2e

CELLS = [
    "import json, time\nimport numpy as np\nimport deepviz_widgets as dv\nnet, images = dv.demo.digits('test')",
    "map = dv.EmbeddingMap(net, images, iterations=4000)\nmap",
]


@pytest.fixture(scope="module")
def page(browser, lab):
    """A notebook of its own with one map, which has begun to form."""
    jupyter.new_notebook(lab.folder / "map.ipynb", *CELLS)
    page = lab.open(browser, "map.ipynb", width=1300, height=1200)
    page.problems = []
    page.on("pageerror", lambda error: page.problems.append(str(error)))
    jupyter.run_all(page)
    page.locator(".em-pic").wait_for()
    yield page
    assert page.problems == []
    page.context.close()


def told(page, code: str):
    """Return what an expression in the notebook's kernel is worth, through JSON."""
    return json.loads(jupyter.python(page, f"print(json.dumps({code}))"))


def spots(page) -> np.ndarray:
    """Return where the images lie on the canvas when the whole map is seen, CSS px (N, 2)."""
    at = np.asarray(told(page, "map.positions.tolist()"))
    w, h = mp.canvas_size(page)
    low, high = at.min(0), at.max(0)
    k = 0.93 * min(np.array([w, h]) / (high - low))
    return (at - (low + high) / 2) * [k, -k] + [w / 2, h / 2]


def test_it_can_be_paused_turned_and_stepped_while_it_forms(page):
    widget = page.locator(".dvw[aria-label='Embedding map']")
    expect(widget.locator(".dvw-cap")).to_contain_text("The map is still moving", timeout=60_000)
    page.get_by_role("button", name="Pause").click()
    expect(page.get_by_role("button", name="Play")).to_be_visible()
    assert told(page, "map.status") == "cancelled"
    before = np.asarray(told(page, "map.positions.tolist()"))
    assert told(page, "(time.sleep(0.3), map.positions.tolist())[1]") == before.tolist()
    page.get_by_role("slider", name="Perplexity").fill("12")
    page.wait_for_timeout(400)
    assert told(page, "map.perplexity") == 12
    page.get_by_role("button", name="Step").click()
    page.wait_for_timeout(400)
    after = np.asarray(told(page, "map.positions.tolist()"))
    assert np.abs(after - before).max() > 0
    page.get_by_role("button", name="Play").click()
    expect(page.get_by_role("button", name="Pause")).to_be_visible()
    page.wait_for_timeout(600)
    assert told(page, "map.status") == "running"
    page.get_by_role("button", name="Pause").click()
    expect(page.get_by_role("button", name="Play")).to_be_visible()


@pytest.fixture(scope="module")
def done(page):
    """The same map, laid out by hand in a fan of classes so that every place is known, all that it asks for here."""
    jupyter.python(page, """
labels = np.asarray(images.labels); turn = labels / 10 * 2 * np.pi; rng = np.random.default_rng(0)
map.positions = np.c_[np.cos(turn), np.sin(turn)] * 40 + rng.normal(size=(len(labels), 2)) * 4
map.wait()""")
    page.wait_for_timeout(1500)
    return page


def test_hovering_shows_the_true_neighbours_that_python_computes(done):
    page, xy = done, spots(done)
    image = int(np.argsort(np.abs(xy - xy.mean(0)).max(1))[-1])
    page.locator(".em-pic").hover(position=dict(zip("xy", xy[image].tolist(), strict=True)))
    page.wait_for_timeout(600)
    assert told(page, "map.hovered") == image
    ids, far = told(page, f"[a.tolist() for a in map.neighbours({image})]")
    labels = told(page, "[int(v) for v in images.labels]")
    tiles = page.locator(".em-near:enabled")
    expect(tiles).to_have_count(len(ids))
    for k in (0, 9):
        expect(tiles.nth(k)).to_have_attribute("aria-label", re.compile(f"^{labels[ids[k]]}, at "))
        assert float(tiles.nth(k).inner_text()) == pytest.approx(far[k], abs=0.006)


def test_hovering_works_while_a_cell_keeps_the_kernel_busy(done, lab):
    page, xy = done, spots(done)
    labels = told(page, "[int(v) for v in images.labels]")
    page.mouse.move(5, 5)
    page.evaluate("""() => { const kernel = window.jupyterapp.shell.currentWidget.sessionContext.session.kernel;
      window.cellRuns = true;  // what the kernel calls itself is of no use: it answers from a second thread between
      const code = "import os\\nwhile not os.path.exists('enough'): time.sleep(0.05)";
      kernel.requestExecute({code}).done.then(() => { window.cellRuns = false; }); }""")
    page.wait_for_timeout(300)
    try:
        for image in np.argsort(xy[:, 0])[[0, -1]]:
            page.locator(".em-pic").hover(position=dict(zip("xy", xy[image].tolist(), strict=True)))
            expect(page.locator(".em-title")).to_have_text(str(labels[image]))
        assert page.evaluate("window.cellRuns") is True
    finally:
        (lab.folder / "enough").touch()
    page.wait_for_function("window.cellRuns === false")


def test_a_rectangle_gives_exactly_the_images_inside_back_to_python(done):
    page, xy = done, spots(done)
    left, right, middle = xy[:, 0].min() - 8, xy[:, 0].max() + 8, float(np.median(xy[:, 1]))
    box = page.locator(".em-pic").bounding_box()
    page.get_by_role("button", name="Rectangle").click()
    page.mouse.move(box["x"] + left, box["y"] + middle)
    page.mouse.down()
    page.mouse.move(box["x"] + right, box["y"] + xy[:, 1].max() + 8, steps=4)
    page.mouse.up()
    page.get_by_role("button", name="Pan").click()
    page.wait_for_timeout(400)
    clear = np.abs(xy[:, 1] - middle) > 1
    chosen = np.isin(np.arange(len(xy)), told(page, "map.selected"))
    assert (chosen == (xy[:, 1] > middle))[clear].all()
    expect(page.locator(".dvw-cap")).to_contain_text(f"{chosen.sum()} selected")
    jupyter.python(page, "map.selected = []")


def test_python_flies_to_images_and_reads_the_view_back(done):
    page = done
    jupyter.python(page, "map.fly_to([3, 4, 5])")
    page.wait_for_timeout(900)
    view = told(page, "map.view")
    at = np.asarray(told(page, "map.positions[[3, 4, 5]].tolist()"))
    assert (np.abs(at - view[:2]).max(0) < view[2] / 2).all()
    page.locator(".em-pic").focus()
    page.keyboard.press("0")
    page.wait_for_timeout(900)
    assert told(page, "map.view") == []
