"""Files that are either whole or not there, and whether one can be written, asked before the work is done."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from ...words import count, first_line

__all__ = ["StoreError", "estimate", "lacking", "reason", "replacing", "writable"]

_ROW = 120  # bytes of a row without its picture, about
_HEAD = 640  # bytes of a JPEG before its pixels
_PIXEL = 0.75  # bytes a pixel of a small colour JPEG of quality 85: measured 0.2 to 0.5 on photographs, noise is worse


class StoreError(ValueError):
    """A file of patches that cannot be written or read, in one sentence."""


def estimate(rows: int, side: int = 0) -> int:
    """Say how many bytes so many patches may need at most, on photographs, with pictures of so many pixels or none.

    Examples
    --------
    >>> from deepviz_widgets.methods.patches.disk import estimate
    >>> estimate(4800 * 16, side=64) // 2**20
    280
    """
    return int(rows * (_ROW + (_HEAD + _PIXEL * side * side if side else 0)))


def writable(path: str | Path, need: int = 0, rows: int = 0) -> Path:
    """Check that a file can be written where it is to be, and that there is room.

    Parameters
    ----------
    path : str or Path
    need : int
        Bytes, as from `estimate`.
    rows : int
        Patches, for the sentence.

    Returns
    -------
    Path

    Raises
    ------
    StoreError
        In one sentence: what is wrong, and with how many bytes for how many patches was reckoned.

    Examples
    --------
    >>> from deepviz_widgets.methods.patches.disk import estimate, writable
    >>> writable("patches.parquet", estimate(4800), rows=4800).name
    'patches.parquet'
    """
    path = Path(path).expanduser()
    if path.is_dir():
        raise StoreError(f"{str(path)!r} is a folder; give the name of a file in it, such as 'patches.parquet'.")
    folder = path.parent
    if not folder.is_dir():
        what = "is a file, not a folder" if folder.exists() else "does not exist"
        raise StoreError(f"The folder {str(folder)!r} {what}, so {path.name!r} cannot be written there.")
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b"\0")
        lack = lacking(folder, need)
    except OSError as error:
        raise StoreError(f"Nothing can be written into the folder {str(folder)!r}: {reason(error)}.") from error
    if lack:
        of = "1 patch needs" if rows == 1 else f"{count(rows)} patches need" if rows else "The file needs"
        raise StoreError(f"{of} up to about {lack}; choose another disk, fewer patches a unit, or smaller pictures.")
    return path


def lacking(folder: Path, need: int) -> str:
    """Say `2.0 GiB and the disk of 'a' has 100 MiB free` where so many bytes have no room in a folder, else nothing."""
    free = shutil.disk_usage(folder).free
    return "" if need <= free else f"{_amount(need)} and the disk of {str(folder)!r} has {_amount(free)} free"


@contextmanager
def replacing(path: Path) -> Iterator[IO[bytes]]:
    """Write a file under another name, flush it to the disk and rename it; after an error nothing has changed."""
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with part.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def reason(error: BaseException) -> str:
    """Return what went wrong, as the system says it: `No space left on device`."""
    return getattr(error, "strerror", None) or first_line(error)


def _amount(number: int) -> str:
    return f"{number / 2**30:,.1f} GiB" if number >= 2**30 else f"{max(1, round(number / 2**20)):,} MiB"
