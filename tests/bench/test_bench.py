"""Measured ratios against the peer, in the same run: `make bench`. Printed with the bar; below the bar it fails."""

from __future__ import annotations

import io
import statistics
import time

import numpy as np
import pytest
import torch
from measure import interleaved, ratio, report
from sklearn.datasets import load_sample_image

import deepviz_widgets as dv
from deepviz_widgets.widgets.base import STATIC

pytestmark = pytest.mark.bench


@pytest.fixture(scope="module")
def net():
    torch.manual_seed(0)
    return dv.Network.pretrained("resnet18", weights=None)


@pytest.fixture(scope="module")
def photo():
    return dv.as_picture(load_sample_image("china.jpg"), name="china.jpg")


class Choice:
    """Chooses a layer as a page does, and counts the bytes that go to the page."""

    def __init__(self, net: dv.Network, photo: dv.Picture, layer: str):
        self.maps = dv.ActivationMaps(net, photo, layer=layer)
        self.maps.wait()
        self.layer, self.bytes = layer, 0
        self.maps.comm.send = self._count

    def _count(self, data=None, metadata=None, buffers=None, **_):
        self.bytes += len(str(data)) + sum(len(buffer) for buffer in buffers or [])

    def before(self):
        """Stand at another layer, so that choosing this one sends everything anew; not timed."""
        self.maps.layer = "bn1"
        self.maps.wait()
        self.bytes = 0

    def __call__(self):
        self.maps.layer = self.layer
        self.maps.wait()


def matplotlib_grid(maps: np.ndarray) -> bytes:
    """Draw 64 channels the usual way: an 8 x 8 grid of imshow, saved as PNG of 800 x 800, as large as the widget."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(8, 8, figsize=(8, 8))
    for axis, channel in zip(axes.flat, maps, strict=True):
        axis.imshow(channel, cmap="viridis")
        axis.axis("off")
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    plt.close(figure)
    return buffer.getvalue()


def test_choosing_a_layer_costs_one_forward_pass_and_little_more(net, photo):
    batch, choice = net.inputs(photo), Choice(net, photo, "layer1")
    whole, chosen = interleaved(lambda: net.forward(batch), choice)
    value = ratio(chosen, whole)
    report("layer chosen to all channels sent / one forward pass (ResNet-18, layer1)", f"{value:.2f}", "<= 1.20",
           value <= 1.2)


def test_all_channels_come_faster_and_smaller_than_a_matplotlib_grid(net, photo):
    choice = Choice(net, photo, "layer1")
    maps = choice.maps.activations.maps
    png = matplotlib_grid(maps)
    began = time.perf_counter()
    for _ in range(3):
        net.forward(net.inputs(photo))
        matplotlib_grid(maps)
    theirs = (time.perf_counter() - began) / 3
    (ours,) = interleaved(choice)
    speed, size = theirs / statistics.median(ours), len(png) / choice.bytes
    report("times faster than a matplotlib grid of the same 64 channels", f"{speed:.0f} x", ">= 15 x", speed >= 15)
    report(f"times fewer bytes ({choice.bytes / 1000:.0f} kB, PNG {len(png) / 1000:.0f} kB)", f"{size:.1f} x",
           ">= 5 x", size >= 5)


@pytest.mark.parametrize("kind", ["LayerPicker", "ActivationMaps"])
def test_construction_is_instant(net, photo, kind):
    make = (lambda: dv.LayerPicker(net)) if kind == "LayerPicker" else (lambda: dv.ActivationMaps(net, photo))
    (times,) = interleaved(make)
    value = statistics.median(times) * 1000
    report(f"construction of {kind}, ms", f"{value:.1f}", "< 50", value < 50)


@pytest.mark.parametrize("name, bar", [
    ("layer_picker", 40), ("activation_maps", 40), ("kernel_grid", 44), ("occlusion_map", 44),
])
def test_bundles_are_small(name, bar):
    value = (STATIC / f"{name}.js").stat().st_size / 1000
    report(f"{name}.js, kB", f"{value:.1f}", f"<= {bar}", value <= bar)
