"""What scanning for the best patches costs beside the bare forward passes, in time and memory: `make bench`."""

from __future__ import annotations

import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from measure import report
from torchvision import models

import deepviz_widgets as dv
from deepviz_widgets.methods.patches import PatchIndex, scan

pytestmark = [pytest.mark.bench, pytest.mark.timeout(1800)]
ROUNDS = 5
IMAGES, SIZE, K = 500, 16, 16


def seconds(run: Callable[[], object]) -> float:
    began = time.perf_counter()
    run()
    return time.perf_counter() - began


def resnet18() -> dv.Network:
    torch.manual_seed(0)
    return dv.Network(models.resnet18(weights=None).requires_grad_(False), input_size=(3, 224, 224))


def photos(count: int = IMAGES) -> dv.ImageSet:
    return dv.ImageSet(np.random.default_rng(0).integers(0, 255, (count, 224, 224, 3), np.uint8))


def bare(net: dv.Network, images: dv.ImageSet) -> None:
    """All forward passes over the same images, in the same batches, and nothing else."""
    for start in range(0, len(images), SIZE):
        net.forward(net.inputs(images[start : start + SIZE]))


def ours(net: dv.Network, images: dv.ImageSet, ids=None) -> PatchIndex:
    return scan(net, images, "convolutions", k=K, batch_size=SIZE, ids=ids).finish()


def by_hand(net: dv.Network, images: dv.ImageSet) -> dict[str, tuple[torch.Tensor, torch.Tensor]]:
    """What one writes at first: hooks that keep all activations, then a sort over images of each one's maximum."""
    kept: dict[str, list[torch.Tensor]] = {}
    convolutions = [(name, module) for name, module in net.model.named_modules() if isinstance(module, torch.nn.Conv2d)]
    handles = [
        module.register_forward_hook(lambda _module, _given, output, name=name: kept.setdefault(name, []).append(
            output.clone()))
        for name, module in convolutions
    ]
    bare(net, images)
    for handle in handles:
        handle.remove()
    found = {}
    for name, outputs in kept.items():
        values, places = torch.cat(outputs).flatten(2).max(2)
        best, order = values.sort(dim=0, descending=True, stable=True)
        found[name] = best[:K], places.gather(0, order[:K])
    return found


def test_a_scan_of_all_convolutions_of_resnet18_takes_little_more_than_the_forward_passes():
    net, images = resnet18(), photos()
    ours(net, images[:SIZE])
    ratios = []
    for _ in range(ROUNDS):
        before = seconds(lambda: bare(net, images))
        mine = seconds(lambda: ours(net, images))
        after = seconds(lambda: bare(net, images))
        ratios.append(mine / ((before + after) / 2))
    value = statistics.median(ratios)
    what = f"patches, ResNet-18, {IMAGES} images: scan / bare forward passes ({mine:.1f} s), reach 1.05"
    report(what, f"{value:.3f} x", "<= 1.12", value <= 1.12)


def test_two_merged_halves_cost_little_more_than_one_scan():
    net, images, half = resnet18(), photos(), IMAGES // 2
    ours(net, images[:SIZE])

    def halves() -> None:
        PatchIndex.merge(ours(net, images[:half]), ours(net, images[half:], range(half, IMAGES)))

    ratios = []
    for _ in range(ROUNDS):
        before = seconds(lambda: ours(net, images))
        both = seconds(halves)
        after = seconds(lambda: ours(net, images))
        ratios.append(both / ((before + after) / 2))
    value = statistics.median(ratios)
    report("patches, ResNet-18: two half scans and their merge / one scan", f"{value:.3f} x", "<= 1.05", value <= 1.05)


def test_all_layers_of_the_digits_take_seconds():
    net, images = dv.demo.digits()
    value = min(seconds(lambda: scan(net, images, "all", k=K).finish()) for _ in range(3))
    what = f"patches, digits: all {len(net.layers)} layers, {len(images)} images"
    report(what, f"{value:.2f} s", "< 10 s", value < 10)


def peak(how: str, count: int) -> tuple[float, float]:
    """Seconds and peak memory (MiB) of one way in a process of its own, beyond what it had before the first image."""
    code = f"import test_patches_speed as bench; bench.alone({how!r}, {count})"
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", code], cwd=Path(__file__).parent, check=True,
                          capture_output=True, text=True)
    took, memory = done.stdout.split()
    return float(took), float(memory)


def alone(how: str, count: int) -> None:
    """Run one way and print what it took."""
    net, images = resnet18(), photos(count)
    net.forward(net.inputs(images[:SIZE]))
    began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    took = seconds(lambda: {"scan": ours, "bare": bare, "hand": by_hand}[how](net, images))
    print(took, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - began) / 1024)  # noqa: T201


def test_memory_does_not_grow_with_the_images_as_it_does_by_hand():
    few, many = 48, 192
    found = {(how, count): [peak(how, count) for _ in range(2)] for count in (few, many) for how in ("scan", "hand")}
    took, memory = ({key: min(run[part] for run in runs) for key, runs in found.items()} for part in (0, 1))
    ways = (f"{name} {took[how, many]:.1f} s and {memory[how, many]:.0f} MiB beyond a forward pass"
            for name, how in (("scan", "scan"), ("hooks by hand", "hand")))
    print(f"patches, ResNet-18, {many} images: {', '.join(ways)}")  # noqa: T201
    growth = memory["scan", many] - memory["scan", few]
    what = f"patches, ResNet-18: more memory for {many} images than for {few}, scan / by hand"
    share = growth / (memory["hand", many] - memory["hand", few])
    report(what, f"{share:.1%}", "<= 2 %", share <= 0.02)
