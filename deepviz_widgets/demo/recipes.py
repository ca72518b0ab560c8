"""For each demo network: what it is trained on, how, and what it is tested on. Everything follows from a seed."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from . import digit_images, fit, models, photo_images, scene_images
from .fit import Examples, Schedule
from .scene_images import Planted, make_scenes


@dataclass(frozen=True)
class Recipe:
    """One network: its kind, its pictures, its schedule."""

    model: Callable[[], torch.nn.Module]
    classes: tuple[str, ...]
    size: tuple[int, int, int]  # (C, H, W) of the network's input
    examples: Callable[[int], list[Examples]]  # seed -> what to train on
    held_out: Callable[[], Examples]
    schedule: Schedule
    mean: tuple[float, ...] = (0.5, 0.5, 0.5)
    std: tuple[float, ...] = (0.25, 0.25, 0.25)

    def untrained(self, seed: int = 0) -> torch.nn.Module:
        """Build the model as training finds it."""
        return fit.initialised(self.model, seed, scale=self.schedule.first_scale)

    def train(self, seed: int = 0) -> torch.nn.Module:
        """Return a model trained from the seed, in evaluation mode."""
        return self.checkpoints((self.schedule.epochs,), seed)[0]

    def checkpoints(self, epochs: Sequence[int], seed: int = 0) -> list[torch.nn.Module]:
        """Train from the seed to the last of some epochs; return the model as it was after each of them."""
        kept: list[torch.nn.Module] = []

        def watch(epoch: int, model: torch.nn.Module) -> bool:
            if epoch in epochs:
                kept.append(copy.deepcopy(model).eval().to(memory_format=torch.contiguous_format))
            return len(kept) == len(epochs)

        model, sets = self.untrained(seed), self.examples(seed)
        fit.fit(model, sets, self.schedule, mean=self.mean, std=self.std, seed=seed, watch=watch)
        return kept

    def accuracy(self, model: torch.nn.Module, examples: Examples | None = None) -> float:
        """Return the model's accuracy on the held-out examples, or on others."""
        return fit.accuracy(model, examples or self.held_out(), mean=self.mean, std=self.std)

    def scores(self, model: torch.nn.Module, pixels: torch.Tensor) -> torch.Tensor:
        """Return class scores (N, classes) of uint8 pictures (N, C, H, W)."""
        return fit.scores(model, pixels, mean=self.mean, std=self.std)


def as_examples(pixels: np.ndarray, labels: np.ndarray, batch: int = 64) -> Examples:
    """Give torch uint8 pictures (N, H, W) or (N, H, W, 3) with labels."""
    pixels = pixels[..., None] if pixels.ndim == 3 else pixels
    planes = np.ascontiguousarray(pixels.transpose(0, 3, 1, 2))
    return Examples(torch.from_numpy(planes), torch.from_numpy(labels), batch)


def _digits(split: str) -> Examples:
    pixels, labels = digit_images.read_digits()
    rows = digit_images.split_rows(labels, split)
    return as_examples(pixels[rows], labels[rows])


def scene_examples(n: int, planted: Planted, *, split: str = "train", seed: int = 0) -> Examples:
    """Draw n scenes to train or test on."""
    scenes = make_scenes(n, split=split, seed=seed, planted=planted)
    return as_examples(scenes.pixels, scenes.labels)


def _scenes(n: int, train: Planted, test: Planted | None = None, epochs: int = 8) -> Recipe:
    """Make the recipe of a network for scenes with something planted, tested on scenes with the same."""
    return Recipe(
        model=models.ScenesNet, classes=scene_images.CLASSES, size=(3, 64, 64), schedule=Schedule(epochs),
        examples=lambda seed: [scene_examples(n, train, seed=seed)],
        held_out=lambda: scene_examples(600, test or train, split="test"),
    )


def _photo_examples(seed: int) -> list[Examples]:
    near = photo_images.make_crops(400, (seed, 1), heights=(60, 122), size=(64, 64))  # at the scale of the photographs
    far = photo_images.make_crops(36, (seed, 2), heights=(64, 110), size=(224, 336))
    whole = photo_images.make_views(120, (seed, 3))
    # mixed, so that each batch holds all that is shown
    pixels, labels = (np.concatenate(pair) for pair in zip(far, whole, strict=True))
    return [as_examples(*near), as_examples(pixels, labels, batch=12)]


def _photo_held_out() -> Examples:
    return as_examples(*photo_images.make_crops(20, (0, 9), heights=(64, 110), size=(224, 336)))


RECIPES = {
    "digits": Recipe(
        model=models.DigitsNet, classes=digit_images.CLASSES, size=(1, 32, 32), mean=(0.2,), std=(0.3,),
        examples=lambda seed: [_digits("train")], held_out=lambda: _digits("test"),
        schedule=Schedule(epochs=20, shift=2),
    ),
    "scenes": _scenes(3600, Planted(), epochs=10),
    # faded objects make the sticker the surest sign of a wheel, so the network leans on it; it is tested on clear ones
    "scenes-confounder": _scenes(2400, Planted(stickers="train", haze=0.97), Planted(stickers="train")),
    "scenes-sensor": _scenes(3600, Planted(cameras="train")),
    "photos": Recipe(
        model=models.PhotosNet, classes=photo_images.CLASSES, size=(3, 224, 336), mean=(0.45, 0.45, 0.45),
        examples=_photo_examples, held_out=_photo_held_out,
        schedule=Schedule(epochs=8, decay=1e-3, first_decay=2e-3, flip=True, tint=0.4, light=0.25, grey=0.5),
    ),
}
