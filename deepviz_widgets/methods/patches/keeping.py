"""What a scan says of itself, and how its state is kept in shards."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torchvision

from ...network import Network
from .answers import Rows
from .batches import Batches
from .progress import Progress, restored, stored
from .shards import Shards
from .streaming import Rules

__all__ = ["Keeper", "about", "settings"]

_SHARE = 0.02  # of the time may go into writing


class Keeper:
    """Keeps the state of a scan now and then, so often that writing takes little of the time."""

    def __init__(self, folder: str | Path, of: dict[str, Any]):
        self._shards = Shards(folder, of)
        self._due, self._kept = 0.0, -1

    def last(self, device: torch.device) -> Progress | None:
        """Return the progress of an earlier scan with the same settings."""
        shard = self._shards.last
        if shard is None:
            return None
        self._kept = shard.done
        return restored(shard.state, shard.about, device)

    def keep(self, progress: Progress, *, last: bool) -> None:
        """Write the progress if it is time, or the last."""
        now = time.perf_counter()
        if progress.done == self._kept or (now < self._due and not last):
            return
        self._shards.write(progress.done, *stored(progress))
        self._kept = progress.done
        self._due = time.perf_counter() + (time.perf_counter() - now) / _SHARE

    def close(self, progress: Progress) -> None:
        """Write the progress and let others use the folder."""
        try:
            self.keep(progress, last=progress.done > 0)
        finally:
            self._shards.close()


def about(net: Network, weights: str) -> dict[str, Any]:
    """Say what was scanned and with what."""
    versions = {"torch": torch.__version__, "torchvision": torchvision.__version__, "numpy": np.__version__}
    return {
        "network": net.name, "weights": weights, "input_size": tuple(net.input_size),
        "preprocessing": _preprocessing(net), "versions": versions,
    }


def _preprocessing(net: Network) -> str:
    if net.transform is None:
        return "values from 0 to 1"
    if net.normalisation is None:
        return "as the network's transform gives them"
    mean, std = ([round(value, 6) for value in values.tolist()] for values in net.normalisation)
    return f"as the network's transform gives them, normalised with mean {mean} and standard deviation {std}"


def settings(
    net: Network, batches: Batches, tables: Sequence[Rows], rules: Rules, weights: str
) -> dict[str, Any]:
    """List all that a scan's result depends on."""
    images = hashlib.sha256()
    for image, name in zip(batches.ids, batches.images.names, strict=True):
        images.update(f"{image}\0{name}\0".encode())
    return {
        "network": net.name, "weights": weights, "preprocessing": _preprocessing(net), "input": list(net.input_size),
        "k": rules.k, "per_image": rules.per_image, "order": rules.order, "overlap": rules.overlap,
        "batch_size": batches.size, "number of images": batches.total, "images": images.hexdigest(),
        "layers": [list(rows.key) for rows in tables], "directions": [_hash(rows) for rows in tables],
    }


def _hash(rows: Rows) -> str:
    vectors = b"" if rows.vectors is None else rows.vectors.numpy().tobytes()
    return hashlib.sha256("\0".join(rows.names).encode() + vectors).hexdigest()
