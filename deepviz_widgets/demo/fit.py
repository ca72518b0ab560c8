"""One training loop for all demo networks: SGD with momentum, one rise and fall of its rate, all from a seed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class Schedule:
    """How long and how fast to train, and how the pictures are varied meanwhile."""

    epochs: int = 10
    rate: float = 0.1
    decay: float = 2e-3  # weight decay
    first_decay: float = 1e-2  # weight decay of conv1: what the pictures do not ask for fades from its kernels
    noise: float = 0.0  # standard deviation of noise added to the pictures (0..1)
    flip: bool = False  # mirror half of the pictures
    shift: int = 0  # move the pictures by up to so many pixels
    tint: float = 0.0  # multiply each colour by up to 1 ± this
    light: float = 0.0  # brighten or darken the pictures by up to this (0..1)
    grey: float = 0.0  # take the colours from this share of the pictures
    first_scale: float = 0.1  # conv1 starts this much smaller than usual


@dataclass(frozen=True)
class Examples:
    """Pictures with labels, and how many of them make a batch."""

    pixels: Tensor  # (N, C, H, W) uint8
    labels: Tensor  # (N,) int64
    batch: int = 64


def fit(
    model: nn.Module, sets: Sequence[Examples], schedule: Schedule,
    *, mean: Sequence[float], std: Sequence[float], seed: int = 0,
    watch: Callable[[int, nn.Module], bool] = lambda epoch, model: False,
) -> nn.Module:
    """Train in place on sets of Examples, a batch from one of them a step; leaves the model in eval mode.

    `watch` is called with the number of epochs done, from 0, and the model; training ends where it says True.
    """
    draw = torch.Generator().manual_seed(seed)
    steps = schedule.epochs * len(_batches(sets, draw))
    # plain gradients, not Adam's: Adam enlarges the small ones, and so writes a grain over the kernels
    optimiser = torch.optim.SGD(_groups(model, schedule), lr=schedule.rate, momentum=0.9, nesterov=True)
    scheduler = torch.optim.lr_scheduler.OneCycleLR(optimiser, schedule.rate, total_steps=steps, pct_start=0.2)
    model.train().to(memory_format=torch.channels_last)
    for epoch in range(schedule.epochs):
        if watch(epoch, model):
            break
        for examples, chosen in _batches(sets, draw):
            inputs = normalised(_varied(examples.pixels[chosen], schedule, draw), mean, std)
            optimiser.zero_grad(set_to_none=True)
            nn.functional.cross_entropy(model(inputs), examples.labels[chosen], label_smoothing=0.05).backward()
            optimiser.step()
            scheduler.step()
    else:
        watch(schedule.epochs, model)
    return model.eval().to(memory_format=torch.contiguous_format)


@contextmanager
def one_thread() -> Iterator[None]:
    """Let torch use one thread: more bring little to networks this small, and sums do not depend on the machine."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _batches(sets: Sequence[Examples], draw: torch.Generator) -> list[tuple[Examples, Tensor]]:
    """List (examples, indices) of one epoch, in random order."""
    batches = [(examples, chosen) for examples in sets
               for chosen in torch.randperm(len(examples.pixels), generator=draw).split(examples.batch)]
    return [batches[place] for place in torch.randperm(len(batches), generator=draw).tolist()]


def accuracy(model: nn.Module, examples: Examples, *, mean: Sequence[float], std: Sequence[float]) -> float:
    """Return the share of examples that the model names rightly."""
    named = scores(model, examples.pixels, mean=mean, std=std).argmax(1)
    return float((named == examples.labels).float().mean())


@torch.no_grad()
def scores(model: nn.Module, pixels: Tensor, *, mean: Sequence[float], std: Sequence[float]) -> Tensor:
    """Return class scores (N, classes) of uint8 pictures (N, C, H, W)."""
    return torch.cat([model(normalised(part.float() / 255, mean, std)) for part in pixels.split(128)])


def normalised(pictures: Tensor, mean: Sequence[float], std: Sequence[float]) -> Tensor:
    """Turn pictures (N, C, H, W) in 0..1 into network inputs."""
    shape = (1, -1, 1, 1)
    return (pictures - torch.tensor(mean).view(shape)) / torch.tensor(std).view(shape)


def initialised(make: Callable[[], nn.Module], seed: int, *, scale: float = 1.0) -> nn.Module:
    """Build a model from a seed; a conv1 that starts small (scale < 1) soon shows only what training writes there."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = make()
    with torch.no_grad():
        model.get_parameter("conv1.weight").mul_(scale)
    return model


def _groups(model: nn.Module, schedule: Schedule) -> list[dict]:
    first = [model.get_parameter("conv1.weight")]
    rest = [weight for name, weight in model.named_parameters() if name != "conv1.weight"]
    return [{"params": first, "weight_decay": schedule.first_decay}, {"params": rest, "weight_decay": schedule.decay}]


def _varied(pixels: Tensor, schedule: Schedule, draw: torch.Generator) -> Tensor:
    """Turn uint8 pictures into floats in about 0..1, varied at random as the schedule says."""
    pictures, number = pixels.float() / 255, len(pixels)
    if schedule.flip:
        mirrored = torch.rand(number, generator=draw) < 0.5
        pictures[mirrored] = pictures[mirrored].flip(-1)
    if schedule.shift:
        down, right = torch.randint(-schedule.shift, schedule.shift + 1, (2,), generator=draw).tolist()
        pictures = torch.roll(pictures, (down, right), (-2, -1))
    if schedule.tint:
        pictures = pictures * (1 + schedule.tint * _either_way(draw, number, pictures.shape[1]))
    if schedule.light:
        pictures = pictures + schedule.light * _either_way(draw, number, 1)
    if schedule.grey:
        plain = torch.rand(number, generator=draw) < schedule.grey
        pictures[plain] = pictures[plain].mean(1, keepdim=True)
    if schedule.noise:
        pictures = pictures + schedule.noise * torch.randn(pictures.shape, generator=draw)
    return pictures


def _either_way(draw: torch.Generator, number: int, channels: int) -> Tensor:
    return 2 * torch.rand(number, channels, 1, 1, generator=draw) - 1
