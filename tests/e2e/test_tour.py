"""The tour in a real JupyterLab, used as a person would: picked, clicked, typed, cancelled, reloaded, exported."""

from __future__ import annotations

import re

import lab as jupyter
import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def page(browser, lab):
    """The tour with all its cells run."""
    with jupyter.with_all_cells_run(
        browser, lab, "00-tour", "Activation maps", width=1400, height=1400
    ) as page:
        yield page


class Cell:
    """The widgets of one output: a picker where there is one, and maps."""

    def __init__(self, page, number: int):
        self.page = page
        self.maps = page.locator(".dvw[aria-label='Activation maps']").nth(number)
        jupyter.into_view(self.maps)
        self.picker = self.maps.locator("xpath=ancestor::*[contains(@class, 'jp-OutputArea-output')][1]").locator(
            ".dvw[aria-label='Layers']")
        self.input, self.large = (self.maps.locator(".am-pic canvas").nth(which) for which in (0, 1))
        self.tiles = self.maps.locator(".dvw-grid canvas")
        self.caption = self.maps.locator(".dvw-cap")
        self.sub = self.maps.locator(".dvw-sub")

    def row(self, name: str):
        top = self.picker.locator("[role=treeitem][aria-level='1']")
        return top.and_(self.page.get_by_role("treeitem", name=re.compile(rf"^{re.escape(name)},")))

    def control(self, label: str):
        return self.maps.get_by_label(label, exact=True)

    def changes(self, canvas, act, seconds: float = 20) -> None:
        """Do something and wait until the canvas shows something else, and no longer changes."""
        before = jupyter.pixels(canvas)
        act()
        self.until(lambda: jupyter.pixels(canvas) != before, seconds)
        self.settle(canvas)

    def settle(self, canvas) -> str:
        seen = ["", jupyter.pixels(canvas)]
        while seen[-1] != seen[-2]:
            self.page.wait_for_timeout(250)
            seen.append(jupyter.pixels(canvas))
        return seen[-1]

    def until(self, true, seconds: float = 20) -> None:
        for _ in range(int(seconds * 10)):
            if true():
                return
            self.page.wait_for_timeout(100)
        raise AssertionError("it did not happen")


@pytest.fixture
def photos(page):
    cell = Cell(page, 0)
    jupyter.python(page, "maps.layer = 'block'; maps.image = 0; maps.channel = 0; maps.order = 'index'; "
                         "maps.colors = 'auto'; maps.overlay = 0.0; maps.wait()")
    expect(cell.sub).to_contain_text("block")
    cell.settle(cell.tiles)
    return cell


def test_every_channel_of_the_chosen_layer_is_drawn(photos):
    expect(photos.sub).to_have_text("block · 48 channels of 56 × 84")
    for canvas in (photos.input, photos.large, photos.tiles):
        assert jupyter.distinct_colours(canvas) > 100


def test_picking_a_layer_with_the_mouse_changes_the_maps(photos):
    photos.changes(photos.tiles, lambda: photos.row("conv1").click())
    expect(photos.sub).to_contain_text("conv1")
    expect(photos.row("conv1")).to_have_attribute("aria-selected", "true")
    assert jupyter.python(photos.page, "print(maps.layer, picker.layer)") == "conv1 conv1"


def test_picking_a_layer_with_the_keyboard_changes_the_maps(photos):
    photos.row("block").click()

    def act():
        for key in ("ArrowDown", "Enter"):
            photos.page.keyboard.press(key)

    photos.changes(photos.tiles, act)
    layer = jupyter.python(photos.page, "print(maps.layer)")
    assert layer not in ("block", "")
    expect(photos.sub).to_contain_text(layer)


def test_searching_finds_a_layer(photos):
    field = photos.picker.get_by_role("searchbox")
    field.fill("pool2")
    expect(photos.picker.get_by_role("treeitem", name=re.compile("^pool2"))).to_be_visible()
    expect(photos.picker.get_by_role("treeitem", name=re.compile("^conv3"))).to_have_count(0)
    photos.page.keyboard.press("Escape")
    expect(photos.picker.get_by_role("treeitem", name=re.compile("^conv3"))).to_be_visible()


def test_a_click_on_a_tile_enlarges_its_channel(photos):
    box = photos.tiles.bounding_box()
    photos.changes(photos.large, lambda: photos.tiles.click(position={"x": box["width"] * 0.32, "y": 20}))
    channel = int(jupyter.python(photos.page, "print(maps.channel)"))
    assert channel == 2
    expect(photos.maps).to_contain_text(f"Channel {channel}")


def test_arrow_keys_walk_through_the_channels(photos):
    box = photos.tiles.bounding_box()
    photos.tiles.click(position={"x": box["width"] * 0.06, "y": 20})
    photos.settle(photos.large)

    def act():
        photos.page.keyboard.press("ArrowRight")
        photos.page.keyboard.press("Enter")

    photos.changes(photos.large, act)
    assert jupyter.python(photos.page, "print(maps.channel)") == "1"


def test_the_pointer_reads_the_exact_value_of_a_cell(photos):
    box = photos.large.bounding_box()
    photos.large.hover(position={"x": box["width"] * 0.41, "y": box["height"] * 0.51})
    expect(photos.caption).to_contain_text(re.compile(r"at row \d+, column \d+"))
    text = photos.caption.text_content()
    row, column = map(int, re.search(r"row (\d+), column (\d+)", text).groups())
    shown = float(re.search(r"is (−?[\d.,]+) at", text).group(1).replace("−", "-").replace(",", ""))
    exact = float(jupyter.python(photos.page, f"print(maps.activations.maps[maps.channel, {row}, {column}])"))
    assert abs(shown - exact) <= 0.006
    assert row == int(0.51 * 56) and column == int(0.41 * 84)
    assert "that cell sees the 35 × 35 px in the box" in text, "7 x 7 stride 2, pooling, and three of 3 x 3"


def test_the_box_on_the_photograph_follows_the_pointer(photos):
    box = photos.large.bounding_box()
    photos.large.hover(position={"x": box["width"] * 0.3, "y": box["height"] * 0.3})
    photos.changes(photos.input,
                   lambda: photos.large.hover(position={"x": box["width"] * 0.7, "y": box["height"] * 0.7}))


def test_the_next_image_is_another_picture_with_other_maps(photos):
    before = jupyter.pixels(photos.input)
    photos.changes(photos.tiles, lambda: photos.maps.get_by_role("button", name="Image: one more").click())
    assert jupyter.repainted(photos.input, before)
    expect(photos.maps).to_contain_text("flower.jpg")


def test_another_colour_map_recolours_the_tiles_without_the_kernel(photos):
    number = jupyter.python(photos.page, "print(maps._tiles_meta['key'])")
    _open_pixels(photos)
    colours = photos.maps.get_by_role("combobox", name="Colours")
    photos.changes(photos.tiles, lambda: colours.select_option(label="Grey"))
    grey = photos.tiles.evaluate(
        "c => { const d = c.getContext('2d').getImageData(20, 20, 40, 20).data;"
        " return [...Array(800).keys()].every(i => d[4*i] === d[4*i+1] && d[4*i+1] === d[4*i+2]); }")
    assert grey
    assert jupyter.python(photos.page, "print(maps.colors, maps._tiles_meta['key'])") == f"grey {number}"


def _open_pixels(cell):
    more = cell.maps.get_by_role("button", name="More", exact=True)
    if more.count() and more.first.is_visible():
        more.first.click()


def test_the_overlay_lays_the_map_over_the_photograph(photos):
    photos.changes(photos.input, lambda: jupyter.python(photos.page, "maps.overlay = 1.0"))


def test_ordering_by_strength_moves_the_tiles(photos):
    photos.changes(photos.tiles, lambda: photos.maps.get_by_role("button", name="Strongest").click())
    assert jupyter.python(photos.page, "print(maps.order)") == "strongest"


def test_python_moves_the_page(photos):
    photos.changes(photos.large, lambda: jupyter.python(photos.page, "maps.channel = 9"))
    photos.changes(photos.tiles, lambda: jupyter.python(photos.page, "picker.layer = 'conv3'"))
    expect(photos.row("conv3")).to_have_attribute("aria-selected", "true")


def test_a_long_job_is_cancelled_while_another_cell_runs_and_then_resumed(page):
    cell = Cell(page, 1)
    jupyter.python(page, "digit_maps.images = digits[list(range(len(digits))) * 8]; digit_maps.wait()")
    cell.settle(cell.tiles)
    cell.maps.get_by_role("button", name="All images").click()
    cancel = cell.maps.get_by_role("button", name="Cancel")
    expect(cancel).to_be_visible()
    expect(cell.maps.get_by_role("progressbar")).to_be_visible()
    page.wait_for_function("() => /of 14,376 images/.test(document.body.textContent)")
    jupyter.new_cell(page, "print('meanwhile', 6 * 7)")
    expect(page.locator(".jp-OutputArea-output", has_text="meanwhile 42")).to_be_attached(timeout=20_000)
    assert jupyter.python(page, "print(digit_maps.status)") == "running"
    jupyter.into_view(cell.maps)
    cancel.click()
    resume = cell.maps.get_by_role("button", name="Resume")
    expect(resume).to_be_visible()
    done = int(jupyter.python(page, "print(digit_maps.statistics.done)"))
    assert 0 < done < 14376
    page.wait_for_timeout(600)
    assert int(jupyter.python(page, "print(digit_maps.statistics.done)")) == done, "cancelled work does not go on"
    resume.click()
    cell.until(lambda: jupyter.python(page, "print(digit_maps.status)") == "done", 120)
    assert jupyter.python(page, "print(digit_maps.statistics.done)") == "14376"
    expect(cancel).to_be_hidden()


def test_two_views_of_one_widget_show_the_same_and_follow_each_other(page):
    photos = Cell(page, 0)
    count = page.locator(".dvw[aria-label='Activation maps']").count()
    jupyter.new_cell(page, "maps")
    expect(page.locator(".dvw[aria-label='Activation maps']")).to_have_count(count + 1)
    second = Cell(page, count)
    second.until(lambda: jupyter.distinct_colours(second.large) > 100)
    jupyter.python(page, "maps.layer = 'conv2'; maps.channel = 3; maps.wait()")
    expect(second.sub).to_contain_text("conv2")
    expect(photos.sub).to_contain_text("conv2")
    box = second.tiles.bounding_box()
    second.tiles.click(position={"x": box["width"] * 0.32, "y": 20})
    for cell in (second, photos):
        jupyter.into_view(cell.maps)
        expect(cell.maps).to_contain_text("Channel 2")


def test_an_error_is_told_in_the_cell_and_the_next_image_works(photos):
    page = photos.page
    jupyter.python(page, "import numpy as np; kept = maps.images; maps.images = np.zeros((64, 64, 5), np.uint8)")
    alert = photos.maps.get_by_role("alert")
    expect(alert).to_contain_text("has 5 channels, but the network takes 3")
    expect(photos.maps.get_by_role("button", name="Try again")).to_be_visible()
    jupyter.python(page, "maps.images = kept")
    expect(alert).to_be_hidden()
    photos.until(lambda: jupyter.distinct_colours(photos.tiles) > 100)


def test_the_widgets_follow_the_theme(photos):
    light = photos.maps.evaluate("node => getComputedStyle(node).backgroundColor")
    jupyter.set_theme(photos.page, "JupyterLab Dark")
    try:
        photos.until(lambda: photos.maps.evaluate("node => getComputedStyle(node).backgroundColor") != light)
        text = photos.maps.locator(".dvw-title").evaluate("node => getComputedStyle(node).color")
        assert max(map(float, re.findall(r"[\d.]+", text)[:3])) > 200
    finally:
        jupyter.set_theme(photos.page, "JupyterLab Light")


def test_a_widget_hidden_and_shown_again_is_not_blank(photos):
    before = photos.settle(photos.tiles)
    area = photos.maps.locator("xpath=ancestor::*[contains(@class, 'jp-Cell-outputArea')][1]")
    area.evaluate("node => { node.style.display = 'none'; }")
    photos.page.wait_for_timeout(300)
    jupyter.python(photos.page, "maps.channel = 4")
    area.evaluate("node => { node.style.display = ''; }")
    photos.until(lambda: jupyter.distinct_colours(photos.large) > 50)
    photos.until(lambda: jupyter.distinct_colours(photos.tiles) > 100)
    assert before
    expect(photos.maps).to_contain_text("Channel 4")


@pytest.mark.parametrize("width", [690, *(pytest.param(width, marks=pytest.mark.slow) for width in (800, 1100))])
def test_nothing_is_cut_off_in_a_narrow_window(photos, width):
    page = photos.page
    page.set_viewport_size({"width": width, "height": 1000})
    try:
        page.wait_for_timeout(500)
        for root in page.locator(".dvw").all():
            if not root.count():  # an explorer in a narrow cell shows one panel at a time
                continue
            jupyter.into_view(root)  # what is off screen is drawn anew when it comes back
            wide = root.evaluate("node => [node.scrollWidth, node.clientWidth]")
            assert wide[0] <= wide[1] + 1, wide
    finally:
        page.set_viewport_size({"width": 1400, "height": 1400})


def test_a_reload_of_the_page_shows_the_same_and_still_works(page, lab):
    jupyter.python(page, "maps.layer = 'conv3'; maps.channel = 5; maps.wait()")
    page.evaluate("() => window.jupyterapp.commands.execute('docmanager:save')")
    page.reload()
    page.wait_for_selector(".dvw[aria-label='Activation maps']", timeout=90_000)
    cell = Cell(page, 0)
    expect(cell.sub).to_contain_text("conv3", timeout=30_000)
    expect(cell.maps).to_contain_text("Channel 5")
    cell.until(lambda: jupyter.distinct_colours(cell.tiles) > 100)
    cell.changes(cell.tiles, lambda: cell.row("pool2").click())
    assert jupyter.python(page, "print(maps.layer)") == "pool2"
