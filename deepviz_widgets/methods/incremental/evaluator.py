"""`evaluator`: the scores of an image with patches hidden, from the fastest exact engine that its network allows."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ...network import Network
from .dense import Answer, Plain, looped, masked, painted
from .features import Reader, strongest
from .tuner import Tuner

ENGINES = ("auto", "incremental", "dense")


class Evaluator:
    """Scores one image with patches hidden; made by `evaluator`.

    Attributes
    ----------
    clean : ndarray (classes,) float32
        Raw scores of the image with nothing hidden: logits, or probabilities where the network ends in softmax.
    clean_features : dict of str to float
        For each layer the summed activation of its strongest map in the clean image.
    how : {"incremental", "dense"}
        Which engine runs.
    why : str
        The reason, in one sentence.
    """

    def __init__(self, net: Network, x: Tensor, filled: Tensor, readers: dict[str, Reader], clean: Tensor, plain: Any):
        self._net, self._x, self._filled = net, x, filled
        self._readers, self._clean, self._plain = readers, clean, plain
        self._tuner = Tuner()
        self.clean: np.ndarray = clean.float().cpu().numpy()
        self.clean_features = {name: reader.clean for name, reader in readers.items()}
        self.how, self.why = "dense", "Every position is a pass through the whole network."

    def run(self, boxes: np.ndarray) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        """Score the image with each box hidden.

        Parameters
        ----------
        boxes : ndarray (P, 4) int
            Top, left, bottom, right in pixels, half open; what lies outside the image is ignored.

        Returns
        -------
        raw : ndarray (P, classes) float32
        features : dict of str to ndarray (P,) float32

        Raises
        ------
        ValueError
            For boxes of another shape.
        """
        clipped = self._clipped(boxes)
        return _arrays(looped(len(clipped), lambda a, b: painted(self._x, self._filled, clipped[a:b]), self._plain,
                              self._tuner)) if clipped else self._nothing()

    def run_masks(self, masks: np.ndarray) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        """Score the image with the fill wherever a mask (P, H, W) of booleans is true; returns what `run` returns."""
        masks = np.asarray(masks, bool)
        if masks.ndim != 3 or masks.shape[1:] != tuple(self._x.shape[1:]):
            raise ValueError(f"Masks are (P, {self._x.shape[1]}, {self._x.shape[2]}); these are {masks.shape}.")
        if not len(masks):
            return self._nothing()
        return _arrays(looped(len(masks), lambda a, b: masked(
            self._x, self._filled, torch.from_numpy(masks[a:b]).to(self._x.device)), self._plain, self._tuner))

    def again(self, filled: Tensor) -> Evaluator:
        """Return an evaluator of the same image with another fill; the clean pass is not run again."""
        other = copy.copy(self)
        other._filled = _like(filled, self._x)
        return other

    def _clipped(self, boxes: np.ndarray) -> list[tuple[int, int, int, int]]:
        boxes = np.asarray(boxes)
        if boxes.ndim != 2 or boxes.shape[1] != 4:
            raise ValueError(f"Boxes are (P, 4): top, left, bottom, right; these have the shape {boxes.shape}.")
        height, width = self._x.shape[1:]
        return [(max(0, int(t)), max(0, int(l)), min(height, int(b)), min(width, int(r))) for t, l, b, r in boxes]

    def _nothing(self) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        return np.zeros((0, len(self.clean)), np.float32), {name: np.zeros(0, np.float32) for name in self._readers}


def _arrays(answer: Answer) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    raw, sums = answer
    return raw.float().cpu().numpy(), {name: value.float().cpu().numpy() for name, value in sums.items()}


def _like(filled: Tensor, x: Tensor) -> Tensor:
    if filled.shape != x.shape:
        raise ValueError(f"The fill is an image of {tuple(x.shape)}, as the input; this one is {tuple(filled.shape)}.")
    return filled.to(x.device, x.dtype)


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
        Which engine; by default the faster one.
    """
    if engine not in ENGINES:
        raise ValueError(f"An engine is {', '.join(map(repr, ENGINES))}; this is {engine!r}.")
    x = x.detach().to(net.device, net.dtype)
    clean, readers = strongest(net, x, layers)
    plain = Plain(net, _copied(net), readers)
    plain.settle(x[None].repeat(4, 1, 1, 1))
    return Evaluator(net, x, _like(filled.detach(), x), readers, clean, plain)


def _copied(net: Network) -> nn.Module | None:
    """Copy the model, in evaluation mode; None for one that cannot be copied."""
    try:
        with net.lock:
            private = copy.deepcopy(net.model)
    except Exception:  # noqa: BLE001  the user's own code runs here and may raise anything
        return None
    return private.eval().requires_grad_(False)
