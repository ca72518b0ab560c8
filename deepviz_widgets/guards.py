"""What keeps the user's model as it is: unwrapped, not moved, in evaluation mode only while we run it."""

from __future__ import annotations

import copy
import itertools
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import torch
from torch import nn


def unwrapped(model: Any) -> nn.Module:
    """Return the module that the user wrote, without the wrappers around it; refuse what has no layers to see."""
    if isinstance(model, (torch.jit.ScriptModule, torch.jit.ScriptFunction)):
        raise TypeError("A scripted model hides its layers; give the nn.Module that it was scripted or traced from.")
    if isinstance(model, dict):
        raise TypeError("This is a state_dict, not a model; build the model and call model.load_state_dict(...) first.")
    if isinstance(model, str):
        raise TypeError(f"A Network is made from an nn.Module; for torchvision's, Network.pretrained({model!r}).")
    if not isinstance(model, nn.Module):
        raise TypeError(f"A Network is made from an nn.Module; this is a {type(model).__name__}.")
    while True:  # torch.compile and DataParallel wrap a model; inside, it is as the user wrote it
        inner = getattr(model, "_orig_mod", None)
        if inner is None and isinstance(model, (nn.DataParallel, nn.parallel.DistributedDataParallel)):
            inner = model.module
        if not isinstance(inner, nn.Module):
            return model
        model = inner


def device_of(model: nn.Module) -> torch.device:
    """Return where a model's weights are, the CPU for one without any."""
    first = next(itertools.chain(model.parameters(), model.buffers()), None)
    return torch.device("cpu") if first is None else first.device


def placed(model: nn.Module, device: str | torch.device | None) -> nn.Module:
    """Return the model on a device: itself where it is there or none is asked for, else a copy."""
    if device is None:
        return model
    if device_of(model) == torch.empty(0, device=device).device:
        return model
    return copy.deepcopy(model).to(device)  # the user's own stays where it is


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Put every submodule in evaluation mode, and each back to what it was.

    Not through `model.train()`: models override it, and a frozen BatchNorm inside a training model must stay frozen.
    """
    training = [module for module in model.modules() if module.training]
    try:
        for module in training:
            module.training = False
        yield
    finally:
        for module in training:
            module.training = True


def refuse_lazy(model: nn.Module) -> None:
    """Refuse a model whose lazy layers have no weights yet, since running it would change it."""
    from torch.nn.parameter import is_lazy  # noqa: PLC0415

    lazy = [name for name, value in (*model.named_parameters(), *model.named_buffers()) if is_lazy(value)]
    if lazy:
        raise TypeError(f"The layer {lazy[0].rpartition('.')[0]!r} is lazy and has no weights yet; run the model once.")


def default_device() -> torch.device | None:
    """Return torch's default device in this thread, None where it is the CPU or torch is too old to say."""
    get = getattr(torch, "get_default_device", None)
    device = get() if get else None
    return None if device is None or device.type == "cpu" else device


def quirks(device: torch.device | None) -> Iterator[AbstractContextManager[Any]]:
    """List what must be undone around a forward pass so that layers are called as the model's code says."""
    if device is not None and device != default_device():
        yield device  # a default device belongs to a thread, and this may be another
    if hasattr(torch.backends, "mha") and torch.backends.mha.get_fastpath_enabled():
        yield _no_fastpath()
    stance = getattr(torch.compiler, "set_stance", None)
    if stance is not None and "torch._dynamo" in sys.modules:  # else nothing is compiled, and the import takes a second
        yield stance("force_eager")  # compiled parts would not call the modules inside


@contextmanager
def _no_fastpath() -> Iterator[None]:
    """Run transformer layers module by module: the fused path skips the modules inside, in evaluation mode only."""
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(True)
