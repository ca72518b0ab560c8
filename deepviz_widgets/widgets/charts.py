"""Charts that stand beside a widget, drawn by bqplot."""

from __future__ import annotations

import math

import bqplot
import ipywidgets
import numpy as np
import traitlets as t

from ..methods.kernels import Kernels, weight_spread
from ..words import count
from .stills import Pictured

BAR, START, ACCENT = "#788290", "#d0761c", "#3f7ce0"  # each at least 3:1 on a white and on a dark surface


def _text_colour() -> str:
    """Return a colour that follows the theme where ipywidgets takes one (8 does), else a grey for both themes."""
    try:
        return ipywidgets.Color().validate(None, "var(--jp-ui-font-color1)")
    except t.TraitError:
        return "#767d88"


TEXT = _text_colour()


class Chart(Pictured, bqplot.Figure):
    """A figure whose output in a saved notebook holds a picture too."""


class WeightHistogram:
    """The weights of a layer as bars, those of a random start as a line.

    Attributes
    ----------
    figure : bqplot.Figure
    """

    def __init__(self) -> None:
        self._across, self._up = x, y = bqplot.LinearScale(), bqplot.LinearScale(min=0)
        ticks = {"fill": TEXT, "font-size": "11px"}
        look = {"color": TEXT, "label_color": TEXT, "grid_lines": "none", "tick_style": ticks}
        self._bars = bqplot.Bars(
            x=np.zeros(1), y=np.zeros(1), scales={"x": x, "y": y}, colors=[BAR], padding=0.05, stroke=BAR,
        )
        self._start = bqplot.Lines(
            x=np.zeros(1), y=np.zeros(1), scales={"x": x, "y": y}, colors=[START], interpolation="step-after",
            stroke_width=2,
        )
        self._x = bqplot.Axis(scale=x, label="weight", label_offset="32px", tick_format=".2~g", **look)
        self._y = bqplot.Axis(
            scale=y, orientation="vertical", label="share of the weights", label_offset="44px", tick_format=".0%",
            **look
        )
        self.figure = Chart(
            marks=[self._bars, self._start], axes=[self._x, self._y], padding_x=0, padding_y=0,
            background_style={"fill": "none"}, title_style={"fill": TEXT, "font-size": "13px"},
            fig_margin={"top": 36, "bottom": 48, "left": 60, "right": 20},
            layout={"min_width": "320px", "height": "300px", "flex": "1 1 320px"},
        )

    def show(self, kernels: Kernels, first: Kernels | None = None, name: str = "") -> None:
        """Show the weights of a layer, beside those of its first checkpoint or of PyTorch's own start."""
        found = weight_spread(kernels, first)
        half = (found.centres[1] - found.centres[0]) / 2
        self.figure.title = f"{kernels.layer}: {count(found.weights)} weights"
        most = float(found.centres[-1] + half)
        top = _above(max(found.share.max(), 0 if found.start is None else found.start.max()))
        self._x.tick_values, self._y.tick_values = most * np.array([-1, -0.5, 0, 0.5, 1]), top * np.arange(4) / 3
        self._x.label = f"weight (line: {name or found.start_is})" if found.start is not None else "weight"
        with self._across.hold_sync(), self._up.hold_sync(), self._bars.hold_sync(), self._start.hold_sync():
            self._across.min, self._across.max, self._up.max = -most, most, top
            self._bars.x, self._bars.y = found.centres, found.share
            start = np.zeros(0) if found.start is None else found.start
            self._start.x, self._start.y = found.centres[: len(start)] - half, start
            self._start.visible = found.start is not None


def _above(share: float) -> float:
    """Return the next share above that three equal steps lead to in whole percent."""
    return max(3, -(-math.ceil(share * 100) // 3) * 3) / 100
