"""`ClassScores`: what a network says about an image, as a bqplot chart that links to other widgets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import bqplot
import numpy as np
import traitlets as t

from ..images import ImageSet, as_images
from ..network import Network
from .base import ClassIndex, ImageIndex
from .charts import ACCENT, BAR, TEXT
from .charts_drawn import still
from .stills import Pictured


class ClassScores(Pictured, bqplot.Figure):
    """The most probable classes of an image as bars; a click on a bar chooses its class.

    Parameters
    ----------
    net : Network
    images : ImageSet, Picture, path, PIL image, ndarray, Tensor or list of these
    image : int or widget
        Which image. A widget that has an `image` is followed.
    target : int, str or widget, optional
        The marked class, the most probable one by default. A widget that has a `target` is followed.
    most : int
        How many classes are shown.

    Attributes
    ----------
    image, target
        As above; readable, settable and linkable.
    scores : Scores
        Of the image.

    Raises
    ------
    TraitError
        For an image or class that does not exist.
    NetworkError
        If the network fails.

    Examples
    --------
    >>> import deepviz_widgets as dv
    >>> net, images = dv.demo.scenes(n=6)
    >>> dv.ClassScores(net, images).scores.top(1)[0][0]
    'wheel'
    """

    image = ImageIndex(0, help="Index of the image.")
    target = ClassIndex(0, help="The marked class.")
    _images: ImageSet | None = None
    _links: Sequence[t.link] = ()

    def __init__(self, net: Network, images: Any, *, image: Any = 0, target: Any = None, most: int = 8):
        if not isinstance(net, Network):
            raise TypeError(f"ClassScores needs a Network; wrap the {type(net).__name__}: Network(model, ...).")
        self.network = net
        self._images = as_images(images)
        self._most = min(most, len(net.classes))
        self._order = np.zeros(0, int)
        self._bars, axes = _chart()
        super().__init__(
            marks=[self._bars], axes=axes, padding_x=0, padding_y=0, background_style={"fill": "none"},
            title_style={"fill": TEXT, "font-size": "13px"},
            fig_margin={"top": 36, "bottom": 48, "left": 12 + 7 * min(24, max(map(len, net.classes))), "right": 20},
            layout={"min_width": "320px", "height": f"{100 + 28 * self._most}px", "flex": "1 1 320px"},
        )
        self._bars.on_element_click(self._on_click)
        self._links = [t.link((other, name), (self, name)) for other, name in ((image, "image"), (target, "target"))
                       if isinstance(other, t.HasTraits)]
        if not isinstance(image, t.HasTraits):
            self.image = image
        self._score()
        if target is None:
            self.target = int(self._order[0])
        elif not isinstance(target, t.HasTraits):
            self.target = target

    def _display_(self) -> Any:
        """Return what marimo shows, which calls this by name: it cannot run bqplot."""
        import marimo  # noqa: PLC0415  it is there where this is called

        return marimo.Html(still(self))

    def close(self) -> None:
        """Unlink, and let go of the network and the images."""
        for link in self._links:
            link.unlink()
        self._links = []
        super().close()

    def refresh(self) -> None:
        """Ask the network again, as its weights have changed: in training, say."""
        self._score()

    @t.observe("image")
    def _score(self, _change: Any = None) -> None:
        picture = self._images[self.image]
        self.scores = self.network.scores([picture])
        self._order = np.argsort(-self.scores.confidences[0], kind="stable")[: self._most]
        self.title = picture.name
        self._draw()

    @t.observe("target")
    def _draw(self, _change: Any = None) -> None:
        if not len(self._order):
            return
        shown = self._order if self.target in self._order else np.append(self._order[:-1], self.target)
        self._shown = shown[::-1]  # the first stands at the top
        with self._bars.hold_sync():
            self._bars.x = [self.network.classes[index] for index in self._shown]
            self._bars.y = self.scores.confidences[0][self._shown]
            self._bars.colors = [ACCENT if index == self.target else BAR for index in self._shown]

    def _on_click(self, _mark: Any, event: dict[str, Any]) -> None:
        index = event.get("data", {}).get("index")
        if isinstance(index, int) and 0 <= index < len(self._shown):
            self.target = int(self._shown[index])


def _chart() -> tuple[bqplot.Bars, list[bqplot.Axis]]:
    """Make horizontal bars from 0 to 1."""
    names, share = bqplot.OrdinalScale(), bqplot.LinearScale(min=0, max=1)
    look = {"color": TEXT, "label_color": TEXT, "grid_lines": "none", "tick_style": {"fill": TEXT, "font-size": "12px"}}
    bars = bqplot.Bars(x=["-"], y=np.zeros(1), scales={"x": names, "y": share}, orientation="horizontal", padding=0.4)
    return bars, [
        bqplot.Axis(scale=names, orientation="vertical", **look),
        bqplot.Axis(scale=share, label="probability", label_offset="32px", tick_format=".0%", num_ticks=5, **look),
    ]
