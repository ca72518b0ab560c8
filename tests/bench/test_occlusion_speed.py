"""How many times faster than captum an exact occlusion map of all classes is: `make bench`.

The plain loop is timed on a sample of positions, as its time for a position does not depend on where it is, and so is
Captum on all but the fastest networks; ours as users call it, in full or, of the two slowest networks, its engine on
blocks of 5 x 5 positions in a corner, at the borders and in the middle, weighted by how many there are.
"""

from __future__ import annotations

import math
import statistics
import sys
import time
from collections import deque
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from captum.attr import Occlusion
from measure import report
from torch import fx, nn
from torchvision import models

import deepviz_widgets as dv
from deepviz_widgets.methods import occlusion
from deepviz_widgets.methods.incremental import Evaluator, evaluator
from deepviz_widgets.methods.incremental.prepared import prepared

sys.path.insert(0, str(Path(__file__).parent.parent / "methods"))
from incremental_nets import lattice, lively, painted

pytestmark = [pytest.mark.bench, pytest.mark.timeout(900)]
ROUNDS = 3
GATES = {  # must, reach for, batches tried
    "alexnet": (4, 5.5, (8, 32)), "vgg16": (8, 12, (1, 4)), "resnet18": (4, 5.5, (4, 8)),
    "resnet50": (2.7, 3.5, (4, 8)), "densenet121": (2.2, 3, (4, 8)), "mobilenet_v3_small": (2.5, 3.5, (8, 16)),
    "efficientnet_b0": (1.6, 2, (4, 8)), "convnext_tiny": (1.4, 1.6, (4, 8)), "vit_b_16": (0.95, 1.1, (4,)),
    "classroom": (4, 6, (16, 32)),
}

SAMPLED = {"convnext_tiny", "vit_b_16"}  # minutes in full: blocks of the map stand for the rest
FULL = {"alexnet", "mobilenet_v3_small", "classroom"}  # of which Captum's sample would be too short to be timed


def classroom() -> nn.Module:
    """A convolutional network as in a first course, for 64 x 64 images."""
    parts: list[nn.Module] = []
    for before, after in ((3, 32), (32, 64), (64, 128)):
        parts += [nn.Conv2d(before, after, 3, padding=1), nn.BatchNorm2d(after), nn.ReLU(inplace=True), nn.MaxPool2d(2)]
    return nn.Sequential(*parts, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(128, 6))


def made(name: str) -> dv.Network:
    torch.manual_seed(0)
    model = classroom() if name == "classroom" else models.get_model(name, weights=None)
    if name.startswith("vit"):
        nn.init.normal_(model.heads[-1].weight, std=0.02)
    side = 64 if name == "classroom" else 224
    return dv.Network(lively(model).requires_grad_(False), input_size=(3, side, side))


def picture(net: dv.Network) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (*net.input_size[1:], 3), np.uint8)


def blocks(count: int) -> list[tuple[int, list[int], list[int]]]:
    """Blocks of 5 x 5 rows and columns of the lattice, and how many of a lattice's blocks each stands for."""
    first, middle = list(range(5)), list(range(count // 2 - 2, count // 2 + 3))
    inner = count / 5 - 2
    return [(4, first, first), (2 * inner, first, middle), (2 * inner, middle, first), (inner**2, middle, middle)]


def seconds(run: Callable[[], object]) -> float:
    began = time.perf_counter()
    run()
    return time.perf_counter() - began


def captums(net: dv.Network, x: torch.Tensor, batch: int, patch: int, stride: int) -> Callable[[], object]:
    """Captum with square windows."""
    attribute, window, steps = Occlusion(net.model).attribute, (3, patch, patch), (3, stride, stride)
    return lambda: attribute(x[None], window, steps, target=0, perturbations_per_eval=batch)


def plainly(net: dv.Network, x: torch.Tensor, batch: int, count: int) -> Callable[[], object]:
    """A plain loop over the folded, channels-last copy."""
    plan = prepared(net).plan(net, [], False)
    model = fx.GraphModule(plan.traced.root, plan.traced.graph)
    images = x.repeat(batch, 1, 1, 1).contiguous(memory_format=torch.channels_last)
    return lambda: [model(images) for _ in range(count // batch)]


def ours(net: dv.Network, image: np.ndarray, window: dict[str, int]) -> float:
    """Seconds for the whole map, coarse first, each partial one handed out."""
    return seconds(lambda: deque(occlusion(net, image, **window), maxlen=1))


def from_blocks(hide: Evaluator, boxes: np.ndarray, count: int) -> float:
    """Seconds for the whole lattice, from its blocks."""
    grid = boxes.reshape(count, count, 4)
    total = 0.0
    for weight, rows, columns in blocks(count):
        some = grid[np.ix_(rows, columns)].reshape(-1, 4)
        total += weight * seconds(lambda some=some: hide.run(some))
    return total


@pytest.mark.parametrize("name", GATES)
@torch.no_grad()
def test_a_map_of_all_classes_takes_a_fraction_of_captums_time(name):
    must, reach, batches = GATES[name]
    net = made(name)
    image, side = picture(net), net.input_size[1]
    x, window = net.input(image), {"patch": 16, "stride": 4} if side == 64 else {"patch": 32, "stride": 8}
    boxes = lattice(side, side, *window.values())
    count = round(len(boxes) ** 0.5)
    hide = evaluator(net, x, torch.zeros_like(x))
    mine_once = partial(from_blocks, hide, boxes, count) if name in SAMPLED else partial(ours, net, image, window)
    per_side, sample = (7, 32) if side == 64 else (4, max(16, *batches))
    in_full, apart = name in FULL, -(-side // per_side)  # windows that do not overlap stand for all
    captum = {batch: captums(net, x, batch, *(window.values() if in_full else (apart, apart))) for batch in batches}
    share = 1 if in_full else (len(boxes) + 1) / (per_side**2 + 1)
    plain = {batch: plainly(net, x, batch, sample) for batch in batches}
    for run in (*captum.values(), *plain.values(), mine_once):
        run()
    ratios, honest = [], []
    for _ in range(ROUNDS):
        theirs = min(seconds(run) for run in captum.values()) * share
        loop = min(seconds(run) / (sample // batch * batch) for batch, run in plain.items()) * len(boxes)
        mine = mine_once()
        ratios.append(theirs / mine)
        honest.append(loop / mine)
    run = occlusion(net, image, **window, region=(0, 0, side // 2, side // 2))
    sweep = deque(run, maxlen=1).pop()
    some = np.arange(sweep.total)[:: sweep.total // 8]
    wanted = net.forward(torch.stack([painted(x, run.filled, box) for box in sweep.boxes[some]])).numpy()
    off = np.abs(sweep.raw[some] - wanted).max() / np.abs(wanted).max()
    value = statistics.median(ratios)
    how = "from 4 blocks" if name in SAMPLED else "in full"
    what = (f"occlusion, {name}: {hide.how}, {mine:.2f} s {how}, x plain folded loop "
            f"{statistics.median(honest):.2f}, error {off:.0e}, reach {reach}")
    assert off < 1e-4
    report(what, f"{value:.2f} x", f">= {must}", value >= must)


@torch.no_grad()
def test_the_first_picture_of_resnet18_takes_at_most_12_percent_of_the_full_time():
    net = made("resnet18")
    image, shares = picture(net), []
    for _ in range(ROUNDS + 1):  # of which the first sets up
        began, first = time.perf_counter(), math.inf
        for sweep in occlusion(net, image, patch=32, stride=8):
            if sweep.done >= 49:
                first = min(first, time.perf_counter() - began)
        shares.append(first / (time.perf_counter() - began))
    shares.pop(0)
    value = statistics.median(shares)
    report("occlusion, ResNet-18: first picture (49 positions) / full map", f"{value:.1%}", "<= 12 %", value <= 0.12)
