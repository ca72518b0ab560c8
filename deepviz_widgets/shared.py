"""`Sharing`: several views of one image share one forward pass.

A laboratory shows the scores of an image, the maps of a layer and what the layer's kernels read, each from a method of
its own. While somebody shares a network, the last pass of a single image is kept: the scores, and what the shared
layers read and answered. The same input is then answered from there, to a plain pass and to a capture alike.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from .layers import first_tensor
from .scores import scores_in

if TYPE_CHECKING:
    from .network import Network

_KEPT = 2  # passes: going back and forth between two images costs nothing


class AllSeen(BaseException):
    """Leaves a forward pass early; not an Exception, so that no `except Exception` in a model swallows it."""


@dataclass(eq=False)
class Tap:
    """What one capture wants of a pass."""

    names: list[str]
    of: str
    keep: Callable[[Tensor], Any]
    stop: bool
    seen: dict[str, list[Any]]
    thread: int = field(default_factory=threading.get_ident)


@dataclass(frozen=True)
class _Pass:
    """One pass of one image; `read` and `answered` hold a tensor per call of a shared layer."""

    key: Hashable
    batch: Tensor
    scores: Tensor
    read: dict[str, list[Tensor]]
    answered: dict[str, list[Tensor]]


class Sharing:
    """Keep the last passes of single images through a network, for as long as somebody shares it.

    Parameters
    ----------
    net : Network
    """

    def __init__(self, net: Network):
        self._net = net
        self._owners: dict[int, frozenset[str]] = {}
        self._passes: list[_Pass] = []
        self.taps: list[Tap] = []
        self.recording = False

    def share(self, owner: object, layers: Iterable[str] | None) -> None:
        """Share the pass and some layers with whoever asks; None ends it for this owner."""
        with self._net.lock:
            before = self._layers
            if layers is None:
                self._owners.pop(id(owner), None)
            else:
                self._owners[id(owner)] = frozenset(layers)
            if self._layers != before or not self._owners:
                self._passes = []

    @property
    def _layers(self) -> frozenset[str]:
        return frozenset().union(*self._owners.values())

    def answer(self, batch: Tensor) -> Tensor | None:
        """Return the scores of a batch that is shared, None for one that is to be run; may end a capture."""
        if not self._owners or self.recording or batch.shape[0] != 1:
            return None
        taps = [tap for tap in self.taps if tap.thread == threading.get_ident()]
        needed = {name for tap in taps for name in tap.names}
        key = self._key()
        if key is None or not needed <= self._layers:
            return None
        found = next((one for one in self._passes if one.key == key and _same(one.batch, batch)), None)
        found = found or self._run(batch, key)
        for tap in taps:
            _fill(tap, found)
        if any(tap.stop for tap in taps):
            raise AllSeen
        return found.scores.clone()

    def _run(self, batch: Tensor, key: Hashable) -> _Pass:
        """Run the whole model and keep what it read and answered on the way."""
        read: dict[str, list[Tensor]] = {name: [] for name in self._layers}
        answered: dict[str, list[Tensor]] = {name: [] for name in self._layers}
        handles = [self._net.module(name).register_forward_hook(_keeper(name, read, answered), with_kwargs=True)
                   for name in read]
        self.recording = True
        try:
            scores = scores_in(self._net.model(batch)).detach().clone()
        finally:
            self.recording = False
            for handle in handles:
                handle.remove()
        found = _Pass(key, batch.clone(), scores, read, answered)
        self._passes = [found, *self._passes][:_KEPT]
        return found

    def _key(self) -> Hashable:
        """Return what the answers depend on beside the input; None where that cannot be told."""
        model, switched = self._net.model, self._net.altered
        try:
            versions = tuple((tensor.data_ptr(), tensor._version) for tensor in (*model.parameters(), *model.buffers()))
        except RuntimeError:  # tensors made in inference mode count no versions
            return None
        return versions, switched


def _keeper(name: str, read: dict[str, list[Tensor]], answered: dict[str, list[Tensor]]) -> Callable[..., None]:
    thread = threading.get_ident()

    def hook(_module: nn.Module, args: Any, keywords: dict[str, Any], output: Any) -> None:
        if threading.get_ident() != thread:
            return
        for into, value in ((read, (*args, *keywords.values())), (answered, output)):
            tensor = first_tensor(value)
            if tensor is not None:
                into[name].append(tensor.detach().clone())
    return hook


def _fill(tap: Tap, found: _Pass) -> None:
    kept = found.answered if tap.of == "output" else found.read
    for name in tap.names:
        tap.seen[name].extend(tap.keep(tensor) for tensor in kept[name])


def _same(a: Tensor, b: Tensor) -> bool:
    return a.shape == b.shape and bool(torch.equal(a, b))
