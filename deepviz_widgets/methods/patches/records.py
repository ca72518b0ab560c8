"""The records of a file of patches, one for each unit and rank: what pandas, DuckDB and Hugging Face read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

if TYPE_CHECKING:
    from .index import PatchIndex

__all__ = ["COLUMNS", "IN_ROWS", "SCHEMA", "frame", "in_rows", "out_of_rows"]

IN_ROWS = ("values", "images", "ys", "xs", "boxes")  # fields of a table that rows hold
_SIDES = ("top", "left", "bottom", "right")
_PICTURE = pa.struct([pa.field("bytes", pa.binary()), pa.field("path", pa.string())])  # Hugging Face's Image
_TYPES = {
    "layer": pa.string(), "basis": pa.string(), "channel": pa.int32(), "unit": pa.string(), "rank": pa.int32(),
    "value": pa.float32(), "image": pa.int64(), "name": pa.string(), "label": pa.int64(), "class": pa.string(),
    "y": pa.int32(), "x": pa.int32(), **dict.fromkeys(_SIDES, pa.int32()),
    "maximum": pa.float64(), "mean": pa.float64(), "sparsity": pa.float64(), "dead": pa.bool_(),
    "odd": pa.bool_(), "oddness": pa.float32(), "jpeg": _PICTURE,
}
SCHEMA = pa.schema(list(_TYPES.items()))
_PLAIN = {"double": "float64", "float": "float32"}


def _feature(kind: pa.DataType) -> dict[str, str]:
    """Write a type as the viewer of Hugging Face names it."""
    if kind == _PICTURE:
        return {"_type": "Image"}
    return {"_type": "Value", "dtype": _PLAIN.get(str(kind), str(kind))}


COLUMNS = {name: (kind, _feature(kind)) for name, kind in _TYPES.items()}


def in_rows(index: PatchIndex, key: tuple[str, str], units: range) -> dict[str, Any]:
    """Write some units of a table as columns; a rank without a patch has nulls.

    Returns
    -------
    dict of str to sequence of length units * k
        In the order of `SCHEMA`.
    """
    table, part = index.tables[key], slice(units.start, units.stop)
    k = table.values.shape[1]
    images = table.images[part].ravel()
    there = images >= 0
    labels = [index.labels.get(image) for image in images.tolist()]
    names = [index.names.get(image) for image in images.tolist()]
    found: dict[str, Any] = {
        "layer": [table.layer] * len(images), "basis": [table.basis] * len(images),
        "channel": np.repeat(np.arange(units.start, units.stop, dtype=np.int32), k),
        "unit": np.repeat(np.array(table.names[part], object), k),
        "rank": np.tile(np.arange(k, dtype=np.int32), len(units)),
        "value": _known(table.values[part].ravel(), there), "image": _known(images, there),
        "name": names, "label": labels, "class": [_class(index.classes, label) for label in labels],
        "y": _known(table.ys[part].ravel(), there), "x": _known(table.xs[part].ravel(), there),
    }
    for side, edge in zip(_SIDES, table.boxes[part].reshape(-1, 4).T, strict=True):
        found[side] = _known(np.ascontiguousarray(edge), there)
    for name in ("maximum", "mean", "sparsity", "dead"):
        found[name] = np.repeat(getattr(table, name)[part], k)
    friends = index.friends.get(key)
    nothing = [None] * len(images)
    found["odd"] = nothing if friends is None else friends.odd[part].ravel()
    found["oddness"] = nothing if friends is None else friends.oddness[part].ravel().astype(np.float32)
    found["jpeg"] = nothing if index.pictures is None else _jpegs(index.pictures, key, units, k)
    return found


def frame(index: PatchIndex) -> Any:
    """Put the patches of all tables into one pandas DataFrame, without their pictures and the empty ranks."""
    try:
        import pandas as pd  # noqa: F401, PLC0415  not needed otherwise
    except ImportError as error:
        raise ImportError("A table needs pandas; pip install pandas, or read index.tables as arrays.") from error
    bare = replace(index, pictures=None)
    tables = [pa.table(in_rows(bare, key, range(len(table))), schema=SCHEMA) for key, table in index.tables.items()]
    whole = pa.concat_tables([SCHEMA.empty_table(), *tables])
    return whole.filter(whole.column("image").is_valid()).drop_columns(["jpeg"]).to_pandas()


def out_of_rows(rows: pa.Table, units: int, k: int) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Read the rows of one table: its arrays (units, k), and what is known of false friends."""
    def read(name: str, kind: type, empty: float) -> np.ndarray:
        column = rows.column(name)
        column = column.fill_null(empty) if column.null_count else column
        return column.to_numpy().astype(kind).reshape(units, k)

    table = {
        "values": read("value", np.float32, np.nan), "images": read("image", np.int64, -1),
        "ys": read("y", np.int32, -1), "xs": read("x", np.int32, -1),
        "boxes": np.stack([read(side, np.int32, 0) for side in _SIDES], -1),
    }
    return table, {"odd": read("odd", bool, False), "oddness": read("oddness", np.float32, np.nan)}


def _known(values: np.ndarray, there: np.ndarray) -> pa.Array:
    return pa.array(values, mask=~there)


def _class(classes: tuple[str, ...], label: int | None) -> str | None:
    return classes[label] if label is not None and 0 <= label < len(classes) else None


def _jpegs(pictures: Mapping[Any, bytes], key: tuple[str, str], units: range, k: int) -> list[dict[str, Any] | None]:
    """Return Hugging Face's Image of each patch: its bytes, and a name for where it is taken out."""
    layer, basis = key
    stem = layer if basis == "units" else f"{layer} {basis}"
    found = ((unit, rank, pictures.get((*key, unit, rank))) for unit in units for rank in range(k))
    return [
        None if raw is None else {"bytes": raw, "path": f"{stem}-{unit}-{rank}.jpg"} for unit, rank, raw in found
    ]
