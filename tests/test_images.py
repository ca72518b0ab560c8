"""`ImageSet`: whatever people have becomes pictures; what is broken is named, skipped and counted."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from networks import small_network
from PIL import Image
from torch.utils.data import TensorDataset

import deepviz_widgets as dv
from deepviz_widgets.images import as_images


def _save(path, colour, size=(12, 8)):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, colour).save(path)
    return path


def test_a_folder_names_its_classes_by_its_subfolders(tmp_path):
    _save(tmp_path / "cat" / "1.png", "red")
    _save(tmp_path / "dog" / "2.png", "blue")
    images = dv.ImageSet(tmp_path)
    assert images.classes == ("cat", "dog") and images.labels.tolist() == [0, 1]
    assert images[1].class_name == "dog" and images[1].name == "dog/2.png"
    assert images[0].pixels[0, 0].tolist() == [255, 0, 0] and images[0].size == (8, 12)


def test_corrupt_and_missing_files_are_skipped_counted_and_named(tmp_path):
    good = _save(tmp_path / "good.png", "red")
    (tmp_path / "bad.jpg").write_bytes(b"not an image")
    with pytest.warns(UserWarning, match="1 image left out: bad.jpg is not a readable image"):
        images = dv.ImageSet(tmp_path)
    assert len(images) == 1 and list(images.skipped) == ["bad.jpg"] and images[0].name == "good.png"
    with pytest.warns(UserWarning, match="2 images left out"):
        assert len(dv.ImageSet([good, tmp_path / "bad.jpg", tmp_path / "gone.png"])) == 1


@pytest.mark.filterwarnings("ignore:.*left out")
def test_a_file_cut_off_in_the_middle_is_skipped_when_it_is_read(tmp_path):
    rng = np.random.default_rng(0)
    for name in ("a.jpg", "b.jpg"):
        Image.fromarray(rng.integers(0, 255, (64, 64, 3), np.uint8)).save(tmp_path / name)
    whole = (tmp_path / "a.jpg").read_bytes()
    (tmp_path / "a.jpg").write_bytes(whole[: len(whole) // 2])
    images = dv.ImageSet(tmp_path)
    assert [picture.name for picture in images] == ["b.jpg"]
    assert "a.jpg" in images.skipped
    with pytest.raises(dv.ImageError, match="a.jpg cannot be read as an image"):
        images[0]


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("no/such/folder", "There is no folder or file 'no/such/folder'"),
        (np.zeros((4, 4)), r"shape \(N, H, W\)"),
        (7, "this is an int"),
        ([], "No image can be read"),
    ],
)
def test_what_is_no_image_set_is_refused_in_a_sentence(source, words):
    with pytest.raises(dv.ImageError, match=words):
        dv.ImageSet(source)


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (np.full((4, 4), np.nan), "16 values that are NaN"),
        (np.full((4, 4), 300.0), "lie in 300 to 300"),
        (np.zeros(5), r"this one has \(5,\)"),
        (torch.zeros(2, 3, 4, 4), "shape"),
        ("nothing.png", "There is no file 'nothing.png'"),
        (None, "this is a NoneType"),
    ],
)
def test_what_is_no_image_is_refused_in_a_sentence(source, words):
    with pytest.raises(dv.ImageError, match=words):
        dv.as_picture(source)


def test_arrays_tensors_pil_images_and_datasets_show_the_same_picture():
    pixels = np.random.default_rng(0).integers(0, 255, (6, 9, 3), np.uint8)
    tensor = torch.from_numpy(pixels).movedim(-1, 0)
    forms = [pixels, Image.fromarray(pixels), tensor, pixels / 255]
    for form in forms:
        assert np.array_equal(dv.as_picture(form).pixels, pixels)
    dataset = TensorDataset(tensor[None].float() / 255, torch.tensor([2]))
    picture = dv.ImageSet(dataset)[0]
    assert np.array_equal(picture.pixels, pixels) and picture.label == 2


def test_slices_lists_and_masks_select_images_with_their_labels():
    images = dv.ImageSet(np.zeros((6, 4, 4), np.uint8), labels=[0, 1, 2, 0, 1, 2], names=list("abcdef"),
                         masks={"object": np.arange(6)[:, None, None] * np.ones((1, 4, 4), int) > 2})
    part = images[1:5][[2, 0]]
    assert (part.names, part.labels.tolist()) == (["d", "b"], [0, 1])
    assert part[0].masks["object"].all() and not part[1].masks["object"].any()
    assert [mask.any() for mask in part.masks["object"]] == [True, False]
    assert len(images[images.labels == 2]) == 2 and images[-1].name == "f"
    with pytest.raises(IndexError, match="There is no image 6; there are 6"):
        images[6]


def test_labels_and_names_must_count_the_images():
    with pytest.raises(dv.ImageError, match="3 images but 2 labels"):
        dv.ImageSet(np.zeros((3, 4, 4), np.uint8), labels=[0, 1])


def test_an_array_of_the_wrong_channel_count_is_refused_and_a_file_is_converted(tmp_path):
    net = dv.Network(small_network(3), input_size=(3, 16, 16))
    with pytest.raises(dv.ImageError, match="has 5 channels, but the network takes 3"):
        net.input(np.zeros((16, 16, 5), np.uint8))
    with pytest.raises(dv.ImageError, match="has 1 channel, but the network takes 3"):
        net.input(torch.zeros(1, 16, 16))
    Image.new("L", (16, 16), 128).save(tmp_path / "grey.png")
    assert net.input(tmp_path / "grey.png").shape == (3, 16, 16)
    grey = dv.Network(small_network(1), input_size=(1, 16, 16))
    assert grey.input(_save(tmp_path / "colour.png", "red")).shape == (1, 16, 16)


def test_a_transform_made_for_pil_images_takes_arrays_of_floats_and_bytes_alike():
    from torchvision.transforms import Compose, Normalize, Resize, ToTensor

    transform = Compose([Resize(16), ToTensor(), Normalize([0.5] * 3, [0.5] * 3)])
    net = dv.Network(small_network(3), transform=transform)
    pixels = np.random.default_rng(0).integers(0, 256, (32, 48, 3), np.uint8)
    from_bytes, from_floats = net.input(pixels), net.input(pixels / 255)
    assert from_bytes.shape == (3, 16, 24) and torch.allclose(from_bytes, from_floats)


def test_five_channels_pass_through_a_transform_as_a_tensor():
    net = dv.Network(small_network(5), transform=lambda values: values.float() / 255 - 0.5, input_size=(5, 16, 16))
    assert float(net.input(np.zeros((16, 16, 5), np.uint8)).max()) == -0.5


@pytest.mark.parametrize("form", ["array", "stack", "list", "pil", "path", "folder", "set", "dataset"])
def test_one_image_or_many_of_any_kind_become_an_image_set(form, tmp_path):
    pixels = np.zeros((8, 8, 3), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    source, number = {
        "array": (pixels, 1), "stack": (np.stack([pixels] * 3), 3), "list": ([pixels, pixels], 2),
        "pil": (Image.fromarray(pixels), 1), "path": (str(tmp_path / "a.png"), 1), "folder": (tmp_path, 1),
        "set": (dv.ImageSet([pixels] * 4), 4), "dataset": (TensorDataset(torch.zeros(5, 3, 8, 8)), 5),
    }[form]
    images = as_images(source)
    assert len(images) == number and images[0].size == (8, 8)


def test_transparency_is_laid_on_white_and_exif_rotation_applied(tmp_path):
    clear = Image.new("RGBA", (4, 4), (255, 0, 0, 0))
    assert dv.as_picture(clear).pixels.min() == 255
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (8, 4)).save(tmp_path / "turned.jpg", exif=exif)
    assert dv.as_picture(tmp_path / "turned.jpg").size == (8, 4)


def test_sixteen_bit_files_keep_their_grey_values(tmp_path):
    values = np.linspace(0, 65535, 16, dtype=np.uint16).reshape(4, 4)
    Image.fromarray(values).save(tmp_path / "deep.png")
    assert dv.as_picture(tmp_path / "deep.png").pixels[3, 3, 0] == 255


def test_a_dataset_that_raises_is_named_not_fatal():
    class Bad:
        def __len__(self):
            return 2

        def __getitem__(self, row):
            if row == 0:
                raise OSError("disk gone")
            return np.zeros((4, 4, 3), np.uint8), 1

    images = dv.ImageSet(Bad())
    with pytest.warns(UserWarning, match="1 image left out: Image 0 cannot be read: OSError: disk gone"):
        assert len(list(images)) == 1


def test_raw_values_given_as_a_network_input_are_noticed():
    net = dv.Network(small_network(3), input_size=(3, 16, 16))
    with pytest.raises(dv.ImageError, match="values from 0 to 255, far outside"):
        net.input(torch.arange(0, 256.0).repeat(3).reshape(3, 16, 16))
