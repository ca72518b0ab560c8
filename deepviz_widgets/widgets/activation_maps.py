"""`ActivationMaps`: every channel of a layer on one image, and how strongly each answers over all images."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import traitlets as t

from ..images import as_images
from ..methods.activations import ORDERS, Activations, ChannelStatistics, activations, ordered, overview, survey
from ..methods.receptive_field import Progressive, ReceptiveField, receptive_field
from ..network import Network
from ..words import count, plural
from . import wire
from .base import ImageWidget, LayerName, bundle, code

_MOST_NAMES = 2000


class ActivationMaps(ImageWidget):
    """Every channel of a layer as a tile, one of them enlarged beside the image.

    Parameters
    ----------
    net : Network
    images : ImageSet, Picture, path, PIL image, ndarray, Tensor or list of these
    layer : str, nn.Module or widget, optional
        The first layer with maps by default. A widget that has a `layer` is followed.
    image : int or widget
        Which image, counted from 0.
    channel : int
        Which channel is enlarged, counted from 0.
    call : int
        Which call of a layer that runs several times, counted from 0; -1 is the last.
    order, scale, gamma, colors, overlay
        How the maps are shown at first; see below.

    The box on the image is what the cell under the pointer can see of it. Where the pointer rests, the image turns grey
    and warm where it makes the cell answer, on average over up to eight images (see `methods.receptive_field`).

    Attributes
    ----------
    layer, image, channel, call
        As above; readable, settable and linkable.
    order : {"index", "strongest", "sparsest"}
        Order of the tiles: by index, by falling mean |value|, or by rising share of active cells.
    over : {"image", "all"}
        Whether the order goes by this image or by all images (see `measure`).
    scale : {"each", "shared"}
        Contrast per channel, or one for the layer.
    gamma : float
        Exponent of the contrast; below 1 lifts weak answers.
    colors : {"auto", "viridis", "grey", "diverging"}
        `auto` is diverging, centred at 0, where a layer has negative values.
    overlay : float
        Opacity of the enlarged map over the image, 0-1.
    activations : Activations
        The arrays behind the picture.
    statistics : ChannelStatistics or None
        Over all images, once `measure` has begun.

    Raises
    ------
    TraitError
        For an unknown layer, an image or channel that does not exist.

    Examples
    --------
    >>> import deepviz_widgets as dv
    >>> net, images = dv.demo.digits()
    >>> maps = dv.ActivationMaps(net, images, layer="conv1")
    >>> maps.wait()
    >>> maps.activations.maps.shape[0] == len(maps.channels)
    True
    """

    _code = code("activation_maps.js")
    _css = bundle("activation_maps.css")
    _fixed = ("layer", "call", "image")
    _spare = (("which pixels each cell sees", ("_field", "_field_meta")),
              ("what was measured over all images", ("_survey", "_survey_meta")))

    layer = LayerName("", help="Name of the layer.").tag(sync=True)
    call = t.Int(0, help="Which call of the layer, counted from 0.").tag(sync=True)
    channel = t.Int(0, help="The enlarged channel.").tag(sync=True)
    order = t.Enum(ORDERS, "index", help="Order of the tiles.").tag(sync=True)
    over = t.Enum(("image", "all"), "image", help="What the order goes by.").tag(sync=True)
    scale = t.Enum(("each", "shared"), "each", help="Contrast per channel or per layer.").tag(sync=True)
    gamma = t.Float(1.0, min=0.2, max=3.0, help="Exponent of the contrast.").tag(sync=True)
    colors = t.Enum(("auto", "viridis", "grey", "diverging"), "auto", help="Colour map.").tag(sync=True)
    overlay = t.Float(0.0, min=0.0, max=1.0, help="Opacity of the map over the image.").tag(sync=True)
    _layers = t.List().tag(sync=True)
    _picture = t.Bytes(b"").tag(sync=True)
    _picture_meta = t.Dict().tag(sync=True)
    _tiles = t.Bytes(b"").tag(sync=True)
    _tiles_meta = t.Dict().tag(sync=True)
    _stats = t.Bytes(b"").tag(sync=True)
    _map = t.Bytes(b"").tag(sync=True)
    _map_meta = t.Dict().tag(sync=True)
    _field = t.Bytes(b"").tag(sync=True)
    _field_meta = t.Dict().tag(sync=True)
    _survey = t.Bytes(b"").tag(sync=True)
    _survey_meta = t.Dict().tag(sync=True)

    def __init__(
        self,
        net: Network,
        images: Any = None,
        *,
        layer: Any = None,
        image: Any = 0,
        channel: int = 0,
        call: int = -1,
        order: str = "index",
        scale: str = "each",
        gamma: float = 1.0,
        colors: str = "auto",
        overlay: float = 0.0,
        **unknown: Any,
    ):
        super().__init__(net, **unknown)
        self._images = None if images is None else as_images(images)
        self._activations: Activations | None = None
        self._statistics: ChannelStatistics | None = None
        self._measuring: Iterator[ChannelStatistics] | None = None
        self._measure_on = False
        self._key: tuple[str, int, int] | None = None
        self._prepared: tuple[int, Any, Any] | None = None
        self._answers = Progressive()
        self._shown = 0
        self.layout.flex = "4 1 480px"  # its share of a row
        with self.hold_sync():
            self._layers = [{"name": row.name, "label": row.name, "called": row.called} for row in net.layers]
            if isinstance(layer, t.HasTraits) and not layer.layer:
                layer.layer = _first_maps(net)  # a picker in which nothing is chosen yet
            self.layer = _first_maps(net) if layer is None else layer
            self.call = call % net.layer(self.layer).called
            self.image = image.image if isinstance(image, t.HasTraits) else image
            self.channel, self.order, self.scale = channel, order, scale
            self.gamma, self.colors, self.overlay = gamma, colors, overlay
        self._follow(layer, "layer")
        self._follow(image, "image")
        self._restart()

    # ---------------------------------------------------------------- for users

    @property
    def activations(self) -> Activations | None:
        """The arrays of the chosen layer and image, computed if need be; None where that failed or was cancelled."""
        wanted = (self.layer, self.call, self.image)
        while self._key != wanted and self._worker.step(budget=0) == "running":  # one result a step
            pass
        return self._activations if self._key == wanted else None

    @property
    def statistics(self) -> ChannelStatistics | None:
        """The channels over all images, as far as measured; None before `measure`."""
        return self._statistics

    @property
    def channels(self) -> np.ndarray:
        """The channels in the order of the tiles."""
        if self.over == "all" and self._statistics is not None:
            return self._statistics.order(self.order)
        found = self.activations
        return ordered("index", np.zeros(0), np.zeros(0)) if found is None else found.order(self.order)

    def measure(self) -> None:
        """Measure every channel of this layer over all images; the page or `wait` drives it."""
        net = self.network
        if self._images is None:
            raise ValueError("There are no images to measure; set maps.images first.")
        if self._measuring is None:
            self._measuring = survey(net, self._images, self.layer, call=self.call)
        self._measure_on = True
        self._restart()

    def cancel(self) -> None:
        """Stop measuring; the images measured so far stay, and `resume` or `measure` goes on with the next."""
        self._measure_on = False
        super().cancel()

    def resume(self) -> None:
        """Go on measuring where `cancel` stopped."""
        self._measure_on = self._measuring is not None
        super().resume()

    # ---------------------------------------------------------------- state

    @t.validate("channel")
    def _valid_channel(self, proposal: Any) -> int:
        value, there = proposal["value"], self._channels()
        if not 0 <= value < there:
            raise t.TraitError(f"There is no channel {value}; layer {self.layer!r} has {count(there)}, counted from 0.")
        return value

    @t.validate("call")
    def _valid_call(self, proposal: Any) -> int:
        value, called = proposal["value"], self.network.layer(self.layer).called
        if not 0 <= value < called:
            raise t.TraitError(f"Layer {self.layer!r} is called {plural(called, 'time')}; there is no call {value}.")
        return value

    @t.observe("layer")
    def _on_layer(self, _change: Any) -> None:
        if self._net is None or not self.layer:
            return
        self._forget_statistics()
        with self.hold_sync():
            if self.call >= (called := self.network.layer(self.layer).called):
                self.call = called - 1
            if self.channel >= self._channels():
                self.channel = 0
        self._restart()

    @t.observe("call", "image")
    def _on_input(self, change: Any) -> None:
        if change["name"] == "call":
            self._forget_statistics()
        self._restart()

    @t.observe("channel")
    def _on_channel(self, _change: Any) -> None:
        found = self._activations
        if found is not None and self._tiles_meta.get("layer") == self.layer and self.channel < found.channels:
            self._send_map(found)

    def _channels(self) -> int:
        return self.network.layer(self.layer).layout.channels if self._net is not None and self.layer else 1

    def _forget_images(self) -> None:
        self._activations = self._prepared = None
        self._forget_statistics()

    def _forget_statistics(self) -> None:
        self._statistics = self._measuring = None
        self._measure_on = False
        with self.hold_sync():
            self._survey, self._survey_meta = b"", {}

    def _release(self) -> None:
        self._images = self._activations = self._statistics = self._measuring = self._prepared = None
        self._answers = Progressive()

    def _complete(self) -> None:
        if self._images is not None and self._worker.status not in ("cancelled", "error"):
            self.wait()

    def _others(self, layers: Any) -> Iterator[ActivationMaps]:
        names = [row.name for row in self.network.layers] if layers == "all" else [
            self.network.layer(one).name for one in layers]
        for number, name in enumerate(dict.fromkeys(names), 1):
            if self._images is None or name == self.layer:
                continue
            other = type(self)(self.network, self._images, layer=name, call=0, image=self.image)
            other._shown = 1000 * number + self._shown  # its maps must not pass for those of this layer
            other._worker.wait()
            yield other

    def _summary(self) -> Iterator[str]:
        yield f"layer={self.layer!r}"
        yield f"image={self._image.get('name', self.image)!r}"
        yield f"channel={self.channel}"

    # ---------------------------------------------------------------- work

    def _work(self) -> Iterator[Any] | None:
        if self._images is None or not self.layer:
            return None
        return self._compute()

    def _compute(self) -> Iterator[Any]:
        key = (self.layer, self.call, self.image)
        if self._activations is None or self._key != key:
            if self._prepared is None or self._prepared[0] != self.image:  # another layer needs no other input
                picture = self._images[self.image]
                self._prepared = (self.image, picture, self.network.input(picture))
            yield key, activations(self.network, self._prepared[2], self.layer, call=self.call)
            yield from self._seen_by_cells(self._prepared[2])
        if self._measuring is not None and self._measure_on:
            while (found := next(self._measuring, None)) is not None:
                yield found  # not `yield from`, which would close the measuring together with this generator

    def _seen_by_cells(self, tensor: Any) -> Iterator[ReceptiveField]:
        try:
            found = receptive_field(self.network, self.layer, call=self.call, input_size=tuple(tensor.shape))
        except (ValueError, RuntimeError):
            return  # the box is an extra: what keeps it from being worked out must not take the maps away
        yield found

    def _publish(self, result: Any) -> None:
        if isinstance(result, ChannelStatistics):
            self._show_statistics(result)
        elif isinstance(result, ReceptiveField):
            self._show_field(result)
        else:
            self._show(*result)

    def _show(self, key: tuple[str, int, int], found: Activations) -> None:
        self._key, self._activations = key, found
        self._shown += 1
        shrunk = overview(found.maps, wire.tile_shape(found.maps.shape))
        tiles, packing = wire.sheet(wire.quantised(shrunk, found.low, found.high))
        extra = found.extra[:, 0] if found.extra.shape[1] else np.zeros(found.channels)
        with self.hold_sync():
            self._show_picture()
            self._tiles = tiles
            self._tiles_meta = {
                "key": str(self._shown), "layer": key[0], "call": key[1], "image": key[2],
                "shape": list(shrunk.shape), "full": list(found.maps.shape[1:]), "signed": found.signed,
                "layout": found.layout.kind, "extra": found.layout.extra,
                "kind": self.network.layer(key[0]).kind, "names": self._unit_names(found), **packing,
            }
            told = [found.low, found.high, found.mean, found.active, found.strength, extra]
            self._stats = wire.floats(np.stack(told))
            if self.channel >= found.channels:
                self.channel = 0
            self._send_map(found)

    def _show_picture(self) -> None:
        image, picture, tensor = self._prepared
        if self._image.get("index") == image:
            return
        pixels = self.network.displayed(tensor)
        self._describe(image, picture, *pixels.shape[:2])
        self._picture, self._picture_meta = wire.picture(pixels)

    def _send_map(self, found: Activations) -> None:
        one = overview(found.maps[self.channel : self.channel + 1], (512, 512))[0]
        with self.hold_sync():
            self._map = wire.floats(one)
            self._map_meta = {"key": str(self._shown), "channel": self.channel, "shape": list(one.shape)}

    def _show_field(self, found: ReceptiveField) -> None:
        """Send what each row and column sees, in pixels clipped to the image; no numbers where that is not known."""
        known = found.edges is not None and list(found.grid) == self._tiles_meta["full"]
        with self.hold_sync():
            self._field = wire.floats(found.edges) if known else b""
            self._field_meta = {"key": str(self._shown), "size": found.stride and found.size, "status": found.status}

    def _show_statistics(self, found: ChannelStatistics) -> None:
        self._statistics = found
        with self.hold_sync():
            self._survey = wire.floats(np.stack([found.high, found.mean, found.active, found.strength]))
            self._survey_meta = {"layer": found.layer, "call": found.call, "done": found.done, "total": found.total}
            self.progress = found.done / found.total
            self._doing = f"{count(found.done)} of {plural(found.total, 'image')}"

    def _unit_names(self, found: Activations) -> list[str]:
        net = self.network
        last = [layer.name for layer in net.layers if layer.leaf][-1]
        named = found.layer == last and found.channels == len(net.classes) <= _MOST_NAMES
        return list(net.classes) if named else []

    def _answer(self, what: str, content: dict[str, Any]) -> tuple[dict[str, Any], list[bytes]]:
        if what == "survey":
            self.measure()
            return {}, []
        if what == "tiles":
            return self._sharper(content)
        return self._answering(content) if what == "effective" else super()._answer(what, content)

    def _answering(self, content: dict[str, Any]) -> tuple[dict[str, Any], list[bytes]]:
        """Measure which pixels a cell answers to, over one image more each time; `done` once all were taken."""
        if self._key is None or self._images is None or content.get("key") != str(self._shown):
            raise ValueError("These maps were replaced.")
        asked = [content.get(name) for name in ("channel", "row", "column")]
        channel, row, column = (number if isinstance(number, int) else -1 for number in asked)  # there is no unit -1
        at, done = self._answers.ask(self.network, self._images, self._key, channel=channel, at=(row, column))
        if at is None:
            return {"done": True}, []
        heat = np.sqrt(at.shrunk())  # gradients have a long tail, which would vanish in 256 steps
        told = {"images": at.images, "answered": at.answered, "size": at.size, "shape": heat.shape, "done": done}
        return told, [wire.quantised(heat[None], np.zeros(1), heat.max(keepdims=True)[0]).tobytes()]

    def _sharper(self, content: dict[str, Any]) -> tuple[dict[str, Any], list[bytes]]:
        found, channels, shape = self._activations, content.get("channels"), content.get("shape")
        if found is None or content.get("key") != str(self._shown):
            raise ValueError("These tiles were replaced.")
        if not isinstance(channels, list) or not isinstance(shape, list) or len(shape) != 2:
            raise ValueError("A request for tiles names channels and a shape [h, w].")
        chosen = np.array([int(channel) for channel in channels if 0 <= int(channel) < found.channels], dtype=int)
        h, w = (max(1, int(side)) for side in shape)
        h, w = min(h, found.maps.shape[1]), min(w, found.maps.shape[2])
        chosen = chosen[: max(1, wire.MESSAGE_LIMIT // (h * w))]
        maps = overview(found.maps[chosen], (h, w))
        tiles = wire.quantised(maps, found.low[chosen], found.high[chosen])
        return {"key": content["key"], "channels": chosen.tolist(), "shape": [h, w]}, [tiles.tobytes()]


def _first_maps(net: Network) -> str:
    maps = (layer.name for layer in net.layers if layer.layout.kind in ("maps", "tokens"))
    return next(maps, net.layers[0].name)
