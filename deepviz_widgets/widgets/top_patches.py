"""`TopPatches`: the parts of all images that each unit of a layer likes best, live while they are found."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import traitlets as t

from ..images import as_images
from ..methods.patches.crops import with_crops
from ..methods.patches.friends import Friends, searching_friends
from ..methods.patches.index import PatchIndex
from ..methods.patches.scan import Scan, scan
from ..network import Network
from ..words import count, no_such, plural
from . import top_patches_board as board
from .base import ImageIndex, LayerName, bundle, code
from .top_patches_answers import SENT, PatchAnswers
from .top_patches_chart import AnswersChart

SORTS = ("index", "maximum", "sparsity", "purity", "friends")
_NUMBERS = ("_values", "_labels", "_odd", "_boxes", "_statistics")
_SAVED = 8_000_000  # bytes of thumbnails in a saved page
_BEAT = 0.4  # seconds between tables of a running scan


class _Image(ImageIndex):
    """One of the photos; where there are none, any image that the index names."""

    def validate(self, obj: Any, value: Any) -> int:
        return t.Int.validate(self, obj, value) if obj._images is None else super().validate(obj, value)


class _Layer(LayerName):
    """A layer of the network; without one, a layer of the index."""

    def validate(self, obj: Any, value: Any) -> str:
        if value == "" or isinstance(obj._net, Network):
            return super().validate(obj, value)
        if value not in obj._index.layers:
            raise t.TraitError(no_such("layer", value, obj._index.layers))
        return value


class TopPatches(PatchAnswers):
    """A row per unit of a layer: the patches that it answers to most, each to be enlarged.

    Parameters
    ----------
    net : Network, optional
        Without it only an `index` can be shown.
    photos : ImageSet, folder, Dataset, array, Tensor or list of images, optional
        What the units are shown, in one pass; the images of the index where that is given too.
    layer : str, nn.Module or widget, optional
        Which layer; the last one with maps by default. A widget that has a `layer` is followed.
    layers : "all", "convolutions", str or list of str
        Which layers the one pass takes in.
    k, per_image, order, directions, shards
        See `methods.patches.scan`; with `shards`, a folder, a board goes on where a kernel died.
    index : PatchIndex, str or Path, optional
        What was found before; a path is that of a Parquet file. Nothing is scanned then.
    channel, image : int or widget
        The chosen row, and the image of its chosen patch.
    basis, sort, search, mode, labels, names, gradient
        What is shown at first; see below.

    Attributes
    ----------
    layer, channel, image
        As above; readable, settable and linkable. Choosing a patch sets `image`.
    basis : str
        "units", or the name of a set of directions among them.
    rank : int
        The chosen patch of the row, counted from 0; -1 for none.
    sort : {"index", "maximum", "sparsity", "purity", "friends"}
    search : str
    mode : {"board", "name", "vote"}
        "name" hides the classes while students write what each unit stands for; "vote" shows a unit and a random
        direction, not told apart, and counts which of them belongs together more.
    labels : bool
        Whether classes are told.
    names : dict of str to str
        What students wrote, such as {"layer3:17": "dog faces"}.
    votes : list of dict
    gradient : {"none", "plain", "guided", "deconvolution"}
        What is shown beside the patch, see `methods.gradients.gradient`.
    index : PatchIndex
        All that was found so far.
    histogram : bqplot.Figure
        All that the chosen unit answers (at two places of each image), its best to each image, and its patches.

    Raises
    ------
    TypeError
        Without a network and photos, and without an index.
    TraitError
        For a layer, row or image that does not exist.

    Examples
    --------
    >>> import deepviz_widgets as dv
    >>> net, images = dv.demo.digits("test")
    >>> found = dv.TopPatches(net, images[:40], layer="conv2", k=4)
    >>> found.wait()
    >>> found.index["conv2"].values.shape[1]
    4
    """

    _code = code("top_patches.js")
    _css = bundle("top_patches.css")
    _fixed = ("layer", "basis")
    _grows = True
    _takes = (Network, PatchIndex)

    layer = _Layer("", help="Name of the layer.").tag(sync=True)
    basis = t.Unicode("units", help="Units, or a set of directions.").tag(sync=True)
    channel = t.Int(0, help="The chosen row.").tag(sync=True)
    rank = t.Int(-1, min=-1, help="The chosen patch of the row; -1 for none.").tag(sync=True)
    image = _Image(0, help="Index of the image of the chosen patch.").tag(sync=True)
    sort = t.Enum(SORTS, "index", help="Order of the rows.").tag(sync=True)
    search = t.Unicode("", help="Which rows are shown.").tag(sync=True)
    mode = t.Enum(("board", "name", "vote"), "board", help="What is done with the rows.").tag(sync=True)
    labels = t.Bool(True, help="Whether classes are told.").tag(sync=True)
    names = t.Dict(help="What students call the units.").tag(sync=True)
    votes = t.List(help="Which of two rows was chosen.").tag(sync=True)
    gradient = t.Enum(board.GRADIENTS, "guided", help="What is shown beside the patch.").tag(sync=True)
    _layers = t.List().tag(sync=True)
    _bases = t.List().tag(sync=True)
    _classes = t.List().tag(sync=True)
    _table = t.Dict().tag(sync=True)
    _values = t.Bytes(b"").tag(sync=True)
    _labels = t.Bytes(b"").tag(sync=True)
    _odd = t.Bytes(b"").tag(sync=True)
    _boxes = t.Bytes(b"").tag(sync=True)
    _statistics = t.Bytes(b"").tag(sync=True)
    _tally = t.Dict().tag(sync=True)
    _saved = t.Bytes(b"").tag(sync=True)
    _saved_meta = t.List().tag(sync=True)

    _index: PatchIndex | None = None

    def __init__(
        self,
        net: Network | None = None,
        photos: Any = None,
        *,
        layer: Any = None,
        layers: str | Sequence[str] = "all",
        k: int = 9,
        per_image: int = 1,
        order: str = "max",
        directions: Any = (),
        shards: str | Path | None = None,
        index: PatchIndex | str | Path | None = None,
        channel: Any = 0,
        image: Any = 0,
        basis: str = "units",
        sort: str = "index",
        search: str = "",
        mode: str = "board",
        labels: bool | None = None,
        names: Mapping[str, str] | None = None,
        gradient: str = "guided",
        **unknown: Any,
    ):
        found = PatchIndex.load(index) if isinstance(index, (str, Path)) else index
        if found is None and (net is None or photos is None):
            raise TypeError("TopPatches needs a network and photos, or index= with what was found before.")
        super().__init__(found if net is None else net, **unknown)
        self._opened = found is not None  # made of what was found before: no new weights change that
        self._index, self._images = found, None if photos is None else as_images(photos)
        self._asked = {"layers": layers, "k": k, "per_image": per_image, "order": order, "directions": directions,
                       "shards": shards}
        self._scan: Scan | None = None
        self._partial: PatchIndex | None = None
        self._friends: dict[tuple[str, str], Friends] = dict(found.friends) if found is not None else {}
        self._chart: AnswersChart | None = None
        self._drawn, self._key = 0.0, ("", "")
        self.layout.flex = "4 1 520px"
        with self.hold_sync():
            self._classes = list(found.classes if found is not None else self._images.classes or net.classes)
            if isinstance(layer, t.HasTraits) and not layer.layer:
                layer.layer = self._usual_layer()
            self.layer = self._usual_layer() if layer is None else layer
            self.basis, self.sort, self.search, self.gradient = basis, sort, search, gradient
            self.channel, self.image = (_value(given, name) for given, name in ((channel, "channel"), (image, "image")))
            self.names, self.mode = dict(names or {}), mode
            self.labels = mode == "board" if labels is None else labels
        for other, name in ((layer, "layer"), (channel, "channel"), (image, "image")):
            self._follow(other, name)
        self._restart()

    # ---------------------------------------------------------------- for users

    @property
    def network(self) -> Network | None:  # type: ignore[override]
        """The network, None on a board that was opened from a file; raises once the widget is closed."""
        found: Any = super().network
        return found if isinstance(found, Network) else None

    @property
    def index(self) -> PatchIndex:
        """All that was found so far: of every layer that the pass takes in."""
        self.network  # noqa: B018  says so if the widget is closed
        if self._index is not None:
            return self._index
        self._scan = self._scan or self._begin()
        return self._scan.index

    @property
    def histogram(self) -> Any:
        """A bqplot.Figure of all that the chosen unit answers: `dv.row(found, found.histogram)`."""
        if self._chart is None:
            self._chart = AnswersChart()
            self._draw_chart()
        return self._chart.figure

    def save(self, path: str | Path) -> Path:
        """Finish the scan and write all that was found, with the patches, into one Parquet file."""
        self.wait()
        found = self.index
        if found.pictures is None and self._images is not None:
            found = with_crops(found, self._images, self.network)
        replace(found, friends={**found.friends, **self._friends}).save(path)
        return Path(path)

    def cancel(self) -> None:
        """Stop the scan; what was found stays, and `resume` goes on from there."""
        super().cancel()
        if self._scan is not None and self._index is None:
            self._show()

    # ---------------------------------------------------------------- state

    @t.validate("channel")
    def _valid_channel(self, proposal: Any) -> int:
        value, table = proposal["value"], self._found()
        if value < 0 or (table is not None and value >= len(table.names)):
            there = count(len(table.names)) if table is not None else "none below 0"
            raise t.TraitError(f"There is no channel {value}; layer {self.layer!r} has {there}, counted from 0.")
        return value

    @t.observe("layer", "basis")
    def _on_table(self, _change: Any) -> None:
        if self._net is None or not self.layer or self._key == (self.layer, self.basis):
            return
        with self.hold_sync():
            self._use_table()
        self._restart()

    def _use_table(self) -> None:
        """Keep to rows that the layer has."""
        bases = self._bases_of(self.layer)
        if self.basis not in bases and bases:
            self.basis = bases[0]
        table = self._found()
        if table is not None and self.channel >= len(table.names):
            self.channel = 0
        self.rank = -1

    @t.observe("channel", "rank")
    def _on_choice(self, _change: Any) -> None:
        table = self._found()
        if table is None or self._net is None:
            return
        if 0 <= self.rank < table.images.shape[1] and self.channel < len(table.names):
            number = int(table.images[self.channel, self.rank])
            if number >= 0 and (self._images is None or number < len(self._images)):
                self.image = number
        self._draw_chart()

    @t.observe("mode")
    def _on_mode(self, change: Any) -> None:
        self.labels = change["new"] == "board"

    def _known(self) -> PatchIndex | None:
        """Return what the page has been told of; making an index of a running scan takes a moment."""
        return self._index if self._index is not None else self._partial

    def _usual_layer(self) -> str:
        """Name the last layer whose answer has places, a whole stage rather than a layer inside it."""
        if not isinstance(self._net, Network):
            return self._index.layers[-1]
        known = None if self._index is None else self._index.layers
        maps = [one.name for one in self._net.layers if one.layout.kind in ("maps", "tokens")
                and one.layout.grid[0] * one.layout.grid[1] > 1 and (known is None or one.name in known)]
        stages = [name for name in maps if "." not in name]
        return (stages or maps or list(known or [""]))[-1]

    def _release(self) -> None:
        if self._scan is not None:
            self._scan.close()
        self._images = self._index = self._partial = self._scan = self._chart = self._pictures = None
        self._friends, self._seen, self._pair = {}, {}, ()

    def _complete(self) -> None:
        self.wait()
        numbers = sum(len(getattr(self, name)) for name in _NUMBERS)
        self._send_saved(max(0, min(_SAVED, int(self._max_mb * 0.74e6) - numbers)))

    def _omitted(self) -> list[str]:
        table = self._found()
        if table is None or (self._images is None and self._known().pictures is None):
            return []
        kept = sum(len(one["content"]["units"]) for one in self._saved_meta if one["what"] == "patches")
        missing = board.most_rows(table) - kept
        return [f"the thumbnails of {plural(missing, 'unit')} of TopPatches"] if missing > 0 else []

    def _summary(self) -> Iterator[str]:
        yield f"layer={self.layer!r}"
        if self.basis != "units":
            yield f"basis={self.basis!r}"
        yield f"channel={self.channel}"

    def _forget_weights(self) -> None:
        if not self._opened:
            self._index = self._partial = self._scan = None
            self._friends.clear()

    # ---------------------------------------------------------------- work

    def _begin(self) -> Scan:
        return scan(self.network, self._images, **self._asked)

    def _work(self) -> Iterator[Any] | None:
        return self._compute() if self.layer else None

    def _compute(self) -> Iterator[Any]:
        """Finish the pass, then look for false friends in the layer that is shown."""
        if self._index is None:
            self._scan = self._scan or self._begin()
            yield from self._scan
            self._index = self._scan.index
        self._check_layer()
        yield None
        key = (self.layer, self.basis)
        if key in self._friends or self._images is None or not isinstance(self._net, Network):
            return
        try:
            for found in searching_friends(self._net, self._index, self._images, self.layer, basis=self.basis):
                yield found
        except ValueError:
            return  # the last layer: there is no later one that could tell patches apart
        self._friends[key] = found.result
        yield None

    def _check_layer(self) -> None:
        if (self.layer, self.basis) not in self._index.tables:
            raise ValueError(f"{no_such('layer', self.layer, self._index.layers)} The scan took in no others: layers=.")

    def _publish(self, result: Any) -> None:
        with self.hold_sync():
            if isinstance(result, (int, type(None))):
                self.progress = 1.0
                self._show()
                self._send_saved(SENT)
                return
            self.progress = result.done / max(1, result.total)
            noun = "images" if self._index is None else "patches compared"
            self._doing = f"{count(result.done)} of {count(result.total)} {noun}"
            now = time.perf_counter()
            if self._index is None and now - self._drawn >= _BEAT:
                self._show()
                self._drawn = time.perf_counter()

    def _show(self) -> None:
        """Send the rows of the layer as far as known."""
        self._partial = None if self._index is not None else self.index
        table, found = self._found(), self._known()
        if table is None or found is None:
            return
        key = (self.layer, self.basis)
        if key != self._key or not self._shown:
            self._key, self._shown = key, self._shown + 1
            self._pair = ()
        friends = self._friends.get(key)
        with self.hold_sync():
            self._layers, self._bases = list(found.layers), self._bases_of(self.layer)
            for name, data in board.packed(table, found, friends).items():
                setattr(self, name, data)
            self._table = board.about(str(self._shown), table, found, friends, self.network)
            self._tally = board.tally(self.votes, str(self._shown))
        self._draw_chart()

    def _draw_chart(self) -> None:
        table = self._found()
        if self._chart is not None and table is not None and self.channel < len(table.names):
            self._chart.show(table, self.channel)


def _value(given: Any, name: str) -> Any:
    return getattr(given, name) if isinstance(given, t.HasTraits) else given
