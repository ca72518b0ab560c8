"""A scan in miniature that can be killed: adds up numbers, keeps the best, and writes a shard after every batch.

    python patches_shards_counter.py FOLDER TOTAL [BYTES]

With BYTES it kills itself as soon as it has written so many bytes in all, in the middle of a shard.
"""

from __future__ import annotations

import io
import os
import signal
import sys
from pathlib import Path

import numpy as np

from deepviz_widgets.methods.patches.shards import Shards

BATCH = 4


def run(folder: str, total: int) -> dict[str, np.ndarray]:
    with Shards(folder, {"total": total}) as kept:
        last = kept.last
        done = last.done if last else 0
        state = last.state if last else {"sum": np.zeros(2000), "best": np.full(500, -np.inf, np.float32)}
        for start in range(done, total, BATCH):
            for image in range(start, min(start + BATCH, total)):
                numbers = np.random.default_rng(image).normal(size=2000)
                state["sum"] = state["sum"] + numbers / 3
                state["best"] = np.sort(np.concatenate([state["best"], numbers[:500].astype(np.float32)]))[-500:]
            kept.write(min(start + BATCH, total), state, {"next": start + BATCH})
            sys.stdout.write(f"{start}\n")
            sys.stdout.flush()
        return state


def dying(number: int) -> None:
    """Kill this process, with no chance to clean up, once so many bytes were written to files."""
    left = [number]

    class Mortal(io.FileIO):
        def write(self, some):
            some = bytes(some)
            if len(some) >= left[0]:
                super().write(some[: left[0]])
                os.fsync(self.fileno())
                os.kill(os.getpid(), signal.SIGKILL)
            left[0] -= len(some)
            return super().write(some)

    usual = Path.open
    Path.open = lambda path, mode="r", *rest: Mortal(path, "wb") if mode == "wb" else usual(path, mode, *rest)


if __name__ == "__main__":
    if len(sys.argv) > 3:
        dying(int(sys.argv[3]))
    run(sys.argv[1], int(sys.argv[2]))
