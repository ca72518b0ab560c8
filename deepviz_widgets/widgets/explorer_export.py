"""The explorer as one HTML file: its bar and the panels on screen, linked there as far as no kernel is needed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from .export import write_html

# What stays equal in the page; of another image, the bar and the other panels know nothing without a kernel.
LINKED = {"channel": (), "selected": (), "image": ("patches", "map", "confusion")}


class _Pair(NamedTuple):
    """Two traits that the page keeps equal, as `traitlets.link` names them."""

    source: tuple[Any, str]
    target: tuple[Any, str]

    def unlink(self) -> None:
        """Do nothing: they were never linked here."""


def written(
    path: str | Path, bar: Any, panels: dict[str, Any], saved: dict[str, Any], *, title: str, **options: Any
) -> Path:
    """Write the bar and the panels; see `Explorer.to_html`."""
    bar._saved = {**saved, "panels": list(panels)}
    bar._links.extend(_pairs(bar, panels))
    try:
        return write_html(path, [bar, *panels.values()], title=title, **options)
    finally:
        bar._links.clear()
        bar._saved = {}


def _pairs(bar: Any, panels: dict[str, Any]) -> Iterator[_Pair]:
    """Yield which traits the page keeps equal; a panel that shows something near instead keeps to itself."""
    for name, only in LINKED.items():
        there = [panels[label] for label in only if label in panels] if only else [bar, *panels.values()]
        there = [one for one in there if one.has_trait(name) and one.trait_metadata(name, "sync")]
        for other in there[1:]:
            if getattr(other, name) == getattr(there[0], name):
                yield _Pair((there[0], name), (other, name))
