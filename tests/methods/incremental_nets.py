"""Networks that the incremental engine must get right: known ones, and generated ones with awkward geometry."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from hypothesis import strategies as st
from torch import Tensor, nn

import deepviz_widgets as dv


def lively(model: nn.Module, seed: int = 0) -> nn.Module:
    """Give every normalisation statistics of its own, as random ones hide mistakes in folding; and layer scales."""
    generator = torch.Generator().manual_seed(seed)
    for module in model.modules():
        if isinstance(module, (nn.BatchNorm2d, nn.BatchNorm1d)):
            kind = module.running_mean.dtype
            draw = [torch.rand(module.num_features, generator=generator).to(kind) for _ in range(4)]
            module.running_mean.copy_(draw[0] * 0.4 - 0.2)
            module.running_var.copy_(draw[1] + 0.5)
            if module.affine:
                with torch.no_grad():
                    module.weight.copy_(draw[2] * 0.6 + 0.7)
                    module.bias.copy_(draw[3] * 0.4 - 0.2)
    for name, parameter in model.named_parameters():
        if name.endswith("layer_scale"):
            nn.init.constant_(parameter, 0.3)
    return model.eval()


def network(model: nn.Module, size: tuple[int, int, int]) -> dv.Network:
    return dv.Network(lively(model), input_size=size)


def painted(x: Tensor, filled: Tensor, box) -> Tensor:
    """One image with a box hidden, written down once more for the oracle."""
    top, left, bottom, right = (int(edge) for edge in box)
    out = x.clone()
    out[:, max(0, top):max(0, bottom), max(0, left):max(0, right)] = (
        filled[:, max(0, top):max(0, bottom), max(0, left):max(0, right)])
    return out


def by_hand(net: dv.Network, x: Tensor, filled: Tensor, boxes) -> np.ndarray:
    """The scores of each box from the user's own model, one image at a time."""
    return np.concatenate([net.forward(painted(x, filled, box)[None]).detach().numpy() for box in boxes])


def lattice(height: int, width: int, patch: int, stride: int) -> np.ndarray:
    """Boxes of a lattice over the whole image; the last ones are cut at the border."""
    rows, columns = ([start for start in range(0, side - patch + stride, stride) if start < side]
                     for side in (height, width))
    return np.array([(y, x, min(y + patch, height), min(x + patch, width)) for y in rows for x in columns])


def error(found: np.ndarray, wanted: np.ndarray) -> float:
    """Largest difference, relative to the largest score."""
    return float(np.abs(found - wanted).max() / np.abs(wanted).max())


class Odd(nn.Module):
    """A network from a recipe: a list of (what, numbers), ending in a pooled linear layer."""

    def __init__(self, recipe: list[tuple[str, dict]], channels: int):
        super().__init__()
        self.recipe, self.parts = recipe, nn.ModuleList()
        for what, with_ in recipe:
            part, channels = self._part(what, with_, channels)
            self.parts.append(part)
        self.last = nn.Linear(channels, 4)

    @staticmethod
    def _part(what: str, given: dict, channels: int) -> tuple[nn.Module, int]:  # noqa: PLR0911  one line a case
        if what == "conv":
            out = channels if given["groups"] > 1 else given["out"]
            conv = nn.Conv2d(channels, out, given["kernel"], given["stride"], given["padding"], given["dilation"],
                             groups=channels if given["groups"] > 1 else 1, bias=given["bias"])
            return conv, out
        if what == "norm":
            return nn.BatchNorm2d(channels), channels
        if what in ("twice", "residual"):
            return nn.Sequential(nn.Conv2d(channels, channels, 3, padding=1), nn.BatchNorm2d(channels)), channels
        if what == "cat":
            return nn.Conv2d(channels, 2, 3, padding=1), channels + 2
        if what == "squeeze":
            return nn.Sequential(nn.Linear(channels, 2), nn.ReLU(inplace=True), nn.Linear(2, channels)), channels
        if what == "attention":
            return nn.MultiheadAttention(channels, 1, batch_first=True), channels
        if what == "max":
            return nn.MaxPool2d(given["kernel"], given["stride"], given["padding"], ceil_mode=given["ceil"]), channels
        if what == "average":
            return nn.AvgPool2d(given["kernel"], given["stride"], given["padding"], ceil_mode=given["ceil"],
                                count_include_pad=given["count"]), channels
        return nn.Identity(), channels

    def forward(self, x):
        for (what, given), part in zip(self.recipe, self.parts, strict=True):
            x = self._step(x, what, given, part)
        x = x.mean((2, 3)) if len(self.recipe) % 2 else F.adaptive_avg_pool2d(x, 1).flatten(1)
        return self.last(x)

    @staticmethod
    def _step(x, what, given, part):  # noqa: PLR0911  one line a case
        if what == "relu":
            return F.relu(x, inplace=True) if given["place"] else F.gelu(x)
        if what == "twice":
            return part[0](part[1](part[0](x)))
        if what == "residual":
            y = part(x)
            y += x
            return F.relu(y, inplace=True)
        if what == "cat":
            return torch.cat([x, part(x)], 1)
        if what == "squeeze":
            return x * torch.sigmoid(part(x.mean((2, 3))))[:, :, None, None]
        if what == "attention":
            tokens = x.flatten(2).transpose(1, 2)
            tokens = tokens + part(tokens, tokens, tokens, need_weights=False)[0]
            return tokens.transpose(1, 2).reshape(x.shape)
        if what == "scale":
            return (x * 0.5 + 1.0) / 2
        if what == "shift":
            return x.permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2)
        return part(x)


def _pair(low: int, high: int) -> st.SearchStrategy:
    return st.tuples(st.integers(low, high), st.integers(low, high))


CONV = st.fixed_dictionaries({
    "out": st.integers(1, 4), "kernel": _pair(1, 4), "stride": _pair(1, 3), "padding": _pair(0, 2),
    "dilation": _pair(1, 2), "groups": st.sampled_from([1, 1, 2]), "bias": st.booleans(),
})
POOL = st.fixed_dictionaries({
    "kernel": st.integers(2, 3), "stride": st.integers(1, 3), "padding": st.integers(0, 1), "ceil": st.booleans(),
    "count": st.booleans(),
})
NOTHING = st.just({})
STEP = st.one_of(
    st.tuples(st.just("conv"), CONV), st.tuples(st.just("conv"), CONV), st.tuples(st.just("max"), POOL),
    st.tuples(st.just("average"), POOL), st.tuples(st.just("relu"), st.fixed_dictionaries({"place": st.booleans()})),
    *(st.tuples(st.just(what), NOTHING)
      for what in ("norm", "twice", "residual", "cat", "squeeze", "attention", "scale", "shift")),
)
RECIPES = st.lists(STEP, min_size=1, max_size=7)
