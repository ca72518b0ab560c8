"""What a map remembers and how it follows a change, from Python or from the page."""

from __future__ import annotations

from typing import Any

import numpy as np
import traitlets as t

from ..methods.embedding.checks import FEWEST, as_perplexity
from ..methods.embedding.features import PIXELS
from ..words import count, no_such
from . import embedding_map_wire as pack
from .base import ImageIndex, LayerName
from .embedding_map_answers import MapAnswers
from .embedding_map_work import STANDARD

ARRANGEMENTS = ("map", "grid")


class _Layer(LayerName):
    """A layer of the network, the pixels, or the name of given features."""

    def validate(self, obj: Any, value: Any) -> str:
        if value == "" and not obj._ready:
            return ""
        known = list(obj._real.values)
        if isinstance(value, str) and value in (*known, PIXELS):
            return value
        if obj.network is None:
            if value == "" and obj._real.given:
                return ""
            raise t.TraitError(no_such("layer", value, known) if known else "Without a network there are no layers.")
        return super().validate(obj, value)


class _Ids(t.TraitType):
    """Images by their indices, sorted, each once; many of them cross to the page as bits, see `_mask`."""

    info_text = "indices of images"

    def __init__(self, **options: Any):
        super().__init__([], **options)
        self.tag(sync=True, to_json=lambda ids, _: ids if len(ids) <= pack.LISTED else [])

    def validate(self, obj: Any, value: Any) -> list[int]:
        """Return the indices, or raise with how many images there are."""
        given = np.asarray(value if hasattr(value, "__array__") else list(value))
        if given.dtype == bool and given.shape == (obj._real.count,):
            given = np.flatnonzero(given)
        if not given.size:
            return []
        if given.ndim != 1 or given.dtype.kind not in "iu":
            raise t.TraitError("Images are chosen by a list of their indices, or by True and False for each.")
        ids = np.unique(given)
        wrong = ids[(ids < 0) | (ids >= obj._real.count)]
        if len(wrong):
            raise t.TraitError(
                f"There is no image {wrong[0]}; there are {count(obj._real.count)}, counted from 0."
            )
        return ids.tolist()


class MapState(MapAnswers):
    """The part of `EmbeddingMap` that holds what is shown and chosen, and acts when it changes."""

    layer = _Layer("", help="Whose activations are mapped.").tag(sync=True)
    layers = t.List(t.Unicode(), help="Layers that are compared.").tag(sync=True)
    image = ImageIndex(0, help="Index of the current image.").tag(sync=True)
    selected = _Ids(help="The chosen images.")
    hovered = t.Int(-1, help="The image under the pointer; -1 for none.").tag(sync=True)
    view = t.List(t.Float(), help="Centre and width of what is seen; [] for all.").tag(sync=True)
    colour = t.Unicode("", help="What the colours mean.").tag(sync=True)
    perplexity = t.Float(0.0, help="About how many neighbours count.").tag(sync=True)
    exaggeration = t.Float(12.0, help="How much stronger neighbours attract at first.").tag(sync=True)
    seed = t.Int(0, min=0, help="Of the random start.").tag(sync=True)
    null = t.Bool(False, help="Whether the features are shuffled: the map that chance draws.").tag(sync=True)
    playing = t.Bool(False, help="Whether the map goes on.").tag(sync=True)
    arrangement = t.Enum(ARRANGEMENTS, "map", help="Where the images lie.").tag(sync=True)
    size = t.Float(22.0, min=4.0, max=128.0, help="Side of a thumbnail in pixels.").tag(sync=True)
    search = t.Unicode("", help="What is looked for.").tag(sync=True)
    isolate = t.Bool(False, help="Whether only the chosen are shown.").tag(sync=True)
    every = t.Bool(False, help="Whether all images are shown as pictures.").tag(sync=True)
    _mask = t.Bytes(b"").tag(sync=True)

    _seeded: int | None = None

    @t.validate("layers")
    def _valid_layers(self, proposal: Any) -> list[str]:
        return list(dict.fromkeys(self._as_layer(one) for one in proposal["value"]))

    @t.validate("perplexity")
    def _valid_perplexity(self, proposal: Any) -> float:
        value, run = proposal["value"], self._atlas.runs.get(self.layer)
        if value and run is not None and run.perplexity != value:
            try:
                as_perplexity(value, len(run))
                if value > run.perplexities[1]:
                    raise ValueError(f"The perplexity is {value:g}; this map takes at most {run.perplexities[1]:g}.")
            except ValueError as error:
                raise t.TraitError(str(error)) from None
        return value

    @t.validate("exaggeration")
    def _valid_exaggeration(self, proposal: Any) -> float:
        if not 1 <= proposal["value"] <= 1000:
            raise t.TraitError(f"Early exaggeration goes from 1 (none) to 1,000; it is {proposal['value']:g}.")
        return proposal["value"]

    @t.validate("colour")
    def _valid_colour(self, proposal: Any) -> str:
        names = [*STANDARD, *self._own]
        if proposal["value"] and proposal["value"] not in names:
            raise t.TraitError(no_such("column", proposal["value"], names))
        return proposal["value"]

    @t.validate("view")
    def _valid_view(self, proposal: Any) -> list[float]:
        value = proposal["value"]
        if value and (len(value) != 3 or not np.isfinite(value).all() or value[2] <= 0):
            raise t.TraitError(f"A view is [centre x, centre y, width], or [] for all; this is {value}.")
        return value

    @t.validate("hovered")
    def _valid_hovered(self, proposal: Any) -> int:
        if not -1 <= proposal["value"] < self._atlas.count:
            raise t.TraitError(f"There is no image {proposal['value']}; there are {count(self._atlas.count)}.")
        return proposal["value"]

    @t.observe("layer", "null")
    def _on_layer(self, _change: Any) -> None:
        if self._net is None or not self._ready:
            return
        run = self._atlas.runs.get(self.layer)
        if run is not None and run.perplexity:
            self.perplexity = run.perplexity
        self._seeds, self._comparing = (), None
        self._generation += 1
        self._show_all()
        self._go()

    @t.observe("layers")
    def _on_layers(self, _change: Any) -> None:
        self._go()

    @t.observe("perplexity")
    def _on_perplexity(self, _change: Any) -> None:
        run = self._atlas.runs.get(self.layer)
        if run is None or not self.perplexity or run.perplexity == self.perplexity:
            return
        run.set_perplexity(self.perplexity)
        self._forget(self.layer)
        self._go(paused=True)

    @t.observe("exaggeration")
    def _on_exaggeration(self, _change: Any) -> None:
        for atlas in (self._real, *self._nulls.values()):
            for run in atlas.runs.values():
                run.exaggeration = self.exaggeration

    @t.observe("seed")
    def _on_seed(self, _change: Any) -> None:
        if self._seeded == self.seed:
            self._seeded = None
        elif self._net is not None and self.layer in self._atlas.runs:
            self.restart(self.seed)

    @t.observe("arrangement")
    def _on_arrangement(self, _change: Any) -> None:
        if self._net is None or self.arrangement != "grid":
            return
        if self._worker.status == "cancelled" and self.layer in self._atlas.runs and not self._in_cells():
            self._arrange()
        self._go(paused=True)

    @t.observe("selected")
    def _on_selected(self, _change: Any) -> None:
        many = len(self.selected) > pack.LISTED
        self._mask = pack.bits_of(self.selected, self._atlas.count) if many else b""

    @t.observe("playing")
    def _on_playing(self, _change: Any) -> None:
        running = self._worker.status == "running"
        if self.playing == running:
            return
        if self.playing and self._net is not None:
            self.resume()
        else:
            self.cancel()
        self.playing = self._worker.status == "running"

    def set_state(self, sync_data: dict[str, Any]) -> None:
        """Take values from the page; many chosen images come as bits."""
        mask = sync_data.get("_mask")
        given = {name: value for name, value in sync_data.items() if name != "_mask"}
        if isinstance(mask, (bytes, bytearray, memoryview)) and len(mask):
            given["selected"] = pack.ids_of(mask, self._atlas.count)
        super().set_state(given)

    def _tell(self) -> None:
        with self.hold_sync():
            super()._tell()
            self.playing = self.status == "running"

    def _go(self, *, paused: bool = False) -> None:
        """See to it that what is wanted now is done; with `paused`, a map that was stopped stays so."""
        if self._net is None or not self._ready or self._worker.status in ("running", "idle"):
            return
        if not (paused and self._worker.status == "cancelled"):
            self._restart()

    def _forget(self, layer: str, *, turned: bool = True) -> None:
        self._atlas.changed(layer, turned=turned)
        self._measured.discard((layer, self.null))
        self._seeds, self._comparing = (), None

    def _moved(self, *, new: bool = False) -> None:
        """Show the map after a change; `new` is one whose moments are others."""
        if new:
            self._generation += 1
        if self.layer in self._atlas.runs:
            self._forget(self.layer, turned=not new or self._atlas.runs[self.layer].done)
        self._show_all()

    def _enlarged(self) -> None:
        """Show a map into which images were placed."""
        self._images, self._key = self._real.images, self._key + 1
        self._thumbs = type(self._thumbs)(self._images)
        self._own = {name: column.longer(self._atlas.count) for name, column in self._own.items()}
        with self.hold_sync():
            self._show_columns()
            self._moved(new=True)
        self._go(paused=True)

    def _forget_images(self) -> None:
        """Begin with other images; what was given for the old ones goes."""
        if len(self._images) < FEWEST:
            raise ValueError(too_few(len(self._images)))
        self.selected, self.hovered, self.view = [], -1, []
        self._open(self._images, self.network, None)
        if self.perplexity and self.perplexity > (len(self._images) - 1) / 3:
            self.perplexity = 0.0
        with self.hold_sync():
            self._xy, self._frame, self._grid, self._says = b"", {}, {}, {}
            self._show_columns()
            self._show_state()

    def _forget_weights(self) -> None:
        """Read the images anew; the maps go on from where the images lie."""
        self._lay = self._real.forget_weights()
        self._nulls.clear()
        self._seeds, self._comparing = (), None
        self._reading, self._cells, self._order = None, None, None
        self._measured.clear()
        self._generation += 1

    def _release(self) -> None:
        self._images = None
        if self._ready:
            for atlas in (self._real, *self._nulls.values()):
                atlas.close()
            self._thumbs.close()
        self._ready, self._comparing, self._nulls = False, None, {}
        self._own, self._cells, self._order, self._reading, self._recorded = {}, None, None, None, None

    def _as_layer(self, layer: Any) -> str:
        return type(self).layer.validate(self, layer)

    def _usual_layer(self) -> str:
        """Name the last layer before the class scores, or what was given."""
        net, given = self.network, list(self._real.values)
        if given or net is None:
            return given[0] if given else ""
        names = [layer.name for layer in net.layers if layer.called]
        scores = tuple(net.scores_shape)
        before = [layer.name for layer in net.layers if layer.called and tuple(layer.shape) != scores]
        return (before or names)[-1]

    def _usual_colour(self) -> str:
        if self._images.labels is not None or self.network is None:
            return "label"
        return "prediction"


def too_few(number: int) -> str:
    """Say that there are too few images for a map."""
    return f"A map needs at least {FEWEST} images; there {'is' if number == 1 else 'are'} {count(number)}."
