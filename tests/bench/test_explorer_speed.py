"""The explorer over ResNet-18 and 1,000 photos: how soon it shows something, follows a choice, and what it leaves."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

import numpy as np
import pytest
import torch
from measure import report
from PIL import Image

import deepviz_widgets as dv

pytestmark = pytest.mark.bench
FIRST, SWITCH, MORE = 2.0, 1.5, 1.05
LONG = ("occlusion", "patches", "map", "confusion", "units", "switching")  # they go on working behind the others


def photographs(number: int = 1000) -> dv.ImageSet:
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 255, (number, 16, 16, 3), np.uint8)
    return dv.ImageSet([Image.fromarray(one).resize((256, 256)) for one in pixels], labels=np.arange(number) % 1000)


@pytest.fixture(scope="module")
def net():
    torch.manual_seed(0)
    return dv.Network.pretrained("resnet18", weights=None)


@pytest.fixture(scope="module")
def photos():
    return photographs()


def test_the_first_picture_comes_within_two_seconds(net, photos):
    dv.Explorer(net, photos).close()  # imports and warm kernels are not the explorer's
    began = time.perf_counter()
    explorer = dv.Explorer(net, photos)
    explorer.activations._worker.step(budget=0)
    seen = time.perf_counter() - began
    explorer.wait()
    whole = time.perf_counter() - began
    explorer.close()
    report("Explorer: construction to the first maps, s (ResNet-18, 1,000 photos)", f"{seen:.2f}", f"<= {FIRST}",
           seen <= FIRST)
    report("Explorer: construction to all panels finished, s", f"{whole:.2f}", f"<= {FIRST}", whole <= FIRST)


@pytest.mark.parametrize("layer", ["conv1", "layer3"])
def test_another_image_is_shown_by_all_panels_in_little_more_than_a_pass(net, photos, layer):
    explorer = dv.Explorer(net, photos, layer=layer)
    explorer.show(*LONG)
    explorer.wait_short = lambda: [panel.wait() for name, panel in explorer._tied()
                                   if name not in LONG and panel.has_trait("status")]
    explorer.wait_short()
    passes, switches = [], []
    for index in range(1, 14):
        batch = net.inputs(photos[index])
        began = time.perf_counter()
        net.forward(batch)
        passes.append(time.perf_counter() - began)
        began = time.perf_counter()
        explorer.image = index
        explorer.wait_short()
        switches.append(time.perf_counter() - began)
    explorer.close()
    one, other = statistics.median(passes[3:]), statistics.median(switches[3:])
    value = max(0.0, other - 0.1) / one
    report(f"Explorer at {layer}: another image, (ms {other * 1000:.0f} - 100) / pass of {one * 1000:.0f} ms",
           f"{value:.2f}", f"<= {SWITCH}", value <= SWITCH)


MEMORY = """
import gc, sys
sys.path.insert(0, sys.argv[1])
import torch
import deepviz_widgets as dv
from test_explorer_speed import photographs

def resident():
    gc.collect()
    pages = open("/proc/self/statm").read().split()[1]
    return int(pages) * 4096 / 1e6

net, photos = dv.Network.pretrained("resnet18", weights=None), photographs(12)

def cycle():
    explorer = dv.Explorer(net, photos, layer="layer2")
    explorer.wait()
    for name in ("map", "confusion", "units", "switching"):
        getattr(explorer, name).wait()
    explorer.switches = {"layer2": [0]}
    explorer.image = 5
    explorer.wait()
    explorer.close()

cycle()
first = resident()
for _ in range(10):
    cycle()
print(first, resident())
"""


def test_ten_explorers_opened_and_closed_leave_no_memory():
    here = str(__file__).rpartition("/")[0]
    found = subprocess.run([sys.executable, "-c", MEMORY, here], capture_output=True, text=True, check=True,
                           timeout=500)
    first, last = (float(word) for word in found.stdout.split()[-2:])
    value = last / first
    report(f"Explorer: kernel memory after ten more open-and-close cycles ({first:.0f} to {last:.0f} MB)",
           f"{value:.3f} x", f"<= {MORE} x", value <= MORE)
