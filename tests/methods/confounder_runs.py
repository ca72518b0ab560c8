"""Networks with a confounder planted in any class, in several looks, and clean ones: ground truth for the hunt.

Each is trained from a seed in seconds: smaller and shorter than the networks of the demo, on the same drawings. The
objects are faded, some strongly, so that what is planted is the surest sign of its class.
"""

from __future__ import annotations

from functools import cache

import torch

import deepviz_widgets as dv
from deepviz_widgets.demo import fit, models
from deepviz_widgets.demo.looks import plant
from deepviz_widgets.demo.recipes import as_examples
from deepviz_widgets.demo.scene_images import CLASSES, PIXELS, Planted, Scenes, make_scenes
from deepviz_widgets.demo.transform import Transform

MEAN, STD = (0.5, 0.5, 0.5), (0.25, 0.25, 0.25)
TRAINED_ON, EPOCHS, WIDTH = 900, 7, 16

LOOKS = ("advertisement", "checks", "badge", "label")


@cache
def drawn(n: int, split: str, seed: int, haze: float) -> Scenes:
    """The scenes without anything planted."""
    return make_scenes(n, split=split, seed=seed, planted=Planted(haze=haze))


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
