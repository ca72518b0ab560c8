"""What a map computes while it is watched: features, the map a step at a time, what it kept, maps of other layers."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
import traitlets as t

from ..images import ImageSet
from ..methods import embedding as em
from ..methods.atlas import Atlas
from ..methods.columns import Column, columns_of
from ..methods.thumbnails import Thumbnails
from ..network import Network
from ..words import count, percent, plural
from . import embedding_map_wire as pack
from .base import ImageWidget

STANDARD = ("label", "prediction", "error", "confidence", "kept", "stable")
_READ, _NEAR, _FORM = 0.3, 0.1, 0.55  # shares of the progress of one map
_BEAT = 0.08  # seconds between two frames, more where a frame is heavy
_HEAVY = 4e-6  # seconds more for each image
_MISSING = 20_000  # unreadable images that are listed


class MapWork(ImageWidget):
    """The part of `EmbeddingMap` that reads, maps and measures, and shows what it has."""

    layer: Any
    layers: Any
    perplexity: Any
    exaggeration: Any
    seed: Any
    null: Any
    colour: Any
    arrangement: Any

    _points = t.Dict().tag(sync=True)
    _frame = t.Dict().tag(sync=True)
    _xy = t.Bytes(b"").tag(sync=True)
    _columns = t.List().tag(sync=True)
    _grid = t.Dict().tag(sync=True)
    _says = t.Dict().tag(sync=True)

    _options: dict[str, Any]
    _real: Atlas
    _thumbs: Thumbnails
    _ready = False
    _key, _generation = 0, 0

    def _open(self, images: ImageSet, net: Network | None, columns: Any, **given: Any) -> None:
        """Begin with images; nothing is read yet."""
        self._images = images
        self._real = Atlas(images, net, **given, **self._options)
        self._nulls: dict[str, Atlas] = {}
        self._thumbs = Thumbnails(images)
        self._own = columns_of(columns, len(images))
        self._key += 1
        self._generation += 1
        self._look: tuple[str, int] | None = None
        self._reading: Iterator[tuple[int, int]] | None = None
        self._read = (0, len(images))
        self._measured: set[tuple[str, bool]] = set()
        self._seeds: tuple[int, ...] = ()
        self._comparing: Iterator[em.Stability] | None = None
        self._lay: dict[str, np.ndarray] = {}  # where images lay before the weights changed, by layer
        self._cells: tuple[tuple[int, int], pack.Cells] | None = None
        self._order: tuple[tuple[int, int], np.ndarray] | None = None
        self._drawn = 0.0
        self._ready = True

    @property
    def _atlas(self) -> Atlas:
        """What is shown: the maps of the images, or of their shuffled features."""
        if not self.null or self.layer not in self._real.values:
            return self._real
        if self.layer not in self._nulls:
            self._nulls[self.layer] = self._real.shuffled(self.layer)
        return self._nulls[self.layer]

    @property
    def _shown(self) -> tuple[str, bool]:
        return self.layer, self.null

    # ---------------------------------------------------------------- what is next

    def _work(self) -> Iterator[Any] | None:
        return self._compute() if self._images is not None else None

    def _compute(self) -> Iterator[None]:
        """Do what is wanted most, a little at a time: what that is may change after every step."""
        while (task := self._next()) is not None:
            task()
            yield
        with self.hold_sync():
            self._show_state()

    def _next(self) -> Callable[[], None] | None:
        """Return what is wanted most now; None where all is done."""
        real, atlas, layer = self._real, self._atlas, self.layer
        if self._look is None:
            return self._look_at
        if self._missing() and (not real.given or layer in real.runs):
            return self._read_on
        if not atlas.finished(layer):
            return partial(self._go_on, layer)
        if self._shown not in self._measured:
            return self._measure
        if self.arrangement == "grid" and not self._in_cells():
            return self._arrange
        return self._compare if self._seeds else self._next_layer()

    def _next_layer(self) -> Callable[[], None] | None:
        """Return what is wanted most now for a layer that the shown one is compared with."""
        atlas = self._real
        others = [] if self.null else [n for n in self.layers if n not in atlas.turned or n not in atlas.probes]
        return partial(self._finish if atlas.finished(others[0]) else self._go_on, others[0]) if others else None

    def _missing(self) -> list[str]:
        """Name the layers whose features are still to be read."""
        atlas = self._real
        names = dict.fromkeys((self.layer, *self.layers)) if atlas.net is not None else {}
        return [name for name in names if name and name not in atlas.values]

    def _look_at(self) -> None:
        self._look = self._thumbs.look()
        self._show_columns()
        with self.hold_sync():
            self._show_state()

    def _read_on(self) -> None:
        """Read one batch; what was read is kept when the pass is over."""
        if self._reading is None:
            self._reading = self._real.read(self._missing())
        try:
            found = next(self._reading, None)
        except BaseException:
            self._reading = None
            raise
        if found is not None:
            self._read = found
            with self.hold_sync():
                self.progress = self._share(_READ * found[0] / max(1, found[1]))
                self._doing = f"{count(found[0])} of {plural(found[1], 'image')} read"
            return
        self._reading = None
        with self.hold_sync():
            self._show_columns()
            self._show_state()

    def _go_on(self, layer: str) -> None:
        """Take the map of a layer one step further."""
        run = self._run(layer)
        frame = next(run, None)
        if frame is None:
            return
        share = _READ + (_NEAR * frame.share if frame.phase == "neighbours" else
                         _NEAR + _FORM * frame.iteration / max(1, frame.total))
        with self.hold_sync():
            self.progress = self._share(share)
            self._doing = self._words(layer, frame)
            if layer == self.layer:
                self._show(run.done)

    def _run(self, layer: str) -> em.Embedding:
        new = layer not in self._atlas.runs
        start = {"start": self._lay.pop(layer)} if layer in self._lay and not self.null else {}
        run = self._atlas.run(
            layer, perplexity=self.perplexity or None, seed=self.seed, early_exaggeration=self.exaggeration, **start
        )
        if new and layer == self.layer and run.perplexity:
            self.perplexity = run.perplexity
        return run

    def _measure(self) -> None:
        """Find out what the map of the layer kept, and how well its layer tells the classes apart."""
        self._atlas.honesty(self.layer)
        self._measured.add(self._shown)
        if self.layers and not self.null:
            self._finish(self.layer)
        self._show_all()

    def _show_all(self) -> None:
        with self.hold_sync():
            self._says = self._sayings()
            self._show_columns()
            self._show_state()
            self._show(True)

    def _sayings(self) -> dict[str, Any]:
        """Return how far the map can be trusted, in words; {} where that is not measured yet."""
        found = self._atlas.honesty(self.layer) if self._shown in self._measured else None
        if found is None:
            return {}
        steady, lines = self._atlas.steady.get(self.layer), list(found.says)
        if steady is not None:
            lines.append(steady.says)
        if self.null and (self.layer, False) in self._measured:
            real = self._real.honesty(self.layer)
            lines.insert(1, f"The map of the features as they are keeps {percent(real.preservation)}." if real else "")
        meaning = em.NULL_MEANING if self.null else em.MEANING
        return {"kept": found.preservation, "sentences": [line for line in lines if line], "meaning": meaning}

    def _compare(self) -> None:
        """Draw the map from other seeds a little further; tell how far they agree once all are there."""
        if self._comparing is None:
            self._comparing = em.stability(self._atlas.run(self.layer), self._seeds)
        try:
            found = next(self._comparing)
        except BaseException:  # a generator that was interrupted has ended
            self._comparing = None
            raise
        with self.hold_sync():
            self.progress = min(0.99, found.done / found.total)
            self._doing = f"map {len(found.maps) + 1} of {len(found.seeds)}, from other random starts"
            if found.done == found.total:
                self._seeds, self._comparing = (), None
                self._atlas.steady[self.layer] = found
                self._show_all()

    def _finish(self, layer: str) -> None:
        """Turn a map onto the first one, and probe its layer."""
        turned = self._atlas.turn(layer)
        self._atlas.probe(layer)
        with self.hold_sync():
            if turned and layer == self.layer:
                self._generation += 1  # moments that the page has seen lie otherwise now
                self._show(True)
            self._show_state()

    def _arrange(self) -> None:
        """Put the images into the cells of a grid, as the map is now."""
        atlas, layer = self._atlas, self.layer
        cells = pack.Cells(atlas.positions(layer), atlas.values.get(layer))
        self._cells = (self._moment(), cells)
        self._grid = {
            "key": str(self._key), "generation": self._generation, "columns": cells.columns, "rows": cells.rows,
            "hi": cells.high,
        }

    def _in_cells(self) -> bool:
        return self._cells is not None and self._cells[0] == self._moment()

    def _moment(self) -> tuple[int, int]:
        """Return what tells one state of the map from another: its generation and iteration."""
        run = self._atlas.runs.get(self.layer)
        return self._generation, -1 if run is None else run.iteration

    # ---------------------------------------------------------------- what is shown

    def _show(self, at_once: bool = False) -> None:
        """Send the map as it is now."""
        now = time.perf_counter()
        if not at_once and now - self._drawn < _BEAT + _HEAVY * self._atlas.count:
            return
        self._drawn = now
        run = self._atlas.runs.get(self.layer)
        if run is None:
            return
        positions = self._atlas.positions(self.layer)
        square = pack.square_of(positions)
        with self.hold_sync():
            self._show_state()
            self._xy = pack.packed(positions, square) if len(positions) <= pack.IN_ONE else b""
            self._frame = {"key": str(self._key), "generation": self._generation, "iteration": run.iteration,
                           "layer": self.layer, "bits": 16, **square}
            if self._grid and not self._in_cells():
                self._grid = {}

    def _show_state(self) -> None:
        atlas, run = self._atlas, self._atlas.runs.get(self.layer)
        look, ground = self._look or ("photo", 0)
        ready = [] if self.null else [layer for layer in self.layers if layer in atlas.turned]
        whole = len(atlas.rows) == atlas.count
        missing = [] if whole else np.setdiff1d(np.arange(atlas.count), atlas.rows)[:_MISSING].tolist()
        probes = [atlas.probes.get(layer) for layer in ready]
        self._points = {
            "key": str(self._key), "generation": self._generation, "count": atlas.count,
            "classes": list(self._images.classes), "missing": missing, "look": look, "ground": ground,
            "noun": "images", "steps": run is not None and run.steps,
            "engine": "" if run is None else f"{run.engine}{' of shuffled features' if self.null else ''}",
            "phase": self._phase(run), "kl": None if run is None or run.kl is None else float(run.kl),
            "total": 0 if run is None else run.total,
            "keyframes": [] if run is None else [at for at, _ in run.keyframes],
            "perplexities": [0.0, 0.0] if run is None else [float(end) for end in run.perplexities],
            "layers": ready, "probe": [None if one is None else [one.accuracy, one.error] for one in probes],
        }

    def _phase(self, run: em.Embedding | None) -> str:
        if run is None:
            return "features" if self._read[0] else ""
        return "given" if run.done and run.engine == "given positions" else run.phase

    def _show_columns(self) -> None:
        self._columns = [
            {"name": column.name, "kind": column.kind, "categories": list(column.categories),
             **({} if column.kind == "category" else dict(zip(("lo", "hi"), column.bounds, strict=True)))}
            for column in self._all_columns().values()
        ]

    def _all_columns(self) -> dict[str, Column]:
        return {**self._atlas.columns(self.layer), **self._own}

    def _share(self, share: float) -> float:
        """Return how much of all the maps is done, where one of them is done by a share."""
        names = list(dict.fromkeys((self.layer, *(() if self.null else self.layers))))
        done = sum(self._atlas.finished(name) for name in names)
        return min(0.99, (done + share) / len(names)) if done < len(names) else 0.99

    def _words(self, layer: str, frame: em.Frame) -> str:
        where = f" of {layer}" if layer != self.layer else ""
        if frame.phase == "neighbours":
            return f"finding neighbours{where}, {100 * frame.share:.0f} %"
        return f"iteration {count(frame.iteration)} of {count(frame.total)}{where}"
