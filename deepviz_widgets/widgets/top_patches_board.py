"""How a board of top patches crosses to the page: the numbers of its rows, their thumbnails, and one patch enlarged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..images import ImageSet
from ..methods.activations import activations
from ..methods.patches.classes import class_distribution
from ..methods.patches.crops import fitting, windows
from ..network import Network, NetworkError
from ..pictures import Picture
from ..words import size
from . import wire

if TYPE_CHECKING:
    from ..methods.patches.friends import Friends
    from ..methods.patches.index import PatchIndex
    from ..methods.patches.table import LayerPatches

LEAST_VOTES = 5  # before that the tally would only sway the next vote
# rows of `_statistics`; `chance` is the purity that as many random images would have, `lost` what was not finite
MEASURES = ("maximum", "sparsity", "purity", "friends", "dead", "mean", "entropy", "chance", "lost")
GRADIENTS = ("none", "plain", "guided", "deconvolution")

Parts = tuple[dict[str, Any], list[bytes]]


def most_rows(table: LayerPatches) -> int:
    """Return how many rows of a table fit into one message."""
    return min(len(table.values), wire.MESSAGE_LIMIT // max(8 * table.values.shape[1], 4 * len(MEASURES)))


def about(
    key: str, table: LayerPatches, found: PatchIndex, friends: Friends | None, net: Network | None
) -> dict[str, Any]:
    """Say what the rows of a table are."""
    sides = [int(side) for side in (found.about.get("input_size") or (1, 1, 1))[-2:]]
    return {
        "key": key, "layer": table.layer, "basis": table.basis, "count": most_rows(table), "k": table.values.shape[1],
        "all": len(table), "skipped": int(found.skipped),
        "done": int(found.images_seen), "total": int(found.total), "input": sides,
        "window": window_of(net, table, sides), "field": field_of(table), "order": found.order,
        "rows": [] if table.basis == "units" else list(table.names), "friends": friends is not None,
        "says": "" if friends is None else friends.means,
    }


def packed(table: LayerPatches, found: PatchIndex, friends: Friends | None) -> dict[str, bytes]:
    """Pack the numbers of a table: each under the name of the trait that carries it."""
    rows = most_rows(table)
    values = table.values[:rows]
    odd = np.full(values.shape, np.nan, np.float32)
    score = np.full(rows, np.nan)
    if friends is not None:
        odd = np.where(friends.odd[:rows], friends.oddness[:rows], np.nan)
        score = friends.score[:rows]
    known = labels_of(table.images[:rows], found.labels)
    classes = class_distribution(table, found.labels, found.class_counts if found.complete else None)
    measures = {"maximum": _best(values), "sparsity": table.sparsity[:rows], "friends": score,
                "purity": classes.purity[:rows], "dead": table.dead[:rows], "mean": table.mean[:rows],
                "entropy": classes.entropy[:rows], "chance": classes.expected_purity[:rows],
                "lost": table.not_finite[:rows]}
    return {
        "_values": wire.floats(values),
        "_labels": np.ascontiguousarray(known, "<i2").tobytes(),
        "_boxes": np.ascontiguousarray(table.boxes[:rows].clip(-1, 32767), "<i2").tobytes(),
        "_odd": wire.floats(odd),
        "_statistics": wire.floats(np.stack([measures[name] for name in MEASURES])),
    }


def labels_of(images: np.ndarray, labels: Mapping[int, int]) -> np.ndarray:
    """Return the label of each image id, -1 where it is unknown."""
    ids, where = np.unique(images, return_inverse=True)
    known = [labels.get(int(one)) for one in ids]
    return np.array([-1 if label is None else label for label in known], np.int64)[where].reshape(images.shape)


def _best(values: np.ndarray) -> np.ndarray:
    return values[:, 0] if values.shape[1] else np.full(len(values), np.nan)


def named(images: np.ndarray, names: Mapping[int, str]) -> list[list[str]]:
    """Return the names of images, row by row; '' where there is no image."""
    return [["" if one < 0 else names.get(int(one), f"image {one}") for one in row] for row in images]


def window_of(net: Network | None, table: LayerPatches, size: Sequence[int]) -> list[int]:
    """Return height and width of what each thumbnail of a table shows; nothing where only a file knows."""
    known = windows(net).get(table.layer, (0, 0)) if net is not None else None
    return [] if known is None else [int(side) for side in fitting(known, size)]


def field_of(table: LayerPatches) -> str:
    """Say how large a part of the input one place sees."""
    boxes = table.boxes[table.images >= 0]
    if not len(boxes):
        return ""
    sides = (int((boxes[:, 2] - boxes[:, 0]).max()), int((boxes[:, 3] - boxes[:, 1]).max()))
    status = f" ({table.field})" if table.field else ""
    return f"receptive field {size(sides)} px{status}"


def enlarged(
    net: Network, photos: ImageSet, table: LayerPatches, row: int, rank: int, vector: np.ndarray | None, kind: str
) -> Parts:
    """Show one patch in its image, as the map of its row over the image, and as a gradient."""
    number = int(table.images[row, rank])
    picture = photos[number]
    inputs = net.input(picture)
    shown = net.displayed(inputs)
    box = [int(side) for side in table.boxes[row, rank]]
    place = (int(table.ys[row, rank]), int(table.xs[row, rank]))
    content: dict[str, Any] = {
        "id": number, "name": picture.name, "label": picture.class_name, "size": list(shown.shape[:2]), "box": box,
        "place": list(place), "value": float(table.values[row, rank]), "why": "", "unmapped": "", "parts": {},
    }
    buffers: list[bytes] = []
    _add(content, buffers, "picture", *wire.picture(shown))
    if table.basis == "units" or vector is not None:
        try:
            _add_map(content, buffers, answers(net, picture, table.layer, row, vector))
        except NetworkError as error:  # NaN in the map: the picture is there all the same
            content["why"] = str(error)
    else:
        content["why"] = "The file does not hold the direction itself, so that it has no map."
    if kind != "none":
        _add_gradient(content, buffers, net, picture, (table, row if vector is None else vector, place, kind))
    return content, buffers


def answers(net: Network, picture: Picture, layer: str, row: int, vector: np.ndarray | None) -> np.ndarray:
    """Return the map (h, w) of a unit, or of a direction among the units, in one image."""
    maps = activations(net, picture, layer).maps
    return maps[row] if vector is None else np.tensordot(vector, maps, 1)


def _add(content: dict[str, Any], buffers: list[bytes], name: str, data: bytes, meta: dict[str, Any]) -> None:
    content["parts"][name] = {"at": len(buffers), **meta}
    buffers.append(data)


def _add_map(content: dict[str, Any], buffers: list[bytes], found: np.ndarray) -> None:
    """Add the map; where there is none, why."""
    if found.size == 1:
        content["why"] = "One answer an image: there is no map."
    elif found.size > wire.MESSAGE_LIMIT:
        content["why"] = f"A map of {size(found.shape)} is too large to send."
    if content["why"]:
        return
    low, high = float(found.min()), float(found.max())
    content.update(grid=list(found.shape), lo=low, hi=high)
    levels = wire.quantised(found[None], np.array([low]), np.array([high]))
    _add(content, buffers, "map", levels.tobytes(), {})


def _add_gradient(
    content: dict[str, Any], buffers: list[bytes], net: Network, picture: Picture, of: tuple[Any, ...]
) -> None:
    """Add what of the crop moves the answer; what stands against it is said in its place."""
    from ..methods.gradients import gradient  # noqa: PLC0415  captum is slow to import, and wanted by few

    table, unit, place, kind = of
    if table.basis != "units" and isinstance(unit, int):
        content["unmapped"] = "The file does not hold the direction itself, so that it has no gradient."
        return
    try:
        found = gradient(net, picture, table.layer, unit, place, kind=kind)
    except (ValueError, RuntimeError, ImportError) as error:
        content["unmapped"] = str(error)
        return
    top, left, bottom, right = content["box"]
    _add(content, buffers, "gradient", *wire.picture(found.shown[top:bottom, left:right]))


def tally(votes: Sequence[Mapping[str, Any]], key: str) -> dict[str, Any]:
    """Count how many votes chose the unit, with Wilson's 95 % interval; silent while there are few."""
    number = len(votes)
    found = {"key": key, "least": LEAST_VOTES, "votes": number, "units": 0, "low": 0.0, "high": 1.0}
    if number < LEAST_VOTES:
        return found
    from scipy.stats import binomtest  # noqa: PLC0415  half a second, for those who vote

    units = sum(vote["chosen"] == "unit" for vote in votes)
    between = binomtest(units, number).proportion_ci(method="wilson")
    return {**found, "units": units, "low": float(between.low), "high": float(between.high)}
