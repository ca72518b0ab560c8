"""`Sketchpad`: draw, and watch every layer of a network react."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import traitlets as t

from ..images import as_images
from ..methods.live import blank, convention, placed
from ..network import Network
from ..pictures import Picture
from .base import bundle, code
from .live import LiveWidget
from .live_frames import as_sheet, frame_name, frame_pixels

_FINE = 128  # px: a drawing for a small network is kept this much finer than what the network takes
_LARGEST = 448  # px of a drawing for a large one


class Sketchpad(LiveWidget):
    """A sheet to draw on: every layer of the network, and its scores, follow the pen.

    Draw with the mouse, a pen or a finger, or with the keyboard: arrows move the pen, Space puts it down and lifts it.
    A picture that is pasted, dropped or uploaded takes the place of the drawing. The drawing goes through the network's
    own preprocessing.

    Parameters
    ----------
    net : Network
        Of 1 or 3 channels.
    images : ImageSet or whatever makes one, optional
        Pictures that the network knows: grey drawings are made like these, in polarity, size and stroke.
    layers : list of str or nn.Module, optional
        The layers that are shown; all of a small network by default, the telling ones of a large one.
    layer : str, nn.Module or widget, optional
        The layer that is enlarged. A widget that has a `layer` is followed.
    channel : int
        The unit that is enlarged.
    target : int, str or widget, optional
        The marked class; the most probable one by default. A widget that has a `target` is followed.
    brush, ink, centred
        As below; by default as the network's pictures are drawn.

    Attributes
    ----------
    image : Picture
        The drawing as the network got it, before its preprocessing; set it to any image.
    layer, channel, target, layers
        As above; readable, settable and linkable.
    brush : float
        Width of the pen as a share of the sheet's shorter side, 0.01-0.4.
    ink : {"light", "dark"}
        Whether the pen is lighter or darker than its paper.
    centred : bool
        Whether a drawing is moved to the middle and scaled to the size that the network knows, as its data were.
    glance : Glance
        The arrays behind the picture.

    Raises
    ------
    ValueError
        For a network of other than 1 or 3 channels.
    TraitError
        For an unknown layer or class.

    Examples
    --------
    >>> import deepviz_widgets as dv
    >>> net, images = dv.demo.digits()
    >>> pad = dv.Sketchpad(net, images)
    >>> pad.image = images[3]
    >>> pad.glance.scores.top(1)[0][0]
    '3'
    """

    _code = code("sketchpad.js")
    _css = bundle("sketchpad.css")

    brush = t.Float(0.1, min=0.01, max=0.4, help="Width of the pen, as a share of the sheet.").tag(sync=True)
    ink = t.Enum(("light", "dark"), "light", help="Whether the pen is lighter or darker than its paper.").tag(sync=True)
    centred = t.Bool(False, help="Whether a drawing is moved to the middle and scaled.").tag(sync=True)
    _sheet = t.List().tag(sync=True)
    _drawing = t.Bytes(b"").tag(sync=True)
    _drawing_meta = t.Dict().tag(sync=True)

    _pixels: np.ndarray | None = None  # as drawn, before it is moved to the middle
    _kind = "empty"
    _from_page = False

    def __init__(
        self,
        net: Network,
        images: Any = None,
        *,
        layers: Sequence[Any] | None = None,
        layer: Any = None,
        channel: int = 0,
        target: Any = None,
        brush: float | None = None,
        ink: str | None = None,
        centred: bool | None = None,
        **unknown: Any,
    ):
        super().__init__(net, layers=layers, layer=layer, channel=channel, target=target, **unknown)
        usual = convention(net, None if images is None else as_images(images))
        self._fill = usual.fill
        with self.hold_sync():
            self._sheet = _sheet_of(net.input_size)
            self.ink = ("light" if usual.light else "dark") if ink is None else ink
            self.centred = usual.centred if centred is None else centred
            self.brush = usual.width if brush is None else brush
            self.clear()

    def clear(self) -> None:
        """Start with an empty sheet."""
        self.network  # noqa: B018  says so if the widget is closed
        self._kind = "empty"
        self.image = blank(self._sheet, light=self.ink == "light")

    # ---------------------------------------------------------------- the drawing

    @t.observe("image")
    def _on_image(self, change: Any) -> None:
        if change["new"] is None:
            self.clear()
            return
        if not self._from_page:
            self._kind = "empty" if self._kind == "empty" and change["new"].name == "empty sheet" else "picture"
            self._pixels = as_sheet(change["new"], self._sheet)
            self._send_drawing("")
        self._restart()

    @t.observe("ink")
    def _on_ink(self, _change: Any) -> None:
        if self._pixels is None:
            return
        if self._kind == "empty":
            self.clear()
        elif self._sheet[2] == 1:  # a page with colours changes its paper alone, and sends what comes of it
            self._pixels = 255 - self._pixels
            self._send_drawing("")
            self._set_image(self.image.name)

    @t.observe("centred")
    def _on_centred(self, _change: Any) -> None:
        if self._kind == "drawing":
            self._set_image(self.image.name)

    def _take(self, content: dict[str, Any]) -> None:
        pixels = frame_pixels(content, self._sheet[2])
        self._kind = "picture" if content.get("picture") is True else "drawing"
        if pixels.min() == pixels.max() == (0 if self.ink == "light" else 255):
            self._kind = "empty"
        self._pixels = pixels
        if content.get("end") is not False:  # while a stroke goes on, only the page that draws shows it
            self._send_drawing(str(content.get("by", ""))[:40])
        self._set_image(frame_name(content, "empty sheet" if self._kind == "empty" else "drawing"))

    def _set_image(self, name: str) -> None:
        """Make the drawing the image, moved to the middle where it is to be."""
        pixels = self._pixels
        if self.centred and self._kind == "drawing":
            pixels = placed(pixels, light=self.ink == "light", fill=self._fill)
        self._from_page = True
        try:
            self.image = Picture(pixels, name)
        finally:
            self._from_page = False

    def _send_drawing(self, by: str) -> None:
        with self.hold_sync():
            self._drawing = self._pixels.tobytes()
            self._drawing_meta = {"shape": list(self._pixels.shape), "codec": "raw", "kind": self._kind, "by": by}

    def _release(self) -> None:
        super()._release()
        self._pixels = None


def _sheet_of(input_size: tuple[int, int, int]) -> list[int]:
    """Return the size (height, width, channels) that a drawing is kept in: a multiple of the network's, where small."""
    channels, height, width = input_size
    longest = max(height, width)
    factor = max(1, _FINE // longest) if longest <= _LARGEST else _LARGEST / longest
    return [max(1, round(height * factor)), max(1, round(width * factor)), channels]
