"""What a page asks of a map: thumbnails, columns, moments, the grid, a card; and these recorded for a saved page."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import traitlets as t

from ..methods import embedding as em
from ..methods.columns import Column
from ..methods.thumbnails import LEVELS, Sheet
from ..words import plural
from . import embedding_map_wire as pack
from . import wire
from .embedding_map_work import MapWork

NEIGHBOURS = 10
_OLD = "This map was replaced."
_CARDS = 5_000  # images up to which a saved page knows the neighbours of each
_FRAME = 0.35  # share of a saved page that moments and cards may take, the rest is pictures


class MapAnswers(MapWork):
    """The part of `EmbeddingMap` that answers its page, and records the answers for a page without a kernel."""

    _store = t.List().tag(sync=True)
    _stored = t.Bytes(b"").tag(sync=True)

    _recorded: tuple[list[dict[str, Any]], bytes] | None = None
    _lacks: list[str] = []  # noqa: RUF012  replaced, never changed

    def _answer(self, what: str, content: dict[str, Any]) -> pack.Parts:
        answers = {
            "base": self._base, "thumbs": self._sheet, "picture": self._picture, "card": self._card,
            "column": self._column, "search": self._found, "positions": self._positions, "grid": self._cells_from,
            "step": self._step, "restart": self._again, "seeds": self._compared,
        }
        if what not in answers:
            return super()._answer(what, content)
        current = content.get("generation", self._generation) == self._generation
        if content.get("key") != str(self._key) or not current:
            raise ValueError(_OLD)
        reply, data = answers[what](content)
        if what in ("positions", "grid"):
            reply["generation"] = self._generation
        return {"key": str(self._key), **reply}, data

    # ---------------------------------------------------------------- pictures

    def _base(self, content: dict[str, Any]) -> pack.Parts:
        start = self._whole(content, "from")
        return _of(self._thumbs.base(start), **{"from": start})

    def _sheet(self, content: dict[str, Any]) -> pack.Parts:
        level, ids = content.get("level"), content.get("ids")
        if level not in LEVELS or not isinstance(ids, list):
            raise ValueError(f"Thumbnails are asked for by a level of {', '.join(map(str, LEVELS))} and a list of ids.")
        found = self._thumbs.sheet(ids, level)
        return _of(found, level=level, ids=found.ids)

    def _picture(self, content: dict[str, Any]) -> pack.Parts:
        index = self._whole(content, "id")
        data, meta = wire.picture(self._thumbs.picture(index))
        return {"id": index, **meta}, [data]

    def _whole(self, content: dict[str, Any], name: str) -> int:
        value = content.get(name)
        if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < self._atlas.count:
            raise ValueError(f"{name!r} is the index of one of {self._atlas.count} images; this is {value!r}.")
        return value

    # ---------------------------------------------------------------- what is known of images

    def _card(self, content: dict[str, Any]) -> pack.Parts:
        index = self._whole(content, "id")
        ids, far = self._atlas.neighbours(self.layer, index, NEIGHBOURS)
        return self._card_of(index, ids, far, self._all_columns()), []

    def _card_of(self, index: int, ids: np.ndarray, far: np.ndarray, columns: dict[str, Column]) -> dict[str, Any]:
        known = {name: column.text(index) for name, column in columns.items()}
        own = {name: value for name, value in known.items() if name in self._own}
        return {
            "id": index, "name": self._images.names[index], "label": known.get("label") or "",
            "prediction": known.get("prediction") or "", "confidence": known.get("confidence"),
            "kept": known.get("kept"), "neighbours": ids.tolist(), "distances": [float(one) for one in far],
            "false": self._atlas.false(self.layer, index), "columns": own,
        }

    def _column(self, content: dict[str, Any]) -> pack.Parts:
        start, name = self._whole(content, "from"), content.get("name")
        if name == "rank":
            return pack.rank_piece(self._ranks(), start)
        column = self._all_columns().get(str(name))
        if column is None:
            raise ValueError(f"There is no column {name!r}; there are {', '.join(self._all_columns())}.")
        return pack.column_piece(column, start)

    def _ranks(self) -> np.ndarray:
        """Return the place of each image in the order in which they are shown; unreadable ones come last."""
        if self._order is None or self._order[0] != self._moment():
            run = self.layer in self._atlas.runs
            positions = self._atlas.positions(self.layer) if run else np.zeros((self._atlas.count, 2), np.float32)
            known = np.isfinite(positions[:, 0])
            found = np.empty(len(positions), np.int64)
            found[known] = em.ranks(positions[known])
            found[~known] = np.arange(int(known.sum()), len(positions))
            self._order = (self._moment(), found)
        return self._order[1]

    def _found(self, content: dict[str, Any]) -> pack.Parts:
        text = str(content.get("text", ""))
        ids = self.find(text)
        return {"text": text, "count": len(ids)}, [pack.bits_of(ids, self._atlas.count)]

    def find(self, text: str) -> list[int]:
        """Return the images whose name or label holds a text, whatever the case."""
        sought = text.strip().lower()
        if not sought:
            return []
        label = self._all_columns().get("label")
        names = [sought in name.lower() for name in label.categories] if label is not None else []
        hit = np.fromiter((sought in name.lower() for name in self._images.names), bool, self._atlas.count)
        if label is not None and any(names):
            hit |= np.array([*names, False])[label.values]
        return np.flatnonzero(hit).tolist()

    # ---------------------------------------------------------------- where images are

    def _positions(self, content: dict[str, Any]) -> pack.Parts:
        start = self._whole(content, "from")
        if "layer" in content:
            number, ready = content["layer"], self._points.get("layers", [])
            if not isinstance(number, int) or not 0 <= number < len(ready):
                raise ValueError(f"There is no layer {number!r} on this map; {len(ready)} are finished.")
            reply, data = pack.piece(self._real.positions(ready[number]), start)
            return {"layer": number, **reply}, data
        wanted = content.get("iteration")
        reply, data = pack.piece(self._at(wanted), start)
        return {"iteration": wanted, **reply}, data

    def _at(self, iteration: Any) -> np.ndarray:
        """Return the positions of the map as they are, or as they were."""
        run = self._atlas.runs.get(self.layer)
        if run is None:
            raise ValueError("There are no positions yet.")
        kept = self._atlas.keyframes(self.layer)
        if iteration == run.iteration:
            return self._atlas.positions(self.layer)
        if iteration not in kept:
            raise ValueError(f"The positions of iteration {iteration!r} are not kept.")
        return self._atlas.positions(self.layer, kept[iteration])

    def _cells_from(self, content: dict[str, Any]) -> pack.Parts:
        if self._cells is None or not self._grid:
            raise ValueError("The images are not in a grid yet.")
        return self._cells[1].piece(self._whole(content, "from"))

    # ---------------------------------------------------------------- the page turns knobs

    def _step(self, content: dict[str, Any]) -> pack.Parts:
        self.step()
        return {}, []

    def _again(self, content: dict[str, Any]) -> pack.Parts:
        seed = content.get("seed")
        self.restart(None if seed is None else int(seed))
        return {"generation": self._generation}, []

    def _compared(self, content: dict[str, Any]) -> pack.Parts:
        self.compare_seeds()
        return {}, []

    def compare_seeds(self, seeds: Sequence[int] = (0, 1, 2)) -> None:
        """Draw the map from several random starts."""
        raise NotImplementedError

    def step(self, iterations: int = 1) -> None:
        """Take the map some iterations further."""
        raise NotImplementedError

    def restart(self, seed: int | None = None) -> None:
        """Begin the map again."""
        raise NotImplementedError

    # ---------------------------------------------------------------- a page without a kernel

    def _complete(self) -> None:
        self.wait()
        self._recorded = self._record(int(self._max_mb * 1e6 * 0.74))
        self._lacks = self._lacking(self._recorded[0])

    def get_state(self, key: Any = None, drop_defaults: bool = False) -> dict[str, Any]:
        """Return what the page gets; what was recorded for a saved page is handed out once, to that page."""
        state = super().get_state(key, drop_defaults)
        if key is None and self._recorded is not None:
            state["_store"], state["_stored"] = self._recorded
            self._recorded = None
        return state

    def _record(self, most: int) -> tuple[list[dict[str, Any]], bytes]:
        """Record answers of at most so many bytes, those first without which the map would have holes."""
        store: list[dict[str, Any]] = []
        data = bytearray()
        size = 0

        def keep(what: str, reply: dict[str, Any], buffers: list[bytes]) -> bool:
            nonlocal size
            size += sum(map(len, buffers)) + len(json.dumps(reply, allow_nan=False))
            places = []
            for one in buffers:
                places.append([len(data), len(data) + len(one)])
                data.extend(one)
            store.append({"what": what, **reply, "buffers": places})
            return size < most

        for what, content in self._needed():
            keep(what, *self._answered(what, content))
        for what, content in self._welcome():
            if size > most * _FRAME:
                break
            keep(what, *self._answered(what, content))
        if self._atlas.count <= _CARDS:
            for reply in self._cards():
                if not keep("card", reply, []):
                    break
        self._record_thumbs(keep, lambda: most - size)
        return store, bytes(data)

    def _omitted(self) -> list[str]:
        return self._lacks

    def _lacking(self, store: list[dict[str, Any]]) -> list[str]:
        """Say what was not recorded for want of room."""
        held = {what: [one for one in store if one["what"] == what] for what in ("thumbs", "card", "positions")}
        level = max((one["level"] for one in held["thumbs"]), default=0)
        small = self._atlas.count - sum(one["count"] for one in held["thumbs"])
        alone = min(self._atlas.count, _CARDS) - len(held["card"])
        moments = len(list(self._welcome())) - len([one for one in held["positions"] if "from" in one])
        moments += sum(what == "positions" for what, _ in self._needed())
        return [f"{words} of EmbeddingMap" for words, much in (
            (f"thumbnails of more than {level} px", 0 < level < max(LEVELS)),
            (f"larger thumbnails of {plural(small, 'image')}", small > 0),
            (f"the true neighbours of {plural(alone, 'image')}", alone > 0),
            (f"{plural(moments, 'moment')} in which it formed", moments > 0),
        ) if much]

    def _answered(self, what: str, content: dict[str, Any]) -> pack.Parts:
        return self._answer(what, {"key": str(self._key), **content})

    def _needed(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield what the page asks for in any case."""
        number, start = self._atlas.count, 0
        while start < number:
            yield "base", {"from": start}
            start += len(self._thumbs.base(start).ids)
        for name in ("rank", *self._all_columns()):
            yield from (("column", {"name": name, "from": at}) for at in range(0, number, pack.CHUNK))
        run = self._atlas.runs.get(self.layer)
        if run is not None and not self._xy:
            yield from (("positions", {"iteration": run.iteration, "from": at}) for at in range(0, number, pack.CHUNK))
        if self._grid:
            yield from (("grid", {"from": at}) for at in range(0, number, pack.GRID_CHUNK))

    def _welcome(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield the maps of the layers, and the moments of this one."""
        starts = range(0, self._atlas.count, pack.CHUNK)
        for layer in range(len(self._points.get("layers", []))):
            yield from (("positions", {"layer": layer, "from": at}) for at in starts)
        for iteration in self._points.get("keyframes", []):
            yield from (("positions", {"iteration": iteration, "from": at}) for at in starts)

    def _cards(self) -> Iterator[dict[str, Any]]:
        """Yield the card of every image."""
        columns = self._all_columns()
        for index in range(self._atlas.count):
            ids, far = self._atlas.neighbours(self.layer, index, NEIGHBOURS)
            yield {"key": str(self._key), **self._card_of(index, ids, far, columns)}

    def _record_thumbs(self, keep: Any, left: Any) -> None:
        """Record thumbnails of the largest size of which all fit; of the smallest as many as fit, widely spread."""
        order = np.argsort(self._ranks(), kind="stable").tolist()
        sample = order[:16]
        level = min(LEVELS)
        for side in LEVELS:
            each = len(self._thumbs.sheet(sample, side).data) / len(sample)
            if each * len(order) * 1.15 < left():
                level = side
        at = 0
        while at < len(order):
            found = self._thumbs.sheet(order[at : at + LEVELS[level]], level, seconds=60)
            if left() < len(found.data) + 8 * len(found.ids):
                return
            keep("thumbs", *_of(found, key=str(self._key), level=level, ids=found.ids))
            at += len(found.ids)


def _of(found: Sheet, **about: Any) -> pack.Parts:
    return {**about, "count": len(found.ids), "columns": found.columns, "grey": found.grey}, [found.data]
