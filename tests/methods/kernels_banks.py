"""Banks of kernels whose kind is known: trained ones that are stored, drawn ones, random ones, and planted faults."""

from __future__ import annotations

import functools
from pathlib import Path

import numpy as np
import torch
from torch import nn

STORE = Path(__file__).parent / "trained" / "first_layers.npz"
SEEDS = (1, 2, 3, 4, 5)
HEALTHY = ("digits", "scenes")


@functools.cache
def stored():
    with np.load(STORE) as arrays:
        return {key: arrays[key] for key in arrays.files}


def trained(name, seed):
    """conv1 of a trained network, (out, in, h, w) float32."""
    return stored()[f"{name}/{seed}/conv"].astype(np.float32)


class FirstLayer(nn.Module):
    """conv1, bn1 and relu1 of a stored network, and something that makes scores of them."""

    def __init__(self, weights, stride=2):
        super().__init__()
        out, planes, side, _ = weights.shape
        self.conv1 = nn.Conv2d(planes, out, side, stride=stride, padding=side // 2, bias=False)
        self.bn1 = nn.BatchNorm2d(out)
        self.relu1 = nn.ReLU()
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten()
        self.fc = nn.Linear(out, 6)
        self.conv1.weight.data = torch.from_numpy(weights)

    def forward(self, x):
        return self.fc(self.flatten(self.pool(self.relu1(self.bn1(self.conv1(x))))))


def first_layer(name, seed):
    model = FirstLayer(trained(name, seed), stride=1 if name == "digits" else 2)
    for part in ("weight", "bias", "running_mean", "running_var"):
        getattr(model.bn1, part).data = torch.from_numpy(stored()[f"{name}/{seed}/{part}"])
    return model.eval()


# ---------------------------------------------------------------- drawn kernels


def grid(side):
    at = np.arange(side) - (side - 1) / 2
    return np.meshgrid(at, at, indexing="ij")


def coloured(planes, count, rng):
    """Draw a colour for each kernel, as trained kernels have: one sign, some planes stronger."""
    return rng.uniform(0.5, 1, (count, planes, 1, 1))


def gabors(side, planes=3, count=32, wavelength=4.0, rng=None):
    rng = rng or np.random.default_rng(0)
    y, x = grid(side)
    found = []
    for k in range(count):
        angle, phase = np.pi * k / count, rng.uniform(0, 2 * np.pi)
        along = x * np.cos(angle) + y * np.sin(angle)
        envelope = np.exp(-(x**2 + y**2) / (2 * (side / 4) ** 2))
        found.append(envelope * np.cos(2 * np.pi * along / wavelength + phase))
    return np.stack(found)[:, None] * coloured(planes, count, rng)


def dogs(side, planes=3, count=16, rng=None):
    """Differences of Gaussians, at places near the middle."""
    rng = rng or np.random.default_rng(0)
    y, x = grid(side)
    found = []
    for _ in range(count):
        radius = (y - rng.uniform(-1, 1)) ** 2 + (x - rng.uniform(-1, 1)) ** 2
        small = side / 7 * rng.uniform(0.8, 1.2)
        found.append(np.exp(-radius / (2 * small**2)) - 0.4 * np.exp(-radius / (2 * (1.6 * small) ** 2)))
    return np.stack(found)[:, None] * coloured(planes, count, rng)


def blobs(side, planes=3, count=16, rng=None):
    """Soft blobs, each plane with a sign of its own."""
    rng = rng or np.random.default_rng(0)
    y, x = grid(side)
    centre = rng.uniform(-side / 5, side / 5, (count, 2))
    shape = np.stack([np.exp(-((y - a) ** 2 + (x - b) ** 2) / (2 * (side / 3.5) ** 2)) for a, b in centre])
    return shape[:, None] * rng.choice([-1, 1], (count, planes, 1, 1)) * coloured(planes, count, rng)


def gratings(side, planes=3, count=16, wavelength=2.3, rng=None):
    rng = rng or np.random.default_rng(0)
    y, x = grid(side)
    angles = np.pi * np.arange(count) / count
    waves = [np.cos(2 * np.pi * (x * np.cos(a) + y * np.sin(a)) / wavelength + rng.uniform(0, 6)) for a in angles]
    return np.stack(waves)[:, None] * coloured(planes, count, rng)


def checkerboards(side, planes=3, count=16, rng=None):
    rng = rng or np.random.default_rng(0)
    y, x = np.indices((side, side))
    board = np.stack([(-1.0) ** (y // 1 + x // 1 + k) for k in range(count)])
    return board[:, None] * coloured(planes, count, rng)


def steps(side, planes=3, count=16, rng=None):
    """Edges between two halves."""
    rng = rng or np.random.default_rng(0)
    y, x = grid(side)
    angles = 2 * np.pi * np.arange(count) / count
    edges = [np.sign(x * np.cos(a) + y * np.sin(a) + rng.uniform(-0.5, 0.5)) for a in angles]
    return np.stack(edges)[:, None] * coloured(planes, count, rng)


def dots(side, planes=3, count=9):
    """One pixel each."""
    found = np.zeros((count, planes, side, side))
    for k in range(count):
        found[k, :, side // 2 + k // 3 - 1, side // 2 + k % 3 - 1] = 1
    return found


def with_noise(bank, share, rng):
    """Mix kernels with white noise that holds `share` of their energy."""
    noise = rng.standard_normal(bank.shape)
    size = np.sqrt((bank**2).sum((1, 2, 3), keepdims=True) / (noise**2).sum((1, 2, 3), keepdims=True))
    return (np.sqrt(1 - share) * bank + np.sqrt(share) * size * noise).astype(np.float32)


def smooth(side, planes, count, rng):
    """Smooth random kernels whose sizes spread as those of trained ones."""
    y, x = grid(side)
    blur = np.exp(-(y[..., None, None] - y) ** 2 / 3 - (x[..., None, None] - x) ** 2 / 3)
    kernels = np.einsum("ncij,ijkl->nckl", rng.standard_normal((count, planes, side, side)), blur)
    return (kernels * np.exp(0.5 * rng.standard_normal((count, 1, 1, 1)))).astype(np.float32)


# ---------------------------------------------------------------- random starts


def uniform(weight):
    nn.init.kaiming_uniform_(weight, a=5**0.5)


def normal(weight):
    nn.init.kaiming_normal_(weight)


def truncated(weight):
    nn.init.trunc_normal_(weight, std=0.02)


def orthogonal(weight):
    nn.init.orthogonal_(weight)


STARTS = (uniform, normal, truncated, orthogonal)


def random_start(start, shape, seed):
    weight = torch.empty(shape)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        start(weight)
    return weight.numpy()


# ---------------------------------------------------------------- planted faults


def with_duplicate(weights, rng):
    """Copy one kernel over another, half as large; return the two."""
    source, target = (int(k) for k in rng.choice(len(weights), 2, replace=False))
    planted = weights.copy()
    planted[target] = 0.5 * weights[source]
    return planted, {source, target}


def pruned(weights, rng):
    """Set one kernel to 0."""
    planted, target = weights.copy(), int(rng.integers(len(weights)))
    planted[target] = 0
    return planted, {target}


def with_giant(weights, rng):
    """Blow one kernel up to 30 times the median size."""
    planted, target = weights.copy(), int(rng.integers(len(weights)))
    size = np.sqrt((weights**2).mean((1, 2, 3)))
    planted[target] *= max(30 * np.median(size), 0.3) / size[target]
    return planted, {target}


def with_nan(weights, rng):
    planted, target = weights.copy(), int(rng.integers(len(weights)))
    planted[target, 0, 1, 1] = np.nan
    return planted, {target}


def with_noisy_kernel(weights, rng):
    """Put random weights in the place of one kernel, as large as it was."""
    planted, target = weights.copy(), int(rng.integers(len(weights)))
    noise = rng.standard_normal(weights[0].shape)
    planted[target] = noise * np.sqrt((weights[target] ** 2).sum() / (noise**2).sum())
    return planted, {target}
