"""How smoothly a board of thousands of units scrolls: `make bench`."""

from __future__ import annotations

import statistics
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from measure import report
from playwright.sync_api import sync_playwright
from test_kernel_speed import FRAME, WATCH
from torch import nn

import deepviz_widgets as dv
from deepviz_widgets.methods.patches import scan, with_crops

sys.path.insert(0, str(Path(__file__).parent.parent / "e2e"))
import chromium

pytestmark = pytest.mark.bench
UNITS = 4096


def test_a_board_of_4096_units_is_drawn_within_a_frame_while_it_scrolls(tmp_path):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, UNITS, 7, stride=5), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(UNITS, 2))
    images = np.random.default_rng(0).integers(0, 255, (24, 32, 32, 3), np.uint8)
    net = dv.Network(model, input_size=(3, 32, 32))
    index = with_crops(scan(net, images, "0", k=9).finish(), images, net)
    saved = dv.TopPatches(index=index).to_html(tmp_path / "board.html")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium.install(), args=chromium.FLAGS)
        page = browser.new_page(viewport={"width": 1000, "height": 1200})
        page.add_init_script(WATCH)
        page.goto(saved.as_uri())
        page.locator(".tp-tile canvas").first.wait_for()
        page.locator(".tp-board").hover()
        page.wait_for_timeout(1000)
        page.evaluate("window.spent.length = 0")
        for _ in range(60):  # as a hand on a wheel does, three rows at a time
            page.mouse.wheel(0, 340)
            page.wait_for_timeout(30)
        scrolling = sorted(page.evaluate("window.spent"))
        page.evaluate("window.spent.length = 0")
        for _ in range(20):  # as the bar at the side does, anywhere
            page.evaluate("board => board.scrollTop += 21e3", page.locator(".tp-board").element_handle())
            page.wait_for_timeout(60)
        jumping = statistics.median(page.evaluate("window.spent.filter(ms => ms > 0.5)"))
        rows = page.locator(".tp-row").count()
        page.evaluate("window.spent.length = 0")
        page.get_by_label("Sort").select_option(label="Maximum")
        page.wait_for_timeout(500)
        sorting = max(page.evaluate("window.spent"))
        browser.close()
    typical, rare = scrolling[len(scrolling) // 2], scrolling[int(0.95 * len(scrolling))]
    print(f"rows that exist: {rows}; a jump anywhere {jumping:.1f} ms; sorting all {sorting:.0f} ms")  # noqa: T201
    what = f"patches, {UNITS:,} units: drawing while scrolling, ms, 95 % (median {typical:.1f})"
    report(what, f"{rare:.1f}", f"<= {FRAME:.1f}", rare <= FRAME)
