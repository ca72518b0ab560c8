"""Rules: what each operation does to what its tensors read. An operation without a rule reads the whole image."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves

from . import moves, spatial
from .boxes import Field, Flag, around, everything, together, whole

_MASKED = Flag(1, "a mask may rule some of it out, which is counted as read")
_MASK = -50.0  # an added constant this low is a mask: exp(-50) is nothing
_PRODUCT = "a product sums over all places, as attention does"
_ATTENTION = "attention reads all tokens that it compares"
_GATE = "it is multiplied by a gate that reads the whole map, as squeeze-and-excitation does"
@dataclass(frozen=True)
class Call:
    """One operation of a forward pass: its arguments by name, its outputs, and what its tensors read."""

    name: str
    func: Any
    given: dict[str, Any]
    outputs: list[Tensor]
    field: Callable[[Any], Field | None]

    @property
    def shape(self) -> torch.Size:
        """Shape of the first output."""
        return self.outputs[0].shape

    def first(self) -> Any:
        """Return the first argument."""
        return next(iter(self.given.values()))

    def fields(self, *names: str) -> list[Field]:
        """Return the fields of some arguments, of all where none is named; constants have none."""
        values = [self.given.get(name) for name in names] if names else list(self.given.values())
        tensors = [leaf for value in values for leaf in tree_leaves(value) if isinstance(leaf, Tensor)]
        found = (self.field(tensor) for tensor in tensors)
        return [field for field in found if field is not None]


Rule = Callable[[Call], "Field | list[Field | None] | None"]


def rule_for(call: Call) -> Rule:
    """Find the rule of an operation: by its name, else by what its declaration says about it."""
    name = call.name.rstrip("_")
    if name in _RULES:
        return _RULES[name]
    if name.startswith("_scaled_dot_product"):
        return _attention
    if torch.Tag.pointwise in call.func.tags:
        return _pointwise
    alias = call.func._schema.arguments[0].alias_info
    if alias is not None and not alias.is_write:
        return moves.as_view
    return _unknown


def _unknown(call: Call) -> Field:
    flag = Flag(3, f"the operation {call.name!r} is not known, so the whole image is assumed")
    return whole(call.fields()[0], call.shape, flag)


def _data(call: Call) -> Field:
    flag = Flag(2, f"the operation {call.name!r} reads from places that depend on the values")
    return whole(call.fields()[0], call.shape, flag)


def _scattered(call: Call) -> Field:
    why = "values are scattered to other places, which is followed only as a whole"
    parts = [everything(field, (1,), why) for field in call.fields()]
    return together(parts, call.shape).flagged(Flag(1, why))


def _restrided(call: Call) -> Field:
    """Allow only new strides for dimensions of size 1, as convolutions set them on a batch of one image."""
    (field,), given = call.fields("self"), call.given
    same = tuple(given["size"]) == tuple(field.shape) and not given.get("storage_offset")
    steps = zip(field.shape, given.get("strides before", ()), given["stride"], strict=False)
    if same and "strides before" in given and all(size == 1 or old == new for size, old, new in steps):
        return field
    return _unknown(call)


def _constant(_call: Call) -> None:
    return None


def _pointwise(call: Call) -> Field:
    fields, name = call.fields(), call.name.rstrip("_")
    found = together(fields, call.shape)
    if name == "mul" and _gated(fields):
        return replace(found, why=_GATE)
    return found.flagged(_MASKED) if name == "add" and _adds_mask(call) else found


def _gated(fields: list[Field]) -> bool:
    """Tell whether a map is multiplied by one value a channel that was taken over the map."""
    maps = any(None not in field.axes for field in fields)
    gates = any(field.axes == (None, None) and tuple(field.shape[-2:]) == (1, 1) for field in fields)
    return len(fields) == 2 and maps and gates


def _adds_mask(call: Call) -> bool:
    other = call.given.get("other")
    if not isinstance(other, Tensor) or call.field(other) is not None or other.numel() == 0 or other.dim() == 0:
        return False
    return not other.is_complex() and bool(other.amin() < _MASK)


def _masked(call: Call) -> Field:
    return together(call.fields(), call.shape).flagged(_MASKED)


def _copy(call: Call) -> Field | None:
    source = call.fields("src")
    return together(source, call.shape) if source else None


def _along(call: Call) -> Field:
    (field,) = call.fields()
    why = _ATTENTION if "softmax" in call.name else f"the operation {call.name!r} reads all of an axis"
    return around(field, [call.given["dim"]], why)


def _topk(call: Call) -> Field:
    (field,) = call.fields()
    flag = Flag(2, f"the operation {call.name!r} picks by value")
    found = around(field, [call.given["dim"]], flag.why)
    planes = [plane.narrow(call.given["dim"], 0, call.given["k"]) for plane in found.planes]
    return found.with_planes(planes, (None, None), flag.why).flagged(flag)


def _reduces(call: Call) -> Field:
    field, why = call.fields()[0], f"a {call.name} is taken over the map"
    if "other" in call.given:  # max(a, b), value by value
        return together(call.fields(), call.shape)
    dims = call.given.get("dim")
    if dims is None or dims == []:
        return everything(field, call.shape, why)
    rank = len(field.shape)
    over = sorted({dim % rank for dim in ([dims] if isinstance(dims, int) else dims)})
    found = around(field, over, why)
    planes = [_first(plane, over, bool(call.given.get("keepdim"))) for plane in found.planes]
    kept = [dim for dim in range(rank) if dim not in over or call.given.get("keepdim")]
    return found.with_planes(planes, moves.renamed(found.axes, rank, kept), why)


def _first(plane: Tensor, dims: list[int], keep: bool) -> Tensor:
    for dim in reversed(dims):
        plane = plane.narrow(dim, 0, 1) if keep else plane.select(dim, 0)
    return plane


def _layer_norm(call: Call) -> Field:
    (field,) = call.fields("input")
    count = len(call.given["normalized_shape"])
    return around(field, range(-count, 0), "its values are normalised over the map")


def _group_norm(call: Call) -> Field:
    (field,) = call.fields("input")
    wide = around(field, range(2, len(field.shape)), "its values are normalised over the map")
    groups, channels = call.given["group"], field.shape[1]
    planes = [spatial.over_channels(plane, 1, groups, channels) for plane in wide.planes]
    return wide.with_planes(planes, wide.axes)


def _batch_norm(call: Call) -> Field:
    (field,) = call.fields("input")
    own = call.given.get("training", "no_training" not in call.name and "_legit" in call.name)
    if not own:
        return field
    dims = [dim for dim in range(len(field.shape)) if dim != 1]
    return around(field, dims, "its values are normalised over the map")


def _attention(call: Call) -> Field:
    query = [around(field, [-1], _ATTENTION) for field in call.fields("query")]
    others = [around(field, [-2, -1], _ATTENTION) for field in call.fields("key", "value")]
    extra = [around(field, [-2, -1], _ATTENTION) for field in call.fields("attn_mask", "attn_bias")]
    keys = [_contracted(_contracted(field, -1), -2) if field.shape[:-2] == call.shape[:-2] else
            everything(field, (1,) * len(call.shape), _ATTENTION) for field in others + extra]
    found = together([_resized(field, call.shape) for field in query] + keys, call.shape)
    masked = call.given.get("is_causal") or any("mask" in name and call.given[name] is not None for name in call.given)
    return found.flagged(_MASKED) if masked else found


def _resized(field: Field, shape: torch.Size) -> Field:
    """Give queries, whose last axis reads the same all along, the size of the values."""
    planes = [plane.narrow(-1, 0, 1) for plane in field.planes]
    return field.with_planes(planes, (None, None), _ATTENTION)


def _matmul(call: Call, left: str, right: str, added: str = "") -> Field:
    rows = [_contracted(field, -1) for field in call.fields(left)]
    columns = [_contracted(field, -2) for field in call.fields(right)]
    extra = call.fields(added) if added else []
    return together(rows + columns + extra, call.shape)


def _contracted(field: Field, dim: int) -> Field:
    """Return the box around the dimension that a product sums over, as one value along it."""
    wide = around(field, [dim], _PRODUCT)
    planes = [plane.narrow(dim, 0, 1) for plane in wide.planes]
    return wide.with_planes(planes, wide.axes)


def _vector_product(call: Call) -> Field:
    name = "vec" if "vec" in call.given else "tensor"
    matrix = [_contracted(field, -1) for field in call.fields("self", "mat")]
    flat = [field.with_planes([plane.squeeze(-1) for plane in field.planes], (None, None), "") for field in matrix
            if len(field.shape) > 1]
    vectors = [everything(field, (1,), _PRODUCT) for field in call.fields(name)]
    return together(flat + vectors, call.shape)


def _linear(call: Call) -> Field:
    fields = [_contracted(field, -1) for field in call.fields("input", "self")]
    fields += [everything(field, (1,), "its weights depend on the image") for field in call.fields("weight", "bias")]
    return together(fields, call.shape)


def _dot(call: Call) -> Field:
    return everything(together([everything(field, (1,), "") for field in call.fields()], (1,)), call.shape, "")


def _table(*rows: tuple[Rule, str]) -> dict[str, Rule]:
    return {name: rule for rule, names in rows for name in names.split()}


_RULES: dict[str, Rule] = _table(
    (_constant, "zeros_like ones_like empty_like full_like rand_like randn_like new_zeros new_ones new_empty new_full "
                "new_empty_strided zero fill"),
    (_pointwise, "_to_copy to clone contiguous detach alias lift_fresh hardswish hardsigmoid prelu _prelu_kernel "
                 "dropout native_dropout feature_dropout alpha_dropout mish hardtanh celu selu rrelu rrelu_with_noise "
                 "softplus log_sigmoid_forward nan_to_num bernoulli"),
    (_masked, "masked_fill where tril triu"),
    (_along, "_softmax _log_softmax _safe_softmax softmax log_softmax sort cumsum cumprod logcumsumexp"),
    (_reduces, "mean sum amax amin max min var std var_mean std_mean norm linalg_vector_norm logsumexp prod argmax "
               "argmin any all median nanmean nansum aminmax count_nonzero"),
    (_scattered, "index_put _index_put_impl scatter scatter_add scatter_reduce index_add index_copy index_fill "
                 "masked_scatter slice_scatter select_scatter col2im"),
    (_data, "grid_sampler_2d grid_sampler grid_sampler_3d deform_conv2d roi_align roi_pool ps_roi_align nonzero "
            "_unique2 unique_dim unique_consecutive masked_select bincount nms multinomial"),
    (_layer_norm, "native_layer_norm layer_norm _fused_rms_norm"),
    (_group_norm, "native_group_norm group_norm"),
    (_batch_norm, "native_batch_norm batch_norm cudnn_batch_norm miopen_batch_norm _native_batch_norm_legit "
                  "_native_batch_norm_legit_no_training _batch_norm_no_update"),
    (lambda call: _matmul(call, "self", "mat2"), "mm bmm _int_mm"),
    (lambda call: _matmul(call, "self", "other"), "matmul"),
    (lambda call: _matmul(call, "mat1", "mat2", "self"), "addmm _addmm_activation"),
    (lambda call: _matmul(call, "batch1", "batch2", "self"), "baddbmm"),
    (_vector_product, "mv"), (_dot, "dot"), (_linear, "linear"), (_topk, "topk"), (_copy, "copy"),
    (spatial.convolution, "convolution _convolution conv2d mkldnn_convolution"),
    (spatial.pool, "max_pool2d_with_indices max_pool2d avg_pool2d mkldnn_max_pool2d quantized_max_pool2d "
                   "max_pool1d avg_pool1d max_pool1d_with_indices"),
    (spatial.adaptive_pool, "_adaptive_avg_pool2d adaptive_avg_pool2d adaptive_max_pool2d mkldnn_adaptive_avg_pool2d"),
    (spatial.upsampled, "upsample_nearest2d _upsample_nearest_exact2d upsample_bilinear2d upsample_bicubic2d "
                        "_upsample_bilinear2d_aa _upsample_bicubic2d_aa"),
    (moves.reshape, "view _unsafe_view reshape _reshape_alias flatten unflatten"),
    (moves.permute, "permute transpose t unsqueeze squeeze"),
    (moves.cut, "slice split split_with_sizes chunk narrow unsafe_split unsafe_chunk unsafe_split_with_sizes"),
    (moves.as_view, "select unbind diagonal unfold"), (_restrided, "as_strided"), (moves.expand, "expand"),
    (moves.cat, "cat concat"), (moves.stack, "stack"),
    (moves.pad, "constant_pad_nd"), (moves.roll, "roll"), (moves.flip, "flip"),
    (moves.indexed, "index index_select gather embedding take_along_dim"),
    (moves.moved, "reflection_pad2d replication_pad2d reflection_pad1d replication_pad1d repeat pixel_shuffle "
                  "pixel_unshuffle channel_shuffle native_channel_shuffle repeat_interleave rot90"),
)
