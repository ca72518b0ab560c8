"""Thumbnails: a sheet holds exactly the images that are asked for, small enough to send, whatever their kind."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

import deepviz_widgets as dv
from deepviz_widgets.methods import thumbnails as made_by
from deepviz_widgets.methods.thumbnails import SHEET_LIMIT, Thumbnails


def even(number, side=40, channels=3):
    """Images of one even colour each, all different."""
    values = np.linspace(10, 240, number).astype(np.uint8)
    colours = np.stack([values, values[::-1], np.full(number, 90, np.uint8)], 1)[:, :channels]
    return dv.ImageSet(np.broadcast_to(colours[:, None, None], (number, side, side, channels)).copy())


def cells_of(sheet):
    pixels = np.asarray(Image.open(io.BytesIO(sheet.data)))
    side, columns = sheet.side, sheet.columns
    return [pixels[k // columns * side :, k % columns * side :][:side, :side] for k in range(len(sheet.ids))]


class Broken:
    """A dataset with one image that cannot be read."""

    def __len__(self):
        return 6

    def __getitem__(self, row):
        if row == 2:
            raise OSError("lost")
        return np.full((20, 20, 3), 200, np.uint8), row % 2


@pytest.mark.parametrize("side", [32, 64, 128])
def test_a_sheet_holds_the_images_asked_for_in_their_order(side):
    images = even(20)
    ids = [7, 3, 19, 0, 7]
    sheet = Thumbnails(images).sheet(ids, side)
    assert sheet.ids == ids and sheet.side == side and not sheet.grey
    for index, cell in zip(ids, cells_of(sheet), strict=True):
        truth = np.asarray(images[index].image)[0, 0]
        rim = 0 if side == 32 else 1  # in large cells the colour is coded at half the resolution
        assert np.abs(cell[rim : side - rim, rim : side - rim].astype(int) - truth).max() <= 6


def test_the_base_names_every_image_once_and_goes_on_where_it_stopped():
    images, seen = even(300), []
    small = Thumbnails(images)
    while len(seen) < 300:
        sheet = small.base(len(seen), seconds=0)
        assert (sheet.ids[0] == len(seen) and len(sheet.ids) >= 64) or sheet.ids[-1] == 299
        for index, cell in zip(sheet.ids, cells_of(sheet), strict=True):
            assert np.abs(cell.astype(int) - np.asarray(images[index].image)[0, 0]).max() <= 8
        seen += sheet.ids
    assert seen == list(range(300))


def test_a_thumbnail_is_the_middle_square():
    wide = np.zeros((60, 100, 3), np.uint8)
    wide[:, 20:80] = (0, 255, 0)
    sheet = Thumbnails(dv.ImageSet([wide, wide, wide, wide])).sheet([0], 64)
    assert np.abs(cells_of(sheet)[0].astype(int) - (0, 255, 0)).max() < 8


def test_grey_images_make_grey_sheets_also_where_they_are_stored_in_colour():
    grey = np.random.default_rng(0).integers(0, 255, (9, 32, 32), np.uint8)
    assert Thumbnails(dv.ImageSet(grey)).sheet([0, 1], 32).grey
    assert Thumbnails(dv.ImageSet(np.repeat(grey[..., None], 3, 3))).sheet([0, 1], 32).grey
    mixed = dv.ImageSet([grey[0], np.full((32, 32, 3), (250, 0, 0), np.uint8), grey[1], grey[2]])
    assert not Thumbnails(mixed).sheet([0, 1], 32).grey


def test_no_sheet_passes_the_limit_of_a_message_even_of_noise():
    noise = dv.ImageSet(np.random.default_rng(0).integers(0, 255, (64, 128, 128, 3), np.uint8))
    small, taken = Thumbnails(noise), 0
    while taken < 64:
        sheet = small.sheet(list(range(taken, 64)), 128)
        assert len(sheet.data) <= SHEET_LIMIT and sheet.ids[0] == taken
        taken += len(sheet.ids)


def test_an_image_that_cannot_be_read_is_grey_and_is_named():
    small = Thumbnails(dv.ImageSet(Broken()))
    cells = cells_of(small.sheet([1, 2, 3], 32))
    assert np.abs(cells[1].astype(int) - 128).max() <= 6 and np.abs(cells[0].astype(int) - 200).max() <= 6
    assert list(small.bad) == [2] and "lost" in small.bad[2]


def test_images_that_are_slow_to_read_are_read_once_and_what_is_kept_has_a_limit(monkeypatch):
    monkeypatch.setattr(made_by, "_SLOW", -1.0)
    reads = []

    class Slow(Broken):
        def __getitem__(self, row):
            reads.append(row)
            return np.random.default_rng(row).integers(0, 255, (200, 200, 3), np.uint8)

    small = Thumbnails(dv.ImageSet(Slow()), limit=4_000_000)
    first = small.sheet(range(6), 128)
    again = small.sheet(range(6), 128)
    assert reads == list(range(6))
    difference = [np.abs(a.astype(int) - b).mean() for a, b in zip(cells_of(first), cells_of(again), strict=True)]
    assert max(difference) < 20, "what is kept is coded twice, but it is the same image"
    least = Thumbnails(dv.ImageSet(Slow()), limit=200_000)
    least.sheet(range(6), 128)
    assert 0 < least.kept <= 50_000, "a quarter is for large thumbnails"


def test_drawings_are_told_from_photographs():
    ink = np.zeros((30, 28, 28), np.uint8)
    ink[:, 6:20, 8:18] = 230
    assert Thumbnails(dv.ImageSet(ink)).look() == ("ink", 0)
    assert Thumbnails(dv.ImageSet(255 - ink)).look() == ("ink", 255)
    assert Thumbnails(dv.ImageSet(np.random.default_rng(0).integers(0, 255, (30, 28, 28), np.uint8))).look()[0] == (
        "photo")
    assert Thumbnails(even(30)).look()[0] == "photo"
    assert Thumbnails(dv.demo.digits("test")[1]).look() == ("ink", 0)


@pytest.mark.parametrize(("ids", "side", "says"), [
    ([], 32, "at least one image"), ([99], 32, "no image 99; there are 20"), ([-1], 32, "no image -1"),
    (["3"], 32, "'3' is none"), ([True], 32, "True is none"), ([1], 33, "33 is none of these"),
])
def test_what_cannot_be_asked_for_is_refused_in_a_sentence(ids, side, says):
    with pytest.raises(ValueError, match=says):
        Thumbnails(even(20)).sheet(ids, side)
