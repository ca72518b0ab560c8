"""The chart beside a board of top patches: all that a unit answers, and where its best are, drawn by bqplot."""

from __future__ import annotations

from typing import TYPE_CHECKING

import bqplot
import numpy as np

from ..words import count
from .charts import ACCENT, BAR, START, TEXT, Chart

if TYPE_CHECKING:
    from ..methods.patches.table import LayerPatches

_LEAST = 1e-5  # the share at the foot of the chart; the axis is logarithmic, as the best are rare
_SHARES = {1e-4: "0.01 %", 1e-3: "0.1 %", 1e-2: "1 %", 1e-1: "10 %", 1.0: "100 %"}


class AnswersChart:
    """How often a unit answers how strongly: anywhere (bars), at best in an image (line); the patches as marks.

    Bins are half octaves wide to both sides of 0, so that the axis is logarithmic there too.

    Attributes
    ----------
    figure : bqplot.Figure
    """

    def __init__(self) -> None:
        scales = {"x": bqplot.LinearScale(), "y": bqplot.LinearScale(min=0, max=_height(1.0) * 1.05)}
        self._bars = bqplot.Bars(x=np.zeros(1), y=np.zeros(1), scales=scales, colors=[BAR], stroke=BAR, padding=0.05)
        self._line = bqplot.Lines(x=np.zeros(1), y=np.zeros(1), scales=scales, colors=[ACCENT], stroke_width=2,
                                  interpolation="step-after")
        self._marks = bqplot.Scatter(
            x=np.zeros(0), y=np.zeros(0), scales=scales, colors=[START], default_size=36, marker="triangle-up",
        )
        ticks = {"fill": TEXT, "font-size": "11px"}
        look = {"color": TEXT, "label_color": TEXT, "grid_lines": "none", "tick_style": ticks}
        self._x = bqplot.Axis(scale=scales["x"], label="bars: any place; line: best of an image; ▲ patches",
                              label_offset="32px", **look)
        named = {round(_height(share)): name for share, name in _SHARES.items()}
        self._y = bqplot.Axis(
            scale=scales["y"], orientation="vertical", label="share of the answers", label_offset="58px",
            tick_values=list(named), tick_labels={str(y): name for y, name in named.items()}, **look
        )
        self.figure = Chart(
            marks=[self._bars, self._line, self._marks], axes=[self._x, self._y], padding_x=0, padding_y=0,
            background_style={"fill": "none"}, title_style={"fill": TEXT, "font-size": "13px"},
            fig_margin={"top": 36, "bottom": 48, "left": 74, "right": 20},
            layout={"min_width": "320px", "height": "300px", "flex": "1 1 320px"},
        )

    def show(self, table: LayerPatches, row: int) -> None:
        """Show one row of a table."""
        counts, best, edges = table.answers[row], table.maxima[row], table.edges
        first, last = _ends(counts + best)
        lowest, highest = _ends(best)
        noun = "unit " if table.basis == "units" else ""
        self.figure.title = f"{table.layer}, {noun}{table.names[row]}: {count(int(best.sum()))} images"
        values = table.values[row][np.isfinite(table.values[row])]
        at = np.arange(first - 1, last + 1)[:: max(1, (last - first + 2) // 5)]
        at = at[(at >= 0) & (at < len(edges))]
        with self._bars.hold_sync(), self._line.hold_sync(), self._marks.hold_sync(), self._x.hold_sync():
            self._bars.x, self._bars.y = np.arange(first, last + 1), _heights(counts)[first : last + 1]
            self._line.x = np.array([lowest, *range(lowest, highest + 2)]) - 0.5
            self._line.y = np.array([0, *_heights(best)[lowest : highest + 1], 0])
            # bin i ends at edge i
            self._marks.x = np.interp(values, edges, np.arange(len(edges)) + 0.5)
            self._marks.y = np.zeros(len(values))
            self._x.tick_values = at + 0.5
            self._x.tick_labels = {str(one + 0.5): f"{edges[one]:.2g}".replace("-", "−") for one in at}


def _ends(counts: np.ndarray) -> tuple[int, int]:
    """Return the first and the last bin with something in it."""
    there = np.flatnonzero(counts)
    return (int(there[0]), int(there[-1])) if len(there) else (0, 0)


def _height(share: float) -> float:
    return float(np.log10(share / _LEAST))


def _heights(counts: np.ndarray) -> np.ndarray:
    """Return how high the bars of a histogram are: 0 where nothing was counted."""
    shares = counts / max(1, int(counts.sum()))
    return np.log10(np.maximum(shares, _LEAST) / _LEAST)
