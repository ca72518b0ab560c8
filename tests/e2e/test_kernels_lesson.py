"""The lesson on kernels in a real JupyterLab: chosen, slid, ordered, played, switched, and read back in Python."""

from __future__ import annotations

import re

import lab as jupyter
import pytest
from playwright.sync_api import expect

pytestmark = [pytest.mark.e2e, pytest.mark.slow]


@pytest.fixture(scope="module")
def page(browser, lab):
    """The lesson with all its cells run."""
    with jupyter.with_all_cells_run(
        browser, lab, "01-kernels", "Kernels", width=1400, height=1500, seconds=300
    ) as page:
        yield page


class Kernels:
    """One KernelGrid on the page; `name` is its variable in the notebook."""

    def __init__(self, page, number: int, name: str):
        self.page, self.name = page, name
        self.root = page.locator(".dvw[aria-label='Kernels']").nth(number)
        jupyter.into_view(self.root)
        self.tiles = self.root.locator(".dvw-grid canvas")
        self.caption = self.root.locator(".dvw-cap")
        figures = self.root.locator(".kg-answer .kg-fig")
        self.input, self.patch = (figures.nth(n).locator("canvas").first for n in (0, 1))
        expect(self.tiles).to_be_visible()

    def python(self, code: str) -> str:
        return jupyter.python(self.page, code.replace("grid", self.name))

    def printed(self, code: str, wanted: str) -> str:
        return jupyter.printed(self.page, code.replace("grid", self.name), wanted)

    def until_changed(self, canvas, before: str) -> None:
        for _ in range(100):
            if jupyter.pixels(canvas) != before:
                return
            self.page.wait_for_timeout(100)
        raise AssertionError("the canvas shows the same as before")


@pytest.fixture
def grid(page):
    found = Kernels(page, 0, "grid")
    found.python("grid.layer = 'conv1'; grid.channel = 0; grid.order = 'index'; grid.scale = 'each'; grid.wait()")
    expect(found.root.locator(".dvw-sub")).to_have_text("conv1 · 24 kernels of 3 × 7 × 7")
    return found


def test_the_kernels_and_the_verdict_are_there(grid):
    assert jupyter.distinct_colours(grid.tiles) > 200
    expect(grid.root).to_contain_text("Healthy")
    expect(grid.root).to_contain_text("24 of 24 kernels")


def test_a_click_chooses_a_kernel_and_the_arrow_keys_the_next(grid):
    grid.tiles.click(position={"x": 120, "y": 40})
    expect(grid.root).to_contain_text("Kernel 1")
    assert grid.printed("print(grid.channel)", "1") == "1"
    grid.page.keyboard.press("ArrowRight")
    grid.page.keyboard.press("Enter")
    expect(grid.root).to_contain_text("Kernel 2")
    assert grid.printed("print(grid.channel)", "2") == "2"


def test_a_kernel_slides_under_the_pointer_and_its_sum_is_what_the_layer_answers(grid):
    grid.python("grid.channel = 5")
    expect(grid.input).to_be_visible()
    box = grid.input.bounding_box()
    before = jupyter.pixels(grid.patch)
    grid.input.hover(position={"x": box["width"] * 0.3, "y": box["height"] * 0.62})
    grid.until_changed(grid.patch, before)
    expect(grid.caption).to_contain_text(re.compile(r"row \d+, column \d+", re.IGNORECASE))
    text = grid.caption.text_content()
    row, column = map(int, re.search(r"row (\d+), column (\d+)", text, re.IGNORECASE).groups())
    exact = float(grid.python(
        f"f = dv.methods.kernels.respond(net, scenes[0], 'conv1'); print(f.answer[5, {row}, {column}])"))
    shown = [float(one.replace("−", "-")) for one in re.findall(r"−?\d+\.\d+", text)]
    assert any(abs(one - exact) <= 0.006 for one in shown), (text, exact)


def test_another_order_moves_the_tiles_without_the_kernel(grid):
    key, before = grid.python("print(grid._kernels_meta['key'])"), jupyter.pixels(grid.tiles)
    grid.root.get_by_role("combobox", name="Order").select_option(label="Orientation")
    grid.until_changed(grid.tiles, before)
    assert grid.python("print(grid.order, grid._kernels_meta['key'])") == f"orientation {key}"


def test_numbers_and_spectrum_of_the_chosen_kernel(grid):
    grid.python("grid.channel = 7")
    grid.root.get_by_role("button", name="Numbers").click()
    weight = float(grid.python("print(grid.kernels.weights[7, 0, 0, 0])"))
    expect(grid.root.locator(".kg-side")).to_contain_text(f"{abs(weight):.3f}".rstrip("0")[-3:])
    grid.root.get_by_role("button", name="Spectrum").click()
    expect(grid.root.locator(".kg-side")).to_contain_text("cycles")
    grid.root.get_by_role("button", name="Weights").click()


def test_another_layer_is_shown_by_its_slices_from_either_side(grid):
    before = jupyter.pixels(grid.tiles)
    grid.root.get_by_role("combobox", name="Layer").select_option(label="block1.conv1")
    grid.until_changed(grid.tiles, before)
    expect(grid.root.locator(".dvw-sub")).to_contain_text("block1.conv1 · output 0 of 24")
    expect(grid.root).to_contain_text("too small to tell")
    grid.root.get_by_role("button", name="Outputs").click()
    expect(grid.root.locator(".dvw-sub")).to_contain_text("input")
    assert grid.printed("print(grid.side)", "outputs") == "outputs"
    grid.python("grid.side = 'inputs'")


def test_the_noisy_network_is_called_noisy_and_the_checkpoint_before_is_not(page):
    both = Kernels(page, 1, "both")
    expect(both.root).to_contain_text("Looks like noise")
    before = jupyter.pixels(both.tiles)
    slider = both.root.get_by_role("slider", name="Checkpoint")
    slider.focus()
    page.keyboard.press("ArrowLeft")
    both.until_changed(both.tiles, before)
    expect(both.root).to_contain_text("Healthy")
    assert both.printed("print(grid.step)", "0") == "0"


def test_checkpoints_are_played_to_the_end(page):
    forming = Kernels(page, 2, "forming")
    expect(page.locator(".bqplot").first).to_be_visible()
    forming.root.get_by_role("button", name="Play").click()
    page.wait_for_timeout(800)
    assert 0 <= int(forming.python("print(grid.step)")) < 5
    for _ in range(80):
        if forming.python("print(grid.step)") == "5":
            break
        page.wait_for_timeout(100)
    assert forming.python("print(grid.step)") == "5"
    expect(forming.root.get_by_role("button", name="Play")).to_be_visible()


def test_a_duplicate_and_a_dead_kernel_are_named(page):
    faulty = Kernels(page, 3, "faulty")
    expect(faulty.root.get_by_role("button", name=re.compile("^8 .* 17"))).to_be_visible()
    expect(faulty.root.get_by_role("button", name=re.compile("^3 is dead"))).to_be_visible()


def test_keys_in_a_widget_do_not_move_the_notebook(page, grid):
    """JupyterLab's own shortcuts of the arrows rest while a slider, a select or the grid has the focus."""
    cell = "() => window.jupyterapp.shell.currentWidget.content.activeCellIndex"
    grid.tiles.click(position={"x": 120, "y": 40})
    before = page.evaluate(cell)
    for key in ("ArrowDown", "ArrowDown", "ArrowUp", "ArrowRight"):
        page.keyboard.press(key)
    assert page.evaluate(cell) == before
    grid.root.get_by_role("combobox", name="Order").focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Escape")
    assert page.evaluate(cell) == before


def test_an_exercise_asks_for_its_answer(page):
    expect(page.get_by_text("Your turn: put your answer in place of None.").first).to_be_attached()
