"""Units that cannot answer although their kernels have weights: shut by what follows, or silent on all images."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from ...images import ImageSet
from ...network import Network
from ..activations import survey
from .limits import MOST_IMAGES, SHUT
from .read import Kernels

_RELUS = {"relu", "relu_", "relu6"}


def norm_after(net: Network, kernels: Kernels) -> tuple[str, Any] | None:
    """Return name and module of the batch normalisation that is called next, if any."""
    leaves = [layer.name for layer in net.layers if layer.leaf]
    if kernels.layer not in leaves[:-1]:
        return None
    name = leaves[leaves.index(kernels.layer) + 1]
    module = net.module(name)
    fits = isinstance(module, nn.modules.batchnorm._BatchNorm) and module.num_features == len(kernels.weights)
    return (name, module) if fits else None


def shut(module: Any) -> np.ndarray:
    """Return how many standard deviations above its mean an answer must be to pass 0 after the normalisation."""
    if module.running_var is None or module.weight is None or module.bias is None:
        return np.full(module.num_features, -np.inf)
    spread, shift, variance = (
        part.detach().cpu().double().numpy() for part in (module.weight, module.bias, module.running_var)
    )
    swing = np.abs(spread) * np.sqrt(np.maximum(variance, 0) / (np.maximum(variance, 0) + module.eps))
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(swing > 0, -shift / swing, np.where(shift <= 0, np.inf, -np.inf))


class _Chain(TorchFunctionMode):
    """Follows the answer of one kernel tensor through a batch normalisation into a ReLU, by identity."""

    def __init__(self, weight: Tensor):
        super().__init__()
        self._weight, self._held = weight, [weight]
        self._answer: Tensor | None = None
        self._normed: Tensor | None = None
        self.normalised = self.rectified = False

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name, values = getattr(func, "__name__", ""), (*args, *(kwargs or {}).values())
        if name in _RELUS and args:
            self.rectified |= args[0] is self._latest
        reads = name == "batch_norm" and args and args[0] is self._answer and self._answer is not None
        found = func(*args, **(kwargs or {}))
        if name.startswith(("conv", "linear")) and any(value is self._weight for value in values):
            self._answer = found
        elif reads:
            self._normed, self.normalised = found, True
        return found

    @property
    def _latest(self) -> Tensor | None:
        return self._answer if self._normed is None else self._normed


def follow(net: Network, kernels: Kernels) -> tuple[bool, bool]:
    """Run one random image and see whether a batch normalisation, and then a ReLU, read the layer's answer."""
    weight = getattr(kernels.module, "weight", None)
    if not isinstance(weight, Tensor):
        return False, False
    batch = torch.rand((1, *net.input_size), generator=torch.Generator().manual_seed(0))
    with _Chain(weight) as chain:
        net.forward(batch)
    return chain.normalised, chain.rectified


def asleep(net: Network, kernels: Kernels, images: Any = None) -> tuple[dict[int, str], int, bool]:
    """Find units that cannot wake; return why for each, on how many images, and whether a normalisation follows."""
    after = norm_after(net, kernels)
    needed = shut(after[1]) if after else np.full(len(kernels.weights), -np.inf)
    if images is None and not (needed >= SHUT).any():
        return {}, 0, after is not None
    normalised, rectified = follow(net, kernels)
    if not rectified:
        return {}, 0, normalised
    found: dict[int, str] = {}
    if normalised:
        found = {
            int(unit): f"the normalisation that follows shuts {'it' if (needed >= SHUT).sum() == 1 else 'them'} "
            f"(only answers {SHUT:.0f} standard deviations or more above the mean would pass the ReLU)"
            for unit in np.flatnonzero(needed >= SHUT)
        }
    watched = 0
    if images is not None:
        silent, watched = _silent(net, after[0] if normalised and after else kernels.layer, images)
        found = {**{int(unit): f"no pixel of {watched} images wakes its unit" for unit in silent}, **found}
    return found, watched, normalised


def _silent(net: Network, layer: str, images: Any) -> tuple[np.ndarray, int]:
    """Return the channels that never answer above 0, and on how many images."""
    images = images if isinstance(images, ImageSet) else ImageSet(images)
    some = images[np.linspace(0, len(images) - 1, min(len(images), MOST_IMAGES)).round().astype(int)]
    found = None
    for found in survey(net, some, layer):  # noqa: B007  the last one is of all images
        pass
    if found is None or found.done == found.skipped:
        return np.empty(0, int), 0
    return np.flatnonzero(found.high <= 0), found.done - found.skipped
