"""What the tests of the scan share: small networks and images, and the best patches found by trying all places."""

from __future__ import annotations

import numpy as np
import torch
from networks import small_network
from torch import nn

import deepviz_widgets as dv
from deepviz_widgets.methods import receptive_field

ROWS = ("values", "images", "ys", "xs", "boxes", "maxima", "answers", "places", "not_finite", "answered", "maximum")
SUMS = ("total", "response", "power", "mean", "sparsity")


def network() -> dv.Network:
    return dv.Network(small_network(), input_size=(3, 16, 16))


def pictures(count: int, seed: int = 0, side: int = 16) -> dv.ImageSet:
    """Images of which some are equal, so that there are ties; with labels."""
    drawn = np.random.default_rng(seed).integers(0, 255, (count, side, side, 3), np.uint8)
    drawn[1::4] = drawn[: len(drawn[1::4])]
    return dv.ImageSet(drawn, labels=np.arange(count) % 5)


class Tokens(nn.Module):
    """Patches as tokens behind a class token, a layer over them, and scores from the class token."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(1)
        self.patches = nn.Conv2d(3, 6, 4, stride=4)
        self.mix = nn.Linear(6, 7)
        self.head = nn.Linear(7, 5)

    def forward(self, x):
        tokens = self.patches(x).flatten(2).transpose(1, 2)
        tokens = torch.cat([tokens.mean(1, keepdim=True), tokens], 1)
        return self.head(self.mix(tokens)[:, 0])


class Roots(nn.Module):
    """Square roots of maps, so that NaN stands wherever a value is below 0."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(2)
        self.conv = nn.Conv2d(3, 4, 3)
        self.root = Root()
        self.head = nn.Linear(4, 5)

    def forward(self, x):
        return self.head(self.root(self.conv(x)).nan_to_num().amax((2, 3)))


class Root(nn.Module):
    def forward(self, x):
        return x.sqrt()


def answers(net: dv.Network, images: dv.ImageSet, layer: str, size: int = 4) -> np.ndarray:
    """The last answer of a layer to each image, (N, C, H, W), copied before anything changes it.

    In batches of one size, the last one filled up, as other sizes give other last bits.
    """
    seen: list[torch.Tensor] = []

    def keep(_module, _given, output):
        seen.append((output[0] if isinstance(output, tuple) else output).clone())

    handle = net.module(layer).register_forward_hook(keep)
    inputs = [net.input(picture) for picture in images]
    found = []
    with torch.no_grad():
        for start in range(0, len(inputs), size):
            some = inputs[start : start + size]
            seen.clear()
            net.model(torch.stack(some + some[-1:] * (size - len(some))))
            found += [net.layer(layer).layout.maps(one)[0].numpy() for one in seen[-1][: len(some)]]
    handle.remove()
    return np.stack(found)


def overlap(one: np.ndarray, other: np.ndarray) -> float:
    """Intersection over union of two boxes."""
    height = min(one[2], other[2]) - max(one[0], other[0])
    width = min(one[3], other[3]) - max(one[1], other[1])
    shared = max(height, 0) * max(width, 0)
    areas = sum(int(box[2] - box[0]) * int(box[3] - box[1]) for box in (one, other))
    return shared / max(areas - shared, 1)


def by_hand(maps: np.ndarray, boxes: np.ndarray, ids, *, k: int, per_image=1, most=0.5, sign=1) -> list[list[tuple]]:
    """For each unit its best (value, image, y, x), by looking at all places of all images (N, C, H, W) in turn."""
    found: list[list[tuple]] = []
    for unit in range(maps.shape[1]):
        every = []
        for image, values in zip(ids, maps[:, unit], strict=True):
            ranked = sorted((-sign * float(value), y, x) for (y, x), value in np.ndenumerate(values)
                            if np.isfinite(value))
            kept: list[tuple] = []
            for value, y, x in ranked:
                if len(kept) < per_image and all(overlap(boxes[y, x], boxes[b, c]) <= most for _, b, c in kept):
                    kept.append((value, y, x))
            every += [(value, int(image), y, x) for value, y, x in kept]
        found.append([(-sign * value, image, y, x) for value, image, y, x in sorted(every)[:k]])
    return found


def told(table) -> list[list[tuple]]:
    """The same of a table."""
    return [
        [(float(v), int(i), int(y), int(x)) for v, i, y, x in zip(*row, strict=True) if i >= 0]
        for row in zip(table.values, table.images, table.ys, table.xs, strict=True)
    ]


def wanted(net: dv.Network, images: dv.ImageSet, layer: str, **how) -> list[list[tuple]]:
    boxes = receptive_field(net, layer).boxes
    return by_hand(answers(net, images, layer), boxes, range(len(images)), **how)


def assert_alike(one, other, *, exact: bool = True) -> None:
    """Two indexes are the same: rows and counts to the last bit, sums too or but for the rounding of doubles."""
    assert list(one.tables) == list(other.tables)
    for name in ("seen", "labels", "names", "class_counts", "skipped", "reasons"):
        assert getattr(one, name) == getattr(other, name), name
    for key, table in one.tables.items():
        for name in ROWS:
            assert np.array_equal(getattr(table, name), getattr(other.tables[key], name), equal_nan=True), (key, name)
        for name in SUMS:
            a, b = getattr(table, name), getattr(other.tables[key], name)
            same = np.array_equal if exact else np.allclose
            assert same(a, b, equal_nan=True), (key, name)
        assert (table.shape, table.grid, table.field) == tuple(
            getattr(other.tables[key], name) for name in ("shape", "grid", "field"))
