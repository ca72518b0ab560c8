"""`KernelGrid`: what a layer has learned, kernel by kernel, with a verdict on whether it looks healthy."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import traitlets as t

from ..images import as_images
from ..methods.kernels import (
    ORDERS,
    SIDES,
    Checkpoints,
    Diagnosis,
    Kernels,
    Response,
    View,
    diagnose,
    face_of,
    ordered,
    respond,
    shrunk,
    why_none,
)
from ..network import Network
from ..pictures import Picture
from ..words import count
from . import wire
from .base import ImageWidget, LayerName, bundle, code
from .charts import WeightHistogram

_SORTED = tuple(by for by in ORDERS if by != "index")
_NO_IMAGES = "Give images to see what a kernel answers: KernelGrid(net, images)."


class KernelGrid(ImageWidget):
    """The learned kernels of a layer, one of them in detail, and a verdict with its numbers.

    Parameters
    ----------
    net : Network, list of Network, or dict of str to Network
        Several are checkpoints of one architecture; a slider plays how their kernels form.
    images : ImageSet, Picture, path, PIL image, ndarray, Tensor or list of these, optional
        On these a kernel is slid, with its arithmetic.
    layer : str, nn.Module or widget, optional
        The first layer with kernels by default. A widget that has a `layer` is followed.
    channel : int or widget
        Which kernel is chosen: the output channel, counted from 0.
    source : int
        Which input channel of it, where a kernel has many; counted from 0 within its group.
    image : int or widget
        Which image.
    step : int
        Which checkpoint; -1 is the last.
    side, order, scale
        How the kernels are shown at first; see below.

    Attributes
    ----------
    layer, channel, source, image, step
        As above; readable, settable and linkable.
    side : {"inputs", "outputs"}
        Of a deeper layer: one tile for each input of output `channel`, or for each output that reads input `source`.
    order : {"index", "norm", "orientation", "colour", "frequency", "similarity"}
        See `methods.kernels.ordered`.
    scale : {"each", "layer"}
        Contrast per kernel, or one for the layer; always symmetric about 0.
    kernels : Kernels
        The weights behind the picture.
    diagnosis : Diagnosis
        The verdict, see `methods.kernels.diagnose`.
    histogram : bqplot.Figure
        The weights of the layer beside those of a random start; it follows the layer and the checkpoint.

    Raises
    ------
    ValueError
        For a layer without kernels, or checkpoints that are not of one architecture.
    TraitError
        For an unknown layer, or a channel, image or step that does not exist.

    Examples
    --------
    >>> import deepviz_widgets as dv
    >>> net, images = dv.demo.scenes()
    >>> grid = dv.KernelGrid(net, images, layer="conv1")
    >>> grid.diagnosis.healthy
    True
    """

    _code = code("kernel_grid.js")
    _css = bundle("kernel_grid.css")
    _fixed = ("layer", "image")
    _spare = (("what the kernels answer to the image", ("_input", "_input_meta", "_response", "_response_meta")),)

    layer = LayerName("", help="Name of the layer.").tag(sync=True)
    channel = t.Int(0, help="The chosen kernel: its output channel.").tag(sync=True)
    source = t.Int(0, help="The chosen input channel, within its group.").tag(sync=True)
    side = t.Enum(SIDES, "inputs", help="What the tiles of a deeper layer are.").tag(sync=True)
    order = t.Enum(ORDERS, "index", help="Order of the tiles.").tag(sync=True)
    scale = t.Enum(("each", "layer"), "each", help="Contrast per kernel or per layer.").tag(sync=True)
    step = t.Int(0, help="Index of the checkpoint.").tag(sync=True)
    _layers = t.List().tag(sync=True)
    _steps = t.List().tag(sync=True)
    _kernels = t.Bytes(b"").tag(sync=True)
    _kernels_meta = t.Dict().tag(sync=True)
    _most = t.Bytes(b"").tag(sync=True)
    _span = t.Bytes(b"").tag(sync=True)
    _orders = t.Bytes(b"").tag(sync=True)
    _exact = t.Bytes(b"").tag(sync=True)
    _exact_meta = t.Dict().tag(sync=True)
    _measures = t.Bytes(b"").tag(sync=True)
    _verdict = t.List().tag(sync=True)
    _input = t.Bytes(b"").tag(sync=True)
    _input_meta = t.Dict().tag(sync=True)
    _response = t.Bytes(b"").tag(sync=True)
    _response_meta = t.Dict().tag(sync=True)
    _fails = t.Unicode("").tag(sync=True)

    def __init__(
        self,
        net: Network | list[Network] | dict[str, Network],
        images: Any = None,
        *,
        layer: Any = None,
        channel: Any = 0,
        source: int = 0,
        side: str = "inputs",
        order: str = "index",
        scale: str = "each",
        image: Any = 0,
        step: int = -1,
        **unknown: Any,
    ):
        self._checkpoints = points = Checkpoints(net)
        super().__init__(points.nets[0], **unknown)
        self._images = None if images is None else as_images(images)
        self._diagnoses: list[Diagnosis] = []
        self._responded: tuple[tuple[str, int, int], Response] | None = None
        self._histogram: WeightHistogram | None = None
        self._tiles_key: tuple[Any, ...] | None = None
        self._shown = 0
        self.layout.flex = "4 1 480px"
        with self.hold_sync():
            self._layers = [{"name": row.name, "label": row.name} for row in points.layers]
            self._steps = points.labels
            if isinstance(layer, t.HasTraits) and not layer.layer:
                layer.layer = points.layers[0].name  # a picker in which nothing is chosen yet
            self.layer = points.layers[0].name if layer is None else layer
            if not isinstance(layer, t.HasTraits):
                points.shape(self.layer)  # says at once what the layer lacks
            self.step = step + len(points) if -len(points) <= step < 0 else step
            self.channel = channel.channel if isinstance(channel, t.HasTraits) else channel
            self.image = image.image if isinstance(image, t.HasTraits) else image
            self.source, self.side, self.order, self.scale = source, side, order, scale
        for other, name in ((layer, "layer"), (channel, "channel"), (image, "image")):
            self._follow(other, name)
        self._restart()

    # ---------------------------------------------------------------- for users

    @property
    def kernels(self) -> Kernels:
        """The weights of the layer at the chosen checkpoint, read if need be."""
        self.network  # noqa: B018
        return self._checkpoints.kernels(self.layer, self.step)

    @property
    def diagnosis(self) -> Diagnosis:
        """The verdict on the layer at the chosen checkpoint, worked out if need be."""
        self.wait()
        return self._diagnoses[self.step]

    @property
    def histogram(self) -> Any:
        """A bqplot.Figure of the weights; show it beside the grid with `dv.row(grid, grid.histogram)`."""
        if self._histogram is None:
            self._histogram = WeightHistogram()
            self._draw_histogram()
        return self._histogram.figure

    # ---------------------------------------------------------------- state

    @t.validate("channel", "source", "step")
    def _valid_index(self, proposal: Any) -> int:
        name, value = proposal["trait"].name, proposal["value"]
        number = self._numbers()[name]
        if not 0 <= value < number:
            where = f"layer {self.layer!r} has {count(number)}" if name in ("channel", "source") else (
                f"there {'is' if number == 1 else 'are'} {count(number)}"
            )
            noun = {"source": "input channel", "step": "checkpoint"}.get(name, name)
            raise t.TraitError(f"There is no {noun} {value}; {where}, counted from 0.")
        return value

    def _numbers(self) -> dict[str, int]:
        out, inputs = self._shape()
        return {"channel": out, "source": inputs, "step": len(self._checkpoints)}

    def _shape(self) -> tuple[int, int]:
        try:
            return self._checkpoints.shape(self.layer)
        except ValueError:
            return 1 << 30, 1 << 30  # a layer without kernels limits nothing; the cell says so

    @t.observe("layer")
    def _on_layer(self, _change: Any) -> None:
        if self._net is None or not self.layer:
            return
        with self.hold_sync():
            shape = self._shape()
            self.channel = self.channel if self.channel < shape[0] else 0
            self.source = self.source if self.source < shape[1] else 0
        self._restart()

    @t.observe("step", "image", "side")
    def _on_view(self, change: Any) -> None:
        if change["name"] == "step":
            self._draw_histogram()
        self._restart()

    @t.observe("channel", "source")
    def _on_choice(self, change: Any) -> None:
        """Show what is there already; only tiles of another channel are new work."""
        if self._net is None or self._tiles_key is None or self._tiles_key[0] != self.layer:
            return
        if self._tiles_key != self._wanted():
            self._restart()
            return
        with self.hold_sync():
            self._send_exact()
            self._send_response()

    def _forget_images(self) -> None:
        self._responded = None

    def _forget_weights(self) -> None:
        self._responded = self._tiles_key = None
        self._diagnoses = []
        self._checkpoints.forget()

    def _release(self) -> None:
        self._images = self._responded = self._histogram = self._checkpoints = None
        self._diagnoses = []

    def _complete(self) -> None:
        if self.layer:
            self.wait()

    def _others(self, layers: Any) -> Iterator[KernelGrid]:
        points = self._checkpoints
        there = [row.name for row in points.layers]
        names = there if layers == "all" else [self.network.layer(one).name for one in layers]
        nets = dict(zip(points.labels, points.nets, strict=True)) if len(points) > 1 else points.nets[0]
        for number, name in enumerate(dict.fromkeys(names), 1):
            if name not in there or name == self.layer:
                continue
            other = type(self)(nets, self._images, layer=name, image=self.image, step=self.step)
            other._shown = 1000 * number + self._shown  # its kernels must not pass for those of this layer
            other.wait()
            yield other

    def _instead(self, words: str) -> dict[str, Any]:
        return {"_fails": "What the kernels answer was left out of this page, to keep it small."}

    def _summary(self) -> Iterator[str]:
        yield f"layer={self.layer!r}"
        yield f"channel={self.channel}"
        if len(self._steps) > 1:
            yield f"step={self._steps[self.step]!r}"

    # ---------------------------------------------------------------- work

    def _work(self) -> Iterator[Any] | None:
        if not self.layer:
            return None
        self._net = self._checkpoints.nets[self.step]
        return self._compute()

    def _compute(self) -> Iterator[tuple[Any, ...]]:
        """Yield what is to be shown, each with the method that shows it."""
        if self._tiles_key != self._wanted():
            yield self._show_tiles, *self._views()
        if not self._diagnoses or self._diagnoses[0].layer != self.layer:
            yield self._show_verdict, [diagnose(net, self.layer) for net in self._checkpoints.nets]
        wanted = (self.layer, self.image, self.step)
        if why := why_none(self.kernels) or ("" if self._images is not None else _NO_IMAGES):
            yield self._show_no_response, why
        elif self._responded is None or self._responded[0] != wanted:
            try:
                picture = self._images[self.image]
                yield self._show_response, wanted, picture, respond(self._net, picture, self.layer)
            except (ValueError, RuntimeError) as error:  # an image that does not fit must not take the kernels away
                yield self._show_no_response, str(error)

    def _wanted(self) -> tuple[Any, ...]:
        """Name the tiles that belong on screen; those of all checkpoints together where they fit into one message."""
        slices = face_of(self.kernels) == "slices"
        fixed = (self.channel if self.side == "inputs" else self.source) if slices else 0
        together = self._checkpoints.numbers(self.layer) * 4 <= wire.MESSAGE_LIMIT
        return self.layer, self.side if slices else "", fixed, -1 if together else self.step

    def _views(self) -> tuple[tuple[Any, ...], range, list[View], list[np.ndarray]]:
        key = self._wanted()
        steps = range(len(self._checkpoints)) if key[3] < 0 else range(self.step, self.step + 1)
        choice = {"side": self.side, "channel": self.channel, "source": self.source}
        views = self._checkpoints.views(self.layer, steps, **choice)
        last = views[-1]  # where kernels are played, tiles keep the places of the last ones
        return key, steps, views, [] if last.face == "matrix" else [ordered(last.tiles, by) for by in _SORTED]

    def _publish(self, result: tuple[Any, ...]) -> None:
        show, *what = result
        show(*what)

    def _show_tiles(self, key: tuple[Any, ...], steps: range, views: list[View], orders: list[np.ndarray]) -> None:
        self._shown += 1
        self._tiles_key = key
        tiles = np.stack([one.tiles for one in views])
        full, kernels, one = tiles, self.kernels, views[0]
        tiles = shrunk(tiles, wire.MESSAGE_LIMIT)
        most = np.abs(np.where(np.isfinite(tiles), tiles, 0)).max((2, 3, 4))
        exact = tiles.nbytes <= wire.MESSAGE_LIMIT
        with self.hold_sync():
            self._kernels = wire.floats(tiles) if exact else wire.symmetric(tiles, most)
            self._most, self._span = wire.floats(most), wire.floats(self._checkpoints.spans(key[0], steps))
            self._orders = wire.floats(np.array(orders)) if orders else b""
            self._kernels_meta = {
                "key": str(self._shown), "layer": key[0], "kind": kernels.kind, "face": one.face, "fixed": one.fixed,
                "side": one.side, "count": tiles.shape[1], "planes": tiles.shape[2], "shape": list(tiles.shape[3:]),
                "steps": len(steps), "from": steps[0], "codec": "f4" if exact else "u1", "block": list(one.block),
                "full": list(kernels.weights.shape), "groups": kernels.groups, "reads": kernels.reads,
                "stride": list(kernels.stride), "padding": list(kernels.padding), "dilation": list(kernels.dilation),
                "shrunk": tiles.shape != full.shape,
            }
            self._send_exact()
        self._draw_histogram()

    def _send_exact(self) -> None:
        """Send the chosen tile with all its digits, where the tiles are rounded."""
        meta = self._kernels_meta
        if (meta["codec"] == "f4" and not meta["shrunk"]) or meta["face"] == "matrix":
            return
        weights = self.kernels.weights[self.channel]
        tile = weights[self.source][None] if meta["face"] == "slices" else weights
        if tile.nbytes <= wire.MESSAGE_LIMIT:
            self._exact = wire.floats(tile)
            self._exact_meta = {"key": meta["key"], "channel": self.channel, "source": self.source, "step": self.step,
                                "shape": list(tile.shape)}

    def _show_verdict(self, found: list[Diagnosis]) -> None:
        self._diagnoses = found
        with self.hold_sync():
            self._measures = wire.floats(np.stack([[one.rms, one.fine, one.smoothness] for one in found]))
            self._verdict = [
                {"layer": one.layer, "headline": one.headline, "summary": one.summary,
                 "findings": wire.plain(one.findings), "random": wire.plain(one.random_fine)} for one in found
            ]

    def _show_response(self, key: tuple[str, int, int], picture: Picture, found: Response) -> None:
        self._responded = key, found
        with self.hold_sync():
            self._describe(self.image, picture, *found.size)
            self._send_response()

    def _show_no_response(self, why: str) -> None:
        self._responded = None
        with self.hold_sync():
            self._fails = why
            self._input, self._input_meta, self._response, self._response_meta = b"", {}, b"", {}

    def _send_response(self) -> None:
        if self._responded is None or self._responded[0] != (self.layer, self.image, self.step):
            return
        found, meta = self._responded[1], self._kernels_meta
        planes = found.read[found.planes(self.channel)]
        planes = planes[self.source][None] if meta["face"] == "slices" else planes
        bias = found.kernels.bias
        named = {"key": meta["key"], "layer": self.layer, "image": self.image, "step": self.step,
                 "channel": self.channel}
        with self.hold_sync():
            self._input, packing = wire.levels(planes)
            self._input_meta = {**named, "source": self.source, "shape": list(planes.shape), **packing}
            if found.kernels.reads == "image" and planes.shape[0] == self._net.input_size[0]:
                self._input_meta = {**self._input_meta, "ends": self._net.black_and_white().tolist()}
            answer = found.answer[self.channel]
            self._response = wire.floats(answer)
            self._response_meta = {**named, "shape": list(answer.shape),
                                   "bias": 0.0 if bias is None else float(bias[self.channel])}
            self._fails = ""

    def _draw_histogram(self) -> None:
        if self._histogram is None or not self.layer:
            return
        try:
            first = self._checkpoints.kernels(self.layer, 0) if len(self._checkpoints) > 1 else None
            self._histogram.show(self.kernels, first, self._steps[0])
        except ValueError:
            return  # a layer without kernels, which the grid itself says
