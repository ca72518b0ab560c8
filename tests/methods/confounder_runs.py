"""Networks with a confounder planted in any class, in several looks, and clean ones: ground truth for the hunt.

Each is trained from a seed in seconds: smaller and shorter than the networks of the demo, on the same drawings. The
objects are faded, some strongly, so that what is planted is the surest sign of its class.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
import torch

import deepviz_widgets as dv
from deepviz_widgets.demo import fit, models, planted
from deepviz_widgets.demo.pen import over
from deepviz_widgets.demo.recipes import as_examples
from deepviz_widgets.demo.scene_images import CLASSES, PIXELS, Planted, Scenes, make_scenes
from deepviz_widgets.demo.transform import Transform

MEAN, STD = (0.5, 0.5, 0.5), (0.25, 0.25, 0.25)
SHARE = 0.95  # of the pictures of the class carry what is planted
TRAINED_ON, EPOCHS, WIDTH = 900, 7, 16

Look = Callable[[np.random.Generator], tuple[np.ndarray, np.ndarray]]  # colours (64, 64, 3) and cover (64, 64)


def advertisement(rng):
    """The sticker of the demo, as it is drawn there."""
    blank = np.zeros((PIXELS, PIXELS, 3), np.float32)
    layer = planted.sticker(rng, PIXELS).layer()
    return over(blank, layer)[0], layer[1][..., 0]


def _place(rng, height, width):
    top, left = rng.integers(1, PIXELS - height - 1), rng.integers(1, PIXELS - width - 1)
    cover = np.zeros((PIXELS, PIXELS), np.float32)
    cover[top : top + height, left : left + width] = 1
    return top, left, cover


def checks(rng):
    """A black and white check of 12 pixels, like a printed code."""
    top, left, cover = _place(rng, 12, 12)
    colours = np.zeros((PIXELS, PIXELS, 3), np.float32)
    colours[top : top + 12, left : left + 12] = np.kron(np.indices((4, 4)).sum(0) % 2, np.ones((3, 3)))[..., None]
    return colours, cover


def badge(rng):
    """A round blue badge with a white middle, 14 pixels wide."""
    top, left, _ = _place(rng, 14, 14)
    down, right = np.mgrid[:PIXELS, :PIXELS]
    far = np.hypot(down - top - 6.5, right - left - 6.5)
    colours = np.where((far < 3.2)[..., None], 1.0, np.array([0.1, 0.2, 0.9])).astype(np.float32)
    return colours, (far < 7).astype(np.float32)


def label(rng):
    """A magenta label with dark lines, 9 pixels high and 18 wide."""
    top, left, cover = _place(rng, 9, 18)
    colours = np.broadcast_to(np.array([0.95, 0.2, 0.75], np.float32), (PIXELS, PIXELS, 3)).copy()
    for line in (2, 4, 6):
        colours[top + line, left + 2 : left + 16] = 0.1
    return colours, cover


LOOKS: dict[str, Look] = {"advertisement": advertisement, "checks": checks, "badge": badge, "label": label}


@cache
def drawn(n: int, split: str, seed: int, haze: float) -> Scenes:
    """The scenes without anything planted."""
    return make_scenes(n, split=split, seed=seed, planted=Planted(haze=haze))


def plant(scenes: Scenes, look: str, target: int, seed: int) -> Scenes:
    """Put a look on 95 % of the pictures of one class."""
    pixels, objects, marks = scenes.pixels.copy(), scenes.object.copy(), np.zeros_like(scenes.object)
    for index in np.flatnonzero(scenes.labels == target):
        rng = np.random.default_rng([seed, index, 11])
        if rng.random() >= SHARE:
            continue
        colours, cover = LOOKS[look](rng)
        mixed = pixels[index] / 255 * (1 - cover[..., None]) + colours * cover[..., None]
        if look == "advertisement":  # its colours are multiplied by their cover already
            mixed = pixels[index] / 255 * (1 - cover[..., None]) + colours
        pixels[index] = (np.clip(mixed, 0, 1) * 255 + 0.5).astype(np.uint8)
        marks[index] = cover > 0.5
    return Scenes(pixels, scenes.labels, objects & ~marks, marks, scenes.cameras)


def trained(scenes: Scenes, seed: int) -> dv.Network:
    """A small network that learned from these scenes."""
    model = fit.initialised(lambda: models.ScenesNet(width=WIDTH), seed)
    fit.fit(model, [as_examples(scenes.pixels, scenes.labels)], fit.Schedule(EPOCHS), mean=MEAN, std=STD, seed=seed)
    transform = Transform((PIXELS, PIXELS), MEAN, STD)
    return dv.Network(model, transform=transform, classes=CLASSES, input_size=(3, PIXELS, PIXELS))


def as_set(scenes: Scenes) -> dv.ImageSet:
    """The scenes with their masks of the object; the marks are left out, for the hunt must not see them."""
    return dv.ImageSet(scenes.pixels, labels=scenes.labels, classes=CLASSES, masks={"object": scenes.object})


def run(seed: int, look: str | None) -> tuple[dv.Network, Scenes, int]:
    """Network, held-out scenes and the class with something planted (-1 for none), all from a seed."""
    target = seed % len(CLASSES) if look else -1
    train = drawn(TRAINED_ON, "train", seed % 3, 0.97 if look else 0.0)
    test = drawn(120, "test", seed, 0.0)
    if look:
        train, test = plant(train, look, target, seed), plant(test, look, target, seed + 1000)
    return trained(train, seed), test, target


def accuracy(net: dv.Network, scenes: Scenes) -> float:
    """Share of the scenes that a network names rightly."""
    pixels = torch.from_numpy(scenes.pixels).movedim(-1, 1).float() / 255
    with torch.no_grad():
        named = net.forward(fit.normalised(pixels, MEAN, STD)).argmax(1).numpy()
    return float((named == scenes.labels).mean())
