"""The chart beside a board of top patches: how strongly a unit answers to each image, drawn by bqplot."""

from __future__ import annotations

from typing import TYPE_CHECKING

import bqplot
import numpy as np

from ..words import count
from .charts import BAR, START, TEXT

if TYPE_CHECKING:
    from ..methods.patches.table import LayerPatches


class MaximaChart:
    """The largest answer of one unit to each image, as bars half an octave wide; the patches on the board as marks.

    Attributes
    ----------
    figure : bqplot.Figure
    """

    def __init__(self) -> None:
        scales = {"x": bqplot.LinearScale(), "y": bqplot.LinearScale(min=0)}
        self._bars = bqplot.Bars(x=np.zeros(1), y=np.zeros(1), scales=scales, colors=[BAR], stroke=BAR, padding=0.05)
        self._marks = bqplot.Scatter(
            x=np.zeros(0), y=np.zeros(0), scales=scales, colors=[START], default_size=36, marker="triangle-up",
        )
        ticks = {"fill": TEXT, "font-size": "11px"}
        look = {"color": TEXT, "label_color": TEXT, "grid_lines": "none", "tick_style": ticks}
        self._x = bqplot.Axis(scale=scales["x"], label="largest answer to an image (marks: the patches)",
                              label_offset="32px", **look)
        self._y = bqplot.Axis(scale=scales["y"], orientation="vertical", label="images", label_offset="44px",
                              tick_format="~d", num_ticks=4, **look)
        self.figure = bqplot.Figure(
            marks=[self._bars, self._marks], axes=[self._x, self._y], padding_x=0, padding_y=0,
            background_style={"fill": "none"}, title_style={"fill": TEXT, "font-size": "13px"},
            fig_margin={"top": 36, "bottom": 48, "left": 60, "right": 20},
            layout={"min_width": "320px", "height": "300px", "flex": "1 1 320px"},
        )

    def show(self, table: LayerPatches, row: int) -> None:
        """Show one row of a table."""
        counts, edges = table.maxima[row], table.edges
        there = np.flatnonzero(counts)
        first, last = (int(there[0]), int(there[-1])) if len(there) else (0, 0)
        noun = "unit " if table.basis == "units" else ""
        self.figure.title = f"{table.layer}, {noun}{table.names[row]}: {count(int(counts.sum()))} images"
        values = table.values[row][np.isfinite(table.values[row])]
        at = np.arange(first - 1, last + 1)[:: max(1, (last - first + 2) // 5)]
        at = at[(at >= 0) & (at < len(edges))]
        with self._bars.hold_sync(), self._marks.hold_sync(), self._x.hold_sync():
            self._bars.x, self._bars.y = np.arange(first, last + 1), counts[first : last + 1]
            # bin i ends at edge i: half octaves are drawn equally wide, so the axis is logarithmic to both sides of 0
            self._marks.x = np.interp(values, edges, np.arange(len(edges)) + 0.5)
            self._marks.y = np.zeros(len(values))
            self._x.tick_values = at + 0.5
            self._x.tick_labels = {str(one + 0.5): f"{edges[one]:.2g}".replace("-", "−") for one in at}
