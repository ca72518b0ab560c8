"""The grid, its seams, the order in which images are shown, and maps turned onto each other."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment
from scipy.spatial import procrustes

from deepviz_widgets.methods import embedding as em

SPOTS = np.random.default_rng(0).normal(size=(700, 2)).astype(np.float32)


def spots(number, seed, kinds):
    """Positions of which some lie on top of each other."""
    rng = np.random.default_rng(seed)
    return rng.normal(size=(kinds, 2))[rng.integers(0, kinds, number)].astype(np.float32)


def cost(cells):
    """How far images lie from their cells, on the scale of the cells, squared."""
    width, height = cells.max(0) + 1
    unit = np.empty(cells.shape)
    for axis, many in ((0, width), (1, height)):
        unit[np.argsort(SPOTS[: len(cells), axis], kind="stable"), axis] = (
            (np.arange(len(cells)) + 0.5) / len(cells) * many - 0.5)
    return ((unit - cells) ** 2).sum(), unit


@settings(max_examples=40, deadline=None)
@given(number=st.integers(1, 300), seed=st.integers(0, 99), kinds=st.integers(1, 300),
       columns=st.none() | st.integers(1, 40))
def test_every_image_gets_one_cell_and_no_cell_two(number, seed, kinds, columns):
    cells = em.grid(spots(number, seed, kinds), columns=columns)
    width = columns or int(np.ceil(np.sqrt(number)))
    taken = sorted((int(row), int(column)) for column, row in cells)
    assert taken == [divmod(at, width) for at in range(number)], "the first cells, row by row, each once"


def test_images_that_lie_in_a_lattice_keep_their_places():
    lattice = np.stack(np.meshgrid(np.arange(20), np.arange(20)), -1).reshape(-1, 2)
    mixed = lattice[np.random.default_rng(0).permutation(400)]
    assert np.array_equal(em.grid(mixed * 3.5 - 8), mixed)


def test_a_small_grid_is_the_best_there_is_and_blocks_improve_a_large_one():
    cells = em.grid(SPOTS[:256])  # 16 x 16: one block holds all
    _, unit = cost(cells)
    every = np.stack(np.divmod(np.arange(256), 16)[::-1], 1)
    far = ((unit[:, None] - every[None]) ** 2).sum(2)
    best = far[linear_sum_assignment(far)].sum()
    assert cost(cells)[0] == pytest.approx(best, rel=0.02)
    sliced, refined = (cost(em.grid(SPOTS, refine=refine))[0] for refine in (False, True))
    assert refined < sliced


def test_neighbours_on_the_map_are_neighbours_in_the_grid():
    cells = em.grid(SPOTS)
    kept = em.honesty(SPOTS, cells.astype(np.float32))
    assert kept.trustworthiness > 0.97
    assert np.corrcoef(SPOTS[:, 0], cells[:, 0])[0, 1] > 0.9 and np.corrcoef(SPOTS[:, 1], cells[:, 1])[0, 1] > 0.9


def test_seams_are_the_distances_of_the_features_across_each_border():
    rows = np.random.default_rng(1).normal(size=(47, 9)).astype(np.float32)
    cells = em.grid(SPOTS[:47])
    found, at = em.seams(rows, cells), {tuple(cell): k for k, cell in enumerate(cells.tolist())}
    height, width = found.right.shape
    assert (width, height) == tuple(cells.max(0) + 1)
    for row in range(height):
        for column in range(width):
            here = at.get((column, row))
            for seam, there in ((found.right, (column + 1, row)), (found.up, (column, row + 1))):
                other = at.get(there)
                if here is None or other is None:
                    assert np.isnan(seam[row, column])
                else:
                    assert seam[row, column] == pytest.approx(np.linalg.norm(rows[here] - rows[other]), rel=1e-5)
    assert found.high == max(np.nanmax(found.right), np.nanmax(found.up))


def test_what_is_no_grid_is_refused():
    with pytest.raises(ValueError, match="at least one column; columns is -3"):
        em.grid(SPOTS, columns=-3)
    with pytest.raises(ValueError, match="NaN or infinite"):
        em.grid([[0.0, np.nan], [1.0, 2.0]])
    with pytest.raises(ValueError, match="Cells are whole numbers, 700 × 2"):
        em.seams(np.zeros((700, 3)), SPOTS)
    assert em.grid(np.zeros((0, 2))).shape == (0, 2)


def test_any_first_part_of_the_order_is_spread_over_the_map():
    order = np.argsort(em.ranks(SPOTS))
    assert sorted(order.tolist()) == list(range(700))
    unit = (SPOTS - SPOTS.min(0)) / np.ptp(SPOTS, 0).max()
    cells = {side: np.floor(unit * side * 0.9999).astype(int) @ [1000, 1] for side in (4, 8)}
    for side in (4, 8):
        taken = len(set(cells[side]))
        assert len(set(cells[side][order[:taken]])) == taken, "no cell shows a second one before each shows a first"


def test_images_in_one_spot_come_last_in_the_order():
    order = em.ranks(np.concatenate([np.zeros((10, 2)), [[1, 1], [1, 0], [0, 1]]]))
    assert sorted(order.tolist()) == list(range(13)) and set(np.argsort(order)[:4]) >= {10, 11, 12}
    assert sorted(em.ranks(np.zeros((6, 2)))) == list(range(6)) and em.ranks(np.zeros((0, 2))).shape == (0,)


def test_a_map_is_turned_mirrored_and_scaled_onto_the_one_before():
    angle, mirror = 2.1, np.diag([1, -1])
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]) @ mirror
    other = SPOTS @ turn * 7 + [30, -4]
    first, second, third = em.aligned([SPOTS, other, SPOTS[:, ::-1]])
    assert np.array_equal(first, SPOTS)
    assert np.allclose(second, SPOTS, atol=1e-4) and np.allclose(third, SPOTS, atol=1e-4)
    assert not np.allclose(em.aligned([SPOTS, other], scale=False)[1], SPOTS, atol=0.1)


def test_maps_that_differ_are_turned_as_scipy_does():
    other = SPOTS[:, ::-1] * 2 + np.random.default_rng(2).normal(size=SPOTS.shape) * 0.5
    found = em.aligned([SPOTS, other])[1]
    centred = SPOTS - SPOTS.mean(0)
    _, theirs, _ = procrustes(SPOTS, other)
    assert np.allclose(found, theirs * np.linalg.norm(centred) + SPOTS.mean(0), atol=1e-3)
    with pytest.raises(ValueError, match="these have 699 and 700 images"):
        em.aligned([SPOTS, SPOTS[1:]])
