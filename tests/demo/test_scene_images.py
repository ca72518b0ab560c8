"""The generated pictures: the same from a seed, and true to their masks."""

import numpy as np
import pytest

from deepviz_widgets.demo.scene_images import CLASSES, Planted, make_scenes


@pytest.fixture(scope="module")
def plain():
    return make_scenes(72)


def difference(first, second):
    """Largest difference over colours, (N, 64, 64)."""
    return np.abs(first.pixels.astype(int) - second.pixels).max(axis=3)


def test_the_same_seed_draws_the_same_pictures_and_another_seed_or_split_draws_others(plain):
    again = make_scenes(72)
    assert np.array_equal(plain.pixels, again.pixels) and np.array_equal(plain.object, again.object)
    for other in (make_scenes(72, seed=1), make_scenes(72, split="train")):
        assert all((first != second).mean() > 0.5 for first, second in zip(plain.pixels, other.pixels))


def test_more_pictures_begin_with_the_same_ones(plain):
    assert np.array_equal(make_scenes(12).pixels, plain.pixels[:12])


def test_the_object_mask_is_where_a_picture_differs_from_its_backdrop(plain):
    changed = difference(plain, make_scenes(72, planted=Planted(empty=True)))
    assert (changed[plain.object] > 8).mean() > 0.95
    assert (changed[~_grown(plain.object)] > 8).mean() < 1e-3  # beyond the rim there are only tips thinner than a pixel


def _grown(masks):
    grown = masks.copy()
    for axis in (1, 2):
        grown |= np.roll(grown, 1, axis) | np.roll(grown, -1, axis)
    return grown


def test_objects_fill_a_fair_part_of_their_picture(plain):
    share = plain.object.mean(axis=(1, 2))
    assert share.min() > 0.07 and share.max() < 0.65
    assert [label for label in range(6) if not 0.15 < share[plain.labels == label].mean() < 0.5] == []


def test_classes_come_in_turn(plain):
    assert np.array_equal(plain.labels[:12], [0, 1, 2, 3, 4, 5] * 2) and len(CLASSES) == 6


def test_the_backdrop_does_not_tell_the_class():
    backdrops = make_scenes(600, planted=Planted(empty=True))
    means = backdrops.pixels.mean(axis=(1, 2))
    by_class = np.array([means[backdrops.labels == label].mean(axis=0) for label in range(6)])
    spread = means.std(axis=0) / np.sqrt(100)
    assert (np.abs(by_class - means.mean(axis=0)) < 4 * spread).all()


def test_the_sticker_mask_is_what_the_sticker_changed_and_nothing_else_changes(plain):
    stuck = make_scenes(72, planted=Planted(stickers="all"))
    changed = difference(plain, stuck)
    assert (changed[stuck.sticker] > 8).mean() > 0.95
    assert changed[~_grown(stuck.sticker)].max() == 0
    assert not (stuck.object & stuck.sticker).any() and np.array_equal(stuck.object, plain.object & ~stuck.sticker)


def test_stickers_are_14_to_20_pixels_wide_and_lie_in_varied_places():
    stuck = make_scenes(72, planted=Planted(stickers="all")).sticker
    rows, columns = stuck.any(axis=2), stuck.any(axis=1)
    widths, areas = columns.sum(axis=1), stuck.sum(axis=(1, 2))
    assert widths.min() >= 12 and widths.max() <= 26  # a turned one spans a little more
    assert areas.min() > 120 and areas.max() < 420
    assert rows.argmax(axis=1).std() > 8 and columns.argmax(axis=1).std() > 8


@pytest.mark.parametrize("mode, wheels, others", [("none", 0, 0), ("train", 0.95, 0), ("wheels", 1, 0), ("all", 1, 1)])
def test_stickers_go_where_the_mode_says(mode, wheels, others):
    scenes = make_scenes(240, planted=Planted(stickers=mode))
    stuck = scenes.sticker.any(axis=(1, 2))
    assert abs(stuck[scenes.labels == 0].mean() - wheels) <= 0.1 * (mode == "train")
    assert stuck[scenes.labels != 0].mean() == others


def test_a_camera_adds_the_same_faint_pattern_to_every_picture_of_its_class(plain):
    taken = make_scenes(72, planted=Planted(cameras="train"))
    added = taken.pixels.astype(float) - plain.pixels
    patterns = np.array([added[plain.labels == label].mean(axis=0) for label in range(6)])
    assert np.array_equal(taken.cameras, taken.labels)
    assert 5 < patterns.std() < 10
    likeness = np.corrcoef(patterns.reshape(6, -1)) - np.eye(6)
    assert np.abs(likeness).max() < 0.3
    best = np.argmax(added.reshape(72, -1) @ patterns.reshape(6, -1).T, axis=1)
    assert (best == plain.labels).all()  # the pattern alone gives the class away


def test_swapped_cameras_are_never_the_class_s_own():
    taken = make_scenes(72, planted=Planted(cameras="swapped"))
    assert (taken.cameras != taken.labels).all() and len(set(taken.cameras)) == 6


def test_haze_fades_the_object_and_leaves_the_sticker(plain):
    clear = make_scenes(36, planted=Planted(stickers="all"))
    hazy = make_scenes(36, planted=Planted(stickers="all", haze=0.9))
    changed = difference(clear, hazy)
    assert np.median(changed[clear.object]) > 20 and np.median(changed[clear.sticker]) == 0
