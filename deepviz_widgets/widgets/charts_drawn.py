"""A bqplot figure as plain shapes, to be drawn where bqplot cannot run: in a saved page, and in a picture."""

from __future__ import annotations

import html
import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import bqplot
import numpy as np

TICK, LABEL, TITLE = 11, 12, 13  # px


@dataclass(frozen=True)
class Shape:
    """One thing to draw, in pixels from the upper left corner.

    Attributes
    ----------
    kind : {"rect", "line", "text"}
    points : sequence of (x, y)
        Of a rect, two corners; of a text, where it is anchored, at half its height.
    colour : str
        '' is the colour of text.
    text : str
    anchor : {"start", "middle", "end"}
    size : int
        Of a text.
    turned : bool
        Whether a text runs upwards.
    """

    kind: str
    points: tuple[tuple[float, float], ...]
    colour: str = ""
    text: str = ""
    anchor: str = "start"
    size: int = LABEL
    turned: bool = False


@dataclass
class _Side:
    """One direction of a figure: what stands where, in pixels."""

    start: float
    end: float
    scale: Any = None
    names: list[str] = field(default_factory=list)
    low: float = 0.0
    high: float = 1.0

    def at(self, value: Any) -> float:
        """Return the pixel of a value; an ordinal one stands in the middle of its place."""
        share = (self.names.index(str(value)) + 0.5) / len(self.names) if self.names else (
            (float(value) - self.low) / ((self.high - self.low) or 1.0)
        )
        return self.start + share * (self.end - self.start)

    @property
    def room(self) -> float:
        """Return the pixels of one ordinal place."""
        return abs(self.end - self.start) / max(1, len(self.names))


def shapes(figure: bqplot.Figure, width: int, height: int) -> list[Shape]:
    """Lay a figure out in so many pixels; marks other than bars, lines and points are left away."""
    margin = {"top": 36, "bottom": 48, "left": 60, "right": 20, **(figure.fig_margin or {})}
    left, right, top, bottom = margin["left"], width - margin["right"], margin["top"], height - margin["bottom"]
    marks = [mark for mark in figure.marks if mark.visible and np.size(mark.x)]
    upright = {id(axis.scale): axis.orientation == "vertical" for axis in figure.axes}
    sides: dict[int, _Side] = {}
    for mark in marks:
        for name, scale in mark.scales.items():
            up = upright.get(id(scale), name == "y")
            side = sides.setdefault(id(scale), _Side(*((bottom, top) if up else (left, right)), scale))
            _extend(side, mark, name)
    found = [shape for mark in marks for shape in _mark(mark, sides)]
    for axis in figure.axes:
        if id(axis.scale) in sides:
            found += _axis(axis, sides[id(axis.scale)], (left, right, top, bottom))
    if figure.title:
        found.append(Shape("text", (((left + right) / 2, top / 2),), text=figure.title, anchor="middle", size=TITLE))
    return found


def _extend(side: _Side, mark: Any, name: str) -> None:
    """Take the values of a mark into what a side shows."""
    values = np.asarray(getattr(mark, name))
    if isinstance(side.scale, bqplot.OrdinalScale):
        side.names += [str(one) for one in values if str(one) not in side.names]
        return
    numbers = values[np.isfinite(values.astype(float))].astype(float)
    if not numbers.size:
        return
    low, high = float(numbers.min()), float(numbers.max())
    if isinstance(mark, bqplot.Bars):
        step = _step(numbers) / 2 if name == "x" else 0.0
        low, high = (low - step, high + step) if name == "x" else (min(0.0, low), high)
    first = side.low == 0.0 and side.high == 1.0
    side.low = low if first else min(side.low, low)
    side.high = high if first else max(side.high, high)
    side.low = side.low if side.scale.min is None else float(side.scale.min)
    side.high = side.high if side.scale.max is None else float(side.scale.max)


def _step(numbers: np.ndarray) -> float:
    return float(np.diff(np.sort(numbers)).min()) if len(numbers) > 1 else 1.0


def _mark(mark: Any, sides: dict[int, _Side]) -> Iterator[Shape]:
    across, up = sides[id(mark.scales["x"])], sides[id(mark.scales["y"])]
    colours = list(mark.colors or [""])
    xs, ys = list(np.asarray(mark.x)), np.asarray(mark.y, float)
    if isinstance(mark, bqplot.Bars):
        room = across.room if across.names else abs(across.at(across.low + _step(np.asarray(xs, float))) - across.start)
        half = room * (1 - (mark.padding or 0)) / 2
        for number, (x, y) in enumerate(zip(xs, ys, strict=False)):
            middle, zero, tip = across.at(x), up.at(0), up.at(y)
            corners = ((middle - half, zero), (middle + half, tip))
            if mark.orientation == "horizontal":
                corners = ((zero, middle - half), (tip, middle + half))
            yield Shape("rect", _ordered(*corners), colours[number % len(colours)])
    elif isinstance(mark, bqplot.Lines):
        spots = [(across.at(x), up.at(y)) for x, y in zip(xs, ys, strict=False) if math.isfinite(y)]
        if mark.interpolation == "step-after":
            spots = [spot for a, b in itertools.pairwise(spots) for spot in (a, (b[0], a[1]))] + spots[-1:]
        yield Shape("line", tuple(spots), colours[0])
    elif isinstance(mark, bqplot.Scatter):
        for x, y in zip(xs, ys, strict=False):
            spot = (across.at(x), up.at(y))
            yield Shape("line", ((spot[0] - 4, spot[1]), (spot[0], spot[1] - 7), (spot[0] + 4, spot[1])), colours[0])


def _ordered(a: tuple[float, float], b: tuple[float, float]) -> tuple[tuple[float, float], ...]:
    return (min(a[0], b[0]), min(a[1], b[1])), (max(a[0], b[0]), max(a[1], b[1]))


def _axis(axis: Any, side: _Side, box: tuple[float, float, float, float]) -> Iterator[Shape]:
    left, right, top, bottom = box
    upright = axis.orientation == "vertical"
    yield Shape("line", ((left, top), (left, bottom)) if upright else ((left, bottom), (right, bottom)))
    labels = axis.tick_labels or {}
    for value in side.names or _ticks(axis, side):
        written = "" if side.names else number(float(value), axis.tick_format or "")
        text = _cut(str(value), left) if side.names else _named(labels, value) or written
        spot = (left - 6, side.at(value)) if upright else (side.at(value), bottom + 12)
        yield Shape("text", (spot,), text=text, anchor="end" if upright else "middle", size=TICK)
    if axis.label and not upright:
        yield Shape("text", (((left + right) / 2, bottom + 34),), text=axis.label, anchor="middle")
    elif axis.label:
        yield Shape("text", ((14, (top + bottom) / 2),), text=axis.label, anchor="middle", turned=True)


def _named(labels: dict[str, str], value: Any) -> str:
    """Return the label of a tick, which may be named by a whole number or not."""
    return labels.get(str(value)) or labels.get(f"{value:g}", "")


def _cut(text: str, room: float) -> str:
    """Cut a name to about so many pixels."""
    most = max(4, int(room / 6.5))
    return text if len(text) <= most else text[: most - 1] + "…"


def _ticks(axis: Any, side: _Side) -> list[float]:
    given = axis.tick_values
    if given is not None and np.size(given):
        return [float(one) for one in np.asarray(given)]
    return [float(one) for one in np.linspace(side.low, side.high, axis.num_ticks or 5)]


def number(value: float, form: str = "") -> str:
    """Write a number as d3 would in the few formats that the charts use, with a real minus."""
    if form.endswith("%"):
        text = f"{100 * value:.0f} %"
    elif form.endswith("d"):
        text = f"{value:,.0f}"
    else:
        text = f"{value:.3g}"
    return text.replace("-", "−")


def svg(figure: bqplot.Figure, width: int = 480, height: int | None = None) -> str:
    """Draw a figure as SVG whose text has the colour of the text around it; every text is escaped."""
    tall = height or height_of(figure)
    body = "".join(_element(shape) for shape in shapes(figure, width, tall))
    name = html.escape(figure.title or type(figure).__name__, quote=True)
    return (f'<svg viewBox="0 0 {width} {tall}" role="img" aria-label="{name}" font-family="system-ui,sans-serif" '
            f'fill="currentColor">{body}</svg>')


def still(figure: bqplot.Figure, style: str = "") -> str:
    """Return the HTML that stands in for a figure where bqplot cannot run, and says so."""
    return (f'<figure class="dvw-chart"{style}>{svg(figure)}<figcaption class="dvw-said">A drawing of the chart as it '
            "was: bqplot's charts cannot be clicked here and do not follow.</figcaption></figure>")


def height_of(figure: bqplot.Figure) -> int:
    """Return how high a figure is meant to be, in pixels."""
    text = str(figure.layout.height or "")
    return int(float(text[:-2])) if text.endswith("px") else 300


def _element(shape: Shape) -> str:
    colour = html.escape(shape.colour if shape.colour and "var(" not in shape.colour else "currentColor", quote=True)
    (x, y), *others = shape.points or ((0.0, 0.0),)
    if shape.kind == "rect":
        right, low = others[0]
        return f'<rect x="{x:.1f}" y="{y:.1f}" width="{right - x:.1f}" height="{low - y:.1f}" fill="{colour}"/>'
    if shape.kind == "line":
        spots = " ".join(f"{a:.1f},{b:.1f}" for a, b in shape.points)
        return f'<polyline points="{spots}" fill="none" stroke="{colour}" stroke-width="1.5"/>'
    turn = f' transform="rotate(-90 {x:.1f} {y:.1f})"' if shape.turned else ""
    return (f'<text x="{x:.1f}" y="{y:.1f}" dy=".35em" font-size="{shape.size}" text-anchor="{shape.anchor}"{turn}>'
            f"{html.escape(shape.text)}</text>")
