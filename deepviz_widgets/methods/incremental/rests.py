"""What is left to do for zones whose maps have all become whole: the deep layers run for many positions at once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

Boxes = list[tuple[int, int, int, int]]


@dataclass(eq=False)
class Rest:
    """Positions on their way through the network.

    Attributes
    ----------
    boxes : list of tuple
        The positions.
    env : dict of Node to value
        What later steps read.
    at : int
        The step that comes next.
    sums : dict of str to Tensor (P,)
        What layers on the way have answered.
    """

    boxes: Boxes
    env: dict[Any, Any]
    at: int = 0
    sums: dict[str, Tensor] = field(default_factory=dict)

    def joins(self, clean: dict[Any, Any]) -> bool:
        """Tell whether other positions may be put behind these: all is whole, with one entry for each position.

        One position is not enough to tell the axis of the positions from another of length one.
        """
        return len(self.boxes) > 1 and all(
            isinstance(value, Tensor) and len(clean[node]) == 1
            and value.shape == (len(self.boxes), *clean[node].shape[1:])
            for node, value in self.env.items()
        )


def joined(rests: list[Rest]) -> Rest:
    """Put positions that wait at the same step one after the other."""
    if len(rests) == 1:
        return rests[0]
    first = rests[0]
    return Rest(
        [box for rest in rests for box in rest.boxes],
        {node: torch.cat([rest.env[node] for rest in rests]) for node in first.env},
        first.at,
        {name: torch.cat([rest.sums[name] for rest in rests]) for name in first.sums},
    )


def positions(rests: Iterable[Rest]) -> int:
    """How many positions wait."""
    return sum(len(rest.boxes) for rest in rests)
