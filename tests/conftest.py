"""What all tests share: a small network, and a guard that nothing about a model has changed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import torch
from networks import small_network
from torch import nn


def fingerprint(model: nn.Module) -> dict:
    """Everything about a model that deepviz_widgets promises not to change."""
    hooks = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
    return {
        "training": [module.training for module in model.modules()],
        "hooks": [tuple(len(getattr(module, name)) for name in hooks) for module in model.modules()],
        "values": [tensor.detach().clone() for tensor in (*model.parameters(), *model.buffers())],
        "gradients": [(p.requires_grad, p.grad is None) for p in model.parameters()],
        "devices": [tensor.device for tensor in (*model.parameters(), *model.buffers())],
        "random": torch.get_rng_state(),
        "grad mode": torch.is_grad_enabled(),
        "fast path": torch.backends.mha.get_fastpath_enabled(),
    }


@contextmanager
def _unchanged(model: nn.Module) -> Iterator[None]:
    before = fingerprint(model)
    try:
        yield
    finally:
        after = fingerprint(model)
        for key, values in before.items():
            if key in ("values", "random"):
                same = all(torch.equal(a, b) for a, b in zip(values, after[key], strict=True)) if key == "values" else (
                    torch.equal(values, after[key]))
            else:
                same = values == after[key]
            assert same, f"the model's {key} changed"


@pytest.fixture
def unchanged():
    """`with unchanged(model): ...` fails if the block changes the model, also when the block raises."""
    return _unchanged


@pytest.fixture
def model() -> nn.Module:
    return small_network()
