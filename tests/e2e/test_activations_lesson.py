"""The lesson on activations in a real JupyterLab: what a cell can see, at once, and what it uses, after a rest."""

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
        browser, lab, "02-activations", "Activation maps", width=1400, height=1400
    ) as page:
        yield page


@pytest.fixture
def maps(page):
    found = page.locator(".dvw[aria-label='Activation maps']").first
    jupyter.into_view(found)
    jupyter.python(page, "picker.layer = 'conv3'; maps.channel = 9; maps.wait()")
    expect(found.locator(".dvw-sub")).to_contain_text("conv3")
    return found


def point(maps, x: float, y: float) -> None:
    large = maps.locator(".am-pic canvas").nth(1)
    box = large.bounding_box()
    large.hover(position={"x": box["width"] * x, "y": box["height"] * y})


def test_the_effective_field_comes_while_the_pointer_rests_and_grows_more_certain(page, maps):
    point(maps, 0.5, 0.5)
    caption = maps.locator(".dvw-cap")
    expect(caption).to_contain_text("that cell sees the 55 × 55 px in the box")
    expect(caption).to_contain_text(re.compile(r"most of its answer comes from \d+ × \d+ px"), timeout=20_000)
    expect(caption).to_contain_text("(8 images)", timeout=30_000)
    text = caption.text_content()
    row, column = map(int, re.search(r"row (\d+), column (\d+)", text).groups())
    shown = int(re.search(r"comes from (\d+) ×", text).group(1))
    oracle = jupyter.python(page, f"""
u = dv.methods.effective_receptive_field(net, photos[0], 'conv3', channel=9, at=({row}, {column})); print(u.size)""")
    assert 0.5 * float(oracle) < shown < 1.6 * float(oracle), (shown, oracle)


def test_the_box_moves_without_the_kernel_while_that_is_busy(page, maps):
    point(maps, 0.3, 0.3)
    photograph = maps.locator(".am-pic canvas").first
    page.wait_for_timeout(500)
    page.evaluate("""() => {
        const kernel = window.jupyterapp.shell.currentWidget.sessionContext.session.kernel;
        kernel.requestExecute({ code: 'import time; time.sleep(3)' });
    }""")
    before = jupyter.pixels(photograph)
    point(maps, 0.7, 0.7)
    assert jupyter.repainted(photograph, before, 2), "before the kernel wakes"
    expect(maps.locator(".dvw-cap")).to_contain_text(re.compile(r"row 19, column 29"))


def test_a_cell_at_the_border_says_how_much_of_its_field_the_image_has(maps):
    point(maps, 0.005, 0.005)
    expect(maps.locator(".dvw-cap")).to_contain_text("55 × 55 px")
    expect(maps.locator(".dvw-cap")).to_contain_text("of which the image has")
