"""The order of occlusion positions and the lattices: properties that hold for any size."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepviz_widgets.methods.occlusion.order import Order, cut
from deepviz_widgets.methods.occlusion.positions import lattice, segments_of


def drained(order: Order, values: np.ndarray) -> list[np.ndarray]:
    """Every block, the map being filled in from `values` as they come."""
    known, blocks = np.full(len(values), np.nan), []
    while found := order.blocks(known):
        blocks += found
        for block in found:
            known[block] = values[block]
    return blocks


@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 2**31), st.sampled_from([0.0, 0.3, 1.0]))
def test_every_pending_position_comes_exactly_once_in_small_blocks(rows, columns, seed, skipped):
    rng = np.random.default_rng(seed)
    pending = rng.random(rows * columns) >= skipped
    blocks = drained(Order(rows, columns, pending), rng.random(rows * columns))
    assert sorted(np.concatenate([[], *blocks]).astype(int).tolist()) == np.flatnonzero(pending).tolist()
    assert all(0 < len(block) <= 25 for block in blocks)


@given(st.integers(1, 12), st.integers(1, 12), st.integers(1, 30))
def test_a_block_is_cut_into_pieces_that_are_small_enough_and_lose_nothing(rows, columns, most):
    wide = 40
    block = (np.arange(3, 3 + rows)[:, None] * wide + np.arange(2, 2 + 2 * columns, 2)).ravel()
    pieces = cut(block, wide, most)
    assert sorted(np.concatenate(pieces).tolist()) == sorted(block.tolist())
    assert all(0 < len(piece) <= most for piece in pieces)


def test_the_first_lattice_covers_all_of_it_and_the_second_holds_it():
    order = Order(25, 25, np.ones(625, bool))
    first, second = (np.concatenate(order.blocks(np.full(625, np.nan))) for _ in range(2))
    assert np.unique(first // 25).tolist() == np.unique(first % 25).tolist() == [0, 4, 8, 12, 16, 20, 24]
    both = np.concatenate([first, second])
    assert len(both) == 169 and np.unique(both // 25).tolist() == list(range(0, 25, 2))


def test_after_the_lattices_comes_where_the_map_varies():
    values = np.zeros((25, 25))
    values[16:21, 4:9] = np.random.default_rng(0).random((5, 5))
    order, known = Order(25, 25, np.ones(625, bool)), np.full(625, np.nan)
    for _ in range(2):
        for block in order.blocks(known):
            known[block] = values.ravel()[block]
    third = np.concatenate(order.blocks(known))[:48]  # what comes first of it
    rows, columns = third // 25, third % 25
    near = (rows >= 12) & (rows < 24) & (columns >= 0) & (columns < 12)
    assert near.mean() > 0.8 and {(17, 5), (19, 7), (16, 5)} <= set(zip(rows.tolist(), columns.tolist()))


def test_the_same_values_give_the_same_order():
    values = np.random.default_rng(0).random(28 * 28)
    one, two = (drained(Order(28, 28, np.ones(784, bool)), values) for _ in range(2))
    assert all(np.array_equal(a, b) for a, b in zip(one, two, strict=True))


@given(st.integers(1, 60), st.integers(1, 60), st.integers(1, 70), st.data())
def test_a_lattice_covers_every_pixel_of_its_region_and_nothing_else(height, width, patch, data):
    stride = data.draw(st.integers(1, min(patch, height, width)))
    top, left = data.draw(st.integers(0, height - 1)), data.draw(st.integers(0, width - 1))
    region = (top, left, data.draw(st.integers(top + 1, height)), data.draw(st.integers(left + 1, width)))
    part = lattice((height, width), patch, stride, region)
    seen = part.masks(np.arange(len(part))).sum(0)
    inside = np.zeros((height, width), bool)
    inside[region[0] : region[2], region[1] : region[3]] = True
    assert np.array_equal(seen > 0, inside) and len(part) == part.rows * part.columns
    for side, length, step, number in zip((region[2] - top, region[3] - left), part.patch, part.stride,
                                          (part.rows, part.columns), strict=True):
        assert number == -(-(side - length) // step) + 1  # Captum's rule


@given(st.integers(1, 30), st.integers(1, 30), st.integers(0, 2**31))
def test_sums_over_pixels_and_over_positions_are_those_of_the_masks(height, width, seed):
    rng = np.random.default_rng(seed)
    patch = (int(rng.integers(1, height + 1)), int(rng.integers(1, width + 1)))
    boxed = lattice((height, width), patch, tuple(int(rng.integers(1, side + 1)) for side in patch))
    mask = rng.integers(-2, 4, (height, width))
    mask[0, 0] = 2
    parts = segments_of((height, width), mask)
    differs = rng.random((height, width)) < 0.3
    for part in (boxed, parts):
        masks = part.masks(np.arange(len(part)))
        assert np.array_equal(part.changed(differs), (masks & differs).sum((1, 2)))
        values, known = rng.normal(size=len(part)), (rng.random(len(part)) < 0.7).astype(float)
        total, covering = part.covering(np.where(known > 0, values, np.nan), known)
        assert np.allclose(total, (masks * (values * known)[:, None, None]).sum(0))
        assert np.array_equal(covering, (masks * known[:, None, None]).sum(0))


def test_segments_are_numbered_as_they_count_up():
    part = segments_of((2, 3), np.array([[5, -1, 9], [-7, 9, 0]]))
    assert part.labels.tolist() == [[1, -1, 2], [-1, 2, 0]] and part.boxes.tolist() == [
        [1, 2, 2, 3], [0, 0, 1, 1], [0, 1, 2, 3]]
    with pytest.raises(ValueError, match="every number in it is negative"):
        segments_of((1, 2), [[-1, -2]])
