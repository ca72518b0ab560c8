"""Every widget in every place where notebooks live: it draws, it does what it is told, and its pixels are Lab's."""

from __future__ import annotations

import base64
import io
import re

import everything
import hosts
import numpy as np
import pytest
import shown
from PIL import Image
from playwright.sync_api import expect

pytestmark = pytest.mark.hosts
WIDTH = 720  # px that every widget gets, so that pixels can be compared
MOST = 6.0  # mean difference of a channel, of 255, that rasterisation may make
LABELS = everything.LABELS
TEXTS = ("LayerPicker", "Explorer", "ConfusionMatrix", "SeparatingUnits", "UnitSwitches")  # text has the host's font
LIVE = ("Sketchpad", "Webcam")
CANVAS = {"TopPatches": "[role=gridcell] canvas"}  # what is enlarged is asked of the kernel, which a saved page has not
PICTURE = """(el, canvas) => {
  const canvases = [...el.querySelectorAll(`.dvw-body ${canvas}`)].filter((c) => c.clientWidth && c.getContext('2d'));
  canvases.sort((a, b) => b.clientWidth * b.clientHeight - a.clientWidth * a.clientHeight);
  return canvases[0]?.toDataURL('image/png') ?? '';
}"""
_first: dict[str, np.ndarray] = {}  # what JupyterLab shows, by widget: it is the first host


class Opened:
    """A host with all cells run: each widget's element, and what it showed before anything was touched."""

    def __init__(self, name, page):
        self.name, self.page = name, page
        self.before = {}
        for widget in LABELS:
            root = self.root(widget)
            root.wait_for(timeout=hosts.PATIENCE)
            root.evaluate(f"el => {{ el.style.width = '{WIDTH}px'; }}")
        page.wait_for_timeout(2500)
        for widget in LABELS:
            self.before[widget] = self.picture(widget)

    def root(self, widget):
        return self.page.locator(f".dvw[aria-label='{LABELS[widget]}']").first

    def picture(self, widget) -> np.ndarray:
        root = self.root(widget)
        root.scroll_into_view_if_needed()
        data = root.evaluate(PICTURE, CANVAS.get(widget, "canvas")) if widget not in TEXTS else ""
        png = base64.b64decode(data.partition(",")[2]) if data else root.screenshot()
        return np.asarray(Image.open(io.BytesIO(png)).convert("RGBA").convert("RGB"), np.float32)


@pytest.fixture(scope="module", params=[*hosts.HOSTS, "html"])
def place(request, browser, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param)
    if request.param == "html":
        page = everything.opened_page(browser, shown.page(folder / "page.html"), viewport=hosts.WIDE)
        yield Opened("html", page)
        page.context.close()
        return
    own = hosts.made(request.param, folder / "environment")
    with hosts.served(request.param, own, folder) as url:
        page = hosts.opened(browser, request.param, url)
        yield Opened(request.param, page)
        page.context.close()


def _tree(root, name):
    root.get_by_role("treeitem", name=re.compile(f"^{name},")).click()


def _tile(root, share=0.4):
    tiles = root.locator(".dvw-grid canvas").first
    box = tiles.bounding_box()
    tiles.click(position={"x": box["width"] * share, "y": 20})


def _stroke(root):
    sheet, mouse = root.locator(".sk-pad").bounding_box(), root.page.mouse
    x, y, side = sheet["x"], sheet["y"], sheet["width"]
    mouse.move(x + 0.3 * side, y + 0.3 * side)
    mouse.down()
    mouse.move(x + 0.7 * side, y + 0.6 * side, steps=5)
    mouse.up()


def _key(root, key):
    area = root.locator("[role=application]").first
    area.focus()
    area.press(key)


ACTIONS = {
    "LayerPicker": lambda root: root.get_by_role("treeitem").nth(3).click(),
    "ActivationMaps": _tile,
    "KernelGrid": _tile,
    "OcclusionMap": lambda root: _key(root, "ArrowRight"),
    "TopPatches": lambda root: root.get_by_role("gridcell").nth(5).click(),
    "EmbeddingMap": lambda root: _key(root, "+"),
    "Explorer": lambda root: root.locator("[data-panel=kernels]").click(),
    "ConfusionMatrix": lambda root: root.get_by_role("gridcell").nth(8).click(),
    "SeparatingUnits": lambda root: root.locator(".su-row").nth(2).click(),
    "UnitSwitches": lambda root: root.get_by_role("button", name="Off", exact=True).click(),
    "Sketchpad": _stroke,
    "Webcam": lambda root: root.get_by_role("button", name="Start camera").click(),
}
SAVED = {**ACTIONS, **dict.fromkeys(LIVE, lambda root: root.locator(".lv-layer").nth(2).click())}
del SAVED["Explorer"], SAVED["UnitSwitches"]  # a page without a kernel makes no panel and switches no unit


def _changes(place, widget, act, seconds=20) -> None:
    root = place.root(widget)
    root.scroll_into_view_if_needed()
    seen = root.locator(".lv-answer") if widget in LIVE else root  # of live input, what the network answers
    before = seen.evaluate(everything.STATE)
    act(root)
    for _ in range(seconds * 10):
        if seen.evaluate(everything.STATE) != before:
            return
        place.page.wait_for_timeout(100)
    raise AssertionError(f"nothing changed in {widget}: {before[:300]}")


@pytest.mark.parametrize("widget", [*LABELS, "row", "ClassScores"])
def test_widget(place, widget, record_property):
    record_property("host", place.name)
    record_property("widget", widget)
    if widget == "ClassScores":
        scores(place, record_property)
    elif widget == "row":
        assert place.page.locator(".dvw[aria-label='Layers']").nth(1).is_visible()
    else:
        found = place.before[widget]
        assert len(np.unique(found.reshape(-1, 3), axis=0)) > 8, "the picture is blank"
        first = _first.setdefault(widget, found)
        if widget not in TEXTS:
            assert found.shape == first.shape
            assert np.abs(found - first).mean() < MOST
        act = (SAVED if place.name == "html" else ACTIONS).get(widget)
        if act:
            _changes(place, widget, act)
    assert not [text for text in place.page.problems if "dvw" in text]


def scores(place, record_property) -> None:
    """The chart of bqplot; where bqplot cannot run, a drawing of it that says so."""
    if place.name in ("html", "marimo"):
        drawing = place.page.locator("figure.dvw-chart").first
        assert drawing.locator("rect").count() >= 6 and "A drawing of the chart" in drawing.inner_text()
        record_property("note", "as a drawing")
        return
    bars = place.page.locator(".bqplot .bar, .bqplot rect.bar")
    bars.first.wait_for(timeout=30_000)
    fills = "() => [...document.querySelectorAll('.bqplot .bar')].map((b) => getComputedStyle(b).fill).join()"
    before = place.page.evaluate(fills)
    bars.nth(1).click(force=True)
    place.page.wait_for_function(f"before => ({fills})() !== before", arg=before, timeout=20_000)


def test_the_kernel_answers_across_cells(place, record_property):
    """A layer chosen in the picker of one cell is shown by the maps in another."""
    record_property("host", place.name)
    record_property("widget", "linked across cells")
    root = place.root("ActivationMaps")
    _tree(place.root("LayerPicker"), "conv2")
    expect(root.get_by_role("combobox", name="Layer")).to_have_value("conv2", timeout=30_000)
    expect(root.locator(".dvw-head")).to_contain_text("48 channels", timeout=30_000)
