"""How numbers, shapes and choices are written for people, and how an unknown name is answered."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable, Sequence


def count(number: int) -> str:
    """Write 1797 as `1,797`."""
    return f"{number:,}"


def size(shape: Sequence[int]) -> str:
    """Write (3, 224, 336) as `3 × 224 × 336`."""
    return " × ".join(count(side) for side in shape)


def size_of(number: float) -> str:
    """Write a number of bytes as `310 kB` or `1.2 MB`."""
    return f"{number / 1e6:.1f} MB" if number >= 1e6 else f"{math.ceil(number / 1e3)} kB"


def plural(number: int, noun: str) -> str:
    """Write `1 image`, `1,797 images`, `10 classes`."""
    ending = "" if number == 1 else "es" if noun.endswith("s") else "s"
    return f"{count(number)} {noun}{ending}"


def percent(share: float) -> str:
    """Write 0.254 as `25 %`."""
    return f"{100 * share:.0f} %"


def listing(names: Iterable[object], most: int = 4) -> str:
    """Write `'a', 'b' and 7 more`."""
    quoted = [repr(name) for name in names]
    if len(quoted) <= most:
        return ", ".join(quoted[:-1]) + (" and " if len(quoted) > 1 else "") + quoted[-1] if quoted else "nothing"
    return ", ".join(quoted[:most]) + f" and {len(quoted) - most} more"


def no_such(noun: str, name: object, names: Sequence[str]) -> str:
    """Say that a name is unknown, which one is nearest, and which there are.

    Examples
    --------
    >>> no_such("layer", "layer5", ["conv1", "layer4"])
    "No layer 'layer5'; did you mean 'layer4'? There are 'conv1' and 'layer4'."
    """
    near = difflib.get_close_matches(str(name), names, n=1, cutoff=0.5)
    near = near or [known for known in names if name and str(name).lower() in known.lower()][:1]
    hint = f"; did you mean {near[0]!r}?" if near else "."
    there = f" There are {listing(names)}." if len(names) > 1 else f" There is only {listing(names)}."
    return f"No {noun} {name!r}{hint}{there}"


def first_line(error: BaseException) -> str:
    """Return what an exception says, in one line without the full stop."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")


def kind_of(thing: object) -> str:
    """Write `an int`, `a list`."""
    name = type(thing).__name__
    return f"{'an' if name[:1].lower() in 'aeiou' else 'a'} {name}"
