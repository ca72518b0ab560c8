"""`wire`: what goes to the page comes back as it was."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from deepviz_widgets.widgets import wire


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 9), st.integers(1, 12), st.integers(1, 12), st.floats(-1e4, 1e4), st.floats(1e-3, 1e5))
def test_quantised_maps_are_within_half_a_level(channels, h, w, offset, span):
    maps = (np.random.default_rng(0).random((channels, h, w)) * span + offset).astype(np.float32)
    low, high = maps.min((1, 2)), maps.max((1, 2))
    back = low[:, None, None] + wire.quantised(maps, low, high) / 255 * (high - low)[:, None, None]
    assert np.abs(back - maps).max() <= (high - low).max() / 255 * 0.51 + abs(offset) * 1e-5


def test_a_flat_map_is_zero_and_not_nan():
    flat = np.full((2, 3, 3), 7, np.float32)
    assert wire.quantised(flat, flat.min((1, 2)), flat.max((1, 2))).max() == 0


@pytest.mark.parametrize("shape", [(3, 5, 7), (64, 56, 56), (200, 30, 41), (1500, 28, 28)])
def test_a_sheet_unpacks_to_its_tiles(shape):
    y, x = np.mgrid[: shape[1], : shape[2]]
    waves = [127 + 120 * np.sin((x + i) / 5) * np.cos((y - i) / 7) for i in range(shape[0])]
    tiles = np.stack(waves).astype(np.uint8)
    data, meta = wire.sheet(tiles)
    assert len(data) < wire.MESSAGE_LIMIT
    if meta["codec"] == "raw":
        assert np.array_equal(np.frombuffer(data, np.uint8).reshape(shape), tiles)
        return
    sheet, (ch, cw) = np.asarray(Image.open(io.BytesIO(data))).astype(int), meta["cell"]
    assert list(sheet.shape) == meta["sheet"]
    columns = sheet.shape[1] // cw
    for i in range(shape[0]):
        top, left = i // columns * ch, i % columns * cw
        assert np.abs(sheet[top : top + shape[1], left : left + shape[2]] - tiles[i]).max() <= 8


def test_a_small_picture_is_exact_and_a_large_one_close():
    small = np.random.default_rng(0).integers(0, 255, (32, 32, 3), np.uint8)
    data, meta = wire.picture(small)
    assert meta["codec"] == "raw" and np.array_equal(np.frombuffer(data, np.uint8).reshape(meta["shape"]), small)
    y, x = np.mgrid[:224, :336]
    large = np.stack([x / 336 * 255, y / 224 * 255, (x + y) % 64 * 2 + 60], -1).astype(np.uint8)
    data, meta = wire.picture(large)
    assert meta["codec"] == "jpeg" and len(data) < large.size / 4
    assert np.abs(np.asarray(Image.open(io.BytesIO(data))).astype(int) - large).mean() < 3
