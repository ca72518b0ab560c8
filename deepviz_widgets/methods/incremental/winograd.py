"""Winograd's convolution in plain torch: fewer multiplications for 3 x 3 and 5 x 5 kernels with many channels.

A tile of m x m outputs of an r x r kernel takes (m + r - 1)^2 multiplications for each pair of channels, where the
direct way takes m^2 r^2 (Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", CVPR 2016). The points
are chosen for a small error: with 0, +-3/4, +-3/2 it is about a third of that with 0, +-1, +-2. Tiles of 5 x 5 have
about twice the error of those of 4 x 4; they are taken where they cover maps with less waste.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from threading import Lock

import numpy as np
import torch
from torch import Tensor, nn

from .mosaic import joined_length
from .workspace import Workspace

_POINTS = {  # of tiles and kernels
    (4, 3): (0.0, 0.75, -0.75, 1.5, -1.5), (5, 3): (1 / 3, -1 / 3, 0.8, -0.8, 5 / 3, -5 / 3),
    (4, 5): (0.0, 0.625, -0.625, 1.25, -1.25, 2.0, -2.0),
}
_USUAL = 4  # the tile that is timed
_SAVED = 0.85  # of its products, which other tiles must stay below to be worth weights of their own
_MANY = 48  # whole maps: as many are to come, so the tile that suits them is taken for few as well
_MOSAICS = (1, 2, 3)  # whole maps that lie next to each other on each axis
_STREAMED, _DIRECT = 20, 10  # tiles, and cells, whose products take as long as reading the weights (measured)
_FEWEST, _SOME = 64, 128  # channels below which the direct way is faster
_TIMED_TILES, _ROUNDS, _ENOUGH = 4, 6, 0.2  # windows of 4 x 4 tiles; seconds after which two rounds will do
_TILES_BYTES = 2 << 20  # of tiles that are transformed at once: more falls out of the processor's cache
_CELLS_BYTES, _LARGE = 16 << 20, 28 << 20  # of transformed tiles that are multiplied at once, with many weights more
_OPERATIONS = 1_200_000_000  # as many windows as take some milliseconds
_TRANSFORMED = 64  # outputs whose weights are transformed at once
_timing = Lock()  # of workers that ask at once, one times and the others wait for its answer


@dataclass(frozen=True)
class Way:
    """How maps are covered: the side of a tile, and how many maps are joined on each axis."""

    tile: int
    down: int = 1
    across: int = 1


@lru_cache(maxsize=8)
def matrices(tile: int, kernel: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the transforms of outputs (m, n), kernels (n, r) and inputs (n, n) in float64, n = m + r - 1.

    They follow from interpolation at the points and infinity (Cook and Toom): y = A ((G g) * (B d)).
    """
    points = np.array(_POINTS[tile, kernel])
    size = tile + kernel - 1
    outputs = np.zeros((tile, size))
    outputs[:, :-1] = points[None] ** np.arange(tile)[:, None]
    outputs[-1, -1] = 1
    kernels = np.zeros((size, kernel))
    for index, point in enumerate(points):
        rest = np.delete(points, index)
        kernels[index] = point ** np.arange(kernel) / np.prod(point - rest)
    kernels[-1, -1] = 1
    inputs = np.zeros((size, size))
    for index in range(size - 1):
        inputs[index, :-1] = np.poly(np.delete(points, index))[::-1]
    inputs[-1] = np.poly(points)[::-1]
    return outputs, kernels, inputs


def suits(conv: nn.Module) -> bool:
    """Tell whether a convolution is one that gains at all."""
    return (
        isinstance(conv, nn.Conv2d) and conv.kernel_size in ((3, 3), (5, 5)) and conv.stride == (1, 1)
        and conv.dilation == (1, 1) and conv.groups == 1
        and min(conv.in_channels, conv.out_channels) >= _FEWEST
        and max(conv.in_channels, conv.out_channels) >= _SOME
    )


def way(conv: nn.Conv2d, count: int, height: int, width: int, gap: tuple[int, ...] | None = None) -> Way | None:
    """Choose tiles for `count` outputs of a size; None where the direct way takes less time, as for a few of them.

    `gap` is the padding between whole maps, which may share it; None where windows are cut out of maps.
    """
    kernel, channels, outputs = conv.kernel_size[0], conv.in_channels, conv.out_channels
    with _timing:
        faster = gain(kernel, channels, outputs, str(conv.weight.dtype), conv.weight.device.type,
                      torch.get_num_threads())
    best, products = _fewest(kernel, count, height, width, gap)
    return best if products < faster * _direct_products(kernel, count * height * width) else None


def _tiled_products(tile: int, kernel: int, tiles: int) -> int:
    """How many products a pair of channels takes, with those that would fit into the time of reading the weights."""
    return (tile + kernel - 1) ** 2 * (tiles + _STREAMED)


def _direct_products(kernel: int, cells: int) -> int:
    return kernel**2 * (cells + _DIRECT)


@lru_cache(maxsize=8192)
def _fewest(kernel: int, count: int, height: int, width: int, gap: tuple[int, ...] | None) -> tuple[Way, int]:
    """Return the way that takes the fewest products for each pair of channels, and how many."""
    many = max(count, _MANY) if gap else count
    least = {tile: _fewest_of(tile, kernel, many, height, width, gap)[1] for tile, of in _POINTS if of == kernel}
    tile = min(least, key=least.__getitem__)
    return _fewest_of(tile if least[tile] < _SAVED * least[_USUAL] else _USUAL, kernel, count, height, width, gap)


def _fewest_of(
    tile: int, kernel: int, count: int, height: int, width: int, gap: tuple[int, ...] | None
) -> tuple[Way, int]:
    """Return the same for tiles of one size."""
    found: dict[Way, int] = {}
    for down, across in product(_MOSAICS, _MOSAICS) if gap else [(1, 1)]:
        if down * across <= count:
            high, wide = (joined_length(number, length, between) for number, length, between in
                          zip((down, across), (height, width), gap or (0, 0), strict=True))
            tiles = math.ceil(count / (down * across)) * math.ceil(high / tile) * math.ceil(wide / tile)
            found[Way(tile, down, across)] = _tiled_products(tile, kernel, tiles)
    best = min(found, key=found.__getitem__)
    return best, found[best]


@lru_cache(maxsize=256)
def gain(kernel: int, channels: int, outputs: int, dtype: str, device: str, threads: int) -> float:
    """Time both ways once on this machine: how many products tiles take in the time of one of the direct way."""
    del threads
    kind: torch.dtype = getattr(torch, dtype.removeprefix("torch."))
    conv = nn.utils.skip_init(nn.Conv2d, channels, outputs, kernel, device=device, dtype=kind).requires_grad_(False)
    conv.weight.zero_(), conv.bias.zero_()
    conv = conv.to(memory_format=torch.channels_last)
    side = _TIMED_TILES * _USUAL + kernel - 1
    each = 2 * (_TIMED_TILES * _USUAL * kernel) ** 2 * channels * outputs
    window = torch.zeros((max(4, min(16, _OPERATIONS // each)), side, side, channels), device=device, dtype=kind)
    weight = window.new_empty(((_USUAL + kernel - 1) ** 2, outputs, channels)).zero_()
    space = Workspace()
    direct, tiled, began = math.inf, math.inf, time.perf_counter()
    for done in range(_ROUNDS):
        if done > 1 and time.perf_counter() - began > _ENOUGH:
            break
        direct = min(direct, _seconds(lambda: conv(window.permute(0, 3, 1, 2))))
        tiled = min(tiled, _seconds(lambda: convolve(window, weight, conv.bias, kernel, space)))
    tiles = len(window) * _TIMED_TILES**2
    return direct / tiled * _tiled_products(_USUAL, kernel, tiles) / _direct_products(kernel, tiles * _USUAL**2)


def _seconds(run: Callable[[], object]) -> float:
    began = time.perf_counter()
    run()
    return time.perf_counter() - began


def weights(conv: nn.Conv2d, tile: int = _USUAL) -> Tensor:
    """Transform the weights of a convolution to matrices (n * n, O, C) for tiles of a size."""
    kernel, found = conv.kernel_size[0], conv.weight.detach()
    g = torch.from_numpy(matrices(tile, kernel)[1]).to(found.device)
    both = torch.kron(g, g)  # (n n, r r)
    out = found.new_empty((len(both), conv.out_channels, conv.in_channels))
    for first in range(0, conv.out_channels, _TRANSFORMED):
        some = found[first : first + _TRANSFORMED].double().permute(2, 3, 0, 1).reshape(kernel * kernel, -1)
        out[:, first : first + _TRANSFORMED] = (both @ some).view(len(both), -1, conv.in_channels)
    return out


def convolve(window: Tensor, weight: Tensor, bias: Tensor | None, kernel: int, space: Workspace) -> Tensor:
    """Convolve windows (P, h, w, C), already padded, and return (P, h - r + 1, w - r + 1, O).

    `weight` (n * n, O, C) are the kernels, transformed by `weights`, from whose number follows the size of the tiles.
    """
    positions, height, width, channels = window.shape
    size = math.isqrt(len(weight))
    tile = size - kernel + 1
    high, wide = height - kernel + 1, width - kernel + 1
    down, across = math.ceil(high / tile), math.ceil(wide / tile)
    window = _extended(window, down * tile + kernel - 1, across * tile + kernel - 1, space)
    shape = (positions, down * tile, across * tile, weight.shape[1])
    whole = (high, wide) == shape[1:3]
    out = window.new_empty(shape) if whole else space.take("out", shape, window)
    each = size**2 * max(channels, weight.shape[1]) * down * across * window.element_size()
    some = max(1, min(_LARGE, max(_CELLS_BYTES, weight.nbytes)) // each)
    for first in range(0, positions, some):
        _convolve(window[first : first + some], weight, bias, tile, out[first : first + some], space)
    if whole:
        return out
    return out[:, :high, :wide].clone(memory_format=torch.contiguous_format)  # a view of one position is contiguous too


def _convolve(
    window: Tensor, weight: Tensor, bias: Tensor | None, tile: int, out: Tensor, space: Workspace
) -> None:
    """Convolve windows whose outputs are whole tiles, into `out`."""
    size = math.isqrt(len(weight))
    a, _, b = matrices(tile, size - tile + 1)
    down, across = out.shape[1] // tile, out.shape[2] // tile
    each, channels = down * across, window.shape[3]
    number = len(window) * each
    cells = space.take("cells", (number, size * size, channels), window)
    some = max(1, _TILES_BYTES // (each * size * size * channels * window.element_size()))
    forward, back = _both_ways(b, window), _both_ways(a, window)
    image, row, column, one = window.stride()
    for first in range(0, len(window), some):
        part = window[first : first + some]
        tiles = space.take("tiles", (len(part) * each, size * size, channels), window)
        tiles.view(-1, down, across, size, size, channels).copy_(part.as_strided(
            (len(part), down, across, size, size, channels), (image, tile * row, tile * column, row, column, one),
            part.storage_offset(),
        ))
        torch.matmul(forward, tiles, out=cells[first * each : (first + len(part)) * each])
    products = torch.bmm(cells.transpose(0, 1), weight.transpose(1, 2)).transpose(0, 1)
    for first in range(0, len(window), some):
        into = out[first : first + some]
        values = space.take("values", (len(into) * each, tile * tile, weight.shape[1]), window)
        torch.matmul(back, products[first * each : (first + len(into)) * each], out=values)
        shaped = values.view(-1, down, across, tile, tile, weight.shape[1]).permute(0, 1, 3, 2, 4, 5)
        into = into.view(-1, down, tile, across, tile, weight.shape[1])
        into.copy_(shaped) if bias is None else torch.add(shaped, bias, out=into)


def _both_ways(matrix: np.ndarray, like: Tensor) -> Tensor:
    """Return the matrix that acts along rows and columns of flattened tiles at once."""
    return torch.from_numpy(np.kron(matrix, matrix)).to(like.device, like.dtype)


def _extended(window: Tensor, height: int, width: int, space: Workspace) -> Tensor:
    """Add rows and columns of zeros so that tiles cover the windows."""
    positions, high, wide, channels = window.shape
    if (high, wide) == (height, width):
        return window
    larger = space.take("window", (positions, height, width, channels), window)
    larger[:, :high, :wide] = window
    larger[:, high:] = 0.0
    larger[:, :high, wide:] = 0.0
    return larger
