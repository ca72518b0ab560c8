"""Memory that is used again: memory fresh from the system takes a page fault for every few kilobytes."""

from __future__ import annotations

import math

import torch
from torch import Tensor


class Workspace:
    """Buffers by name, each as large as it was ever asked for; what is in one lasts until it is taken again."""

    def __init__(self) -> None:
        self._buffers: dict[tuple[str, torch.dtype, torch.device], Tensor] = {}

    def take(self, name: str, shape: tuple[int, ...], like: Tensor) -> Tensor:
        """Return memory of a shape, of the kind of another tensor; its content is arbitrary."""
        key, needed = (name, like.dtype, like.device), math.prod(shape)
        held = self._buffers.get(key)
        if held is None or held.numel() < needed:
            self._buffers.pop(key, None)
            held = self._buffers[key] = torch.empty(needed, dtype=like.dtype, device=like.device)
        return held[:needed].view(shape)

    @property
    def bytes(self) -> int:
        """Memory of all buffers."""
        return sum(buffer.nbytes for buffer in self._buffers.values())
