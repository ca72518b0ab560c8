"""`row`: widgets beside each other in one cell."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import bqplot
import ipywidgets

from .charts_drawn import still
from .stills import Pictured


class Row(Pictured, ipywidgets.HBox):
    """Widgets beside each other; see `row`."""

    def _display_(self) -> Any:
        """Return what marimo shows, which calls this by name."""
        return in_marimo(self.children)

    def to_html(
        self, path: str | Path, *, title: str | None = None, max_mb: float = 25.0, layers: Any = ()
    ) -> Path:
        """Write one HTML file of about `max_mb` at most that shows the row with no kernel and no network.

        Widgets that are linked stay linked; `layers` ("all" or names) are those that can be chosen in the page beside
        the one that is shown. bqplot's charts become drawings. What does not fit is left out, and the page and a
        warning say so. The file contains the images that the widgets show.
        """
        from .export import write_html  # noqa: PLC0415

        names = dict.fromkeys(type(child).__name__ for child in self.children)
        return write_html(path, [self], title=title or ", ".join(names), max_mb=max_mb, layers=layers)


def in_marimo(widgets: Iterable[Any]) -> Any:
    """Put widgets beside each other in marimo, which knows no boxes of ipywidgets, and no bqplot."""
    import marimo  # noqa: PLC0415  it is there where this is called

    shown = [marimo.Html(still(one)) if isinstance(one, bqplot.Figure) else one for one in widgets]
    return marimo.hstack(shown, wrap=True, align="stretch", gap=1)


def row(*widgets: ipywidgets.DOMWidget) -> Row:
    """Put widgets beside each other, as wide as the cell allows; in a narrow cell they stand one below the other.

    Examples
    --------
    >>> import deepviz_widgets as dv
    >>> net, images = dv.demo.digits()
    >>> picker = dv.LayerPicker(net)
    >>> len(dv.row(picker, dv.ActivationMaps(net, images, layer=picker)).children)
    2
    """
    layout = {"flex_flow": "row wrap", "align_items": "stretch", "grid_gap": "16px", "width": "auto"}
    return Row(list(widgets), layout=layout)
