"""What a page asks of a board of top patches: thumbnails, one patch enlarged, two rows to vote on."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from ..methods.patches.sheets import Shown, sheet
from ..network import Network
from ..words import count
from . import top_patches_board as board
from .base import Widget

if TYPE_CHECKING:
    from ..methods.patches.friends import Friends
    from ..methods.patches.index import PatchIndex
    from ..methods.patches.table import LayerPatches

_SIDE = 64  # px of a thumbnail
_ROWS = 16  # rows of one request
SENT = 480_000  # bytes of thumbnails that come with the table, so that a saved notebook shows them
_SEEN = 200  # enlarged patches that a saved page keeps


class PatchAnswers(Widget):
    """The part of `TopPatches` that answers its page."""

    _asked: dict[str, Any]
    _friends: dict[tuple[str, str], Friends]
    layer: Any
    basis: Any
    votes: Any
    _tally: Any
    _saved: Any
    _saved_meta: Any

    def __init__(self, *given: Any, **unknown: Any):
        super().__init__(*given, **unknown)
        self._shown = 0
        self._seen: dict[str, dict[str, Any]] = {}
        self._pair: tuple[Any, ...] = ()
        self._pictures: Shown | None = None

    def _known(self) -> PatchIndex | None:
        raise NotImplementedError

    def _found(self) -> LayerPatches | None:
        """Return the rows of the layer as far as known."""
        found = self._known()
        return None if found is None else found.tables.get((self.layer, self.basis))

    def _bases_of(self, layer: str) -> list[str]:
        """Name what the rows of a layer can be."""
        found = self._known()
        return [] if found is None else [basis for name, basis in found.tables if name == layer]

    def _answer(self, what: str, content: dict[str, Any]) -> board.Parts:
        if what in ("patches", "enlarge") and content.get("key") != str(self._shown):
            raise ValueError("These rows were replaced.")
        if what == "patches":
            return self._thumbnails(_rows(content.get("units"), len(self._here()[1].names)))
        if what == "enlarge":
            return self._enlarged(content)
        if what == "pair":
            return self._next_pair()
        if what == "vote":
            return self._vote(content)
        return super()._answer(what, content)

    def _here(self) -> tuple[PatchIndex, LayerPatches]:
        """Return what is known, and the rows that are shown."""
        found, table = self._known(), self._found()
        if found is None or table is None:
            raise ValueError("No rows were found yet.")
        return found, table

    def _thumbnails(self, rows: list[int], basis: str | None = None) -> board.Parts:
        found, table = self._here()
        table = found.tables[self.layer, basis] if basis else table
        if found.pictures is None and self._pictures is None:
            if self._images is None:
                raise ValueError("This index holds no pictures, and there are no photos to cut them from.")
            self._pictures = Shown(self._net, self._images)
        data, meta = sheet(found, self.layer, rows, _SIDE, basis=table.basis, shown=self._pictures)
        images = table.images[rows]
        content = {"key": str(self._shown), "units": rows, "cell": [meta["cell"]] * 2, "ids": images.tolist(),
                   "names": board.named(images, found.names)}
        return content, [data]

    def _enlarged(self, content: dict[str, Any]) -> board.Parts:
        table, kind = self._here()[1], content.get("gradient")
        row = _rows([content.get("unit")], len(table.names))[0]
        rank = _rows([content.get("rank")], table.values.shape[1])[0]
        if kind not in board.GRADIENTS or table.images[row, rank] < 0:
            raise ValueError("There is no such patch.")
        if self._images is None or not isinstance(self._net, Network):
            raise ValueError("The file holds patches alone; give the network and the photos to see them enlarged.")
        number = int(table.images[row, rank])
        if number >= len(self._images):
            raise ValueError(f"The index names image {number}, but there are {count(len(self._images))} photos.")
        vector = self._vector(table, row)
        found, data = board.enlarged(self._net, self._images, table, row, rank, vector, kind)
        friends = self._friends.get((self.layer, self.basis))
        says = "" if friends is None else f"{titled(table, row)}: {friends.sentence(row)}"
        found = {**found, "key": str(self._shown), "unit": row, "rank": rank, "friend": says}
        json.dumps(found, allow_nan=False)
        name = "|".join(map(str, (self._shown, row, rank, kind)))
        self._seen.pop(name, None)
        self._seen[name] = {"content": found, "data": data}
        while len(self._seen) > _SEEN:
            self._seen.pop(next(iter(self._seen)))
        return found, data

    def _vector(self, table: LayerPatches, row: int) -> np.ndarray | None:
        """Return a direction, where this board was given it; a file holds its patches alone."""
        given = self._asked["directions"]
        for one in [given] if hasattr(given, "vectors") else given:
            if (one.layer, one.name) == (table.layer, table.basis) and row < len(one.vectors):
                return one.vectors[row]
        return None

    def _next_pair(self) -> board.Parts:
        """Choose a unit and a direction that both have all their patches, in an order that nobody knows."""
        found, bases = self._here()[0], self._bases_of(self.layer)
        other = next((name for name in bases if "random" in name), next((n for n in bases if n != "units"), None))
        if other is None:
            raise ValueError("There are no directions to vote on; give directions=[random(net, layer, n)].")
        if not self._pair:
            rng = np.random.default_rng([len(self.votes), len(self.layer)])
            rows = [_full(found.tables[self.layer, basis]) for basis in ("units", other)]
            unit, row = (int(rng.choice(full)) for full in rows)
            self._pair = (len(self.votes), unit, other, row, bool(rng.integers(2)))
        number, unit, other, row, swapped = self._pair
        sides = [self._thumbnails([unit], "units"), self._thumbnails([row], other)]
        sides = sides[::-1] if swapped else sides
        k = found.tables[self.layer, other].values.shape[1]
        return {"number": number, "k": k, "cell": sides[0][0]["cell"]}, [data[0] for _, data in sides]

    def _vote(self, content: dict[str, Any]) -> board.Parts:
        if not self._pair or content.get("number") != self._pair[0] or content.get("chosen") not in (0, 1):
            raise ValueError("This pair was replaced.")
        _, unit, other, row, swapped = self._pair
        chosen = "unit" if bool(content["chosen"]) == swapped else "direction"
        name = self._here()[0].tables[self.layer, other].names[row]
        with self.hold_sync():
            self.votes = [*self.votes, {"layer": self.layer, "unit": unit, "direction": name, "chosen": chosen}]
            self._tally = board.tally(self.votes, str(self._shown))
        self._pair = ()
        return self._next_pair()

    # ---------------------------------------------------------------- a page without a kernel

    def _send_saved(self, most: int) -> None:
        """Send thumbnails of the first rows, and what was seen enlarged, as they would be answered."""
        found, table = self._known(), self._found()
        if found is None or table is None or (self._images is None and found.pictures is None):
            return
        meta: list[dict[str, Any]] = []
        data: list[bytes] = []

        def keep(what: str, name: str, content: dict[str, Any], buffers: list[bytes]) -> None:
            meta.append({"what": what, "id": name, "content": content, "lengths": [len(one) for one in buffers]})
            data.extend(buffers)

        rows = list(range(board.most_rows(table)))
        for start in range(0, len(rows), _ROWS):
            content, parts = self._thumbnails(rows[start : start + _ROWS])
            if sum(map(len, (*data, *parts))) > most and (data or most < SENT):
                break
            keep("patches", "", content, parts)
        if most > SENT:
            for name, seen in self._seen.items():
                keep("enlarge", name, seen["content"], seen["data"])
        with self.hold_sync():
            self._saved, self._saved_meta = b"".join(data), meta


def titled(table: LayerPatches, row: int) -> str:
    """Name a row as the page does."""
    name = f"unit {row}" if table.basis == "units" else table.names[row]
    return name[:1].upper() + name[1:]


def _full(table: LayerPatches) -> np.ndarray:
    """Return the rows that have all their patches."""
    rows = np.flatnonzero((table.images >= 0).all(1) & ~table.dead)
    return rows if len(rows) else np.arange(len(table.names))


def _rows(given: Any, number: int) -> list[int]:
    """Take row numbers from the page."""
    whole = isinstance(given, list) and 0 < len(given) <= _ROWS
    if not whole or not all(isinstance(one, int) and 0 <= one < number for one in given):
        raise ValueError(f"Rows are asked for by up to {_ROWS} numbers below {number}.")
    return given
