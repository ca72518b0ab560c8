"""The explorer as one HTML file: its bar and the panels on screen, linked there as far as no kernel is needed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .export import write_html

# What stays equal in the page; of another image, the bar and the other panels know nothing without a kernel.
LINKED = {"channel": (), "selected": (), "image": ("patches", "map", "confusion")}
Ends = tuple[tuple[Any, str], tuple[Any, str]]


def written(
    path: str | Path, bar: Any, area: Any, panels: dict[str, Any], state: dict[str, Any], *, title: str, **options: Any
) -> Path:
    """Write the bar and the panels as they lie below it; see `Explorer.to_html`."""
    bar._saved = state
    try:
        return write_html(path, [bar, area], title=title, links=list(_links(bar, panels)), **options)
    finally:
        bar._saved = {}


def _links(bar: Any, panels: dict[str, Any]) -> Iterator[Ends]:
    """Yield which traits the page keeps equal; a panel that shows something near instead keeps to itself."""
    for name, only in LINKED.items():
        there = [panels[label] for label in only if label in panels] if only else [bar, *panels.values()]
        there = [one for one in there if one.has_trait(name) and one.trait_metadata(name, "sync")]
        for other in there[1:]:
            if getattr(other, name) == getattr(there[0], name):
                yield (there[0], name), (other, name)
