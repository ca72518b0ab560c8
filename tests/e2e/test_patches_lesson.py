"""The lesson on top patches in a real JupyterLab: watched, cancelled, sorted, enlarged, named, revealed, voted on."""

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
        browser, lab, "04-patches", "Top patches", width=1500, height=1300, seconds=300
    ) as page:
        yield page


class Board:
    """One TopPatches on the page; `name` is its variable in the notebook."""

    def __init__(self, page, number: int, name: str):
        self.page, self.name = page, name
        self.root = page.locator(".dvw[aria-label='Top patches']").nth(number)
        jupyter.into_view(self.root)
        self.grid, self.caption = self.root.locator(".tp-board"), self.root.locator(".dvw-cap")
        self.detail = self.root.locator(".tp-detail")

    def python(self, code: str) -> str:
        return jupyter.python(self.page, code.replace("found", self.name))

    def tile(self, unit: int, rank: int):
        return self.root.locator(f".tp-row[data-unit='{unit}'] .tp-tile[data-rank='{rank}']")

    def titles(self) -> list[str]:
        """The rows in the order in which they stand on the screen."""
        return self.root.evaluate(
            """root => [...root.querySelectorAll('.tp-row')]
                .sort((a, b) => parseFloat(a.style.top) - parseFloat(b.style.top))
                .map(row => row.querySelector('b').textContent.split(':')[0])"""
        )

    def sort(self, by: str) -> None:
        self.root.get_by_label("Sort").select_option(label=by)


@pytest.fixture
def found(page):
    board = Board(page, 0, "board")
    board.python("found.wait(); found.mode = 'board'; found.sort = 'index'; found.search = ''; "
                 "found.basis = 'units'; found.channel = 0; found.rank = -1; found.gradient = 'none'")
    expect(board.tile(0, 0).locator("canvas")).to_be_visible()
    page.wait_for_timeout(600)
    return board


def test_the_thumbnails_show_something_and_the_caption_tells_value_image_and_class(page, found):
    assert jupyter.distinct_colours(found.tile(0, 0).locator("canvas")) > 8
    found.tile(1, 2).hover()
    expect(found.caption).to_contain_text(re.compile(r"Unit 1 answers [\d.]+ to this piece of digits\[\d+\].*"))
    value = float(found.python("print(found.index[found.layer].values[1, 2])"))
    shown = float(re.search(r"answers ([\d.]+)", found.caption.text_content()).group(1))
    assert shown == pytest.approx(value, abs=0.06)


def test_a_click_enlarges_the_patch_and_chooses_its_image(page, found):
    found.tile(2, 1).click()
    expect(found.detail.get_by_role("spinbutton", name="Patch")).to_have_value("2")
    page.wait_for_timeout(800)
    assert found.python("print(found.channel, found.rank, found.image == found.index[found.layer].images[2, 1])") == (
        "2 1 True")
    name = found.python("print(found._images[found.image].name)")
    expect(found.detail).to_contain_text(name)
    assert jupyter.distinct_colours(found.detail.locator("canvas").nth(2)) > 8


def test_the_keyboard_alone_goes_through_patches_and_rows(page, found):
    found.grid.focus()
    for key in ("ArrowRight", "ArrowRight", "ArrowDown", "ArrowLeft"):
        page.keyboard.press(key)
    page.wait_for_timeout(600)
    assert found.python("print(found.channel, found.rank)") == "1 1"
    expect(found.tile(1, 1)).to_have_class(re.compile("tp-focus"))
    active = found.grid.get_attribute("aria-activedescendant")
    assert "patch 2" in page.locator(f"#{active}").get_attribute("aria-label")
    page.keyboard.press("Control+End")
    page.wait_for_timeout(600)
    last = int(found.python("print(len(found.index[found.layer].names) - 1)"))
    assert found.titles()[-1] == f"Unit {last}"
    expect(found.tile(last, 0)).to_be_in_viewport()


def test_rows_are_sorted_by_what_is_asked_for(page, found):
    found.sort("Maximum")
    page.wait_for_timeout(400)
    order = eval(found.python(
        "import numpy as np; t = found.index[found.layer]; print(np.argsort(-t.values[:, 0], kind='stable').tolist())"))
    titles = found.titles()
    assert titles == [f"Unit {unit}" for unit in order[: len(titles)]]


def test_a_search_finds_a_unit_and_says_when_there_is_none(page, found):
    field = found.root.get_by_role("searchbox")
    field.fill("11")
    page.wait_for_timeout(300)
    assert found.titles() == ["Unit 11"]
    field.fill("zebra")
    expect(found.grid).to_contain_text("No row fits")
    field.fill("")


def test_students_name_units_unseen_and_then_reveal_the_classes(page, found):
    found.root.get_by_role("button", name="Name", exact=True).click()
    unit = found.root.locator(".tp-row[data-unit='0']")
    expect(unit.locator(".dvw-label")).to_have_text("")
    unit.get_by_role("textbox").fill("round strokes")
    page.wait_for_timeout(500)
    assert found.python("print(found.names[f'{found.layer}:0'], found.labels)") == "round strokes False"
    found.root.get_by_role("button", name="Reveal", exact=True).click()
    expect(unit.locator(".dvw-label")).not_to_have_text("")
    found.root.get_by_role("button", name="Board", exact=True).click()
    expect(unit).to_contain_text("Unit 0: round strokes")


def test_what_was_seen_can_be_explored_while_the_kernel_is_busy(page, found):
    found.tile(0, 0).click()
    page.wait_for_timeout(800)
    found.tile(0, 1).click()
    page.wait_for_timeout(800)
    second = jupyter.pixels(found.detail.locator("canvas").nth(0))
    page.evaluate("""() => {
        const kernel = window.jupyterapp.shell.currentWidget.sessionContext.session.kernel;
        kernel.requestExecute({ code: 'import time; time.sleep(3)' });
    }""")
    found.tile(0, 0).click()
    expect(found.detail.get_by_role("spinbutton", name="Patch")).to_have_value("1", timeout=1500)
    assert jupyter.repainted(found.detail.locator("canvas").nth(0), second, 1)
    page.wait_for_timeout(3000)


def test_a_scan_fills_the_board_is_cancelled_and_goes_on_where_it_was(page):
    number = page.locator(".dvw[aria-label='Top patches']").count()
    jupyter.new_cell(page, "slow_net = dv.Network.pretrained('resnet18', weights=None)\n"
                           "many = dv.ImageSet([dv.demo.photos()[1][i % 26].image for i in range(200)])\n"
                           "slow = dv.TopPatches(slow_net, many, layer='layer2', layers='layer2')\n"
                           "slow")
    board = Board(page, number, "slow")
    expect(board.root).to_contain_text(re.compile(r"\d+ of 200 images"), timeout=60_000)
    expect(board.tile(0, 0)).to_be_visible(timeout=60_000)
    before = board.titles()
    board.root.get_by_role("button", name="Cancel").click()
    expect(board.root.get_by_role("button", name="Resume")).to_be_visible(timeout=20_000)
    done = int(board.python("print(found.index.images_seen)"))
    assert 0 < done < 200 and board.titles() == before
    board.tile(3, 0).click()
    expect(board.detail).to_contain_text("Unit 3")
    board.root.get_by_role("button", name="Resume").click()
    for _ in range(200):
        if int(board.python("print(found.index.images_seen)")) > done:
            break
        page.wait_for_timeout(100)
    assert int(board.python("print(found.index.images_seen)")) > done
    board.python("found.cancel(); found.close()")
