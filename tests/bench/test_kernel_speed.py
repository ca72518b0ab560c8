"""How long a verdict on all kernels of a network takes, and how long 512 kernels take to draw: `make bench`."""

from __future__ import annotations

import statistics
import sys
from pathlib import Path

import pytest
import torch
from measure import interleaved, report
from playwright.sync_api import sync_playwright
from torch import nn
from torchvision import models

import deepviz_widgets as dv
from deepviz_widgets.methods.kernels import diagnose_all

sys.path.insert(0, str(Path(__file__).parent.parent / "e2e"))
import chromium

pytestmark = pytest.mark.bench
FRAME = 1000 / 60  # ms

# runs before the page's own code: keeps how long each frame's drawing took
WATCH = """
window.spent = [];
const ask = window.requestAnimationFrame.bind(window);
window.requestAnimationFrame = (draw) => ask((now) => {
  const began = performance.now();
  draw(now);
  window.spent.push(performance.now() - began);
});
"""


def test_diagnosing_every_convolution_of_resnet50_takes_less_than_a_second():
    torch.manual_seed(0)
    net = dv.Network(models.resnet50(weights=None), input_size=(3, 224, 224))
    (times,) = interleaved(lambda: diagnose_all(net))
    value = statistics.median(times)
    report("diagnosing all 53 convolutions of ResNet-50, s", f"{value:.2f}", "<= 1", value <= 1)


def test_512_kernels_are_drawn_within_a_frame(tmp_path):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, 512, 7), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(512, 2))
    saved = dv.KernelGrid(dv.Network(model, input_size=(3, 32, 32))).to_html(tmp_path / "kernels.html")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium.install(), args=chromium.FLAGS)
        page = browser.new_page(viewport={"width": 1000, "height": 1200})
        page.add_init_script(WATCH)
        page.goto(saved.as_uri())
        page.get_by_role("grid").wait_for()
        page.wait_for_timeout(1000)
        worst = []
        for turn in range(12):  # another contrast: every kernel changes its colours
            page.evaluate("window.spent.length = 0")
            page.get_by_role("button", name=["Layer", "Each"][turn % 2], exact=True).click()
            page.wait_for_timeout(300)
            worst.append(max(page.evaluate("window.spent")))
        browser.close()
    value = statistics.median(worst)
    report("drawing 512 kernels of 3 x 7 x 7 after a change of contrast, ms", f"{value:.1f}", "<= 16.7", value <= FRAME)


def test_construction_of_kernel_grid_is_instant():
    net = dv.Network(models.resnet18(weights=None), input_size=(3, 224, 224))
    (times,) = interleaved(lambda: dv.KernelGrid(net))
    value = statistics.median(times) * 1000
    report("construction of KernelGrid, ms", f"{value:.1f}", "< 50", value < 50)
