"""What a run of many positions will cost, told before it starts from a few timed ones."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ...network import Network
from .evaluator import Evaluator, evaluator

_SIDE = 4  # positions a side of the block that is timed


@dataclass(frozen=True)
class Forecast:
    """What scoring an image at many positions will take.

    Attributes
    ----------
    forwards : int
        Passes of the network, counting one for each position.
    seconds : float
    memory_bytes : int
        Of copied weights, clean maps, the largest block of positions, and all scores.
    how : {"incremental", "dense"}
    """

    forwards: int
    seconds: float
    memory_bytes: int
    how: str


def forecast(
    net: Network, x: Tensor, positions: int, *, patch: Sequence[int] | None = None, layers: Sequence[str] = ()
) -> Forecast:
    """Estimate what scoring an image at many positions will take, from two timed blocks of them.

    Parameters
    ----------
    net : Network
    x : Tensor (C, H, W)
        The network input, preprocessed.
    positions : int
        How many.
    patch : (int, int), optional
        Height and width of the hidden box in pixels; a seventh of the image by default.
    layers : sequence of str
        Layers whose strongest map is followed as well.

    Raises
    ------
    ValueError
        For fewer than no positions.

    Examples
    --------
    >>> import deepviz_widgets as dv
    >>> net, images = dv.demo.digits()
    >>> cost = forecast(net, net.input(images[0]), 49)
    >>> cost.forwards, cost.seconds > 0
    (49, True)
    """
    if positions < 0:
        raise ValueError(f"The number of positions is 0 or more; this is {positions}.")
    height, width = x.shape[1:]
    high, wide = patch or (max(1, height // 7), max(1, width // 7))
    hide = evaluator(net, x, torch.zeros_like(x), layers=layers)
    rows, columns = (np.linspace(0, max(0, side - part), _SIDE).astype(int)
                     for side, part in ((height, high), (width, wide)))
    boxes = np.array([(y, x_, y + high, x_ + wide) for y in rows for x_ in columns])
    hide.run(boxes)  # sets up what the first block needs
    began = time.perf_counter()
    hide.run(boxes)
    seconds = (time.perf_counter() - began) / len(boxes) * positions
    return Forecast(positions, seconds, _memory(net, hide, positions), hide.how)


def _memory(net: Network, hide: Evaluator, positions: int) -> int:
    weights = sum(tensor.nbytes for tensor in (*net.model.parameters(), *net.model.buffers()))
    return weights + hide.held_bytes + positions * hide.clean.nbytes
