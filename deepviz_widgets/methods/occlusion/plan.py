"""What a map will cost, before it is begun."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from ...network import Network
from ...words import plural
from .run import occlusion

_ROUNDS = 2  # timed; the first pass of a shape sets up its kernels
_BLOCK = 3  # positions a side that are timed together


@dataclass(frozen=True)
class Forecast:
    """The cost of a map.

    Attributes
    ----------
    positions : int
        Where the patch stands.
    forwards : int
        Passes through the network, or what stands for them: positions that change something, and the image itself.
    seconds : float
        About how long they take on this machine.
    memory_bytes : int
        Of the scores that are kept, and of the engine while it runs: copied weights, clean maps, what is computed at
        once.
    how : {"incremental", "dense"}
        Which engine.
    """

    positions: int
    forwards: int
    seconds: float
    memory_bytes: int
    how: str

    def __str__(self) -> str:
        rest = self.positions - self.forwards + 1
        free = f", {plural(rest, 'position')} for nothing" if rest else ""
        time_ = f"{self.seconds:.2g} s" if self.seconds < 90 else f"{self.seconds / 60:.2g} min"
        return (
            f"{plural(self.positions, 'position')}: {plural(self.forwards, 'forward pass')}{free}, about {time_} "
            f"and {self.memory_bytes / 2**20:.1f} MiB ({self.how})"
        )


def forecast(net: Network, image: Any, **options: Any) -> Forecast:
    """Say what a map will cost, from a few timed positions.

    Parameters
    ----------
    net, image, options
        As for `occlusion`.

    Raises
    ------
    ValueError, NetworkError
        As `occlusion`.

    Examples
    --------
    >>> import deepviz_widgets as dv
    >>> from deepviz_widgets.methods.occlusion import forecast
    >>> net, images = dv.demo.scenes(n=6)
    >>> cost = forecast(net, images[0], patch=16, stride=8)
    >>> cost.positions, cost.forwards
    (49, 50)
    """
    run = occlusion(net, image, **options)
    pending, positions = run.pending, sum(map(len, run.lattices))
    times = []
    for _ in range(_ROUNDS if pending else 0):
        began = time.perf_counter()
        timed = len(run.sample(_BLOCK))
        times.append((time.perf_counter() - began) / timed)
    return Forecast(positions, pending + 1, pending * min(times, default=0.0), run.bytes_kept + run.bytes_held, run.how)
