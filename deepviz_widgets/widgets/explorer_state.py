"""What an explorer shows as a small JSON, as a fragment of a link, and as steps to be undone."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Sequence
from typing import Any

from ..words import kind_of

VERSION = 1
_MOST_STEPS = 200

# What a panel shows beside the shared traits; in the order in which it is put back.
KEPT: dict[str, tuple[str, ...]] = {
    "picker": ("expanded", "query"),
    "kernels": ("source", "side", "order", "scale", "step"),
    "activations": ("call", "order", "over", "scale", "gamma", "colors", "overlay"),
    "occlusion": ("patch", "stride", "fill", "score", "view", "overlay", "place"),
    "patches": ("basis", "rank", "sort", "search", "mode", "labels", "names", "gradient"),
    "map": ("layer", "layers", "seed", "perplexity", "exaggeration", "colour", "arrangement", "size", "search",
            "isolate", "every", "view"),
    "confusion": ("cell", "shares"),
    "units": ("layer",),
}


def ranges(ids: Iterable[int]) -> str:
    """Write sorted indices shortly: [3, 4, 5, 9] as "3-5,9"."""
    parts: list[list[int]] = []
    for one in ids:
        if parts and one == parts[-1][1] + 1:
            parts[-1][1] = one
        else:
            parts.append([one, one])
    return ",".join(f"{a}" if a == b else f"{a}-{b}" for a, b in parts)


def indices(text: str | Sequence[int]) -> list[int]:
    """Read what `ranges` wrote; a list of indices is taken as it is."""
    if not isinstance(text, str):
        return [int(one) for one in text]
    ends = [part.split("-") for part in text.split(",") if part]
    return [one for part in ends for one in range(int(part[0]), int(part[-1]) + 1)]


def fragment(state: dict[str, Any]) -> str:
    """Pack a state so that it can stand behind the # of a link."""
    text = json.dumps(state, separators=(",", ":"), allow_nan=False).encode()
    return base64.urlsafe_b64encode(text).decode().rstrip("=")


def as_state(given: Any) -> dict[str, Any]:
    """Take a state as a dict, as JSON, or as a fragment of a link.

    Raises
    ------
    ValueError
        If it is none of these, or of a later version.
    """
    state = given
    if isinstance(given, str):
        text = given.strip().rpartition("#")[2].removeprefix("dvw=")
        try:
            state = json.loads(text if text.startswith("{") else _unpacked(text))
        except ValueError:
            raise ValueError("This text is neither the state of an explorer nor the end of a link to one.") from None
    if not isinstance(state, dict):
        raise ValueError(f"The state of an explorer is a dict, its JSON or a link; this is {kind_of(given)}.")
    if state.get("version", VERSION) != VERSION:
        raise ValueError(f"This state has version {state['version']!r}; this explorer reads version {VERSION}.")
    return state


def _unpacked(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


class History:
    """What was shown before, and what was undone."""

    def __init__(self, now: Any = None):
        self.now = now
        self._past: list[Any] = []
        self._future: list[Any] = []

    @property
    def can(self) -> tuple[bool, bool]:
        """Whether there is something to undo, and to redo."""
        return bool(self._past), bool(self._future)

    def note(self, now: Any) -> bool:
        """Remember a new moment; return whether it is one."""
        if now == self.now:
            return False
        self._past = [*self._past, self.now][-_MOST_STEPS:]
        self._future = []
        self.now = now
        return True

    def correct(self, now: Any) -> None:
        """Take this for the present moment: what nobody chose is no step of its own."""
        self.now = now

    def back(self) -> Any:
        """Return the moment before, None at the first one."""
        if not self._past:
            return None
        self._future.append(self.now)
        self.now = self._past.pop()
        return self.now

    def forth(self) -> Any:
        """Return the moment that was undone last, None where nothing was."""
        if not self._future:
            return None
        self._past.append(self.now)
        self.now = self._future.pop()
        return self.now
