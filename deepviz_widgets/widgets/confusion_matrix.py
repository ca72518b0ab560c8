"""`ConfusionMatrix`: which class the network takes which images for; a cell shows its images."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import traitlets as t

from ..images import as_images
from ..methods.confusion import Condensed, Confusion, condensed, confusion, in_words
from ..methods.thumbnails import LEVELS, Thumbnails
from ..network import Network
from ..words import count, plural
from .base import ImageIds, ImageWidget, bundle, code

_MOST = 20  # classes with a row of their own
_SIDE = 64  # px of a thumbnail
_SEEN = 24  # images of a cell that are shown
_SAVED = 12  # of each cell, in a saved page


class ConfusionMatrix(ImageWidget):
    """True classes against predicted ones; choose a cell to see its images.

    Parameters
    ----------
    net : Network
    photos : ImageSet, folder, Dataset, array or list of images
        With labels; see `methods.confusion.confusion`.
    cell : [int, int]
        The chosen cell: row and column, counted from 0; [] for none.
    shares : bool
        Whether cells tell shares of their row in place of numbers.
    image : int or widget
        Which image. A widget that has an `image` is followed.

    Attributes
    ----------
    cell, shares, image
        As above; readable, settable and linkable.
    selected : list of int
        The images of the chosen cell.
    confusion : Confusion or None
        As far as the images were seen.

    Raises
    ------
    TypeError
        Without photos.
    TraitError
        For a cell or image that does not exist.

    Examples
    --------
    >>> import deepviz_widgets as dv
    >>> net, images = dv.demo.digits("test")
    >>> found = dv.ConfusionMatrix(net, images[:40])
    >>> found.wait()
    >>> found.confusion.accuracy
    1.0
    """

    _code = code("confusion_matrix.js")
    _css = bundle("confusion_matrix.css")

    cell = t.List(t.Int(), help="Row and column of the chosen cell; [] for none.").tag(sync=True)
    shares = t.Bool(False, help="Whether cells tell shares of their row.").tag(sync=True)
    selected = ImageIds(help="The images of the chosen cell.").tag(sync=True)
    _table = t.Dict().tag(sync=True)
    _members = t.List().tag(sync=True)
    _thumbs = t.Bytes(b"").tag(sync=True)
    _thumbs_meta = t.Dict().tag(sync=True)

    def __init__(self, net: Network, photos: Any = None, *, cell: Any = (), shares: bool = False, image: Any = 0,
                 **unknown: Any):
        super().__init__(net, **unknown)
        if photos is None:
            raise TypeError("ConfusionMatrix needs photos with labels: a folder, a Dataset or an ImageSet.")
        self._images = as_images(photos)
        self._pictures = Thumbnails(self._images)
        self._confusion: Confusion | None = None
        self._condensed: Condensed | None = None
        self.layout.flex = "4 1 440px"
        with self.hold_sync():
            self.image = image.image if isinstance(image, t.HasTraits) else image
            self.shares, self.cell = shares, list(cell)
        self._follow(image, "image")
        self._restart()

    @property
    def confusion(self) -> Confusion | None:
        """What is known so far; all of it after `wait`."""
        return self._confusion

    # ---------------------------------------------------------------- state

    @t.validate("cell")
    def _valid_cell(self, proposal: Any) -> list[int]:
        value, table = proposal["value"], self._condensed
        there = len(table.names) if table is not None else 1 << 30
        if value and (len(value) != 2 or not all(0 <= at < there for at in value)):
            raise t.TraitError(f"A cell is [row, column], each below {count(there)}, or [] for none; this is {value}.")
        return value

    @t.observe("cell")
    def _on_cell(self, _change: Any = None) -> None:
        if self._condensed is None:
            return
        ids = self._of_cell()
        with self.hold_sync(), self.hold_trait_notifications():
            if self.cell:
                self.selected = ids
                if len(ids) and self.image not in ids:
                    self.image = int(ids[0])
            self._show_thumbs(ids[:_SEEN])

    @t.observe("selected")
    def _on_selected(self, _change: Any) -> None:
        """Let go of the cell when other images are chosen."""
        if self.cell and self._condensed is not None and sorted(self._of_cell()) != list(self.selected):
            self.cell = []

    def _of_cell(self) -> list[int]:
        return self._condensed.ids(*self.cell).tolist() if self.cell and self._condensed is not None else []

    def _forget_images(self) -> None:
        self._confusion = self._condensed = None
        self._pictures = Thumbnails(self._images)
        with self.hold_sync():
            self.cell, self.selected, self._table, self._members = [], [], {}, []

    def _forget_weights(self) -> None:
        """Keep the cell; the matrix is counted anew."""

    def _release(self) -> None:
        self._pictures.close()
        self._images = self._confusion = self._condensed = None

    def _complete(self) -> None:
        self.wait()
        ids = dict.fromkeys(one for row in self._members for ids in row for one in ids[:_SAVED])
        self._show_thumbs([*self._of_cell()[:_SEEN], *ids])

    def _summary(self) -> Iterator[str]:
        if self._confusion is not None and self._confusion.known.any():
            yield f"{100 * self._confusion.accuracy:.1f} % right"
        if self.cell:
            yield f"cell={self.cell}"

    # ---------------------------------------------------------------- work

    def _work(self) -> Iterator[Any] | None:
        return None if self._images is None else confusion(self.network, self._images)

    def _publish(self, found: Confusion) -> None:
        self._confusion, done = found, found.done == found.total
        with self.hold_sync():
            self.progress = found.done / max(1, found.total)
            self._doing = f"{count(found.done)} of {plural(found.total, 'image')}"
            if done or not self._table:
                self._show(found)

    def _show(self, found: Confusion) -> None:
        self._condensed = table = condensed(found, _MOST)
        number = range(len(table.names))
        self._table = {
            "names": list(table.names), "counts": table.counts.tolist(), "says": in_words(found),
            "done": found.done, "total": found.total, "skipped": len(found.skipped), "classes": len(found.classes),
            "labelled": int(found.known.sum()),
        }
        if found.done < found.total:
            return
        again = bool(self._members)
        self._members = [[table.ids(row, column).tolist() for column in number] for row in number]
        fits = all(at < len(table.names) for at in self.cell)
        if not fits or (again and sorted(self._of_cell()) != list(self.selected)):
            self.cell = []  # the network answers otherwise now; what was selected stays
        self._on_cell()

    def _show_thumbs(self, ids: list[int]) -> None:
        ids = [int(one) for one in ids][: LEVELS[_SIDE]]
        if not ids:
            self._thumbs, self._thumbs_meta = b"", {}
            return
        found = self._pictures.sheet(ids, _SIDE)
        self._thumbs, self._thumbs_meta = found.data, {
            "ids": found.ids, "columns": found.columns, "side": found.side,
            "names": [self._images.names[one] for one in found.ids],
            "sure": [round(float(np.nan_to_num(self._confusion.confidences[one])), 4) for one in found.ids],
        }
