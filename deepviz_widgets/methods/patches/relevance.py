"""How much each place of a layer counts for the class of its image: activation times gradient.

Relevance maximization (Achtibat et al. 2023) ranks patches by the relevance that layer-wise relevance propagation gives
a channel for the class of the image. Here relevance is approximated by activation x gradient of the class score, which
equals it for networks of ReLUs without biases under the simplest rule (LRP-0), and is noisier in deep networks; the
rules of CRP for composite layers are not applied.

References
----------
R. Achtibat et al., *From attribution maps to human-understandable explanations through Concept Relevance Propagation*,
Nature Machine Intelligence 2023.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial

import torch
from torch import Tensor

from ...capture import capture
from ...layers import Layer
from ...network import Network, NetworkError
from ...words import first_line

__all__ = ["relevant"]

Found = Callable[[str, Tensor, Tensor], None]


def relevant(net: Network, batch: Tensor, labels: Sequence[int | None], layers: Sequence[Layer], found: Found) -> None:
    """Give, for each layer, its output to a batch and activation x gradient of each image's own class score.

    Parameters
    ----------
    labels : sequence of int or None
        The class of each image; the one that the network says where there is none.
    found : callable
        Called with the layer's name, its output and the relevance, for the last call of each layer.

    Raises
    ------
    NetworkError
        If the network gives no class scores, or none that a gradient leads back from.
    """
    kept: dict[str, Tensor] = {}
    batch = batch.to(net.device, net.dtype).detach().clone().requires_grad_()
    with net.running(grad=True), ExitStack() as stack:
        for layer in layers:
            keep = partial(_watched, layer.name, kept, found)
            stack.enter_context(capture(net, [layer.name], keep=keep))
        scores = net.forward(batch, grad=True)
        target = _target(scores, labels)
        try:
            torch.autograd.grad(target, [batch])
        except RuntimeError as error:
            raise NetworkError(f"No gradient leads back from the scores: {first_line(error)}.") from error
    for name, output in kept.items():  # what the scores do not depend on, an auxiliary head for example
        found(name, output, torch.zeros_like(output))


def _watched(name: str, kept: dict[str, Tensor], found: Found, output: Tensor) -> None:
    """Copy an output and wait for its gradient: at once, as a later layer may change it in place."""
    values = kept[name] = output.detach().clone()

    def arrived(gradient: Tensor) -> None:
        if kept.get(name) is values:  # the last call of the layer
            relevance = values * gradient.detach()
            del kept[name]
            found(name, values, torch.where(relevance.isfinite(), relevance, -math.inf))

    if output.requires_grad:
        output.register_hook(arrived)


def _target(scores: Tensor, labels: Sequence[int | None]) -> Tensor:
    if scores.dim() != 2:
        raise NetworkError("Relevance is for a class score, and the network gives no scores (N, classes).")
    said = scores.detach().argmax(1).tolist()
    known = [label if label is not None and 0 <= label < scores.shape[1] else guess
             for label, guess in zip([*labels, *[None] * (len(said) - len(labels))], said, strict=True)]
    return scores.gather(1, torch.tensor(known, device=scores.device)[:, None]).sum()
