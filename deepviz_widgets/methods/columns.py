"""Columns of values, one an image: how they are told apart, coded in whole numbers, and written to a file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..words import count, plural

MOST_CATEGORIES = 1000
_OTHERS = "other"
_FEW = 12  # whole numbers with at most so many different values are taken as categories


@dataclass(frozen=True, eq=False)
class Column:
    """Values of one kind, one an image.

    Attributes
    ----------
    name : str
    kind : {"category", "number"}
    values : ndarray (N,)
        Indices of categories, -1 where unknown; or numbers, NaN where unknown.
    categories : tuple of str
        Empty for numbers.
    """

    name: str
    kind: str
    values: np.ndarray
    categories: tuple[str, ...] = ()

    @property
    def bounds(self) -> tuple[float, float]:
        """The smallest and the largest known number; (0, 1) where none is known."""
        known = self.values[np.isfinite(self.values)] if self.kind == "number" else self.values[:0]
        return (float(known.min()), float(known.max())) if len(known) else (0.0, 1.0)

    def coded(self) -> tuple[np.ndarray, float, float]:
        """Return unsigned integers, all bits set where unknown, and (lo, hi): a number is lo + q / 65534 * (hi - lo).

        Categories are their own index, in 8 bits where there are at most 255.
        """
        if self.kind == "category":
            kind = np.uint8 if len(self.categories) <= 255 else np.uint16
            return np.where(self.values < 0, np.iinfo(kind).max, self.values).astype(kind), 0.0, 0.0
        low, high = self.bounds
        span = (high - low) or 1.0
        known = np.isfinite(self.values)
        steps = np.where(known, np.rint((np.where(known, self.values, low) - low) / span * 65534), 65535)
        return steps.astype(np.uint16), low, low + span

    def longer(self, number: int) -> Column:
        """Return the column for more images, of which it says nothing."""
        unknown = np.full(number - len(self.values), -1 if self.kind == "category" else np.nan)
        values = np.concatenate([self.values, unknown.astype(self.values.dtype)])
        return Column(self.name, self.kind, values, self.categories)

    def text(self, index: int) -> str | float | None:
        """Return one value as people read it; None where unknown."""
        value = self.values[index]
        if self.kind == "category":
            return self.categories[value] if value >= 0 else None
        return float(value) if np.isfinite(value) else None


def columns_of(given: Mapping[str, Any] | None, number: int) -> dict[str, Column]:
    """Take columns as people give them: sequences, arrays or pandas columns, of as many values as there are images.

    Numbers stay numbers; words, truth values and a few different whole numbers are categories.

    Raises
    ------
    ValueError
        For a column of another length.

    Examples
    --------
    >>> found = columns_of({"light": [0.1, 0.9, 0.4], "place": ["sea", "wood", "sea"]}, 3)
    >>> found["light"].kind, found["place"].categories
    ('number', ('sea', 'wood'))
    """
    if given is None:
        return {}
    if not isinstance(given, Mapping) and not hasattr(given, "items"):
        raise ValueError(f"Columns are a dict of names and values; this is a {type(given).__name__}.")
    return {str(name): _column(str(name), values, number) for name, values in given.items()}


def _column(name: str, values: Any, number: int) -> Column:
    found = np.asarray(values.cpu() if hasattr(values, "cpu") else values)
    if found.shape != (number,):
        raise ValueError(f"The column {name!r} has {size_of(found)}, but there are {plural(number, 'image')}.")
    if found.dtype.kind == "f":
        return Column(name, "number", found.astype(np.float64))
    different = None if found.dtype.kind in "iu" else np.array([])
    if different is None and len(np.unique(found)) > _FEW:
        return Column(name, "number", found.astype(np.float64))
    words = np.array(["" if value is None else str(value) for value in found.tolist()])
    if found.dtype.kind in "iu":
        names = tuple(str(value) for value in np.unique(found).tolist())
    else:
        kinds, often = np.unique(words[words != ""], return_counts=True)
        names = tuple(kinds.tolist())
        if len(names) > MOST_CATEGORIES:
            names = (*np.sort(kinds[np.argsort(-often, kind="stable")][: MOST_CATEGORIES - 1]).tolist(), _OTHERS)
    place = {word: at for at, word in enumerate(names)}
    rest = place.get(_OTHERS, -1)
    codes = np.array([-1 if word == "" else place.get(word, rest) for word in words.tolist()], int)
    return Column(name, "category", codes, names)


def size_of(values: np.ndarray) -> str:
    """Write how many values an array holds, `3 values`, or its shape where it has several axes."""
    return f"{count(len(values))} values" if values.ndim == 1 else f"the shape {values.shape}"


def as_words(codes: np.ndarray, names: Sequence[str]) -> list[str | None]:
    """Turn indices of names into these; None for -1."""
    return [names[code] if 0 <= code < len(names) else (None if code < 0 else f"class {code}") for code in codes]


def frame(table: Mapping[str, Any]) -> Any:
    """Return a table as a pandas DataFrame.

    Raises
    ------
    ImportError
        If pandas is not installed; with what would work.
    """
    try:
        import pandas  # noqa: PLC0415  takes half a second, and nothing else here needs it
    except ImportError as error:
        raise ImportError("A DataFrame needs pandas: pip install pandas; save(path) writes Parquet without it.") from (
            error
        )
    return pandas.DataFrame(dict(table))


def parquet(table: Mapping[str, Any], path: str | Path) -> Path:
    """Write a table as a Parquet file and return its path."""
    import pyarrow  # noqa: PLC0415  slow to import
    import pyarrow.parquet  # noqa: PLC0415

    target = Path(path)
    if not target.parent.is_dir():
        raise ValueError(f"There is no folder {str(target.parent)!r} to save into.")
    pyarrow.parquet.write_table(pyarrow.table(dict(table)), target)
    return target
