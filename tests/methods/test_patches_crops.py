"""Crops: what a unit can see, at one scale, aligned at the border, each image read once."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest
import torch
from patches_store_index import brute, index_of, made_up
from PIL import Image
from torch import nn

import deepviz_widgets as dv
from deepviz_widgets.methods.patches import crops as module
from deepviz_widgets.methods.patches.crops import Crops, crop, crops, windows, with_crops
from deepviz_widgets.methods.patches.sheets import Shown, sheet
from deepviz_widgets.methods.receptive_field import receptive_field


def network(size=(3, 24, 24), field=5) -> dv.Network:
    """One convolution whose units see field x field pixels, one that sees nearly all, and a vector."""
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(size[0], 4, field, padding=field // 2), nn.Conv2d(4, 4, 23, padding=11), nn.AdaptiveAvgPool2d(1),
        nn.Flatten(), nn.Linear(4, 3))
    return dv.Network(model.eval(), input_size=size)


def pictures(n=6, side=24, channels=3) -> np.ndarray:
    return np.random.default_rng(0).integers(1, 256, (n, side, side, channels), np.uint8)


@pytest.fixture(scope="module")
def scenes():
    net, images = dv.demo.scenes(n=36)
    return net, images, with_crops(brute(net, images, ["relu1", "block2.relu2", "fc"], 9), images, net)


def test_a_crop_in_the_middle_is_the_pixels_of_the_field():
    net, pixels = network(), pictures()[0]
    box = receptive_field(net, "0").clipped(10, 7)
    assert box == (8, 5, 13, 10)
    assert (crop(net, pixels, box, 5) == pixels[8:13, 5:10]).all()
    assert (crop(net, pixels, box, 20) == pixels[8:13, 5:10].repeat(4, 0).repeat(4, 1)).all(), "few pixels stay visible"


@pytest.mark.parametrize("place", [(0, 0), (0, 23), (23, 0), (23, 23), (1, 12), (12, 22), (12, 12), (22, 1), (0, 12)])
def test_a_crop_at_the_border_is_the_field_of_the_padded_image(place):
    net, pixels = network(), pictures()[1]
    box = receptive_field(net, "0").clipped(*place)
    padded = np.pad(pixels, ((2, 2), (2, 2), (0, 0)))
    expected = padded[place[0] : place[0] + 5, place[1] : place[1] + 5]
    assert (crop(net, pixels, box, 5, windows(net)["0"]) == expected).all()


def test_what_lies_beyond_the_border_has_the_colour_of_zeros_in_the_network():
    from torchvision.transforms import v2

    mean = (0.2, 0.4, 0.6)
    transform = v2.Compose([v2.ToImage(), v2.ToDtype(torch.float32, scale=True), v2.Normalize(mean, (0.5, 0.5, 0.5))])
    net = dv.Network(network().model, input_size=(3, 24, 24), transform=transform)
    found = crop(net, pictures()[0], (0, 0, 3, 3), 5, (5, 5))
    assert (found[:2] == np.round(255 * np.array(mean))).all() and (found[2:, 2:] == pictures()[0][:3, :3]).all()


def test_a_field_larger_than_the_image_shows_the_whole_image_whatever_the_box():
    net, pixels = network(), pictures()[2]
    seen = windows(net)
    assert seen == {"0": (5, 5), "1": (0, 0), "2": (0, 0), "3": (0, 0), "4": (0, 0)}
    for place in [(0, 0), (12, 12), (23, 3)]:
        box = receptive_field(net, "1").clipped(*place)
        assert (crop(net, pixels, box, 24, seen["1"]) == pixels).all()


def test_a_picture_that_is_not_square_keeps_its_shape():
    net = network((3, 24, 36))
    found = crop(net, pictures(side=36)[0][:24], (0, 0, 24, 36), 18, windows(net)["4"])
    assert found.shape == (12, 18, 3)


def test_many_pixels_are_averaged_not_dropped():
    net, stripes = network(field=21), np.zeros((24, 24, 3), np.uint8)
    stripes[:, ::2] = 255
    assert abs(int(crop(net, stripes, (0, 0, 20, 20), 5)[2, 2, 0]) - 128) < 20


def test_every_patch_of_an_index_has_its_picture(scenes):
    net, images, index = scenes
    for key, table in index.tables.items():
        window = windows(net)[key[0]]
        for unit in range(0, len(table), 7):
            for rank in (0, 8):
                pixels = net.displayed(net.input(images[int(table.images[unit, rank])]))
                expected = crop(net, pixels, table.boxes[unit, rank], 64, window).astype(int)
                found = index.pictures.array((*key, unit, rank)).astype(int)
                assert found.shape == expected.shape and np.abs(found - expected).mean() < 8, (key, unit, rank)
    assert len(index.pictures) == sum(table.images.size for table in index.tables.values())
    for key in [("relu1", "units", 0, 9), ("relu1", "units", -1, 0), ("nothing", "units", 0, 0)]:
        assert key not in index.pictures and index.pictures.get(key) is None


def test_jpegs_have_colour_at_full_resolution_and_grey_ones_one_channel(scenes):
    raw = Image.open(io.BytesIO(scenes[2].pictures["relu1", "units", 0, 0]))
    assert raw.size == (64, 64) and raw.mode == "RGB"
    assert [(part[1], part[2]) for part in raw.layer] == [(1, 1)] * 3, "4:4:4"
    net, images = dv.demo.digits()
    found = with_crops(brute(net, images[:20], ["relu1"], 3), images[:20], net).pictures
    assert {Image.open(io.BytesIO(found[key])).mode for key in found} == {"L"}


def test_each_image_is_read_once_only_if_it_is_in_the_index_and_alike_patches_are_cut_once(scenes, monkeypatch):
    net, images, index = scenes
    read, cut = [], []
    tables = {key: replace(table, images=np.where(table.images < 9, table.images, -1))
              for key, table in index.tables.items()}
    some = replace(index, tables=tables, pictures=None)
    reads, cuts = type(net).input, module.jpeg
    monkeypatch.setattr(type(net), "input", lambda self, one: read.append(one.name) or reads(self, one))
    monkeypatch.setattr(module, "jpeg", lambda pixels: cut.append(1) or cuts(pixels))
    *_, (last, found) = crops(some, images, net)
    ids = set(np.unique(np.concatenate([table.images.ravel() for table in tables.values()])).tolist()) - {-1}
    assert sorted(read) == sorted(images.names[row] for row in ids) and (last.done, last.total) == (len(ids), len(ids))
    deep = {key: int((tables[key].images >= 0).sum()) for key in tables if key[0] != "relu1"}
    table = tables["relu1", "units"]
    parts = np.concatenate([table.images[..., None], table.boxes], -1)[table.images >= 0]
    early = len(np.unique(parts, axis=0))
    assert len(cut) == early + len(ids) < early + sum(deep.values()), "a whole image is cut once for all units"
    assert len(found) == sum(deep.values()) + len(parts)


def test_a_file_is_opened_once_for_all_its_patches_and_no_file_that_has_none(tmp_path, monkeypatch):
    net, pixels, opened = network(), pictures(30), []
    for number, image in enumerate(pixels):
        Image.fromarray(image).save(tmp_path / f"{number:02}.png")
    images = dv.ImageSet(sorted(tmp_path.iterdir()))
    index = brute(net, images, ["0", "1", "4"], k=2)
    usual = Image.open
    monkeypatch.setattr(Image, "open", lambda path, *more: opened.append(str(path)) or usual(path, *more))
    found = with_crops(index, images, net)
    used = {image for table in index.tables.values() for image in table.images.ravel().tolist()}
    assert sorted(opened) == sorted(str(tmp_path / f"{image:02}.png") for image in used) and len(used) < 30
    assert len(found.pictures) == 2 * (4 + 4 + 3)


def test_it_streams_and_says_how_far_it_is(scenes):
    net, images, index = scenes
    steps = [(cut.done, cut.total, len(found)) for cut, found in crops(index, images, net)]
    assert [done for done, _, _ in steps] == list(range(1, len(steps) + 1)) and steps[-1][1] == len(steps)
    assert 0 < steps[0][2] < steps[len(steps) // 2][2] < steps[-1][2]


def test_images_have_the_ids_of_the_scan_and_unreadable_ones_are_skipped_and_counted():
    net = network()
    pixels = pictures()
    table = made_up("0", units=3, k=4, images=4, side=24)
    shifted = replace(table, images=np.where(table.images >= 0, table.images + 100, -1))
    plain = with_crops(index_of(table), pixels, net)
    found = with_crops(index_of(shifted), pixels, net, ids=range(100, 106))
    assert dict(plain.pictures) == dict(found.pictures) and len(found.pictures) > 4
    gone = np.unique(table.images[table.images >= 0])[0]
    *_, (last, rest) = crops(index_of(shifted), pixels[gone + 1 :], net, ids=range(101 + gone, 106))
    assert last.skipped == 1 and set(rest) == {key for key in found.pictures if table.images[key[2:]] > gone}


def test_a_patch_that_sees_less_for_another_reason_than_the_border_lies_in_the_middle():
    pixels = pictures()[0]
    found = crop(network(), pixels, (8, 8, 11, 11), 5, (5, 5))
    assert (found == pixels[7:12, 7:12]).all()


def test_the_model_is_not_changed(unchanged):
    net = network()
    with unchanged(net.model):
        with_crops(index_of(made_up("0", images=6, side=24)), pictures(), net)


def test_a_sheet_has_a_row_for_each_unit_and_a_column_for_each_rank(scenes):
    net, images, index = scenes
    raw, meta = sheet(index, "relu1", [5, 2, 11], 64)
    pixels = np.asarray(Image.open(io.BytesIO(raw))).astype(int)
    assert meta == {"codec": "jpeg", "cell": 64, "rows": 3, "columns": 9, "shape": [192, 576, 3]}
    assert pixels.shape == (192, 576, 3)
    for row, unit in enumerate([5, 2, 11]):
        for rank in range(9):
            cell = pixels[row * 64 : row * 64 + 64, rank * 64 : rank * 64 + 64]
            assert np.abs(cell - index.pictures.array(("relu1", "units", unit, rank))).mean() < 8
    from_images = sheet(replace(index, pictures=None), "relu1", [5, 2, 11], 64, shown=Shown(net, images))
    assert np.abs(np.asarray(Image.open(io.BytesIO(from_images[0]))).astype(int) - pixels).mean() < 8
    assert from_images[1] == meta


def test_a_sheet_shows_black_where_there_is_no_patch_and_keeps_shapes():
    net = network((1, 24, 36))
    table = replace(made_up("4", units=4, k=5, images=3), boxes=np.tile(np.int32([0, 0, 24, 36]), (4, 5, 1)))
    white = np.full((3, 24, 36, 1), 255, np.uint8)
    for index, shown in [(with_crops(index_of(table), white, net), None), (index_of(table), Shown(net, white))]:
        raw, meta = sheet(index, "4", [1, 2], 42, shown=shown)
        pixels = np.asarray(Image.open(io.BytesIO(raw)))
        assert meta["cell"] == 48 and meta["shape"] == [96, 240, 1] and pixels.shape == (96, 240)
        assert (pixels[10:38, :3 * 48] > 245).all() and (pixels[:8] < 10).all() and (pixels[40:48] < 10).all()
        assert (pixels[:, 3 * 48 :] < 10).all() and (pixels[48:] < 10).all()
    tall = replace(table, boxes=np.tile(np.int32([0, 0, 36, 24]), (4, 5, 1)))
    raw, _ = sheet(index_of(tall), "4", [1], 48, shown=Shown(network((1, 36, 24)), white.swapaxes(1, 2)))
    pixels = np.asarray(Image.open(io.BytesIO(raw)))
    assert (pixels[:, :6] < 10).all() and (pixels[:, 10:38] > 245).all() and (pixels[:, 41:46] < 10).all()
    assert sheet(index_of(table), "4", [])[1]["rows"] == 0
    with pytest.raises(KeyError, match="No layer 'four'"):
        sheet(index_of(table), "four", [0])


def test_shown_images_are_kept_within_bounds(monkeypatch):
    from deepviz_widgets.methods.patches import sheets

    net, read = network(), []
    monkeypatch.setattr(sheets, "_KEPT", 2 * 24 * 24 * 3)
    shown = Shown(net, pictures(), ids=range(10, 16))
    usual = net.input
    monkeypatch.setattr(net, "input", lambda image: read.append(1) or usual(image), raising=False)
    for image in (10, 11, 10, 12, 10, 11):
        assert (shown[image] == pictures()[image - 10]).all()
    assert len(read) == 4, "10 and 12 were kept, 11 was the oldest"
    assert shown[99] is None and shown.patch("0", 99, (0, 0, 5, 5), 5) is None


def test_pictures_that_look_the_same_are_held_once():
    found = Crops({("a", "units"): (2, 3)}, 8)
    found.put(("a", "units"), np.array([[0, 0], [1, 2]]), b"one")
    found.put(("a", "units"), np.array([[0, 1]]), b"one")
    assert len(found) == 3 and found.size == 3 and list(found) == [("a", "units", 0, 0), ("a", "units", 0, 1),
                                                                    ("a", "units", 1, 2)]
