"""Networks whose occlusion maps are known by construction."""

from __future__ import annotations

import torch
from torch import nn

import deepviz_widgets as dv


class ReadsOnePixel(nn.Module):
    """Two classes: the first channel at one pixel, and 0."""

    def __init__(self, row: int, column: int):
        super().__init__()
        self.at, self.last = (row, column), nn.Identity()

    def forward(self, x):
        value = x[:, 0, self.at[0], self.at[1]]
        return self.last(torch.stack([value, torch.zeros_like(value)], 1))


class ReadsTheMean(nn.Module):
    """Three classes: the mean of everything, its double, and 0."""

    def __init__(self):
        super().__init__()
        self.last = nn.Identity()

    def forward(self, x):
        mean = x.mean((1, 2, 3))
        return self.last(torch.stack([mean, 2 * mean, torch.zeros_like(mean)], 1))


class SaysTheSame(nn.Module):
    """Three classes whose scores no image changes."""

    def __init__(self):
        super().__init__()
        self.last = nn.Identity()

    def forward(self, x):
        return self.last(torch.tensor([1.0, 2.0, 0.0]).repeat(len(x), 1))


class Normalise:
    """A transform that names its mean and standard deviation, for arrays with any number of channels."""

    def __init__(self, mean, std):
        self.mean, self.std = mean, std

    def __call__(self, image):
        values = dv.Network(SaysTheSame(), input_size=(len(self.mean), 8, 8)).input(image)
        mean, std = (torch.tensor(numbers).view(-1, 1, 1) for numbers in (self.mean, self.std))
        return (values - mean) / std


def counting(net: dv.Network, monkeypatch) -> list[int]:
    """Count the positions that reach the engine."""
    from deepviz_widgets.methods.occlusion import run

    seen: list[int] = []
    original = run.Occlusion._begun

    def begun(self, part, positions):
        seen.append(len(positions))
        return original(self, part, positions)

    monkeypatch.setattr(run.Occlusion, "_begun", begun)
    return seen
