"""What a scan makes of few, equal, broken and odd-sized images, of interrupts, and of a folder of shards."""

from __future__ import annotations

from collections import namedtuple

import numpy as np
import pytest
import torch
from networks import small_network
from patches_scans import answers, assert_alike, by_hand, network, pictures, told
from PIL import Image
from torch import nn

import deepviz_widgets as dv
from deepviz_widgets.methods import receptive_field
from deepviz_widgets.methods.patches import PatchIndex, scan
from deepviz_widgets.methods.patches.disk import StoreError
from deepviz_widgets.methods.patches.shards import ShardError


@pytest.fixture(scope="module")
def net():
    return network()


def files(folder, count: int = 9) -> dv.ImageSet:
    """Images in files, of which numbers 2 and 7 are cut off behind a good header."""
    drawn = np.random.default_rng(3).integers(0, 255, (count, 16, 16, 3), np.uint8)
    for number, pixels in enumerate(drawn):
        Image.fromarray(pixels).save(folder / f"{number}.png")
    for number in (2, 7):
        path = folder / f"{number}.png"
        path.write_bytes(path.read_bytes()[:200])
    return dv.ImageSet(sorted(folder.iterdir()))


def test_one_image_fills_one_place_of_each_unit(net):
    index = scan(net, pictures(1), "all", k=4).finish()
    for table in index.tables.values():
        assert (table.images == [0, -1, -1, -1]).all() and np.isnan(table.values[:, 1:]).all()
        assert (table.ys[:, 1:] == -1).all() and (table.boxes[:, 1:] == 0).all()
        assert np.isnan(table.sparsity).all()


def test_equal_images_come_in_the_order_of_their_ids_and_equal_places_in_raster_order(net):
    flat = dv.ImageSet(np.full((9, 16, 16, 3), 77, np.uint8))
    every, boxes = answers(net, flat, "0", 2), receptive_field(net, "0").boxes
    for ids in (range(9), [8, 3, 5, 1, 7, 0, 2, 6, 4]):
        table = scan(net, flat, "0", k=5, per_image=2, overlap=0.2, batch_size=2, ids=ids).finish()["0"]
        assert told(table) == by_hand(every, boxes, range(9), k=5, per_image=2, most=0.2)


def test_files_that_turn_out_to_be_broken_are_counted_and_the_others_scanned(net, tmp_path):
    images = files(tmp_path)
    index = scan(net, images, "0", k=3, batch_size=4).finish()
    good = [number for number in range(9) if number not in (2, 7)]
    alone = scan(net, images[good], "0", k=3, batch_size=4, ids=good).finish()
    assert told(index["0"]) == told(alone["0"])
    assert index.skipped == 2 and set(index.reasons) == {2, 7} and "7.png" in index.reasons[7]
    assert index.images_seen == 9 and index.complete and not index.class_counts


def test_images_none_of_which_can_be_read_say_so(net, tmp_path):
    images = files(tmp_path)[[2, 7]]
    started = scan(net, images, "0", k=3)
    with pytest.raises(dv.ImageError, match="None of the 2 images can be read; the first: 2.png"):
        started.finish()
    assert (started.index["0"].images == -1).all()


def test_images_of_several_sizes_have_boxes_of_their_own():
    free = dv.Network(small_network())
    drawn = np.random.default_rng(1)
    sides = [(16, 16), (24, 20), (16, 16), (30, 12), (24, 20)]
    images = dv.ImageSet([drawn.integers(0, 255, (*side, 3), np.uint8) for side in sides])
    index = scan(free, images, ["4.conv1", "7"], k=5, batch_size=3).finish()
    table = index["4.conv1"]
    assert table.grid == (12, 10) and table.shape == (8, 12, 10)
    for number, side in enumerate(sides):
        field = receptive_field(free, "4.conv1", input_size=(3, *side))
        mine = table.images == number
        assert mine.sum() == 8, "each image is once in each unit"
        assert (table.boxes[mine] == field.boxes[table.ys[mine], table.xs[mine]]).all()
        with dv.capture(free, ["4.conv1"]) as seen:
            free.forward(free.inputs(images[[number]]))
        alone = seen["4.conv1"][0][0].amax((1, 2)).numpy()
        assert np.allclose(table.values[mine], alone, atol=1e-5)
    halves = [scan(free, images[:2], ["4.conv1", "7"], k=5, batch_size=3),
              scan(free, images[2:], ["4.conv1", "7"], k=5, batch_size=3, ids=range(2, 5))]
    assert_alike(halves[0].index.merge(*(half.finish() for half in halves)), index, exact=False)


class Interrupts(nn.Module):
    """Passes its input on, and is interrupted the given time it runs."""

    def __init__(self):
        super().__init__()
        self.runs, self.at = 0, -1

    def forward(self, x):
        self.runs += 1
        if self.runs == self.at:
            raise KeyboardInterrupt
        return x


@pytest.mark.parametrize("at", [1, 2, 4, 6])
def test_an_interrupt_within_a_batch_leaves_the_index_before_it_and_the_scan_goes_on(at):
    model = small_network()
    net = dv.Network(nn.Sequential(model[:3], Interrupts(), model[3:]), input_size=(3, 16, 16))
    images = pictures(21)
    usual = scan(net, images, "all", k=3, batch_size=4).finish()
    stops = net.model[1]
    stops.runs, stops.at = 0, at
    going = scan(net, images, "all", k=3, batch_size=4)
    with pytest.raises(KeyboardInterrupt):
        going.finish()
    so_far = going.index
    assert so_far.images_seen == going.done == 4 * (at - 1) and not so_far.complete
    if at > 1:
        assert_alike(so_far, _partly(net, images, 4 * (at - 1)))
    assert_alike(going.finish(), usual)


def _partly(net, images, count: int):
    begun = scan(net, images, "all", k=3, batch_size=4)
    while begun.done < count:
        next(begun)
    begun.close()
    assert list(begun) == [], "a closed scan is over"
    return begun.index


def test_a_scan_tells_how_far_it_is_and_its_index_is_usable_at_any_moment(net):
    going = scan(net, pictures(10), "convolutions", k=3, batch_size=4)
    assert going.index["0"].grid == (16, 16) and (going.index["0"].images == -1).all()
    steps, found = [], []
    for step in going:
        steps.append((step.done, step.total, step.skipped))
        found.append(step)
        assert going.index.images_seen == step.done and np.nanmax(going.index["0"].images) < step.done
        assert step.seconds > 0
    assert steps == [(4, 10, 0), (8, 10, 0), (10, 10, 0)]
    assert [step.index.images_seen for step in found] == [4, 8, 10], "each step's index stays as it was"
    assert_alike(found[-1].index, going.index)
    assert [step.index.class_counts for step in found] == [
        dict.fromkeys(range(4), 1), {0: 2, 1: 2, 2: 2, 3: 1, 4: 1}, dict.fromkeys(range(5), 2)]
    assert set(going.index.names) == set(going.index.labels) == set(np.unique(going.index["0"].images)) | set(
        np.unique(going.index["4.conv1"].images)) | set(np.unique(going.index["4.conv2"].images))


def test_what_a_scan_keeps_does_not_grow_with_the_number_of_images(net):
    drawn = np.random.default_rng(0).integers(0, 255, (64, 16, 16, 3), np.uint8)
    many = dv.ImageSet(np.concatenate([drawn] * 40))

    def kept(count: int, k: int) -> tuple[int, int]:
        going = scan(net, many[:count], "0", k=k, batch_size=64)
        going.finish()
        progress = going._progress
        tensors = [value for value in vars(progress.best).values() if isinstance(value, torch.Tensor)]
        return sum(one.numel() * one.element_size() for one in tensors), len(progress.names)

    (small, _), (large, names) = kept(128, 4), kept(2560, 4)
    assert small == large and names < 1300
    assert (kept(128, 8)[0] - small) * 2 == kept(128, 16)[0] - kept(128, 8)[0], "linear in k"


@pytest.mark.parametrize("stop", [1, 3, 5])
def test_a_scan_goes_on_from_its_shards_to_the_same_index(net, tmp_path, stop):
    images = pictures(21)
    how = {"layers": "convolutions", "k": 3, "per_image": 2, "batch_size": 4}
    begun = scan(net, images, shards=tmp_path / "s", **how)
    for _ in range(stop):
        next(begun)
    begun.close()
    goes_on = scan(net, images, shards=tmp_path / "s", **how)
    assert goes_on.done == 4 * stop
    assert_alike(goes_on.finish(), scan(net, images, **how).finish())
    again = scan(net, images, shards=tmp_path / "s", **how)
    assert again.done == 21 and list(again) == []
    with pytest.raises(ShardError, match="its k is 3, here it is 4"):
        scan(net, images, shards=tmp_path / "s", **how | {"k": 4})


def test_a_scan_of_broken_and_odd_sized_images_in_any_order_goes_on_from_its_shards_too(tmp_path):
    free, drawn = dv.Network(small_network()), np.random.default_rng(1)
    pixels = [drawn.integers(0, 255, (*side, 3), np.uint8) for side in [(16, 16), (24, 20)]]
    for number in range(8):
        Image.fromarray(pixels[number % 2]).save(tmp_path / f"{number}.png")
    (tmp_path / "3.png").write_bytes((tmp_path / "3.png").read_bytes()[:200])
    images = dv.ImageSet(sorted(tmp_path.glob("*.png")))
    how = {"layers": ["4.conv1", "7"], "k": 2, "batch_size": 1, "ids": range(8)[::-1]}
    whole = scan(free, images, **how).finish()
    assert set(whole.reasons) == {4} and (whole["7"].images != 4).all(), "the name of the file is not its id"
    begun = scan(free, images, shards=tmp_path / "s", **how)
    for _ in range(7):
        next(begun)
    begun.close()
    assert_alike(scan(free, images, shards=tmp_path / "s", **how).finish(), whole)


def test_a_folder_that_cannot_be_written_is_said_before_the_scan_starts(net, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ShardError, match="cannot hold shards"):
        scan(net, pictures(3), "0", shards=tmp_path / "file" / "s")


def test_an_index_is_saved_with_its_pictures_when_the_scan_is_finished(net, tmp_path):
    ids = range(30, 36)
    index = scan(net, pictures(6), "0", k=2, batch_size=4, path=tmp_path / "found.parquet", ids=ids).finish()
    found = PatchIndex.load(tmp_path / "found.parquet")
    assert_alike(found, index)
    assert len(found.pictures) == 8 * 2 and dict(found.pictures) == dict(index.pictures)


def test_a_path_that_cannot_be_written_and_a_full_disk_are_said_before_the_first_image(net, tmp_path, monkeypatch):
    class Never(dv.ImageSet):
        def __getitem__(self, at):
            raise AssertionError("an image was read")

    never, usage = Never(np.zeros((3, 16, 16, 3), np.uint8)), namedtuple("usage", "total used free")
    with pytest.raises(StoreError, match="^The folder '.*none' does not exist, so 'a.parquet' cannot be written"):
        scan(net, never, "all", path=tmp_path / "none" / "a.parquet")
    monkeypatch.setattr("shutil.disk_usage", lambda _: usage(0, 0, 1 << 20))
    with pytest.raises(StoreError, match="^1,360 patches need up to about 5 MiB and the disk of '.*' has 1 MiB free; "):
        scan(net, never, "all", path=tmp_path / "a.parquet")
    scan(net, never, "0", k=1, path=tmp_path / "a.parquet")


class Folded(nn.Module):
    """Folds the places of an image into the batch, as windows of attention do."""

    def forward(self, x):
        return x.movedim(1, -1).flatten(0, 2)


class Halved(nn.Module):
    """Answers to every second image of a batch."""

    def forward(self, x):
        return x[::2]


class Mixed(nn.Module):
    def __init__(self, odd: nn.Module):
        super().__init__()
        torch.manual_seed(0)
        self.odd, self.conv, self.head = odd, nn.Conv2d(3, 4, 3), nn.Linear(4, 5)

    def forward(self, x):
        self.odd(x)
        return self.head(self.conv(x).amax((2, 3)))


@pytest.mark.parametrize("odd", [Folded, Halved])
def test_a_layer_that_does_not_keep_the_images_apart_is_left_out_of_all(odd):
    net = dv.Network(Mixed(odd()).eval(), input_size=(3, 8, 8))
    index = scan(net, pictures(6, side=8), "all", k=2, batch_size=4).finish()
    assert index.layers == ("conv", "head")


def test_a_layer_that_does_not_keep_the_images_apart_goes_image_by_image_or_is_refused():
    images = pictures(6, side=8)
    folded = dv.Network(Mixed(Folded()).eval(), input_size=(3, 8, 8))
    assert (scan(folded, images, "odd", k=6).finish()["odd"].images >= 0).all()
    halved = dv.Network(Mixed(Halved()).eval(), input_size=(3, 8, 8))
    with pytest.raises(dv.NetworkError, match="'odd' does not answer each image of a batch by itself"):
        scan(halved, images, ["odd", "conv"], k=2, batch_size=4).finish()
