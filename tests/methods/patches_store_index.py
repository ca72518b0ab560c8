"""Patch indices for tests of how they are kept: made up ones, and what a network likes best, found by brute force."""

from __future__ import annotations

import numpy as np
import torch

import deepviz_widgets as dv
from deepviz_widgets.capture import capture
from deepviz_widgets.methods.patches.fingerprint import weights_hash
from deepviz_widgets.methods.patches.index import PatchIndex, used
from deepviz_widgets.methods.patches.table import EDGES, LayerPatches
from deepviz_widgets.methods.receptive_field import receptive_field


def made_up(layer="conv1", basis="units", units=7, k=5, images=40, seed=0, side=32) -> LayerPatches:
    """A table with empty ranks, a row without any patch, NaN, infinity and numbers that no short text holds."""
    rng = np.random.default_rng([seed, units, k])
    values = -np.sort(-rng.normal(size=(units, k)).astype(np.float32), 1)
    which = rng.integers(0, images, (units, k))
    values[1, 3:], which[1, 3:] = np.nan, -1
    values[2], which[2] = np.nan, -1
    empty = which < 0
    ys, xs = (np.where(empty, -1, rng.integers(0, 9, (units, k))).astype(np.int32) for _ in range(2))
    top, left = (rng.integers(0, side - 8, (units, k)) for _ in range(2))
    boxes = np.stack([top, left, top + 5, left + 7], -1).astype(np.int32) * ~empty[..., None]
    maximum = rng.normal(size=units) / 3
    maximum[2] = np.nan
    counts = rng.integers(0, 1000, units)
    return LayerPatches(
        layer, basis, tuple(f"unit ü{row}" for row in range(units)), (units, 9, 9), (9, 9), values, which, ys, xs,
        boxes, "exact", "It is so.", maximum, rng.normal(size=units) * 1e17, counts, counts // 7, counts % 41,
        rng.random(units), rng.random(units), *(rng.integers(0, 2**40, (units, len(EDGES) + 1)) for _ in range(2)),
    )


def index_of(*tables: LayerPatches, **more) -> PatchIndex:
    known = used(tables)
    given = {
        "k": tables[0].values.shape[1], "seen": ((0, 30), (50, 60)), "total": 100, "classes": ("cat", "dog", "möwe"),
        "labels": {image: image % 3 for image in known if image % 5},
        "class_counts": {0: 31, 2: 9},
        "names": {image: f"{image}.png" for image in known},
        "about": {"weights": "sha256:0", "layers": {"conv1": (7, 9, 9)}, "scale": 1 / 3, "nothing": None},
        "skipped": 2, "reasons": {7: "it is cut off"},
    }
    return PatchIndex({table.key: table for table in tables}, **(given | more))


def brute(net: dv.Network, images: dv.ImageSet, layers, k=9) -> PatchIndex:
    """The k images with the largest value of each unit, and where it is, all kept and sorted."""
    with capture(net, layers) as seen:
        net.forward(net.inputs(images))
    tables = []
    for name in layers:
        layer = net.layer(name)
        maps = torch.stack([layer.layout.maps(one)[0] for one in seen[name][-1]])
        flat = maps.flatten(2).numpy()
        at, best = flat.argmax(2).T, flat.max(2).T
        order = np.argsort(-best, axis=1, kind="stable")[:, :k]
        ys, xs = (part.astype(np.int32) for part in np.divmod(np.take_along_axis(at, order, 1), maps.shape[3]))
        field, units, grid = receptive_field(net, name), maps.shape[1], (maps.shape[2], maps.shape[3])
        nothing, none = np.zeros(units), np.zeros(units, np.int64)
        tables.append(LayerPatches(
            name, "units", tuple(map(str, range(units))), layer.shape, grid, np.take_along_axis(best, order, 1),
            order.astype(np.int64), ys, xs, field.boxes[ys, xs].astype(np.int32), field.status, field.why,
            best.max(1).astype(float), nothing, none, none, none, nothing, nothing,
            *[np.zeros((units, len(EDGES) + 1), np.int64)] * 2,
        ))
    kept = used(tables)
    labels = {image: int(images.labels[image]) for image in kept} if images.labels is not None else {}
    return PatchIndex({table.key: table for table in tables}, k=k, seen=((0, len(images)),), total=len(images),
                      classes=images.classes, labels=labels, names={image: images.names[image] for image in kept})


def same(one, other) -> bool:
    """Whether two values, fields of dataclasses included, are the same to the last bit, NaN being NaN."""
    if hasattr(one, "__dataclass_fields__"):
        return type(one) is type(other) and all(
            same(getattr(one, name), getattr(other, name)) for name in one.__dataclass_fields__)
    if isinstance(one, np.ndarray):
        return one.dtype == other.dtype and one.shape == other.shape and one.tobytes() == other.tobytes()
    if isinstance(one, dict):
        return list(one) == list(other) and all(same(value, other[key]) for key, value in one.items())
    if hasattr(one, "array"):  # pictures
        return one.side == other.side and dict(one) == dict(other)
    return type(one) is type(other) and one == other


def elsewhere(path: str) -> tuple[int, int]:
    """Read a file in another process."""
    return PatchIndex.load(path)["fc"].values.shape


def digits_hash() -> str:
    return weights_hash(dv.demo.digits()[0])
