"""The plain loop: whole images through the whole network, on a private copy, with the batch that runs fastest."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial

import torch
from torch import Tensor, nn

from ...network import Network
from ...scores import scores_in
from .features import Reader
from .tuner import Tuner
from .workers import Pausing

Answer = tuple[Tensor, dict[str, Tensor]]  # raw scores (P, classes) and, per layer, summed activations (P,)


def painted(x: Tensor, filled: Tensor, boxes: list[tuple[int, int, int, int]]) -> Tensor:
    """Return the image (C, H, W) once per box, with the fill inside the box."""
    batch = x.repeat(len(boxes), 1, 1, 1)
    for image, (top, left, bottom, right) in zip(batch, boxes, strict=True):
        image[:, top:bottom, left:right] = filled[:, top:bottom, left:right]
    return batch


def masked(x: Tensor, filled: Tensor, masks: Tensor) -> Tensor:
    """Return the image (C, H, W) once per mask (P, H, W), with the fill where the mask is true."""
    return torch.where(masks[:, None], filled, x)


def looped(
    count: int, batch_of: Callable[[int, int], Tensor], run: Callable[[Tensor], Pausing[Answer]], tuner: Tuner
) -> Pausing[Answer]:
    """Run `count` images in batches; `batch_of(start, stop)` makes them, `run` scores them."""
    answers: list[Answer] = []
    done = 0
    while done < count:
        size, answer = yield from tuner.run(tuner.next(count - done), partial(_some, batch_of, run, done))
        answers.append(answer)
        done += size
    return joined(answers)


def _some(
    batch_of: Callable[[int, int], Tensor], run: Callable[[Tensor], Pausing[Answer]], start: int, size: int
) -> Pausing[Answer]:
    return run(batch_of(start, start + size))


def joined(answers: list[Answer]) -> Answer:
    """Put the answers of several batches one after the other."""
    return torch.cat([raw for raw, _ in answers]), {
        name: torch.cat([sums[name] for _, sums in answers]) for name in answers[0][1]
    }


class Plain:
    """Scores batches with a module: a private copy of the network where there is one, else the network itself."""

    def __init__(self, net: Network, copy: nn.Module | None, readers: Mapping[str, Reader]):
        self.net, self.model, self.readers = net, copy, readers
        self.layout = torch.contiguous_format

    def __call__(self, batch: Tensor) -> Answer:
        """Return the raw scores (P, classes) of a batch and the sums of the layers' maps."""
        with self.net.running(), _last_outputs(self._modules()) as seen:
            if self.model is None:
                raw = self.net.forward(batch)
            else:
                batch = batch.to(self.net.device, self.net.dtype)
                raw = scores_in(self.model(batch.contiguous(memory_format=self.layout)))
            return raw, {name: reader.sums(seen[name]) for name, reader in self.readers.items()}

    def scores(self, batch: Tensor) -> Pausing[Answer]:
        """Return what a call does; it cannot pause within one."""
        yield
        return self(batch)

    @property
    def bytes(self) -> int:
        """Memory of the copied weights."""
        return 0 if self.model is None else sum(
            tensor.nbytes for tensor in (*self.model.parameters(), *self.model.buffers()))

    def _modules(self) -> dict[str, nn.Module]:
        if self.model is None:
            return {name: self.net.module(name) for name in self.readers}
        named = dict(self.model.named_modules())
        return {name: named.get(name, self.model) for name in self.readers}  # "model" is the whole of it

    def settle(self, batch: Tensor) -> None:
        """Keep channels last in memory if that is faster for this batch; only ever on the private copy."""
        if self.model is None or not any(isinstance(module, nn.Conv2d) for module in self.model.modules()):
            return
        try:
            usual = _seconds(lambda: self(batch))
            self._lay_out(torch.channels_last)
            if _seconds(lambda: self(batch)) < usual:
                return
        except RuntimeError:  # a view that only works when channels come first
            pass
        self._lay_out(torch.contiguous_format)

    def _lay_out(self, layout: torch.memory_format) -> None:
        assert self.model is not None
        self.layout = layout
        self.model.to(memory_format=layout)


def _seconds(run: Callable[[], object]) -> float:
    run()  # sets up the kernels of this shape
    times = []
    for _ in range(2):
        began = time.perf_counter()
        run()
        times.append(time.perf_counter() - began)
    return min(times)


@contextmanager
def _last_outputs(modules: Mapping[str, nn.Module]) -> Iterator[dict[str, Tensor]]:
    """Record what modules answer; an in-place layer after them would overwrite it, so it is copied."""
    seen: dict[str, Tensor] = {}

    def keeper(name: str) -> Callable[..., None]:
        def hook(_module: nn.Module, _inputs: object, output: object) -> None:
            seen[name] = scores_in(output).detach().clone()
        return hook

    handles = [module.register_forward_hook(keeper(name)) for name, module in modules.items()]
    try:
        yield seen
    finally:
        for handle in handles:
            handle.remove()
