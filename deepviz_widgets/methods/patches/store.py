"""A patch index as one Parquet file: a row per unit and rank with its picture, the rest in the schema's metadata.

pandas, DuckDB and the viewer of Hugging Face open it as it is. Reading it back needs no network and no images.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any, cast

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ...words import first_line
from .crops import Crops
from .disk import StoreError, reason, replacing, writable
from .friends import Friends
from .index import PatchIndex
from .packing import pack, unpack
from .records import COLUMNS, IN_ROWS, SCHEMA, in_rows, out_of_rows
from .table import LayerPatches

__all__ = ["load", "save"]

FORMAT = 1
_KEY, _CHECK, _HUGGING_FACE = b"deepviz_widgets", b"deepviz_widgets.sha256", b"huggingface"
_GROUP = 512  # rows of a group, about: what a viewer reads to show one of them, some 600 kB with pictures of 64 px
_HELD_APART = ("tables", "pictures", "friends")  # fields of the index that are not written as they are


def save(index: PatchIndex, path: str | Path) -> None:
    """Write an index as one Parquet file, under another name first, so that there is never half a file.

    Parameters
    ----------
    index : PatchIndex
    path : str or Path
        A file there is replaced.

    Raises
    ------
    StoreError
        If it cannot be written there; a file that was there before still stands.
    """
    path = writable(path)
    try:
        with replacing(path) as file:
            _write(index, file)
    except (OSError, pa.ArrowException) as error:
        raise StoreError(f"The patches cannot be written to {str(path)!r}: {reason(error)}.") from error


def _write(index: PatchIndex, file: Any) -> None:
    said = {"format": FORMAT, "written by": _versions(), "index": _fields(index, _HELD_APART), "tables": [
        {"fields": _fields(table, IN_ROWS), "rows": list(table.values.shape),
         "friends": _friends(index, key)} for key, table in index.tables.items()
    ]}
    if index.pictures is not None:
        said["pictures"] = {"side": index.pictures.side}
    features = {"info": {"features": {name: feature for name, (_, feature) in COLUMNS.items()}}}
    whole = _json(said)
    schema = SCHEMA.with_metadata({_KEY: whole, _CHECK: _checksum(whole), _HUGGING_FACE: _json(features)})
    compressed = dict.fromkeys(_leaves(SCHEMA), "snappy") | {"jpeg.bytes": "none"}
    with pq.ParquetWriter(file, schema, compression=compressed, write_page_checksum=True) as writer:
        for key, table in index.tables.items():
            for units in _groups(*table.values.shape):
                writer.write_table(pa.table(in_rows(index, key, units), schema=schema))


def load(path: str | Path) -> PatchIndex:
    """Read an index.

    Raises
    ------
    StoreError
        If there is no such file, or it is cut off, damaged, something else, or of a newer version.
    """
    path = Path(path).expanduser()
    if not path.is_file():
        what = "is a folder" if path.is_dir() else "does not exist"
        raise StoreError(f"{str(path)!r} {what}; give the file that an index was saved as.")
    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            said = _said(file, path)
            return _read(file, said)
    except (pa.ArrowException, OSError) as error:
        raise StoreError(_why_unreadable(path, error)) from error
    except StoreError:
        raise
    except (KeyError, IndexError, TypeError, AttributeError, ValueError) as error:
        raise StoreError(f"The metadata of {str(path)!r} is damaged: {first_line(error)}.") from error


def _said(file: pq.ParquetFile, path: Path) -> dict[str, Any]:
    """Return what the metadata says, after a look at the version."""
    metadata = file.schema_arrow.metadata or {}
    if _KEY not in metadata:
        raise StoreError(
            f"{str(path)!r} is a Parquet file, but not one of patches that deepviz_widgets saved."
        )
    said = json.loads(metadata[_KEY])
    if said["format"] <= FORMAT and metadata.get(_CHECK) != _checksum(metadata[_KEY]):
        raise KeyError("it does not add up to its checksum")
    if said["format"] > FORMAT:
        by = said["written by"].get("deepviz_widgets", "a newer version")
        raise StoreError(
            f"{str(path)!r} has format {said['format']}, written by deepviz_widgets {by}; this version reads "
            f"format {FORMAT} and older, so install a newer one."
        )
    return said


def _read(file: pq.ParquetFile, said: dict[str, Any]) -> PatchIndex:
    rows = file.read(columns=[name for name in COLUMNS if name != "jpeg"])
    tables: dict[tuple[str, str], LayerPatches] = {}
    friends: dict[tuple[str, str], Friends] = {}
    start = 0
    for one in said["tables"]:
        units, k = one["rows"]
        inside, flags = out_of_rows(rows.slice(start, units * k), units, k)
        table = LayerPatches(**_unpacked(one["fields"]), **cast(Any, inside))
        tables[table.key] = table
        if one["friends"] is not None:
            friends[table.key] = Friends(**_unpacked(one["friends"]), **cast(Any, flags))
        start += units * k
    if start != rows.num_rows:
        raise KeyError(f"it speaks of {start} rows and there are {rows.num_rows}")
    pictures = None if "pictures" not in said else Crops.of_rows(
        {key: table.values.shape for key, table in tables.items()}, _pictures(file), said["pictures"]["side"])
    return PatchIndex(tables=tables, pictures=pictures, friends=friends, **_unpacked(said["index"]))


def _pictures(file: pq.ParquetFile) -> Iterator[list[bytes | None]]:
    """Read the pictures a row group at a time."""
    for group in range(file.num_row_groups):
        column = file.read_row_group(group, columns=["jpeg.bytes"]).column("jpeg").combine_chunks()
        yield pc.struct_field(column, "bytes").to_pylist()


def _groups(units: int, k: int) -> Iterator[range]:
    """Split units into row groups; a unit is never in two of them."""
    step = max(1, _GROUP // max(1, k))
    return (range(start, min(start + step, units)) for start in range(0, units, step))


def _fields(thing: Any, but: tuple[str, ...]) -> dict[str, Any]:
    names = [field.name for field in dataclasses.fields(thing) if field.init and field.name not in but]
    return {name: pack(getattr(thing, name)) for name in names}


def _unpacked(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: unpack(value) for name, value in fields.items()}


def _friends(index: PatchIndex, key: tuple[str, str]) -> dict[str, Any] | None:
    return _fields(index.friends[key], ("odd", "oddness")) if key in index.friends else None


def _leaves(schema: pa.Schema) -> list[str]:
    return [
        f"{field.name}.{part.name}" if pa.types.is_struct(field.type) else field.name
        for field in schema for part in (field.type if pa.types.is_struct(field.type) else (field,))
    ]


def _checksum(whole: bytes) -> bytes:
    return hashlib.sha256(whole).hexdigest().encode()


def _json(value: Any) -> bytes:
    return json.dumps(value, allow_nan=False, separators=(",", ":")).encode()


def _versions() -> dict[str, str]:
    """Name what writes a file."""
    return {name: version(name) for name in ("deepviz_widgets", "pyarrow", "numpy")}


def _why_unreadable(path: Path, error: Exception) -> str:
    with path.open("rb") as file:
        head = file.read(4)
    if head == b"PAR1":
        return f"{str(path)!r} is cut off or damaged, so it cannot be read; save the index again."
    return f"{str(path)!r} is no Parquet file, so it holds no patches that deepviz_widgets saved."
