"""One HTML file that shows widgets with no kernel and no network: the page's own code, and the state as it is now."""

from __future__ import annotations

import base64
import html
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .base import Widget

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<title>{title}</title>
<style>body{{margin:16px auto;padding:0 16px;max-width:1032px;font-family:system-ui,sans-serif}}
#dvw{{display:grid;gap:16px}}
@media (prefers-color-scheme:dark){{body{{background:#111}}}}</style>
<script>if(matchMedia("(prefers-color-scheme:dark)").matches)document.documentElement.setAttribute("theme","dark")</script>
</head><body><div id="dvw"></div>
<script type="application/json" id="dvw-state">{state}</script>
<script type="module">{host}</script>
</body></html>
"""


def write_html(path: str | Path, widgets: Sequence[Widget], *, title: str) -> Path:
    """Write widgets, as they are now, into one file; equal traits that are linked stay linked.

    Parameters
    ----------
    path : str or Path
    widgets : sequence of Widget
        Shown one below the other. The page contains their images.
    title : str
        Title of the page.
    """
    from .base import bundle  # noqa: PLC0415

    state = {"esm": {}, "css": {}, "widgets": [], "links": _links(widgets)}
    for widget in widgets:
        widget._complete()
        name = _bundle_name(widget)
        state["esm"][name], state["css"][name] = widget._esm, widget._css
        state["widgets"].append({"esm": name, **_state(widget)})
    text = json.dumps(state).replace("<", "\\u003c")  # a label such as </script> must not end the script
    target = Path(path)
    target.write_text(_PAGE.format(title=html.escape(title), state=text, host=bundle("host.js")), encoding="utf-8")
    return target


def _bundle_name(widget: Widget) -> str:
    return "".join("_" + c.lower() if c.isupper() else c for c in type(widget).__name__).lstrip("_")


def _state(widget: Widget) -> dict[str, Any]:
    values = {key: value for key, value in widget.get_state().items() if key not in ("_esm", "_css", "layout")}
    buffers = {key: base64.b64encode(value).decode() for key, value in values.items() if isinstance(value, bytes)}
    plain = {key: value for key, value in values.items() if not isinstance(value, bytes)}
    return {"state": {**plain, "_live": False}, "buffers": buffers}


def _links(widgets: Sequence[Widget]) -> list[list[list[Any]]]:
    """Name the pairs of traits that Python links, so that the page can link them too."""
    pairs = (pair for widget in widgets for link in widget._links for pair in [(link.source, link.target)])
    index = {id(widget): number for number, widget in enumerate(widgets)}
    return [
        [[index[id(a)], name], [index[id(b)], other]]
        for (a, name), (b, other) in pairs
        if id(a) in index and id(b) in index
    ]
