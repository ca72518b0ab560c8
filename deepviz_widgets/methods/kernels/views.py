"""What of a layer's kernels is shown as tiles: whole kernels, the slices of one channel, or a matrix."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .read import Kernels

SIDES = ("inputs", "outputs")
_COLOURS = 3
_MOST_CELLS = 512  # of a matrix, a side: more than that is not told apart on a screen


@dataclass(frozen=True, eq=False)
class View:
    """Tiles of one layer.

    Attributes
    ----------
    face : {"rgb", "plane", "slices", "matrix"}
        A tile is a kernel with three planes, a kernel with one, one plane of a kernel, or all weights as a matrix.
    side : {"inputs", "outputs"}
        Of slices: whether a tile is an input of output channel `fixed`, or an output of input channel `fixed`.
    fixed : int
    tiles : ndarray (count, planes, h, w) float32
        Of a matrix (1, 1, out, in), where it is large each cell being the weight of largest magnitude of a block.
    block : (int, int)
        Rows and columns of such a block.
    """

    face: str
    side: str
    fixed: int
    tiles: np.ndarray
    block: tuple[int, int] = (1, 1)


def face_of(kernels: Kernels) -> str:
    """Say how the kernels of a layer are shown."""
    _, planes, height, width = kernels.weights.shape
    if height * width == 1:
        return "matrix"
    if planes == 1:
        return "plane"
    return "rgb" if planes == _COLOURS and kernels.reads == "image" else "slices"


def view(kernels: Kernels, *, side: str = "inputs", channel: int = 0, source: int = 0) -> View:
    """Take the tiles of a layer.

    Parameters
    ----------
    kernels : Kernels
    side : {"inputs", "outputs"}
        Where a kernel has many planes: the inputs of output `channel`, or the outputs that read input `source`.
    channel, source : int
        Output channel; input channel, counted within a group.

    Raises
    ------
    ValueError
        For another side.

    Examples
    --------
    >>> import deepviz_widgets as dv
    >>> from deepviz_widgets.methods.kernels import learned_kernels, view
    >>> net, images = dv.demo.digits()
    >>> view(learned_kernels(net, "conv2"), channel=5).tiles.shape
    (16, 1, 3, 3)
    """
    if side not in SIDES:
        raise ValueError(f"Tiles are the 'inputs' of one output channel or the 'outputs' of one input; not {side!r}.")
    face, weights = face_of(kernels), kernels.weights
    if face == "matrix":
        reduced, block = _reduced(weights[:, :, 0, 0])
        return View(face, side, 0, reduced[None, None], block)
    if face != "slices":
        return View(face, side, 0, weights)
    tiles = weights[channel][:, None] if side == "inputs" else weights[:, source][:, None]
    return View(face, side, channel if side == "inputs" else source, tiles)


def shrunk(tiles: np.ndarray, most: int) -> np.ndarray:
    """Shrink tiles (..., h, w) by whole factors until they have at most `most` numbers; each cell is a mean."""
    factor = 1
    while tiles.size // tiles.shape[-1] // tiles.shape[-2] * -(-tiles.shape[-2] // factor) * -(
        -tiles.shape[-1] // factor
    ) > most and factor < max(tiles.shape[-2:]):
        factor += 1
    if factor == 1:
        return tiles
    edges = [np.arange(0, side, factor) for side in tiles.shape[-2:]]
    sums = np.add.reduceat(np.add.reduceat(tiles, edges[0], axis=-2), edges[1], axis=-1)
    sizes = [np.diff([*edge, side]) for edge, side in zip(edges, tiles.shape[-2:], strict=True)]
    return (sums / (sizes[0][:, None] * sizes[1][None, :])).astype(np.float32)


def _reduced(matrix: np.ndarray) -> tuple[np.ndarray, tuple[int, int]]:
    """Keep of each block the weight of largest magnitude, with its sign: a mean would hide single large ones."""
    rows, columns = (-(-side // _MOST_CELLS) for side in matrix.shape)
    if rows == columns == 1:
        return matrix, (1, 1)
    height, width = -(-matrix.shape[0] // rows), -(-matrix.shape[1] // columns)
    padded = np.zeros((height * rows, width * columns), np.float32)
    padded[: matrix.shape[0], : matrix.shape[1]] = matrix
    blocks = padded.reshape(height, rows, width, columns)
    high, low = blocks.max((1, 3)), blocks.min((1, 3))
    return np.where(high >= -low, high, low), (rows, columns)
