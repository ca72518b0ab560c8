"""The explorer in a real JupyterLab: a thumbnail, a unit, a cell of the confusion matrix, undo; all panels follow."""

from __future__ import annotations

import json
import re

import lab as jupyter
import pytest
from playwright.sync_api import expect

import deepviz_widgets as dv

pytestmark = pytest.mark.e2e

CELLS = (
    "import deepviz_widgets as dv\n"
    "net, photos = dv.demo.scenes(confounder=True, n=48)\n"
    "x = dv.Explorer(net, photos, layer='conv2', panels=('activations', 'kernels', 'scores', 'map', 'confusion'))\n"
    "x",
    "x.wait()\nx.map.fly_to(7)",
)


@pytest.fixture(scope="module")
def page(browser, lab):
    jupyter.new_notebook(lab.folder / "notebooks" / "explorer.ipynb", *CELLS)
    with jupyter.with_all_cells_run(browser, lab, "explorer", "Explorer", width=1500, height=1500) as page:
        yield page


def widget(page, label: str):
    return page.locator(f".dvw[aria-label='{label}']")


def shown(page) -> dict:
    code = ("import json; print(json.dumps({'hub': [x.image, x.layer, x.channel, x.selected], 'maps': [x.activations."
            "image, x.activations._image.get('index'), x.activations.layer, x.activations.channel], 'kernels': "
            "[x.kernels.image, x.kernels.channel], 'scores': x.scores.image, 'map': [x.map.image, x.map.selected]}))")
    return json.loads(jupyter.python(page, code))


def until(page, true, seconds: float = 20) -> dict:
    for _ in range(int(seconds * 5)):
        found = shown(page)
        if true(found):
            return found
        page.wait_for_timeout(200)
    raise AssertionError(f"it did not happen: {found}")


def test_a_click_on_a_thumbnail_makes_it_the_image_everywhere(page):
    canvas = widget(page, "Embedding map").locator("canvas").first
    jupyter.into_view(canvas)
    box = canvas.bounding_box()
    middle = {"x": box["width"] / 2, "y": box["height"] / 2}  # where image 7 is, once the map has flown there
    for turn in range(40):
        canvas.hover(position={**middle, "x": middle["x"] + turn % 2})
        page.wait_for_timeout(400)
        if jupyter.python(page, "print(x.map.hovered)") == "7":
            break
    canvas.click(position=middle)
    until(page, lambda now: now["hub"][0] == 7)
    found = until(page, lambda now: now["maps"][:2] == [7, 7])
    assert found["kernels"][0] == found["scores"] == found["map"][0] == 7
    expect(widget(page, "Explorer").locator(".dvw-cap")).to_contain_text("Unit 0 of conv2 on ")


def test_a_click_on_a_unit_makes_it_the_unit_of_maps_and_kernels(page):
    tiles = widget(page, "Activation maps").locator(".dvw-grid canvas")
    jupyter.into_view(tiles)
    box = tiles.bounding_box()
    tiles.click(position={"x": box["width"] * 0.4, "y": 20})
    found = until(page, lambda now: now["hub"][2] > 0)
    assert found["maps"][3] == found["kernels"][1] == found["hub"][2]
    expect(widget(page, "Explorer").locator(".dvw-cap")).to_contain_text(f"Unit {found['hub'][2]} of conv2")


def test_a_click_on_a_cell_of_the_confusion_matrix_shows_and_selects_its_images(page):
    matrix = widget(page, "Confusion matrix")
    cell = matrix.locator(".cm-cell:not(.cm-right)", has_text=re.compile(r"^\d+$")).first
    jupyter.into_view(cell)
    number = int(cell.inner_text())
    cell.click()
    found = until(page, lambda now: len(now["hub"][3]) == number)
    assert found["map"][1] == found["hub"][3] and found["hub"][0] in found["hub"][3]
    expect(matrix.locator(".cm-thumb")).to_have_count(min(number, 24))
    matrix.locator(".cm-thumb").last.click()
    expect(matrix.locator(".cm-thumb").last).to_have_attribute("aria-selected", "true")


def test_undo_takes_back_what_was_chosen_last(page):
    bar = widget(page, "Explorer")
    undo = bar.get_by_role("button", name="Undo", exact=True)
    steps = 0
    while jupyter.python(page, "print(x._history.can[0])") == "True":
        before, steps = shown(page)["hub"], steps + 1
        undo.click()
        until(page, lambda now, before=before: now["hub"] != before)
    expect(undo).to_have_attribute("aria-disabled", "true")
    found = shown(page)
    assert steps >= 3 and found["hub"] == [0, "conv2", 0, []]
    assert found["maps"][3] == found["kernels"][1] == found["scores"] == 0
    bar.get_by_role("button", name="Redo", exact=True).click()
    until(page, lambda now: now["hub"][0] == 7)


def test_in_a_narrow_window_the_panels_are_tabs(page):
    page.set_viewport_size({"width": 800, "height": 1200})
    tabs = widget(page, "Explorer").get_by_role("tab")
    expect(tabs.first).to_be_visible()
    tabs.filter(has_text="Confusion").click()
    expect(widget(page, "Confusion matrix")).to_be_visible()
    expect(widget(page, "Activation maps")).to_have_count(0)
    assert jupyter.python(page, "print(x.visible)") == "('confusion',)"
    jupyter.python(page, "x.close()")
    expect(page.locator(".dvw")).to_have_count(0)


def test_a_saved_explorer_is_linked_and_its_link_opens_the_same_view(browser, tmp_path):
    net, photos = dv.demo.scenes(confounder=True, n=24)
    explorer = dv.Explorer(net, photos, layer="conv2", panels=("activations", "scores", "patches", "confusion"))
    path = explorer.to_html(tmp_path / "explorer.html")
    explorer.close()
    context = browser.new_context(viewport={"width": 1000, "height": 1400}, offline=True)
    page = context.new_page()
    page.goto(path.as_uri())
    bar = widget(page, "Explorer")
    expect(page.locator(".dvw-chart svg")).to_be_visible()
    expect(page.locator(".dvw-chart")).to_contain_text("bqplot")
    tiles = widget(page, "Activation maps").locator(".dvw-grid canvas")
    page.wait_for_timeout(1000)
    box = tiles.bounding_box()
    tiles.click(position={"x": box["width"] * 0.4, "y": 20})
    unit = bar.get_by_role("spinbutton", name="Unit")
    expect(unit).not_to_have_value("0")
    chosen = unit.input_value()
    cell = widget(page, "Confusion matrix").locator(".cm-cell", has_text=re.compile(r"^\d+$")).first
    cell.click()
    expect(widget(page, "Confusion matrix").locator(".cm-thumb").first).to_be_visible()
    bar.get_by_role("button", name="Copy link", exact=True).click()
    page.wait_for_url("**#dvw=*")
    other = context.new_page()
    other.goto(page.url)
    expect(widget(other, "Explorer").get_by_role("spinbutton", name="Unit")).to_have_value(chosen)
    expect(widget(other, "Activation maps")).to_contain_text(f"Channel {chosen}")
    context.close()
