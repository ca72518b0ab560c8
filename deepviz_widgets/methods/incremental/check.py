"""Whether an engine gives what the network itself gives: asked on first use, with positions chosen at random."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from ...network import Network
from ...scores import NetworkError
from .dense import painted

TOLERANCE = 1e-4  # of the largest score
_POSITIONS = 3


def difference(found: Tensor, wanted: Tensor) -> float:
    """Return the largest difference of scores, relative to the largest score; infinite where only one is finite."""
    if found.shape != wanted.shape or not torch.equal(found.isfinite(), wanted.isfinite()):
        return math.inf
    finite = wanted.isfinite()
    if not bool(finite.any()):
        return 0.0
    found, wanted = found[finite].double(), wanted[finite].double()
    return float((found - wanted).abs().max() / wanted.abs().max().clamp_min(1e-30))


def random_boxes(height: int, width: int) -> list[tuple[int, int, int, int]]:
    """Choose boxes of about a seventh of the image, one of them at its end."""
    generator = torch.Generator().manual_seed(0)
    high, wide = max(1, height // 7), max(1, width // 7)
    found = [(height - high, width - wide, height, width)]
    while len(found) < _POSITIONS:
        top = int(torch.randint(height - high + 1, (), generator=generator))
        left = int(torch.randint(width - wide + 1, (), generator=generator))
        found.append((top, left, top + high, left + wide))
    return found


def truth(net: Network, x: Tensor, filled: Tensor, boxes: Sequence[tuple[int, int, int, int]]) -> Tensor:
    """Score the clean image and boxes with the network itself, in one batch, (1 + P, classes)."""
    return net.forward(torch.cat([x[None], painted(x, filled, list(boxes))]))


def refuse_random(net: Network, x: Tensor, clean: Tensor) -> None:
    """Refuse a network whose scores differ from pass to pass.

    Raises
    ------
    NetworkError
        If the same image gets other scores.
    """
    if difference(net.forward(x[None])[0], clean) > TOLERANCE:
        raise NetworkError(
            "The network gives the same image other scores in every pass, so no score can be laid to what is hidden; "
            "take out what draws random numbers in evaluation mode, such as a dropout called with training=True."
        )


def agrees(run: Callable[[list[tuple[int, int, int, int]]], Tensor], wanted: Tensor,
           boxes: list[tuple[int, int, int, int]]) -> float:
    """Return how far an engine is off on some boxes; an engine that fails is infinitely far off."""
    try:
        return difference(run(boxes), wanted)
    except (RuntimeError, TypeError, ValueError, IndexError, KeyError, AttributeError, AssertionError):
        return math.inf
