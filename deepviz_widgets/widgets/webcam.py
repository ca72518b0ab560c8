"""`Webcam`: the camera's frames through a network, as fast as the machine allows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import traitlets as t

from ..network import Network
from ..pictures import Picture, as_picture
from . import wire
from .base import bundle, code
from .live import LiveWidget
from .live_frames import frame_name, frame_pixels

_MARGIN = 1.15  # a transform that resizes to 256 and crops 224 shall not have to enlarge
_LEAST, _LARGEST = 64, 640  # px of the shorter and the longer side of a frame
_SHOWN = 512  # px of a picture as it is shown


class Webcam(LiveWidget):
    """The camera in the page, and every layer of the network live: the newest frame only.

    Press Start, or set `on`; Space freezes the picture. A picture that is pasted, dropped or uploaded takes the place
    of the frozen frame. The browser gives a camera only to pages on https or localhost.

    Parameters
    ----------
    net : Network
        Of 1 or 3 channels.
    layers : list of str or nn.Module, optional
        The layers that are shown; all of a small network by default, the telling ones of a large one.
    layer : str, nn.Module or widget, optional
        The layer that is enlarged. A widget that has a `layer` is followed.
    channel : int
        The unit that is enlarged.
    target : int, str or widget, optional
        The marked class; the most probable one by default. A widget that has a `target` is followed.
    mirror, on
        As below.

    Attributes
    ----------
    image : Picture or None
        The newest frame, or the frozen one; set it to any image. None before the first.
    layer, channel, target, layers
        As above; readable, settable and linkable.
    on : bool
        Whether the camera runs, in a page that shows the widget.
    frozen : bool
        Whether the picture stands still.
    mirror : bool
        Whether left and right are swapped, as in a mirror; the network gets what is shown.
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
    >>> net, images = dv.demo.scenes(n=6)
    >>> cam = dv.Webcam(net)
    >>> cam.image is None
    True
    >>> cam.image = images[0]
    >>> cam.frozen, cam.glance.scores.top(1)[0][0]
    (True, 'wheel')
    """

    _code = code("webcam.js")
    _css = bundle("webcam.css")

    on = t.Bool(False, help="Whether the camera runs.").tag(sync=True)
    frozen = t.Bool(False, help="Whether the picture stands still.").tag(sync=True)
    mirror = t.Bool(True, help="Whether left and right are swapped.").tag(sync=True)
    _frame = t.List().tag(sync=True)
    _picture = t.Bytes(b"").tag(sync=True)
    _picture_meta = t.Dict().tag(sync=True)

    _from_page = False

    def __init__(
        self,
        net: Network,
        *,
        layers: Sequence[Any] | None = None,
        layer: Any = None,
        channel: int = 0,
        target: Any = None,
        mirror: bool = True,
        on: bool = False,
        **unknown: Any,
    ):
        super().__init__(net, layers=layers, layer=layer, channel=channel, target=target, **unknown)
        with self.hold_sync():
            least = max(_LEAST, *(round(_MARGIN * side) for side in net.input_size[1:]))
            self._frame = [least, _LARGEST, net.input_size[0]]
            self.mirror, self.on = mirror, on

    def close(self) -> None:
        """Turn the camera off, and let go of the network."""
        if self._net is not None:
            self.on = False  # first: a page that does not hear of the end would film on
        super().close()

    @t.observe("image")
    def _on_image(self, change: Any) -> None:
        if change["new"] is None:
            return
        if not self._from_page:
            self.frozen = True
            self._send_picture("")
        self._restart()

    def _take(self, content: dict[str, Any]) -> None:
        picture = Picture(frame_pixels(content, self._frame[2]), frame_name(content, "camera"))
        self._from_page = True
        try:
            self.image = picture
        finally:
            self._from_page = False
        if content.get("end") is not False:  # the page shows moving frames itself; what stands still is kept
            self.frozen = True
            self._send_picture(str(content.get("by", ""))[:40])

    def _send_picture(self, by: str) -> None:
        image = self.image.image
        image.thumbnail((_SHOWN, _SHOWN))
        pixels = as_picture(image).pixels
        with self.hold_sync():
            self._picture, meta = wire.picture(pixels)
            self._picture_meta = {**meta, "name": self.image.name, "by": by}

    def _summary(self) -> Iterator[str]:
        yield f"layer={self.layer!r}"
        yield "frozen" if self.frozen else "live" if self.on else "off"
