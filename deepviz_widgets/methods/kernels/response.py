"""What a layer reads of an image and what its kernels answer there: the arithmetic of a convolution."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ...capture import capture
from ...network import Network, NetworkError
from .read import Kernels, learned_kernels


@dataclass(frozen=True, eq=False)
class Response:
    """One image as a layer reads it, and the layer's answer.

    Attributes
    ----------
    kernels : Kernels
    read : ndarray (C, H, W) float32
        What the layer reads. Place (y, x) of the answer reads rows `y * stride - padding + i * dilation` of it, and
        columns in the same way; 0 outside.
    answer : ndarray (out, H', W') float32
    size : (int, int)
        Height and width of the network's input.
    """

    kernels: Kernels
    read: np.ndarray
    answer: np.ndarray
    size: tuple[int, int]

    def planes(self, channel: int) -> slice:
        """Return which planes of `read` a kernel looks at: those of its group."""
        width = self.kernels.weights.shape[1]
        first = channel // (self.kernels.out // self.kernels.groups) * width
        return slice(first, first + width)

    def patch(self, channel: int, y: int, x: int) -> np.ndarray:
        """Return what the kernel of a channel multiplies at place (y, x), of the shape of the kernel."""
        kernels, planes = self.kernels, self.read[self.planes(channel)]
        places = [
            place * stride - padding + np.arange(side) * dilation
            for place, stride, padding, side, dilation in
            zip((y, x), kernels.stride, kernels.padding, kernels.size, kernels.dilation, strict=True)
        ]
        there = [(axis >= 0) & (axis < length) for axis, length in zip(places, planes.shape[1:], strict=True)]
        rows, columns = (np.where(ok, axis, 0) for ok, axis in zip(there, places, strict=True))
        return planes[:, rows[:, None], columns[None, :]] * (there[0][:, None] & there[1][None, :])


def respond(net: Network, image: Any, layer: Any) -> Response:
    """Run one image up to a layer, and return what the layer reads and what it answers.

    Parameters
    ----------
    net : Network
    image : Picture, path, PIL image, ndarray or Tensor
    layer : str, nn.Module or a widget with a `layer`

    Returns
    -------
    Response
        At each place the sum of patch × kernel, plus the bias, is the answer.

    Raises
    ------
    ValueError
        For a layer without kernels, or whose kernels do not slide over places: `why_none` says which.
    NetworkError
        If the network fails.

    Examples
    --------
    >>> import deepviz_widgets as dv
    >>> from deepviz_widgets.methods.kernels import respond
    >>> net, images = dv.demo.digits()
    >>> found = respond(net, images[0], "conv1")
    >>> total = (found.patch(3, 10, 12) * found.kernels.weights[3]).sum()
    >>> bool(abs(total - found.answer[3, 10, 12]) < 1e-4)
    True
    """
    kernels = learned_kernels(net, layer)
    if why := why_none(kernels):
        raise ValueError(why)
    batch = net.input(image)[None]
    with capture(net, [kernels.layer]) as answered, capture(net, [kernels.layer], of="input", stop=True) as given:
        net.forward(batch)
    if not given[kernels.layer]:
        raise NetworkError(f"For this image the network never called layer {kernels.layer!r}.")
    read, answer = (seen[kernels.layer][-1].float().cpu().numpy() for seen in (given, answered))
    planes = kernels.weights.shape[1] * kernels.groups
    if kernels.kind == "Linear":
        return _of_linear(kernels, batch.numpy(), read, answer)
    size = (batch.shape[2], batch.shape[3])
    return Response(kernels, read.reshape(-1, *read.shape[-2:])[:planes], answer.reshape(-1, *answer.shape[-2:]), size)


def why_none(kernels: Kernels) -> str:
    """Say why the kernels of a layer do not slide over places; '' where they do."""
    if kernels.size == (1, 1):
        return "These kernels are single weights: there is no patch to slide over."
    if kernels.transposed:
        return "A transposed convolution writes with its kernels and reads single places, so there is no patch."
    if (mode := getattr(kernels.module, "padding_mode", "zeros")) != "zeros":
        return f"This layer pads by {mode!r}; patches are shown for padding with zeros."
    if len(getattr(kernels.module, "kernel_size", (1, 1))) == 1:
        return "This layer slides over a sequence, not over an image."
    return ""


def _of_linear(
    kernels: Kernels, batch: np.ndarray, read: np.ndarray, answer: np.ndarray
) -> Response:
    """Bring the row of numbers that a linear layer reads back to the places that they come from."""
    size = (batch.shape[2], batch.shape[3])
    if kernels.stride == (1, 1):
        return Response(kernels, read.reshape(kernels.weights.shape[1:]), answer.reshape(-1, 1, 1), size)
    rows, columns = (side // step for side, step in zip(batch.shape[2:], kernels.stride, strict=True))
    tokens = answer.reshape(-1, kernels.out)[-rows * columns :]  # patches of the image, side by side
    found = Response(kernels, batch[0], tokens.T.reshape(-1, rows, columns), size)
    totals = np.einsum("cyx,ocyx->o", found.patch(0, 0, 0), kernels.weights)
    totals = totals if kernels.bias is None else totals + kernels.bias
    if not np.allclose(totals, found.answer[:, 0, 0], rtol=1e-3, atol=1e-3):
        raise ValueError(f"The patches are changed before layer {kernels.layer!r} reads them, so no plain sum.")
    return found
