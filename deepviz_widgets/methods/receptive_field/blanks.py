"""Outputs of the right shape whose values nobody has worked out: what is read of the image does not depend on them.

Convolutions and products are most of the work of a forward pass, and following it needs only their shapes. What does
not fit a rule here runs as usual, so that it fails as usual too. A pass in which values matter after all is given up
and run in earnest (see `fields`).
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

_UNARY = {
    "relu", "gelu", "silu", "elu", "leaky_relu", "sigmoid", "tanh", "hardsigmoid", "hardswish", "hardtanh", "mish",
    "clamp", "clamp_min", "clamp_max",
}
_BINARY = {"add", "mul", "sub", "div"}
_POINTWISE = _UNARY | _BINARY
_NORMS = {"native_batch_norm", "_native_batch_norm_legit_no_training", "_batch_norm_no_update"}


def blank(name: str, given: dict[str, Any]) -> Any:
    """Return what an operation would give, without values; None where it has to run."""
    if name in ("convolution", "_convolution"):
        return _convolution(given)
    if name in ("mm", "addmm", "bmm"):
        return _product(given)
    if name in _NORMS:
        return _batch_norm(given)
    plain = name.rstrip("_")
    return _pointwise(plain, given, in_place=plain != name) if plain in _POINTWISE else None


def _convolution(given: dict[str, Any]) -> Tensor | None:
    x, weight, turned = given["input"], given["weight"], given["transposed"]
    inner, outer = weight.shape[1], weight.shape[0]
    if turned:
        inner, outer = outer // given["groups"], inner * given["groups"]
    fits = x.dim() == weight.dim() == 4 and x.shape[1] == inner * given["groups"] and x.dtype == weight.dtype
    if not (fits and x.is_contiguous() and weight.is_contiguous()):
        return None
    sides = [_side(given, turned, which) for which in (0, 1)]
    return x.new_empty((x.shape[0], outer, *sides)) if min(sides) > 0 else None


def _side(given: dict[str, Any], turned: bool, which: int) -> int:
    side, kernel = given["input"].shape[which + 2], given["weight"].shape[which + 2]
    stride, padding, dilation = (given[name][which] for name in ("stride", "padding", "dilation"))
    reach = dilation * (kernel - 1) - 2 * padding
    if turned:
        return (side - 1) * stride + reach + given["output_padding"][which] + 1
    return (side - reach - 1) // stride + 1


def _product(given: dict[str, Any]) -> Tensor | None:
    left, right = given["mat1"] if "mat1" in given else given["self"], given["mat2"]
    if left.dim() != right.dim() or left.shape[-1] != right.shape[-2] or left.dtype != right.dtype:
        return None
    if left.dim() == 3 and left.shape[0] != right.shape[0]:
        return None
    if "mat1" in given and tuple(given["self"].shape) not in ((right.shape[1],), (left.shape[0], right.shape[1])):
        return None
    return left.new_empty((*left.shape[:-1], right.shape[-1]))


def _batch_norm(given: dict[str, Any]) -> tuple[Tensor, Tensor, Tensor] | None:
    x, mean = given["input"], given.get("running_mean")
    if given.get("training") or mean is None or x.dim() < 2 or mean.shape != x.shape[1:2] or x.dtype != mean.dtype:
        return None
    return torch.empty_like(x), x.new_empty(0), x.new_empty(0)


def _pointwise(name: str, given: dict[str, Any], *, in_place: bool) -> Tensor | None:
    x, other = given["self"], given.get("other")
    if not x.is_floating_point():
        return None
    if name in _BINARY and (not isinstance(other, Tensor) or other.shape != x.shape or other.dtype != x.dtype):
        return None
    return x if in_place else torch.empty_like(x)
