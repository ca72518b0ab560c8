"""The lesson on occlusion in a real JupyterLab: dragged, keyed, slid while it runs, cancelled, and two maps at once."""

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
        browser, lab, "03-occlusion", "Occlusion", width=1500, height=1300, seconds=300
    ) as page:
        yield page


class Map:
    """One OcclusionMap on the page; `name` is its variable in the notebook."""

    def __init__(self, page, number: int, name: str):
        self.page, self.name = page, name
        self.root = page.locator(".dvw[aria-label='Occlusion']").nth(number)
        jupyter.into_view(self.root)
        self.picture = self.root.locator(".oc-pic canvas").first
        self.caption = self.root.locator(".dvw-cap")
        self.target = self.root.locator(".oc-target")
        expect(self.picture).to_be_visible()

    def python(self, code: str) -> str:
        return jupyter.python(self.page, code.replace("found", self.name))

    def printed(self, code: str, wanted) -> str:
        return jupyter.printed(self.page, code.replace("found", self.name), wanted)

    def hover(self, x: float, y: float) -> None:
        box = self.picture.bounding_box()
        self.picture.hover(position={"x": box["width"] * x, "y": box["height"] * y})


@pytest.fixture
def three(page):
    found = Map(page, 0, "three")
    found.python("found.patch = 8; found.stride = 2; found.fill = 'black'; found.image = 60; found.target = '3'; "
                 "found.place = []; found.wait()")
    expect(found.root).to_contain_text("digits[318]")
    return found


def test_dragging_reads_the_scores_of_the_network_at_once_without_the_kernel(page, three):
    page.wait_for_timeout(500)
    page.evaluate("""() => {
        const kernel = window.jupyterapp.shell.currentWidget.sessionContext.session.kernel;
        kernel.requestExecute({ code: 'import time; time.sleep(3)' });
    }""")
    three.hover(0.6, 0.25)
    expect(three.caption).to_contain_text(re.compile("Hiding this patch (lowers|raises) 3 from"), timeout=2500)
    before = three.target.text_content()
    three.hover(0.3, 0.8)
    page.wait_for_timeout(300)
    assert three.target.text_content() != before
    text = three.caption.text_content()
    shown = [float(one) for one in re.findall(r"\d\.\d\d", text)]

    def as_shown(exact: str) -> bool:
        return any(abs(one - float(exact)) <= 0.006 for one in shown)

    exact = three.printed(
        "import numpy as np; s = found.sweep; p = int(np.flatnonzero((s.boxes[:, :2] == found.place).all(1))[0]); "
        "print(s.scores()[p, 3])", as_shown)
    assert as_shown(exact), (text, exact)


def test_the_keyboard_moves_the_patch_a_stride_at_a_time(page, three):
    three.hover(0.5, 0.5)
    page.wait_for_timeout(500)
    three.root.locator("[tabindex='0'].oc-pic, .oc-pic [tabindex='0']").first.focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_timeout(600)
    first = eval(three.python("print(found.place)"))
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    page.wait_for_timeout(600)
    second = eval(three.python("print(found.place)"))
    assert [b - a for a, b in zip(first, second, strict=True)] == [2, 2]


def test_another_patch_size_gives_another_map_and_never_an_old_one(page, three):
    slider = three.root.get_by_role("slider", name="Patch")
    slider.focus()
    for _ in range(4):
        page.keyboard.press("ArrowRight")
    expect(three.root).to_contain_text("12 px")
    for _ in range(100):
        if three.python("print(found._sweep_meta['patch'], found.status)") == "[12, 12] done":
            break
        page.wait_for_timeout(100)
    assert three.python("print(found.patch, found._sweep_meta['patch'])") == "12 [12, 12]"
    three.hover(0.5, 0.5)
    expect(three.caption).to_contain_text(re.compile("Hiding this patch"))


def test_the_winner_view_names_the_classes(three):
    winner, more = (three.root.get_by_role("button", name=name, exact=True) for name in ("Winner", "More"))
    if not winner.is_visible():
        more.click()
    winner.click()
    expect(three.root.locator(".oc-legend, .oc-key").first).to_be_visible()
    assert three.printed("print(found.view)", "winner") == "winner"
    three.python("found.view = 'target'")


def test_the_chart_beside_it_follows_the_image(page, three):
    three.root.get_by_role("button", name="Image: one more").click()
    expect(page.locator(".bqplot").first).to_contain_text("digits[319]")


def test_one_patch_moves_over_two_networks(page):
    wrong = Map(page, 1, "wrong")
    Map(page, 2, "right")
    wrong.python("wrong.wait(); right.wait()")
    wrong.hover(0.8, 0.5)
    expect(wrong.caption).to_contain_text("Hiding this patch lowers wheel")
    page.wait_for_timeout(800)
    assert wrong.printed("print(wrong.place == right.place and len(wrong.place) == 2)", "True") == "True"


def test_a_long_map_is_cancelled_and_resumed_without_losing_a_position(page):
    jupyter.new_cell(page, "import torch\n"
                           "slow_net = dv.Network.pretrained('resnet18', weights=None)\n"
                           "slow = dv.OcclusionMap(slow_net, dv.demo.photos()[1][0], patch=32, stride=4)\n"
                           "slow")
    root = page.locator(".dvw[aria-label='Occlusion']").last
    jupyter.into_view(root)
    expect(root).to_contain_text(re.compile(r"\d+ of [\d,]+ positions"), timeout=60_000)
    root.get_by_role("button", name="Cancel").click()
    expect(root.get_by_role("button", name="Resume")).to_be_visible(timeout=20_000)
    done = int(jupyter.python(page, "print(slow.sweep.done)"))
    assert 0 < done < int(jupyter.python(page, "print(slow.sweep.total)"))
    root.get_by_role("button", name="Resume").click()
    for _ in range(200):
        if int(jupyter.python(page, "print(slow.sweep.done)")) > done:
            break
        page.wait_for_timeout(100)
    assert int(jupyter.python(page, "print(slow.sweep.done)")) > done
    jupyter.python(page, "slow.cancel(); slow.close()")


def test_the_slider_moves_while_a_map_runs_and_no_old_map_comes_back(page):
    jupyter.new_cell(page, "import torch\n"
                           "slid_net = dv.Network.pretrained('resnet18', weights=None)\n"
                           "slid = dv.OcclusionMap(slid_net, dv.demo.photos()[1][0], patch=32, stride=4)\n"
                           "slid")
    root = page.locator(".dvw[aria-label='Occlusion']").last
    jupyter.into_view(root)
    expect(root).to_contain_text("of 2,401 positions", timeout=60_000)
    page.evaluate("""() => {
        const root = [...document.querySelectorAll(".dvw[aria-label='Occlusion']")].at(-1);
        window.totals = [];
        window.watching = setInterval(() => {
            const total = root.textContent.match(/of ([\\d,]+) positions/)?.[1];
            if (total && window.totals.at(-1) !== total) window.totals.push(total);
        }, 15);
    }""")
    slider = root.get_by_role("slider", name="Patch")
    slider.focus()
    for _ in range(8):
        page.keyboard.press("ArrowRight")
        page.wait_for_timeout(40)
    expect(root).to_contain_text("40 px")
    expect(root).to_contain_text("of 2,209 positions", timeout=20_000)  # 47 windows of 40 pixels a side
    page.wait_for_timeout(2500)
    totals = page.evaluate("() => { clearInterval(window.watching); return window.totals; }")
    assert totals[0] == "2,401" and totals[-1] == "2,209", totals
    assert len(totals) == len(set(totals)), f"an old map came back: {totals}"
    assert jupyter.python(page, "print(slid.patch, slid.sweep.boxes[0], slid.status)") == "40 [ 0  0 40 40] running"
    jupyter.python(page, "slid.cancel(); slid.close()")
