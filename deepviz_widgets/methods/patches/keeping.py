"""How the progress of a scan is kept in shards now and then, and found again."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import torch

from .packing import pack, unpack
from .places import Places
from .progress import Progress
from .shards import Shards
from .streaming import Best

__all__ = ["Keeper"]

_SHARE = 0.02  # of the time may go into writing


class Keeper:
    """Keeps the state of a scan now and then, so often that writing takes little of the time."""

    def __init__(self, folder: str | Path, of: dict[str, Any], begun: Progress):
        self._shards = Shards(folder, of, need=sum(array.nbytes for array in _stored(begun)[0].values()))
        self._due, self._kept = 0.0, -1

    def last(self, device: torch.device) -> Progress | None:
        """Return the progress of an earlier scan with the same settings."""
        shard = self._shards.last
        if shard is None:
            return None
        self._kept = shard.done
        return _restored(shard.state, shard.about, device)

    def keep(self, progress: Progress, *, last: bool) -> None:
        """Write the progress if it is time, or the last."""
        now = time.perf_counter()
        if progress.done == self._kept or (now < self._due and not last):
            return
        self._shards.write(progress.done, *_stored(progress))
        self._kept = progress.done
        self._due = time.perf_counter() + (time.perf_counter() - now) / _SHARE

    def close(self, progress: Progress) -> None:
        """Write the progress and let others use the folder."""
        try:
            self.keep(progress, last=progress.done > 0)
        finally:
            self._shards.close()


_ARRAYS = tuple(one.name for one in fields(Best) if one.name != "latest")


def _stored(progress: Progress) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Write a progress as arrays and what JSON carries."""
    arrays = {name: getattr(progress.best, name).cpu().numpy() for name in _ARRAYS}
    said = {one.name: getattr(progress, one.name) for one in fields(progress) if one.name not in ("best", "bound")}
    said["places"] = {size: {name: vars(one) for name, one in known.items()} for size, known in said["places"].items()}
    said["largest"] = {name: vars(one) for name, one in said["largest"].items()}
    return arrays, {"latest": progress.best.latest, "progress": pack(said)}


def _restored(arrays: Mapping[str, np.ndarray], about: Mapping[str, Any], device: torch.device) -> Progress:
    """Undo `_stored`."""
    best = Best(**{name: torch.from_numpy(arrays[name]).to(device) for name in _ARRAYS}, latest=about["latest"])
    said = unpack(about["progress"])
    said["places"] = {size: {name: Places(**one) for name, one in known.items()}
                      for size, known in said["places"].items()}
    said["largest"] = {name: Places(**one) for name, one in said["largest"].items()}
    return Progress(best, **said)
