"""`occlusion`: hide a patch at each position and keep what the network says, coarse first, exact at the end."""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch

from ...network import Network
from ...scores import NetworkError, notes_on_scores
from ...words import size
from ..activations import why_not_finite
from ..incremental import Evaluator, evaluator
from ..incremental.dense import masked
from ..incremental.evaluator import Arrays, Scoring
from .fills import filled, name_of_fill
from .order import Order, blocks_of, cut
from .positions import Lattice, lattice, segments_of, usual_side
from .sweep import Sweep
from .table import Table

_FEW, _SOON = 4, 0.25  # positions of the first batch, more where they take about so many seconds
_GROWTH = 4  # from one batch to the next at most, as their speed is not known before
_LEAST, _MOST = 32, 640  # positions of a batch then: deep layers take long for a few, and the picture waits for many
_PACES, _OVER = 30, 1.3  # that a batch may last; how much longer where it is the last of a round
_AHEAD = 20  # paces that are worth a batch, of several rounds where one takes less


class Occlusion(Iterator[Sweep]):
    """The sweep of a patch over an image, a step at a time; made by `occlusion`.

    `next()` computes for about `pace` seconds, or until there is something new, and returns the `Sweep` so far. An
    interrupt or an error in a step loses no position: `next()` goes on. `close()` frees the memory of the engine;
    `next()` still goes on. `advance()` is for those who cannot wait until there is something new.

    Attributes
    ----------
    net : Network
    x, filled : Tensor (C, H, W)
        The network's input, and the same wholly replaced by the fill; None before the first step.
    sweep : Sweep or None
        The newest.
    """

    def __init__(self, net: Network, image: Any, **options: Any):
        self.net, self.image, self._options = net, image, options
        self.x: torch.Tensor | None = None
        self.filled: torch.Tensor | None = None
        self.sweep: Sweep | None = None
        self._engine: Evaluator | None = None
        self._lock = threading.RLock()
        self._queue: deque[tuple[int, np.ndarray]] = deque()  # lattice, positions counted over all lattices
        self._scoring: tuple[int, np.ndarray, Scoring] | None = None  # lattice, positions, and their scores on the way

    def __next__(self) -> Sweep:
        if self.sweep is not None and self.sweep.done == self.sweep.total:
            raise StopIteration
        self._work(self._options["pace"], pausing=False)
        assert self.sweep is not None
        return self.sweep

    def advance(self, seconds: float = 0.1) -> bool:
        """Compute for about so long, which may be too short for a new score; tell whether `sweep` is a newer one."""
        return self._work(seconds, pausing=True)

    def _work(self, seconds: float, *, pausing: bool) -> bool:
        """Compute for about so long: batches to their ends, or with a pause in the middle of one."""
        self._begin()
        until, new = time.perf_counter() + seconds, self.sweep is None and bool(self._table.known.all())
        while not self._table.known.all():
            new |= self._go_on(until - time.perf_counter() if pausing else math.inf)
            if time.perf_counter() >= until - (0 if pausing else seconds / 2):
                break
        if new:
            self.sweep = self._so_far(self.lattices, self._table.snapshot())
        return new

    def close(self) -> None:
        """Free the memory of the engine; what is computed stays, and `next()` goes on from it."""
        self._engine = self._scoring = None

    def place(self, top: int, left: int) -> Sweep:
        """Score one more place, off the lattice: the sweep of the first window with its top left corner there."""
        self._begin()
        first = self.lattices[0]
        if first.labels is not None:
            raise ValueError("Segments stand where they are; there is no patch to place.")
        (height, width), image = first.patch, first.image
        box = np.clip([top, left, top + height, left + width], 0, [*image, *image]).astype(np.int32)
        if box[0] >= box[2] or box[1] >= box[3]:
            raise ValueError(
                f"A patch of {size(first.patch)} px at {(top, left)} lies outside the image of {size(image)} px."
            )
        here = Lattice(image, tuple(box.tolist()), first.patch, first.stride, 1, 1, box[None])
        table = Table(1, len(self._clean), tuple(self._features))
        table.add(np.array([0]), *self._scores(here, np.array([0])))
        return self._so_far((here,), table)

    @property
    def how(self) -> str:
        """Which engine computes: "incremental" or "dense"."""
        self._begin()
        assert self._engine is not None
        return self._engine.how

    @property
    def pending(self) -> int:
        """How many positions are still to be computed."""
        self._begin()
        return int((~self._table.known).sum())

    @property
    def bytes_kept(self) -> int:
        """Bytes of the scores of all positions."""
        self._begin()
        return self._table.bytes

    @property
    def bytes_held(self) -> int:
        """Bytes that the engine needs while it runs; more than at first once positions have run."""
        self._begin()
        assert self._engine is not None
        return self._engine.held_bytes

    def sample(self, side: int) -> np.ndarray:
        """Score a block of positions in the middle of the first window for the time it takes; return which."""
        self._begin()
        part = self.lattices[0]
        rows, columns = (np.arange(min(side, n)) + max(0, n - side) // 2 for n in (part.rows, part.columns))
        chosen = (rows[:, None] * part.columns + columns).ravel()
        self._scores(part, chosen)
        return chosen

    # ---------------------------------------------------------------- beginning

    def _begin(self) -> None:
        """Get ready where that has not happened, and again after a `close`; a step and a place may come at once."""
        with self._lock:
            if self._engine is None:
                self._engine = self._ready()

    def _ready(self) -> Evaluator:
        if self.x is None:
            self._read()
        assert self.x is not None and self.filled is not None
        names = [self.net.layer(layer).name for layer in self._options["layers"]]
        engine = evaluator(self.net, self.x, self.filled, layers=names, engine=self._options["engine"])
        if not np.isfinite(engine.clean).all():
            raise NetworkError(why_not_finite(self.net, self.x[None], self.net.layers[-1].name))
        if self.sweep is None:
            self._tabulate(engine)
        elif not np.allclose(engine.clean, self._clean, rtol=1e-3, atol=1e-3 * float(np.abs(self._clean).max())):
            raise NetworkError("The network gives other scores than when this map was begun; begin a new one.")
        return engine

    def _read(self) -> None:
        """Take the image and the options, or say what is wrong with them."""
        net, options = self.net, self._options
        if len(net.scores_shape) != 1:
            raise NetworkError(
                f"The network returns {size(net.scores_shape)} values an image; occlusion takes one score a class."
            )
        targets = options["targets"]
        several = [] if targets is None else list(targets) if isinstance(targets, (list, tuple)) else [targets]
        self._targets = tuple(net.class_index(target) for target in several)
        picture = net.picture(self.image)
        x = net.input(picture)
        self.lattices = _lattices((x.shape[1], x.shape[2]), options)
        patch = self.lattices[0].patch if self.lattices[0].patch[0] else (usual_side(x.shape[1:]),) * 2
        self.filled = filled(net, picture, options["fill"], patch=patch, seed=options["seed"])
        self.x = x

    def _tabulate(self, engine: Evaluator) -> None:
        """Make the table; positions whose patch changes nothing have the scores of the image as it is."""
        self._clean, self._features = engine.clean, engine.clean_features
        self._targets = self._targets or (int(engine.clean.argmax()),)
        self._starts = np.cumsum([0, *map(len, self.lattices)])
        self._table = Table(int(self._starts[-1]), len(self._clean), tuple(self._features))
        assert self.x is not None and self.filled is not None
        differs = torch.ne(self.x, self.filled).any(0).numpy()
        same = np.flatnonzero(np.concatenate([part.changed(differs) for part in self.lattices]) == 0)
        self._table.add(same, np.repeat(self._clean[None], len(same), 0),
                        {layer: np.full(len(same), value) for layer, value in self._features.items()})
        self._whole = Table(1, len(self._clean), tuple(self._features))
        self._whole.add(np.array([0]), self._clean[None], {k: np.array([v]) for k, v in self._features.items()})
        self._orders = [
            Order(part.rows, part.columns, ~self._table.known[start : start + len(part)])
            for part, start in zip(self.lattices, self._starts, strict=False)
        ]

    # ---------------------------------------------------------------- computing

    def _batch(self) -> tuple[int, np.ndarray]:
        """Choose the positions that are scored together, neighbours first; they stay queued until they are known."""
        most = self._most()
        if not self._queue:
            self._refill()
        index, block = self._queue[0]
        if sum(len(queued) for _, queued in self._queue) <= _OVER * most:
            most = int(_OVER * most)  # all that is left of a round, rather than a few later
        pieces = cut(block - self._starts[index], self.lattices[index].columns, max(1, most))
        if len(pieces) > 1:
            self._queue.popleft()
            self._queue.extendleft((index, piece + self._starts[index]) for piece in reversed(pieces))
        together: list[np.ndarray] = []
        for of, piece in self._queue:
            if of != index or (together and sum(map(len, together)) + len(piece) > most):
                break
            together.append(piece)
        return index, np.concatenate(together)

    def _most(self) -> int:
        """How many positions may be scored together: what a batch may last, as far as is known how long they take."""
        assert self._engine is not None
        speed, pace = self._engine.speed, self._options["pace"]
        if not pace:
            return 1
        seconds = max(speed.seconds, 1e-9)
        if not speed.positions:
            return int(min(max(_SOON / seconds, _FEW), _MOST))
        return int(min(max(_PACES * pace / seconds, _LEAST), _MOST, _GROWTH * speed.positions))

    def _refill(self) -> None:
        """Queue the next round of the window that is furthest behind, more of them where they take little time."""
        shares = [self._table.known[self._rows(index)].mean() for index in range(len(self.lattices))]
        index = int(np.argmin(shares))
        values = sum(self._table.scores("probability", self.net.scores_are, target) for target in self._targets)
        rows, part = self._rows(index), self.lattices[index]
        assert self._engine is not None
        speed, order = self._engine.speed, self._orders[index]
        enough = self._options["pace"] * (_AHEAD if order.begun else 1)
        blocks = more = order.blocks(np.asarray(values)[rows])
        while more and speed.positions and sum(map(len, blocks)) * speed.seconds < enough:
            blocks = blocks + (more := order.blocks(np.asarray(values)[rows]))
        # an interrupt between taking blocks and queueing them leaves positions that nobody would hand out again
        blocks = blocks or blocks_of(~self._table.known[rows].reshape(part.rows, part.columns))
        self._queue = deque((index, block + self._starts[index]) for block in blocks)

    def _rows(self, index: int) -> slice:
        return slice(int(self._starts[index]), int(self._starts[index + 1]))

    def _go_on(self, seconds: float) -> bool:
        """Go on with a batch for about so long; tell whether it is done and its scores are known."""
        if self._scoring is None:
            index, positions = self._batch()
            begun = self._begun(self.lattices[index], self._own(index, positions))
            self._scoring = index, positions, begun
        index, positions, scoring = self._scoring
        try:
            if not scoring.advance(seconds):
                return False
            raw, features = self._checked(self.lattices[index], self._own(index, positions), scoring.result())
        except BaseException:
            self._scoring = None  # they are still queued, to be scored anew
            raise
        self._scoring = None
        self._table.add(positions, raw, features)
        while self._queue and self._table.known[self._queue[0][1]].all():
            self._queue.popleft()
        return True

    def _own(self, index: int, positions: np.ndarray) -> np.ndarray:
        """Count positions within their lattice."""
        return positions - self._starts[index]

    def _scores(self, part: Lattice, positions: np.ndarray) -> Arrays:
        return self._checked(part, positions, self._begun(part, positions).result())

    def _begun(self, part: Lattice, positions: np.ndarray) -> Scoring:
        assert self._engine is not None
        if part.labels is not None:
            return self._engine.begin_masks(part.masks(positions))
        return self._engine.begin(part.boxes[positions])

    def _checked(self, part: Lattice, positions: np.ndarray, run: Arrays) -> Arrays:
        """Return the scores, or say which layer makes them NaN or infinite."""
        bad = positions[~np.isfinite(run[0]).all(1)]
        if len(bad):
            # those that share a batch may have caught it from one of them
            place = next((one for one in bad if not self.net.forward(self._hidden(part, one)).isfinite().all()), bad[0])
            why = why_not_finite(self.net, self._hidden(part, place), self.net.layers[-1].name)
            where = ", ".join(map(str, part.boxes[place][:2].tolist()))
            raise NetworkError(f"With the patch at ({where}): {why}")
        return run

    def _hidden(self, part: Lattice, position: int) -> torch.Tensor:
        """Return the input (1, C, H, W) with a position hidden."""
        assert self.x is not None and self.filled is not None
        return masked(self.x, self.filled, torch.from_numpy(part.masks(np.array([position]))))

    def _so_far(self, lattices: Sequence[Lattice], table: Table) -> Sweep:
        net = self.net
        return Sweep(tuple(lattices), name_of_fill(self._options["fill"]), net.scores_are, net.classes, self._targets,
                     _notes(net), table, self._whole)


def _lattices(image: tuple[int, int], options: dict[str, Any]) -> tuple[Lattice, ...]:
    windows, segments = options["windows"], options["segments"]
    if segments is not None:
        if windows is not None or options["patch"] is not None or options["region"] is not None:
            raise ValueError("Segments are hidden as they are; give them without patch, windows and region.")
        return (segments_of(image, segments),)
    if windows is None:
        windows = [options["patch"]]
    elif options["patch"] is not None or len(windows) == 0:
        raise ValueError("Windows are a list of patches, at least one, and take the place of the patch.")
    return tuple(lattice(image, window, options["stride"], options["region"]) for window in windows)


def _notes(net: Network) -> tuple[str, ...]:
    found = notes_on_scores(net.scores_are, net.scores_shape)
    if net.scores_shape == (1,) and net.scores_are == "logits":
        found.append("The network gives one score, whose softmax is always 1; look at the logit.")
    return tuple(found)


def occlusion(
    net: Network,
    image: Any,
    *,
    patch: int | Sequence[int] | None = None,
    stride: int | Sequence[int] | None = None,
    fill: Any = "mean",
    targets: Any = None,
    region: Sequence[int] | None = None,
    segments: Any = None,
    windows: Sequence[int | Sequence[int]] | None = None,
    layers: Sequence[Any] = (),
    engine: str = "auto",
    seed: int = 0,
    pace: float = 0.1,
) -> Occlusion:
    """Hide a patch of an image at each position and keep the scores of every class.

    Parameters
    ----------
    net : Network
    image : Picture, path, PIL image, ndarray or Tensor
        Whatever `as_picture` takes.
    patch : int or (int, int), optional
        Its side in pixels of the network's input, or height and width; `max(8, shorter side // 7)` by default.
    stride : int or (int, int), optional
        From one position to the next, at most the patch; a quarter of it by default.
    fill : str, number, sequence, ndarray or Tensor
        What the patch shows: "mean", "dataset", "grey", "black", "white", "blur", "noise", a colour or an image, as
        people see them, before any normalisation.
    targets : int, str or a list of these, optional
        Classes whose map decides what is refined first; the most probable one by default. All classes are kept anyway.
    region : (int, int, int, int), optional
        Top, left, bottom, right (half open) of the part to cover.
    segments : ndarray (H, W) int, optional
        Hide these parts instead of a patch: each number from 0 up is one; negative ones stay.
    windows : sequence of patches, optional
        Several patches, each with a lattice of its own.
    layers : sequence of str, nn.Module or widgets with a `layer`
        Layers whose strongest map is followed as well.
    engine : {"auto", "incremental", "dense"}
        How to compute; the results are the same.
    seed : int
        Of the noise.
    pace : float
        Seconds of work a step, at least; positions are scored in batches, which take longer on slow networks.

    Returns
    -------
    Occlusion
        An iterator of `Sweep`, complete at the end: a coarse lattice first, then finer ones, then what varies most.

    Raises
    ------
    ValueError
        On the first step: for a patch, stride, fill, region, class or layer that does not go.
    NetworkError
        If the network fails, or gives NaN; the message names the first layer that does.

    References
    ----------
    M. Zeiler, R. Fergus, *Visualizing and Understanding Convolutional Networks*, ECCV 2014, section 4.2. They state
    neither size, nor stride, nor grey level; the defaults are ours.

    Examples
    --------
    >>> import deepviz_widgets as dv
    >>> from deepviz_widgets.methods.occlusion import occlusion
    >>> net, images = dv.demo.scenes(n=6)
    >>> for sweep in occlusion(net, images[0], patch=16, stride=8): pass
    >>> sweep.done, sweep.map("wheel").shape, sweep.as_attribution("wheel").shape
    (49, (7, 7), (64, 64))
    """
    options = {"patch": patch, "stride": stride, "fill": fill, "targets": targets, "region": region,
               "segments": segments, "windows": windows, "layers": layers, "engine": engine, "seed": seed, "pace": pace}
    return Occlusion(net, image, **options)
