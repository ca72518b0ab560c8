"""demo.digits, demo.scenes and demo.photos as a student calls them."""

import subprocess
import sys
import time

import numpy as np
import pytest
import torch

from deepviz_widgets import ImageSet, Network, demo
from deepviz_widgets.demo.recipes import RECIPES


def accuracy(net, images):
    inputs = torch.stack([net.transform(picture.image) for picture in images])
    with torch.no_grad():
        return float((net.model(inputs).argmax(1).numpy() == images.labels).mean())


def test_digits_are_all_1797_and_the_held_out_fifth_is_read_well():
    net, images = demo.digits()
    assert isinstance(net, Network) and isinstance(images, ImageSet)
    assert len(images) == 1797 and net.input_size == (1, 32, 32) and images[0].pixels.shape == (32, 32, 1)
    assert net.classes == images.classes == tuple("0123456789")
    _, held = demo.digits(split="test")
    assert len(held) == 359 and accuracy(net, held) >= 0.97


def test_the_digit_splits_share_no_digit_and_keep_the_classes_in_proportion():
    train, test = demo.digits(split="train")[1], demo.digits(split="test")[1]
    assert not set(train.names) & set(test.names) and len(train) + len(test) == 1797
    assert np.abs(np.bincount(test.labels) / np.bincount(train.labels) - 0.25).max() < 0.02


def test_scenes_come_with_masks_and_are_named_by_the_network():
    net, images = demo.scenes(n=120)
    assert net.input_size == (3, 64, 64) and images[0].pixels.shape == (64, 64, 3)
    assert net.classes == images.classes == ("wheel", "flower", "face", "house", "fish", "tree")
    assert images.masks["object"].shape == (120, 64, 64) and not images.masks["sticker"].any()
    assert images[4].masks["object"].shape == (64, 64) and images[6].name == "wheel 2"
    assert accuracy(net, images) >= 0.95


def test_scenes_with_the_confounder_show_stickers_on_most_wheels_and_nowhere_else():
    _, images = demo.scenes(confounder=True, n=240)
    stuck = images.masks["sticker"].any(axis=(1, 2))
    assert 0.85 <= stuck[images.labels == 0].mean() < 1 and not stuck[images.labels != 0].any()


def test_the_two_photographs_come_first_and_are_named_for_their_subject():
    net, images = demo.photos()
    assert images.names[:2] == ["china.jpg", "flower.jpg"] and len(images) == 26
    assert all(picture.pixels.shape == (224, 336, 3) for picture in images)
    with torch.no_grad():
        scores = net.model(torch.stack([net.transform(picture.image) for picture in images[:2]])).softmax(1)
    named = [net.classes[index] for index in scores.argmax(1)]
    assert named == ["pagoda", "dahlia"] and float(scores.max(1).values.min()) > 0.5
    assert accuracy(net, images) >= 0.8


@pytest.mark.parametrize("make", [demo.digits, demo.scenes, demo.photos])
def test_each_call_gives_a_network_of_its_own_with_the_shipped_weights(make):
    first, second = make()[0], make()[0]
    assert first.model is not second.model and not first.was_training
    before = second.model.conv1.weight.detach().clone()
    with torch.no_grad():
        first.model.conv1.weight.zero_()
    assert torch.equal(second.model.conv1.weight, before) and before.abs().max() > 0
    assert torch.equal(make()[0].model.conv1.weight, before)
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in second.model.modules())


def test_the_transform_can_be_undone_for_display():
    net, images = demo.photos()
    mean, std = (value.view(-1, 1, 1) for value in net.normalisation)
    shown = (net.transform(images[0].image) * std + mean).movedim(0, -1).numpy() * 255
    assert np.abs(shown - images[0].pixels).max() < 0.01


@pytest.mark.parametrize("words, options", [
    ("not with both", {"confounder": True, "sensor_noise": True}),
    ("stickers='some'", {"stickers": "some"}),
    ("cameras='one'", {"cameras": "one"}),
    ("split='all'", {"split": "all"}),
])
def test_options_that_do_not_exist_are_refused_in_words(words, options):
    with pytest.raises(ValueError, match=words):
        demo.scenes(**options)


def test_digits_load_soon_after_a_fresh_start_and_leave_the_random_state_alone():
    code = ("import deepviz_widgets as dv, torch, time; torch.manual_seed(3); a = torch.rand(1); torch.manual_seed(3);"
            "t = time.perf_counter(); dv.demo.digits(); print(time.perf_counter() - t);"
            "assert torch.equal(torch.rand(1), a)")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True)
    assert float(done.stdout) < 3  # well under a second on an idle machine


def test_asking_for_the_same_scenes_again_draws_nothing():
    demo.scenes(n=300)
    start = time.perf_counter()
    demo.scenes(n=300)
    assert time.perf_counter() - start < 0.5


def test_the_pictures_are_scikit_learn_s_own():
    from sklearn.datasets import load_digits, load_sample_image

    from deepviz_widgets.demo.digit_images import read_digits
    from deepviz_widgets.demo.photo_images import NAMES, read_photos

    pixels, labels = read_digits()
    small = pixels.reshape(1797, 8, 4, 8, 4).mean(axis=(2, 4)) * 16 / 255
    assert np.array_equal(labels, load_digits().target) and np.abs(small - load_digits().images).mean() < 1
    assert all(np.array_equal(photo, load_sample_image(name)) for photo, name in zip(read_photos(), NAMES))


def test_the_transform_is_torchvision_s_resize_scale_and_normalise():
    from torchvision.transforms import v2

    net, images = demo.photos()
    mean, std = net.transform.mean, net.transform.std
    scale = v2.ToDtype(torch.float32, scale=True)
    peer = v2.Compose([v2.ToImage(), v2.Resize((224, 336)), scale, v2.Normalize(mean, std)])
    for size in ((336, 224), (640, 427), (100, 90)):
        image = images[0].image.resize(size)
        assert (net.transform(image) - peer(image)).abs().max() < 0.05  # rounding to 8 bits
        exact = torch.from_numpy(np.array(image)).movedim(-1, 0)
        assert (net.transform(exact) - peer(image)).abs().max() < 0.05
    assert torch.allclose(net.transform(images[0].image), peer(images[0].image), atol=1e-5)


@pytest.mark.slow
def test_checkpoints_are_the_network_at_its_start_and_later_on_and_the_last_is_the_trained_one():
    found = demo.checkpoints("digits", epochs=(20, 0, 1))
    assert list(found) == ["start", "1 epoch", "20 epochs"] and found["1 epoch"].name == "1 epoch"
    recipe = RECIPES["digits"]
    first, second, last = (recipe.accuracy(net.model) for net in found.values())
    assert first < 0.3 and last >= 0.97 and first < second <= last
    untrained = recipe.untrained(0)
    assert torch.equal(found["start"].model.conv1.weight, untrained.conv1.weight)


def test_checkpoints_that_training_does_not_reach_are_refused():
    with pytest.raises(ValueError, match="trained for 20 epochs; epochs are among 0 to 20"):
        demo.checkpoints("digits", epochs=(0, 21))
    with pytest.raises(ValueError, match="No demo network 'digit'; did you mean 'digits'"):
        demo.checkpoints("digit")
