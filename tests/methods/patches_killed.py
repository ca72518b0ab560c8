"""A scan in a process of its own that is killed: after so many bytes it has written, or from outside."""

from __future__ import annotations

import io
import multiprocessing
import os
import signal
from pathlib import Path
from typing import Any

from patches_scans import network, pictures

from deepviz_widgets.methods.patches import Scan, keeping, scan

COUNT, BATCH = 41, 4
FORKS: Any = multiprocessing.get_context("forkserver")  # torch is imported once for all processes
FORKS.set_forkserver_preload(["deepviz_widgets.methods.patches"])


def begun(folder: str | Path | None = None) -> Scan:
    """A scan of all layers, with several places of an image, that goes on from its shards."""
    return scan(network(), pictures(COUNT), "all", k=3, per_image=2, batch_size=BATCH, shards=folder)


def start(folder: Path, after: int | None = None) -> Any:
    """Scan in another process, which kills itself once it has written so many bytes."""
    process = FORKS.Process(target=_run, args=(str(folder), after))
    process.start()
    return process


def _run(folder: str, after: int | None) -> None:
    keeping._SHARE = 1e9  # a shard after every batch
    if after is not None:
        _dies_after(after)
    begun(folder).finish()


def _dies_after(number: int) -> None:
    """Kill this process, with no chance to clean up, in the middle of the file that it is writing then."""
    left = [number]

    class Mortal(io.FileIO):
        def write(self, some: Any) -> int:
            some = bytes(some)
            if len(some) >= left[0]:
                super().write(some[: left[0]])
                os.fsync(self.fileno())
                os.kill(os.getpid(), signal.SIGKILL)
            left[0] -= len(some)
            return super().write(some)

    usual = Path.open
    Path.open = lambda path, mode="r", *rest: Mortal(path, "wb") if mode == "wb" else usual(path, mode, *rest)
