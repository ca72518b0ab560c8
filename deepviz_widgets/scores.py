"""What a network returns: class scores, found in any output and turned into confidences."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import Tensor

from .layers import first_tensor
from .words import count, no_such, size


class NetworkError(RuntimeError):
    """A model cannot be used, or failed while it ran; the message says where and what would work."""


@dataclass(frozen=True)
class Scores:
    """Class scores of some images.

    Attributes
    ----------
    raw : ndarray (N, classes)
        What the network returned.
    confidences : ndarray (N, classes)
        Probabilities: the softmax of `raw`, or `raw` itself where the network ends in softmax.
    classes : tuple of str
    """

    raw: np.ndarray
    confidences: np.ndarray
    classes: tuple[str, ...]

    def top(self, k: int = 5, image: int = 0) -> list[tuple[str, float]]:
        """Return the k best classes of an image with their confidences."""
        best = np.argsort(-self.confidences[image], kind="stable")[:k]
        return [(self.classes[index], float(self.confidences[image, index])) for index in best]


def confidences(raw: Tensor, scores_are: str) -> Tensor:
    """Turn scores (N, classes) into probabilities; `scores_are` says what the network ends in."""
    if scores_are == "probabilities":
        return raw
    return raw.exp() if scores_are == "log-probabilities" else raw.softmax(-1)


def kind_of_scores(scores: Tensor) -> str:
    """Tell logits from probabilities and log-probabilities by whether they sum to 1."""
    if scores.dim() != 2 or scores.shape[1] < 2 or not bool(scores.isfinite().all()):
        return "logits"
    if bool((scores >= 0).all()) and bool(((scores.sum(-1) - 1).abs() < 1e-3).all()):
        return "probabilities"
    if bool((scores <= 0).all()) and bool(((scores.exp().sum(-1) - 1).abs() < 1e-3).all()):
        return "log-probabilities"
    return "logits"


def scores_in(output: Any) -> Tensor:
    """Return the tensor of scores in what a model returned."""
    tensor = first_tensor(output)
    if tensor is None:
        raise NetworkError(f"The network returned a {type(output).__name__} without any tensor in it.")
    return tensor


def notes_on_scores(kind: str, shape: tuple[int, ...]) -> list[str]:
    """Say what the network's output means for confidences."""
    if len(shape) != 1:
        return [f"The output has {size(shape)} values an image, so there are no class scores."]
    if kind == "probabilities":
        return ["The network ends in softmax: its outputs are taken as probabilities and no softmax is added."]
    if kind == "log-probabilities":
        return ["The network ends in log-softmax: its outputs are exponentiated to probabilities."]
    return []


def as_class(classes: Sequence[str], target: Any) -> int:
    """Take a class by its index or its name; raise ValueError where there is none."""
    if isinstance(target, str):
        if target not in classes:
            raise ValueError(no_such("class", target, list(classes)))
        return list(classes).index(target)
    if isinstance(target, bool) or not isinstance(target, (int, np.integer)):
        raise ValueError(f"A class is its index or its name; {target!r} is neither.")
    if not 0 <= target < len(classes):
        raise ValueError(f"There is no class {target}; the network has {count(len(classes))}, counted from 0.")
    return int(target)
