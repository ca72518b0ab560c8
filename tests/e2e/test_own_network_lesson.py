"""The lesson on a network of one's own in a real JupyterLab: views follow the training, predictions open on a click."""

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
        browser, lab, "06-your-own-network", "Kernels", width=1400, height=1400, seconds=300
    ) as page:
        yield page


def test_the_widgets_show_the_trained_network_and_not_the_start(page):
    grid = page.locator(".dvw[aria-label='Kernels']").first
    jupyter.into_view(grid)
    expect(grid).to_contain_text(re.compile("Healthy", re.IGNORECASE))
    said = jupyter.python(page, "print(kernels.diagnosis.headline, np.array_equal(kernels.kernels.weights, "
                                "net.model.conv1.weight.detach().numpy()), cloud.status, maps.status)")
    assert said == "Healthy True done done"


def test_a_prediction_opens_on_a_click_and_not_before(page):
    asked = page.locator("details", has_text="more than a half").first
    jupyter.into_view(asked)
    answer = asked.locator("div")
    expect(answer).to_be_hidden()
    asked.locator("summary").click()
    expect(answer).to_be_visible()
    expect(answer).to_contain_text(re.compile(r"\d+ of 32 answer to none"))
    asked.locator("summary").focus()
    page.keyboard.press("Enter")
    expect(answer).to_be_hidden()


def test_training_on_moves_what_is_seen(page):
    grid = page.locator(".dvw[aria-label='Kernels']").first
    jupyter.into_view(grid)
    canvas = grid.locator("canvas").first
    before = jupyter.pixels(canvas)
    jupyter.python(page, "net.model.conv1.weight.data *= torch.linspace(-1, 1, 25).view(1, 1, 5, 5); kernels.refresh()")
    for _ in range(100):
        if jupyter.pixels(canvas) != before:
            break
        page.wait_for_timeout(100)
    assert jupyter.pixels(canvas) != before
