"""One HTML file that shows widgets with no kernel and no network: the page's own code, and the state as it is now."""

from __future__ import annotations

import base64
import html
import json
import math
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import bqplot
import ipywidgets

from ..words import kind_of, plural, size_of
from .base import Widget, bundle
from .charts_drawn import still

MAX_MB = 25.0
_LITTLE = 1000  # bytes that are not worth a sentence
_OUR_OWN = ("_esm", "_code", "_css", "layout", "_anywidget_id")

# The policy keeps a page to itself whatever a label says: nothing is loaded, nothing is sent.
_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; script-src 'unsafe-inline' blob:;\
 style-src 'unsafe-inline'; img-src data: blob:; base-uri 'none'; form-action 'none'">
<title>{title}</title>
<style>body{{margin:16px auto;padding:0 16px;max-width:1032px;font:13px/20px system-ui,sans-serif;\
color:rgba(0,0,0,.87);background:#fff}}
h1{{font-size:16px;line-height:24px;font-weight:600;margin:0 0 12px;overflow-wrap:anywhere}}
#dvw,.dvw-column{{display:flex;flex-direction:column;gap:16px;min-width:0}}
.dvw-row{{display:flex;flex-flow:row wrap;align-items:stretch;gap:16px;min-width:0}}
.dvw-row>*{{flex:1 1 320px}}
.dvw-place,.dvw-chart{{min-width:0;max-width:100%}}
.dvw-chart{{margin:0}}.dvw-chart svg{{display:block;width:100%;max-width:560px;height:auto}}
.dvw-said{{color:#5a616b;margin:4px 0}}#dvw-says{{position:sticky;bottom:0;margin:12px 0 0;padding:10px 16px;\
border-radius:6px;background:#eceef1}}#dvw-says:empty{{display:none}}
html[theme=dark] body{{background:#111;color:rgba(255,255,255,.87)}}
html[theme=dark] .dvw-said{{color:#a9afb8}}html[theme=dark] #dvw-says{{background:#33363a}}</style>
<script>if(matchMedia("(prefers-color-scheme:dark)").matches)document.documentElement.setAttribute("theme","dark")</script>
</head><body><main><h1>{title}</h1>
<div id="dvw">{places}</div>
{said}<noscript><p>The pictures of this page are drawn by its own JavaScript, which is switched off here.</p></noscript>
<p id="dvw-says" role="status"></p></main>
<script type="application/json" id="dvw-state">{state}</script>
<script type="module">{host}</script>
</body></html>
"""


@dataclass
class _Entry:
    """What a page holds of one widget: its state, as it is and for what else can be chosen, and what may be left out.

    A scene is a dict of the traits that differ, under the values of the traits in `Widget._fixed` that call for it.
    """

    widget: Widget
    values: dict[str, Any]
    scenes: list[tuple[dict[str, Any], dict[str, Any]]] = field(default_factory=list)

    def size(self) -> int:
        """Return how many bytes of the page it takes."""
        return _weight(self.values) + sum(_weight(changes) for _, changes in self.scenes)


@dataclass
class _Page:
    """What is put together while a page is made."""

    entries: list[_Entry] = field(default_factory=list)
    says: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)


def write_html(
    path: str | Path, shown: Sequence[Any], *, title: str, max_mb: float = MAX_MB, layers: Any = (),
    links: Sequence[Any] = (),
) -> Path:
    """Write widgets, as they are now, into one file; equal traits that are linked stay linked.

    Parameters
    ----------
    path : str or Path
    shown : sequence of widgets
        Shown one below the other; boxes of widgets as they lie in the notebook. A bqplot figure becomes a drawing.
        The page contains the images of the widgets.
    title : str
        Title of the page.
    max_mb : float
        About how large the file may become. What does not fit is left out, the largest and least needed first; the
        page and a warning say what.
    layers : "all", str or sequence of str
        Layers that can be chosen in the page, beside those that are shown.
    links : sequence of ((widget, name), (widget, name))
        Traits that the page keeps equal, beside those that `traitlets.link` or a widget's own links do.

    Raises
    ------
    ValueError
        If `max_mb` is not above 0.
    """
    if not max_mb > 0:
        raise ValueError(f"A page of {max_mb:g} MB holds nothing; 5 or more shows the images.")
    page = _Page()
    widgets = list(_widgets(shown))
    most = int(max_mb * 1e6)
    _collect(page, widgets, most, layers)
    places = "".join(_place(one, page) for one in shown)
    _leave_out(page, most)
    said = "".join(f'<p class="dvw-said">{html.escape(text)}</p>' for text in _sentences(page, max_mb))
    state = {**_code(widgets), "widgets": [_packed(entry, k) for k, entry in enumerate(page.entries)],
             "links": _links(widgets, links)}
    # a label such as </script> must not end the script
    text = json.dumps(_finite(state), allow_nan=False).replace("<", "\\u003c")
    name = html.escape(title)
    target = Path(path)
    target.write_text(
        _PAGE.format(title=name, state=text, host=bundle("host.js"), places=places, said=said), encoding="utf-8"
    )
    if page.left_out:
        warnings.warn(_sentences(page, max_mb)[-1], stacklevel=3)
    return target


# ---------------------------------------------------------------- what there is


def _widgets(shown: Sequence[Any]) -> Iterator[Widget]:
    for one in shown:
        if isinstance(one, Widget):
            yield one
        elif isinstance(one, ipywidgets.Box):
            yield from _widgets(one.children)


def _collect(page: _Page, widgets: Sequence[Widget], most: int, layers: Any) -> None:
    """Complete every widget and take its state; those that take all the room there is come last and share the rest."""
    entries: dict[int, _Entry] = {}
    room = most - _code_size(widgets)
    for widget in (one for one in widgets if not one._grows):
        entries[id(widget)] = entry = _entry(widget, layers)
        room -= entry.size()
    growing = [one for one in widgets if one._grows]
    for number, widget in enumerate(growing):
        widget._max_mb = max(0.02, room / (len(growing) - number) / 1e6)
        entries[id(widget)] = entry = _entry(widget, layers)
        room -= entry.size()
        page.left_out += widget._omitted()
    page.entries = [entries[id(one)] for one in widgets]


def _entry(widget: Widget, layers: Any) -> _Entry:
    widget._complete()
    values = _values(widget)
    entry = _Entry(widget, values)
    at = {name: values[name] for name in widget._fixed}
    entry.scenes.append((at, {}))
    wanted = [layers] if isinstance(layers, str) and layers != "all" else layers
    for other in widget._others(wanted):
        theirs = _values(other)
        changes = {key: value for key, value in theirs.items() if key != "_uid" and value != values.get(key)}
        entry.scenes.append(({name: theirs[name] for name in widget._fixed}, changes))
        other.close()
    _name_layers(entry)
    return entry


def _name_layers(entry: _Entry) -> None:
    """Tell the page which layers it holds, so that these and no others can be chosen."""
    rows = entry.values.get("_layers")
    if "layer" in entry.widget._fixed and rows and isinstance(rows[0], dict):
        names = {at["layer"] for at, _ in entry.scenes}
        entry.values["_layers"] = [row for row in rows if row["name"] in names]
        for _, changes in entry.scenes:
            changes.pop("_layers", None)


def _values(widget: Widget) -> dict[str, Any]:
    return {key: value for key, value in widget.get_state().items() if key not in _OUR_OWN}


def _code(widgets: Sequence[Widget]) -> dict[str, dict[str, str]]:
    names = {bundle_name(widget): widget for widget in widgets}
    kinds = {"esm": "_code", "css": "_css"}
    return {kind: {name: getattr(widget, trait) for name, widget in names.items()} for kind, trait in kinds.items()}


def bundle_name(widget: Widget) -> str:
    """Return the name of a widget's bundle: `layer_picker` of `LayerPicker`."""
    return "".join("_" + c.lower() if c.isupper() else c for c in type(widget).__name__).lstrip("_")


# ---------------------------------------------------------------- how it lies


def _place(one: Any, page: _Page) -> str:
    """Return the HTML into which a widget is put, or which stands in for it."""
    flex = html.escape(str(getattr(getattr(one, "layout", None), "flex", None) or ""), quote=True)
    style = f' style="flex:{flex}"' if flex else ""
    if isinstance(one, Widget):
        number = next(k for k, entry in enumerate(page.entries) if entry.widget is one)
        return f'<div class="dvw-place" id="dvw-{number}"{style}></div>'
    if isinstance(one, bqplot.Figure):
        return still(one, style)
    if isinstance(one, ipywidgets.Box):
        wide = not isinstance(one, ipywidgets.VBox)
        inside = "".join(_place(child, page) for child in one.children if _visible(child))
        return f'<div class="dvw-{"row" if wide else "column"}"{style}>{inside}</div>'
    name = kind_of(one)
    page.says.append(f"{name[0].upper()}{name[1:]} of the notebook is not part of this page: it needs a kernel.")
    return ""


def _visible(widget: Any) -> bool:
    return getattr(getattr(widget, "layout", None), "display", None) != "none"


def _links(widgets: Sequence[Widget], more: Sequence[Any]) -> list[list[list[Any]]]:
    """Name the pairs of traits that Python links, so that the page can link them too."""
    pairs = [(link.source, link.target) for widget in widgets for link in widget._links]
    index = {id(widget): number for number, widget in enumerate(widgets)}
    return [
        [[index[id(a)], name], [index[id(b)], other]]
        for (a, name), (b, other) in (*pairs, *more)
        if id(a) in index and id(b) in index
    ]


# ---------------------------------------------------------------- what fits


def _leave_out(page: _Page, most: int) -> None:
    """Drop what is least needed, and of that the largest first, until the page fits."""
    room = most - _code_size([entry.widget for entry in page.entries])
    spare: list[tuple[int, int, _Entry, Any]] = []
    for entry in page.entries:
        spare += [(0, _weight(scene[1]), entry, scene) for scene in entry.scenes[1:]]
        for rank, (words, names) in enumerate(entry.widget._spare, 1):
            spare.append((rank, _weight({name: entry.values.get(name) for name in names}), entry, (words, names)))
    scenes: dict[str, list[int]] = {}
    for rank, size, entry, what in sorted(spare, key=lambda one: (one[0], -one[1])):
        if sum(one.size() for one in page.entries) <= room:
            break
        kind = type(entry.widget).__name__
        if rank == 0:
            entry.scenes.remove(what)
            _name_layers(entry)
            scenes.setdefault(kind, []).append(size)
        elif size >= _LITTLE:
            _empty(entry, *what)
            page.left_out.append(f"{what[0]} of {kind} ({size_of(size)})")
    page.left_out += [f"{plural(len(sizes), 'layer')} of {kind} ({size_of(sum(sizes))})"
                      for kind, sizes in scenes.items()]
    if sum(one.size() for one in page.entries) > room:
        page.left_out.append("no more than that, as what is left is what the page needs to show anything")


def _empty(entry: _Entry, words: str, names: Sequence[str]) -> None:
    entry.values.update({name: entry.widget.traits()[name].default() for name in names})
    entry.values.update(entry.widget._instead(words))
    for _, changes in entry.scenes[1:]:
        for name in names:
            changes.pop(name, None)


def _code_size(widgets: Sequence[Widget]) -> int:
    return sum(map(_weight, _code(widgets).values())) + len(bundle("host.js"))


def _sentences(page: _Page, max_mb: float) -> list[str]:
    """Say what stands in for what, and last what was left out and why."""
    says = list(dict.fromkeys(page.says))
    if page.left_out:
        says.append(f"Left out to keep this file near {max_mb:g} MB: {'; '.join(page.left_out)}. "
                    "to_html(path, max_mb=...) with more takes it in.")
    return says


def _weight(value: Any) -> int:
    """Return about how many bytes a value takes in the page: binary values are written in base64."""
    if isinstance(value, (bytes, memoryview)):
        return len(value) * 4 // 3
    if isinstance(value, dict):
        return sum(_weight(one) + len(str(key)) + 6 for key, one in value.items())
    if isinstance(value, (list, tuple)):
        return sum(map(_weight, value)) + 2 * len(value) + 2
    return len(json.dumps(value)) if isinstance(value, str) else len(str(value))


# ---------------------------------------------------------------- how it is written


def _packed(entry: _Entry, place: int) -> dict[str, Any]:
    number = {"esm": bundle_name(entry.widget), **_split({**entry.values, "_live": False})}
    scenes = [{"at": at, **_split(changes)} for at, changes in entry.scenes if at]
    return {**number, "el": f"#dvw-{place}", "scenes": scenes}


def _split(values: dict[str, Any]) -> dict[str, Any]:
    """Part the binary values from the others, as JSON needs it."""
    data = {key: base64.b64encode(value).decode() for key, value in values.items() if isinstance(value, bytes)}
    return {"state": {key: value for key, value in values.items() if key not in data}, "buffers": data}


def _finite(value: Any) -> Any:
    """Write NaN and infinity as null: JSON in a browser knows neither."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _finite(one) for key, one in value.items()}
    return [_finite(one) for one in value] if isinstance(value, (list, tuple)) else value
