"""How the weights of a layer are spread, beside how a random start spreads them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from torch import nn
from torch.nn.modules.conv import _ConvNd, _ConvTransposeNd

from .read import Kernels


@dataclass(frozen=True, eq=False)
class WeightSpread:
    """A histogram of weights.

    Attributes
    ----------
    centres : ndarray (bins,)
        Middle of each bin; the bins are of equal width and symmetric about 0.
    share : ndarray (bins,)
        Share of the finite weights in each bin, summing to 1.
    start : ndarray (bins,) or None
        The same for a random start; None where that is not known.
    start_is : str
        What the random start is, in words.
    weights : int
        How many weights are finite.
    """

    centres: np.ndarray
    share: np.ndarray
    start: np.ndarray | None
    start_is: str
    weights: int


def weight_spread(kernels: Kernels, first: Kernels | None = None, *, bins: int = 51) -> WeightSpread:
    """Count the weights of a layer in bins.

    Parameters
    ----------
    kernels : Kernels
    first : Kernels, optional
        What to compare with: the same layer at its first checkpoint. By default it is PyTorch's own initialisation
        of such a layer, which is uniform between ±1 / sqrt(fan in).
    bins : int
        An odd number, so that one bin lies round 0.

    Examples
    --------
    >>> import deepviz_widgets as dv
    >>> from deepviz_widgets.methods.kernels import learned_kernels, weight_spread
    >>> net, images = dv.demo.digits()
    >>> found = weight_spread(learned_kernels(net, "conv1"))
    >>> round(float(found.share.sum()), 6), found.weights
    (1.0, 400)
    """
    values = kernels.weights[np.isfinite(kernels.weights)]
    bound = None if first is not None else default_bound(kernels)
    others = np.zeros(0) if first is None else first.weights[np.isfinite(first.weights)]
    most = max(np.abs(values).max(initial=0), np.abs(others).max(initial=0), bound or 0) or 1.0
    edges = np.linspace(-most, most, bins + 1)
    share = np.histogram(values, edges)[0] / max(1, values.size)
    start, start_is = None, ""
    if first is not None:
        start, start_is = np.histogram(others, edges)[0] / max(1, others.size), "first checkpoint"
    elif bound is not None:
        inside = np.clip(edges, -bound, bound)
        start, start_is = np.diff(inside) / (2 * bound), "random start (PyTorch's default)"
    return WeightSpread((edges[:-1] + edges[1:]) / 2, share, start, start_is, values.size)


def default_bound(kernels: Kernels) -> float | None:
    """Return b where PyTorch starts a layer like this one with weights uniform in [-b, b]; None where it does not.

    `reset_parameters` of convolutions and linear layers draws from the uniform distribution of He et al. (2015) with
    a = sqrt(5), which is b = 1 / sqrt(fan in).
    """
    module = kernels.module
    if not isinstance(module, (nn.Linear, _ConvNd)):
        return None
    if type(module).reset_parameters not in (nn.Linear.reset_parameters, _ConvNd.reset_parameters):
        return None
    out, inputs, height, width = kernels.weights.shape
    fan_in = (out // kernels.groups if isinstance(module, _ConvTransposeNd) else inputs) * height * width
    return 1 / math.sqrt(fan_in)
