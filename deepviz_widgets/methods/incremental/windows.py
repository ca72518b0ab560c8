"""How convolutions and poolings act on crops: cut the windows they read, with the clean map around the change."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, fx, nn

from . import multiply, winograd
from .geometry import Axis, Window, after_window, reads
from .mosaic import apart, joined
from .packed import Packed, activated
from .values import Box, gather, paste, rows_of, whole

DENSE = 0.8  # crops that cover more of a map than this are not smaller work than the map


def _pair(value: Any) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else (value[0], value[1])


def _windows(
    step: Any, box: Box, outputs: tuple[int, int], kernel: Any, stride: Any, padding: Any, dilation: Any
) -> tuple[Window, Window]:
    """Describe both axes; padding after the map is whatever the last output still reads."""
    key = ("windows", box.y.cells, box.x.cells)
    if key not in step.cache:
        found = []
        settings = zip(map(_pair, (kernel, stride, padding, dilation)), "kspd", strict=True)
        (ky, kx), (sy, sx), (py, px), (dy, dx) = (pair for pair, _ in settings)
        for cells, count, k, s, p, d in ((box.y.cells, outputs[0], ky, sy, py, dy),
                                         (box.x.cells, outputs[1], kx, sx, px, dx)):
            after = max(0, (count - 1) * s + (k - 1) * d + 1 - cells - p)
            found.append(Window(k, s, p, after, d, count))
        step.cache[key] = (found[0], found[1])
    return step.cache[key]


def cut(image: Any, node: fx.Node, box: Box, y: Axis, x: Axis, wy: Window, wx: Window, value: float) -> Tensor:
    """Return what the stored outputs read, (P, h, w, C): the clean map, padded, with the changed cells in it.

    It lasts until the next cut.
    """
    rows, height = reads(y, wy)
    columns, width = reads(x, wx)
    clean = image.padded(node, box.last, wy, wx, value)
    shape = (len(rows) * len(columns), height, width, clean.shape[2])
    window = gather(clean, rows, height, columns, width, image.workspace.take("cut", shape, clean))
    paste(window, rows, columns, box, wy.before, wx.before)
    return window


def _box(step: Any, env: Mapping[Any, Any]) -> Box | None:
    first = step.first.args[0] if step.first.args else None
    value = env.get(first) if isinstance(first, fx.Node) else None
    return value if isinstance(value, Box) and not value.last else None


def _outputs(step: Any, image: Any) -> tuple[int, int]:
    shape = image.env[step.node].shape
    return shape[-2], shape[-1]


def conv2d(step: Any, image: Any, env: dict[Any, Any]) -> Any:
    """Convolve crops; with Winograd's tiles where these take fewer multiplications."""
    conv, box = step.module, _box(step, env)
    if is_product(conv):
        return _product(step, env, box)
    if box is None:
        return _whole_conv(step, image, env)
    if isinstance(conv.padding, str) or conv.padding_mode != "zeros":
        return NotImplemented
    wy, wx = _windows(step, box, _outputs(step, image), conv.kernel_size, conv.stride, conv.padding, conv.dilation)
    y, x = after_window(box.y, wy), after_window(box.x, wx)
    if y.length * x.length >= DENSE * y.cells * x.cells:
        return _whole_conv(step, image, env, box)
    window = cut(image, step.first.args[0], box, y, x, wy, wx, 0.0)
    way = _way(step, image, len(window), y.length, x.length)
    if way is not None:
        return Box(activated(_by_tiles(step, image, window, way), step.activation), y, x)
    return Box(rows_of(packed(step)(window.permute(0, 3, 1, 2))), y, x)


def is_product(conv: nn.Conv2d) -> bool:
    """Tell whether a convolution multiplies each cell by a matrix and does nothing else."""
    return (conv.kernel_size, conv.stride, conv.groups) == ((1, 1), (1, 1), 1) and conv.padding in ((0, 0), "valid")


def packed(step: Any, conv: Any = None) -> Packed:
    """Return the convolution of a step, with the activation that belongs to it."""
    if "packed" not in step.cache:
        conv = step.module if conv is None else conv
        step.cache["packed"] = Packed(conv.weight, conv.bias, stride=conv.stride, dilation=conv.dilation,
                                      groups=conv.groups, activation=step.activation)
    return step.cache["packed"]


def _product(step: Any, env: Mapping[Any, Any], box: Box | None) -> Any:
    """Multiply cells by a matrix."""
    maps = env.get(step.first.args[0])
    if box is not None:
        return box.like(rows_of(packed(step)(box.maps)))
    if isinstance(maps, Tensor) and maps.shape[2:] == (1, 1):  # as in squeeze and excitation
        conv = step.module
        out = multiply.linear(maps[:, :, 0, 0], conv.weight[:, :, 0, 0], conv.bias)[:, :, None, None]
        return activated(out, step.activation)
    return packed(step)(maps) if isinstance(maps, Tensor) and maps.dim() == 4 else NotImplemented


def _by_tiles(step: Any, image: Any, window: Tensor, way: winograd.Way) -> Tensor:
    conv = step.module
    return winograd.convolve(window, _weights(step, way.tile), conv.bias, conv.kernel_size[0], image.workspace)


def _whole_conv(step: Any, image: Any, env: dict[Any, Any], box: Box | None = None) -> Any:
    """Convolve whole maps."""
    conv, node = step.module, step.first.args[0]
    outputs = _outputs(step, image)
    if len(step.first.args) != 1 or conv.padding_mode != "zeros" or isinstance(conv.padding, str):
        return NotImplemented
    if box is not None:
        env[node] = whole(box, image.map(node))  # for others that read it too
    maps = env[node]
    if not isinstance(maps, Tensor) or maps.dim() != 4:
        return NotImplemented
    gap = tuple(conv.kernel_size[axis] - 1 - conv.padding[axis] for axis in (0, 1))
    way = _way(step, image, len(maps), *outputs, gap if min(gap) >= 0 else None)
    if way is None:
        return packed(step)(maps, conv.padding)
    window = joined(maps.permute(0, 2, 3, 1), conv.padding, way.down, way.across, image.workspace)
    out = apart(_by_tiles(step, image, window, way), len(maps), outputs, gap, way.down, way.across)
    return activated(out, step.activation).permute(0, 3, 1, 2)


def _way(
    step: Any, image: Any, count: int, height: int, width: int, gap: tuple[int, ...] | None = None
) -> winograd.Way | None:
    if image.plan.exact or not winograd.suits(step.module):
        return None
    return winograd.way(step.module, count, height, width, gap)


def _weights(step: Any, tile: int) -> Tensor:
    with step.lock:  # workers come at once, and one transformation is enough
        found = step.cache.setdefault("winograd", {})
        if tile not in found:
            found[tile] = winograd.weights(step.module, tile)
    return found[tile]


def _pool(step: Any, image: Any, box: Box, settings: tuple[Any, ...], value: float, pool: Callable[..., Tensor]) -> Any:
    kernel, stride, padding, dilation = settings
    wy, wx = _windows(step, box, _outputs(step, image), kernel, stride, padding, dilation)
    y, x = after_window(box.y, wy), after_window(box.x, wx)
    if y.length * x.length >= DENSE * y.cells * x.cells:
        return NotImplemented
    window = cut(image, step.node.args[0], box, y, x, wy, wx, value)
    return Box(rows_of(pool(window.permute(0, 3, 1, 2))), y, x)


def max_pool(step: Any, image: Any, env: Mapping[Any, Any]) -> Any:
    """Take the maximum over windows; padding is minus infinity."""
    box = _box(step, env)
    settings = _max_settings(step)
    if box is None or settings is None:
        return NotImplemented
    kernel, stride, _, dilation = settings
    return _pool(step, image, box, settings, -math.inf, lambda maps: F.max_pool2d(maps, kernel, stride, 0, dilation))


def _max_settings(step: Any) -> tuple[Any, ...] | None:
    if step.module is not None:
        pool = step.module
        if pool.return_indices:
            return None
        return pool.kernel_size, pool.stride or pool.kernel_size, pool.padding, pool.dilation
    names = ("kernel_size", "stride", "padding", "dilation", "ceil_mode", "return_indices")
    given = {**dict(zip(names, step.node.args[1:], strict=False)), **step.node.kwargs}
    if any(isinstance(value, fx.Node) for value in given.values()) or given.get("return_indices"):
        return None
    kernel = given["kernel_size"]
    return kernel, given.get("stride") or kernel, given.get("padding", 0), given.get("dilation", 1)


def average_pool(step: Any, image: Any, env: Mapping[Any, Any]) -> Any:
    """Take the mean over windows, where every window counts the same number of cells."""
    box, pool = _box(step, env), step.module
    padded = _pair(pool.padding) != (0, 0)
    if box is None or pool.ceil_mode or pool.divisor_override or (padded and not pool.count_include_pad):
        return NotImplemented
    settings = (pool.kernel_size, pool.stride or pool.kernel_size, pool.padding, 1)
    return _pool(step, image, box, settings, 0.0,
                 lambda maps: torch.nn.functional.avg_pool2d(maps, settings[0], settings[1]))


RULES: dict[type[nn.Module], Callable[..., Any]] = {
    nn.Conv2d: conv2d, nn.MaxPool2d: max_pool, nn.AvgPool2d: average_pool,
}
