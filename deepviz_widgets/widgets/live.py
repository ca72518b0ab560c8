"""`LiveWidget`: a picture that keeps changing, and what every layer answers to it at once."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import traitlets as t

from ..methods.live import Glance, Seen, glance, telling_layers
from ..network import Network
from ..pictures import ImageError, Picture, as_picture
from ..words import plural
from . import wire
from .base import ClassIndex, LayerName, Widget

_STRIP = (24, 48, 16 * 1024)  # channels of a layer in its strip, cells a side, cells in all
_STAGE = (512, 96, 160 * 1024)  # the same of the chosen layer
_UNIT = 112  # cells a side of the enlarged map
_INPUT = 112  # px a side of what the network got
_MINUTE = 60.0


class PictureTrait(t.TraitType):
    """A `Picture`, given as anything that `as_picture` takes; None for none."""

    def validate(self, obj: Any, value: Any) -> Picture | None:
        """Return the picture, or raise with what would work."""
        try:
            return None if value is None else as_picture(value)
        except ImageError as error:
            raise t.TraitError(str(error)) from None


class LiveWidget(Widget):
    """Base of the widgets whose picture the page makes.

    A frame is a request that carries pixels: it is run through the network before the request is answered. The page
    sends the next one only then, the newest there is, so frames are dropped and never queued.

    Attributes
    ----------
    image : Picture or None
    layer, channel : str, int
        The layer and unit that are enlarged.
    target : int
        The marked class; the most probable one until one is chosen.
    layers : list of str
        The layers that are shown.
    glance : Glance or None
        The arrays behind the picture.
    """

    _page_sets = Widget._page_sets | {"_aimed"}

    image = PictureTrait(None, allow_none=True, help="The picture that is looked at.")
    layer = LayerName("", help="Name of the enlarged layer.").tag(sync=True)
    channel = t.Int(0, help="The enlarged unit: its channel, counted from 0.").tag(sync=True)
    target = ClassIndex(0, help="The marked class.").tag(sync=True)
    _aimed = t.Bool(False).tag(sync=True)
    _classes = t.List().tag(sync=True)
    _network = t.Dict().tag(sync=True)
    _rows = t.List().tag(sync=True)
    _input = t.Bytes(b"").tag(sync=True)
    _input_meta = t.Dict().tag(sync=True)
    _scores = t.Bytes(b"").tag(sync=True)
    _strips = t.Bytes(b"").tag(sync=True)
    _strips_meta = t.Dict().tag(sync=True)
    _stage = t.Bytes(b"").tag(sync=True)
    _stage_meta = t.Dict().tag(sync=True)
    _unit = t.Bytes(b"").tag(sync=True)
    _unit_meta = t.Dict().tag(sync=True)

    _glance: Glance | None = None
    _named: Sequence[str] = ()

    def __init__(
        self, net: Network, *, layers: Sequence[Any] | None, layer: Any, channel: int, target: Any, **unknown: Any
    ):
        super().__init__(net, **unknown)
        if net.input_size[0] not in (1, 3):
            raise ValueError(f"{type(self).__name__} makes pictures of 1 or 3 channels; this network takes "
                             f"{plural(net.input_size[0], 'channel')}.")
        self._frames = threading.RLock()
        self._shown = 0
        self._named = self._names_of(layers)
        self.layout.flex = "4 1 480px"
        with self.hold_sync():
            self._classes = list(net.classes)
            self._network = {"name": net.name, "input": list(net.input_size)}
            self._rows = self._rows_of()
            if isinstance(layer, t.HasTraits) and not layer.layer:
                layer.layer = self._named[0]  # a picker in which nothing is chosen yet
            self.layer = self._named[0] if layer is None else layer
            self.channel = channel
            if target is not None:
                self.target = target.target if isinstance(target, t.HasTraits) else target
                self._aimed = True
        for other, name in ((layer, "layer"), (target, "target")):
            self._follow(other, name)

    # ---------------------------------------------------------------- for users

    @property
    def layers(self) -> list[str]:
        """Names of the layers that are shown, in call order; set it to others, or to None for the usual ones."""
        return list(self._named)

    @layers.setter
    def layers(self, layers: Sequence[Any] | None) -> None:
        self._named = self._names_of(layers)
        self._rows = self._rows_of()
        self._restart()

    @property
    def glance(self) -> Glance | None:
        """What the last picture gave, computed if need be; None before there is a picture."""
        if self._worker.status == "running":
            self.wait()
        return self._glance

    def _names_of(self, layers: Sequence[Any] | None) -> list[str]:
        net = self.network
        if layers is None:
            return telling_layers(net) or [net.layers[-1].name]
        wanted = {net.layer(layer).name for layer in ([layers] if isinstance(layers, str) else layers)}
        if not wanted:
            raise ValueError("Name at least one layer to show, or leave `layers` out for the usual ones.")
        return [layer.name for layer in net.layers if layer.name in wanted]

    def _rows_of(self) -> list[dict[str, Any]]:
        """List what the page keeps room for before there is a picture."""
        layers = [self.network.layer(name) for name in self._named]
        return [{"layer": layer.name, "kind": layer.kind, "channels": layer.layout.channels,
                 "full": list(layer.layout.grid)} for layer in layers]

    # ---------------------------------------------------------------- work

    def _summary(self) -> Iterator[str]:
        yield f"layer={self.layer!r}"
        yield f"image={self.image.name!r}" if self.image is not None else "image=None"

    def _release(self) -> None:
        self._glance = None

    def _complete(self) -> None:
        if self.image is not None:
            self.wait()

    def _work(self) -> Iterator[Any] | None:
        if self.image is None:
            return None
        names = {*self._named, self.layer}
        return self._compute(self.image, [layer.name for layer in self.network.layers if layer.name in names])

    def _compute(self, picture: Picture, names: list[str]) -> Iterator[Glance]:
        yield glance(self.network, picture, names)

    def _publish(self, result: Glance) -> None:
        self._glance = result
        self._shown += 1
        with self.hold_sync():
            self._show_scores(result)
            self._show_input(result)
            self._show_strips(result)
            self._show_stage()

    def _show_scores(self, found: Glance) -> None:
        if found.scores is None:
            return
        self._scores = wire.floats(found.scores.confidences[0])
        if not self._aimed:
            self._point_at(int(found.scores.raw[0].argmax()))

    def _point_at(self, winner: int) -> None:
        """Let the target follow the most probable class, which is not a choice of anybody's."""
        self.target = winner
        self._aimed = False

    def _show_input(self, found: Glance) -> None:
        pixels = self.network.displayed(found.inputs)
        step = -(-max(pixels.shape[:2]) // _INPUT)
        pixels = np.ascontiguousarray(pixels[::step, ::step])
        self._input, self._input_meta = pixels.tobytes(), {"codec": "raw", "shape": list(pixels.shape)}

    def _show_strips(self, found: Glance) -> None:
        packed, rows = [], []
        for name in self._named:
            if name in found.layers:
                data, meta = self._packed(found.layers[name], *_STRIP)
                packed.append(data)
                rows.append(meta)
        self._strips = b"".join(packed)
        self._strips_meta = {"key": self._shown, "layers": rows}

    def _show_stage(self) -> None:
        """Send the chosen layer larger, and its chosen channel with the exact values."""
        seen = None if self._glance is None else self._glance.layers.get(self.layer)
        if seen is None:
            return
        channels = seen.maps.shape[0]
        with self.hold_sync():
            if not 0 <= self.channel < channels:
                self.channel = 0
            data, meta = self._packed(seen, *_STAGE)
            self._stage, self._stage_meta = data, {"key": self._shown, **meta}
            one = Seen(seen.layer, seen.maps[self.channel : self.channel + 1]).shrunk(1, _UNIT, _UNIT * _UNIT)
            self._unit = wire.floats(one)
            self._unit_meta = {"key": self._shown, "layer": seen.layer, "channel": self.channel,
                               "shape": list(one.shape[1:])}

    def _packed(self, seen: Seen, channels: int, side: int, cells: int) -> tuple[bytes, dict[str, Any]]:
        """Pack maps as bytes on one scale for the layer; a number of each channel takes a cell."""
        most = _STAGE[0] if seen.maps.shape[1:] == (1, 1) else channels
        maps, (low, high) = seen.shrunk(most, side, cells), seen.range
        shown = len(maps)
        data = wire.quantised(maps, np.full(shown, low, np.float32), np.full(shown, high, np.float32))
        meta = {"layer": seen.layer, "kind": self.network.layer(seen.layer).kind, "channels": seen.maps.shape[0],
                "full": list(seen.maps.shape[1:]), "shape": list(maps.shape), "lo": low, "hi": high}
        return data.tobytes(), meta

    @t.observe("layer")
    def _on_layer(self, _change: Any) -> None:
        if self._net is None:
            return
        if self._glance is not None and self.layer in self._glance.layers and self._worker.status != "running":
            self._show_stage()
        else:
            self._restart()

    @t.observe("channel")
    def _on_channel(self, _change: Any) -> None:
        self._show_stage()

    @t.observe("target")
    def _on_target(self, _change: Any) -> None:
        self._aimed = True

    # ---------------------------------------------------------------- the page

    def _handle_custom_msg(self, content: Any, buffers: Any) -> None:
        """Keep what a message carries beside it."""
        if isinstance(content, dict):
            content = {**content, "buffers": list(buffers or [])}
        super()._handle_custom_msg(content, buffers)

    def _answer(self, what: str, content: dict[str, Any]) -> tuple[dict[str, Any], list[bytes]]:
        if what != "frame":
            return super()._answer(what, content)
        with self._frames, self.hold_sync():  # one message to the page, whatever changes
            self._take(content)
            self._worker.step(self._worker.number, _MINUTE)
        return {"shown": self._shown}, []

    def _take(self, content: dict[str, Any]) -> None:
        """Make the picture of a message the one that is looked at."""
        raise NotImplementedError
