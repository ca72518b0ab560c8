"""`evaluator`: the scores of an image with patches hidden, from the fastest exact engine that its network allows."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial

import numpy as np
import torch
from torch import Tensor

from ...network import Network
from .dense import Answer, masked
from .engines import Boxes, Engines, choose
from .features import strongest
from .tuner import Speed
from .workers import Together

ENGINES = ("auto", "incremental", "dense")


Arrays = tuple[np.ndarray, dict[str, np.ndarray]]


class Scoring:
    """Positions that are being scored, for a while at a time; made by `Evaluator.begin` and `begin_masks`."""

    def __init__(self, net: Network, work: Together[Answer, Answer], finish: Callable[[Answer], Answer],
                 took: Callable[[float], None]):
        self._net, self._work, self._finish, self._took = net, work, finish, took
        self._seconds = 0.0

    def advance(self, seconds: float = math.inf) -> bool:
        """Go on for about so long; tell whether all are scored."""
        with self._timed():
            return self._work.advance(seconds)

    def answer(self) -> Answer:
        """Return the scores as tensors of the network's own precision, once there is no more to do."""
        with self._timed():
            found = self._work.result()
        self._took(self._seconds)
        return self._finish(found)

    @contextmanager
    def _timed(self) -> Iterator[None]:
        with self._net.running():
            began = time.perf_counter()
            yield
            self._seconds += time.perf_counter() - began

    def result(self) -> Arrays:
        """Return what `Evaluator.run` returns; goes to the end first."""
        raw, sums = self.answer()
        return raw.float().cpu().numpy(), {name: value.float().cpu().numpy() for name, value in sums.items()}


class Evaluator:
    """Scores one image with patches hidden; made by `evaluator`.

    The network is taken as it was when the evaluator was made: weights that change later do not change its scores.

    Attributes
    ----------
    clean : ndarray (classes,) float32
        Raw scores of the image with nothing hidden: logits, or probabilities where the network ends in softmax.
    clean_features : dict of str to float
        For each layer the summed activation of its strongest map in the clean image.
    """

    def __init__(self, net: Network, x: Tensor, filled: Tensor, clean: Tensor, engines: Engines):
        self._net, self._x, self._filled, self._engines, self._clean = net, x, filled, engines, clean
        self.clean: np.ndarray = clean.float().cpu().numpy()
        self.clean_features = {name: reader.clean for name, reader in engines.readers.items()}

    @property
    def how(self) -> str:
        """Which engine runs: `"incremental"`, or `"dense"`, to which the first positions may lead as well."""
        return "dense" if self._engines.image is None else "incremental"

    @property
    def why(self) -> str:
        """The reason, in one sentence."""
        return self._engines.why

    @property
    def speed(self) -> Speed:
        """How long positions take, as far as those of this network have shown."""
        return self._engines.speed

    @property
    def held_bytes(self) -> int:
        """Memory of the copied weights, the clean maps, and the largest values that have been run."""
        return self._engines.held_bytes

    def run(self, boxes: np.ndarray) -> Arrays:
        """Score the image with each box hidden.

        Parameters
        ----------
        boxes : ndarray (P, 4) int
            Top, left, bottom, right in pixels, half open; what lies outside the image is ignored. Boxes of one size
            that form a lattice are the fastest.

        Returns
        -------
        raw : ndarray (P, classes) float32
        features : dict of str to ndarray (P,) float32
            For each layer the summed activation of the map that is strongest in the clean image.

        Raises
        ------
        ValueError
            For boxes of another shape.
        """
        return self.begin(boxes).result()

    def run_masks(self, masks: np.ndarray) -> Arrays:
        """Score the image with the fill wherever a mask (P, H, W) of booleans is true; returns what `run` returns."""
        return self.begin_masks(masks).result()

    def begin(self, boxes: np.ndarray) -> Scoring:
        """Begin what `run` does, to be gone on with a while at a time; others may run in between."""
        clipped = _clipped(boxes, self._x.shape[1], self._x.shape[2])
        hiding = [index for index, (top, left, bottom, right) in enumerate(clipped) if top < bottom and left < right]

        def finish(found: Answer) -> Answer:
            raw, sums = answer = self._unchanged(len(clipped))
            raw[hiding] = found[0]
            for name, values in found[1].items():
                sums[name][hiding] = values
            return answer

        if not hiding:
            return self._nothing(len(clipped))
        work = self._engines.boxes(self._x, self._filled, [clipped[index] for index in hiding])
        return Scoring(self._net, work, finish, partial(self.speed.learn, len(hiding)))

    def begin_masks(self, masks: np.ndarray) -> Scoring:
        """Begin what `run_masks` does, to be gone on with a while at a time."""
        masks = np.asarray(masks, bool)
        if masks.ndim != 3 or masks.shape[1:] != tuple(self._x.shape[1:]):
            raise ValueError(f"Masks are (P, {self._x.shape[1]}, {self._x.shape[2]}); these are {masks.shape}.")
        if not len(masks):
            return self._nothing(0)
        hidden = torch.from_numpy(masks).to(self._x.device)
        work = self._engines.whole(len(masks), lambda a, b: masked(self._x, self._filled, hidden[a:b]))
        return Scoring(self._net, work, lambda answer: answer, partial(self.speed.learn, len(masks)))

    def again(self, filled: Tensor) -> Evaluator:
        """Return an evaluator of the same image with another fill (C, H, W); the clean pass is not run again."""
        other = copy.copy(self)
        other._filled = _like(filled, self._x)
        return other

    def _nothing(self, number: int) -> Scoring:
        """Score positions that hide nothing."""
        work: Together[Answer, Answer] = Together([], lambda _: self._unchanged(number))
        return Scoring(self._net, work, lambda answer: answer, lambda _: None)

    def _unchanged(self, number: int) -> Answer:
        raw = self._clean.expand(number, -1).clone()
        return raw, {name: raw.new_full((number,), value) for name, value in self.clean_features.items()}


def _clipped(boxes: np.ndarray, height: int, width: int) -> Boxes:
    boxes = np.asarray(boxes)
    if boxes.ndim != 2 or boxes.shape[1] != 4:
        raise ValueError(f"Boxes are (P, 4): top, left, bottom, right; these have the shape {boxes.shape}.")
    return [(max(0, int(a)), max(0, int(b)), min(height, int(c)), min(width, int(d))) for a, b, c, d in boxes]


def _like(filled: Tensor, x: Tensor) -> Tensor:
    if filled.shape != x.shape:
        raise ValueError(f"The fill is an image of {tuple(x.shape)}, as the input; this one is {tuple(filled.shape)}.")
    return filled.detach().to(x.device, x.dtype)


def evaluator(
    net: Network,
    x: Tensor,
    filled: Tensor,
    *,
    layers: Sequence[str] = (),
    exact: bool = False,
    engine: str = "auto",
) -> Evaluator:
    """Get an image ready for scoring it with patches hidden, many positions fast.

    What a patch changes in each map is a rectangle, so only that is computed anew, with the clean map around it; where
    it grows to the whole map, or an operation is unknown, whole maps are computed. The scores are those of plain passes
    but for rounding. The idea is that of Nakandala, Kumar and Papakonstantinou, "Incremental and Approximate Inference
    for Faster Occlusion-based Deep CNN Explanations", SIGMOD 2019.

    Parameters
    ----------
    net : Network
    x : Tensor (C, H, W)
        The network input, preprocessed.
    filled : Tensor (C, H, W)
        The same image wholly replaced by the fill, as network input.
    layers : sequence of str
        Layers whose strongest map is followed as well.
    exact : bool
        Keep the network's own arithmetic: no fast convolutions, no folding of normalisations.
    engine : {"auto", "incremental", "dense"}
        Crops, whole images, or whichever is faster.

    Raises
    ------
    ValueError
        For an unknown engine or layer, or a fill of another size.
    NetworkError
        If the network fails, has no class scores, or gives the same image other scores each time.

    Examples
    --------
    >>> import numpy as np, torch, deepviz_widgets as dv
    >>> net, images = dv.demo.digits()
    >>> x = net.input(images[0])
    >>> hide = evaluator(net, x, torch.zeros_like(x))
    >>> raw, _ = hide.run(np.array([[0, 0, 2, 2], [3, 3, 5, 5]]))
    >>> raw.shape
    (2, 10)
    """
    if engine not in ENGINES:
        raise ValueError(f"The engine is {', '.join(map(repr, ENGINES))}; {engine!r} is none of them.")
    x = x.detach().to(net.device, net.dtype)
    filled = _like(filled, x)
    with net.running():
        began = time.perf_counter()
        clean, readers = strongest(net, x, layers)
        seconds = time.perf_counter() - began
        engines = choose(net, x, filled, clean, readers, exact=exact, engine=engine)
    if not engines.speed.positions:
        engines.speed.seconds = seconds
    return Evaluator(net, x, filled, clean, engines)
