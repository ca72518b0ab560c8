"""What is left to do for positions whose maps have all become whole: the deeper, the more of them run at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from .workers import Pausing

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


def split(rest: Rest, count: int) -> list[Rest]:
    """Take the first `count` positions from the others."""
    if count >= len(rest.boxes):
        return [rest]
    return [
        Rest(rest.boxes[part], {node: value[part] for node, value in rest.env.items()}, rest.at,
             {name: value[part] for name, value in rest.sums.items()})
        for part in (slice(0, count), slice(count, None))
    ]


def positions(rests: Iterable[Rest]) -> int:
    """How many positions wait."""
    return sum(len(rest.boxes) for rest in rests)


class Waiting:
    """Positions that wait at some step until there are as many as run well together.

    `room(step)` says how many that are, `stop(step)` up to which step they go on, `walk(rest, stop)` takes them there
    or, where they cannot be told apart at that step, further, and may pause on the way.
    """

    def __init__(
        self, room: Callable[[int], int], stop: Callable[[int], int], walk: Callable[[Rest, int], Pausing[Rest]]
    ):
        self._room, self._stop, self._walk = room, stop, walk
        self._at: dict[int, list[Rest]] = {}

    def add(self, rest: Rest) -> Pausing[None]:
        """Take positions in; those that are enough by now go on."""
        at = rest.at
        self._at.setdefault(at, []).append(rest)
        while positions(self._at[at]) >= self._room(at) and self._stop(at) > at:
            yield from self._go_on(at)

    def finished(self) -> Pausing[list[Rest]]:
        """Take all to the end, few as they may be."""
        for at in iter(self._first, None):
            yield from self._go_on(at)
        return [rest for rests in self._at.values() for rest in rests]

    def _first(self) -> int | None:
        return min((at for at, rests in self._at.items() if rests and self._stop(at) > at), default=None)

    def _go_on(self, at: int) -> Pausing[None]:
        """Take as many as there is room for to the next step where others may join."""
        group, *left = split(joined(self._at.pop(at)), self._room(at))
        self._at[at] = left
        stop = min([self._stop(at), *(step for step, rests in self._at.items() if rests and step > at)])
        yield from self.add((yield from self._walk(group, stop)))
