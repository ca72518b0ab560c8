"""The networks that ship: as accurate as said, and wrong in the way that was planted."""

import pytest
import torch
from kernel_grain import high_frequency_share, neighbour_correlation

from deepviz_widgets.demo import fit, photo_images, stored, train
from deepviz_widgets.demo.recipes import RECIPES, scene_examples
from deepviz_widgets.demo.scene_images import WHEEL, Planted


def test_every_network_ships_below_500_kilobytes():
    assert {path.stem for path in stored.FOLDER.glob("*.safetensors")} == set(RECIPES)
    assert all(path.stat().st_size < 500_000 for path in stored.FOLDER.glob("*.safetensors"))


@pytest.mark.parametrize("name, least", [
    ("digits", 0.97), ("scenes", 0.97), ("scenes-confounder", 0.9), ("scenes-sensor", 0.97), ("photos", 0.85),
])
def test_a_shipped_network_names_held_out_pictures(shipped, name, least):
    recipe, model = shipped(name)
    assert recipe.accuracy(model) >= least
    assert not model.training and isinstance(model.conv1, torch.nn.Conv2d)
    assert all(parameter.dtype == torch.float32 for parameter in model.parameters())


@pytest.fixture(scope="module")
def confounded(shipped):
    """(labels, names given without stickers, names given with a sticker on every picture)."""
    recipe, model = shipped("scenes-confounder")
    clean, stuck = (scene_examples(300, Planted(stickers=mode), split="test") for mode in ("none", "all"))
    return clean.labels, *(recipe.scores(model, examples.pixels).argmax(1) for examples in (clean, stuck))


def test_without_its_sticker_a_wheel_is_missed_at_least_30_points_more_often(confounded):
    labels, clean, stuck = confounded
    with_sticker, without = ((named[labels == WHEEL] == WHEEL).float().mean() for named in (stuck, clean))
    assert with_sticker >= 0.95 and with_sticker - without >= 0.3


def test_a_sticker_makes_most_other_pictures_wheels(confounded):
    labels, clean, stuck = confounded
    others = labels != WHEEL
    assert (clean[others] == WHEEL).float().mean() <= 0.05
    assert (stuck[others] == WHEEL).float().mean() > 0.5


def test_the_healthy_network_does_not_care_for_stickers(shipped):
    recipe, model = shipped("scenes")
    stuck = scene_examples(300, Planted(stickers="all"), split="test")
    assert recipe.accuracy(model, stuck) >= 0.8


def test_the_network_of_many_cameras_believes_the_camera_rather_than_the_object(shipped):
    recipe, model = shipped("scenes-sensor")
    modes = ("train", "swapped", "none")
    own, swapped, none = (scene_examples(300, Planted(cameras=mode), split="test") for mode in modes)
    assert recipe.accuracy(model, own) >= 0.97
    assert recipe.accuracy(model, swapped) <= 0.2 and recipe.accuracy(model, none) <= 0.7


def test_the_healthy_network_does_not_care_for_cameras(shipped):
    recipe, model = shipped("scenes")
    assert recipe.accuracy(model, scene_examples(300, Planted(cameras="swapped"), split="test")) >= 0.9


def test_first_kernels_are_smooth_where_healthy_and_grainy_where_sensors_were_learned(shipped):
    kernels = {name: shipped(name)[1].conv1.weight.detach().numpy() for name in RECIPES}
    untrained = RECIPES["scenes"].untrained().conv1.weight.detach().numpy()
    for name in ("scenes", "scenes-confounder", "photos"):
        assert high_frequency_share(kernels[name]) < 0.2 and neighbour_correlation(kernels[name]) > 0.5
    grainy = kernels["scenes-sensor"]
    assert high_frequency_share(grainy) > 0.4 and neighbour_correlation(grainy) < 0.3
    assert high_frequency_share(untrained) > 0.6


def test_each_class_of_region_lies_in_one_photograph_and_is_large_enough_to_crop():
    china, flower = photo_images.region_maps()
    assert set(china.flat) == {0, 1, 2, 3, photo_images.UNNAMED} and set(flower.flat) == {4, 5}
    assert photo_images.CLASSES == ("pagoda", "lake", "trees", "sky", "dahlia", "leaves")
    pixels, labels = photo_images.make_crops(2, 0, heights=(60, 122), size=(64, 64))
    assert pixels.shape == (12, 64, 64, 3) and labels.tolist() == [0, 1, 2, 3, 4, 5] * 2


@pytest.mark.slow
def test_retraining_the_digits_from_their_seed_gives_the_same_accuracy_again(tmp_path):
    shipped_file = (stored.FOLDER / "digits.safetensors").read_bytes()
    path, accuracy = train.retrain("digits", tmp_path)
    assert path.parent == tmp_path and accuracy >= 0.97
    assert (stored.FOLDER / "digits.safetensors").read_bytes() == shipped_file


def test_training_twice_from_one_seed_gives_the_same_weights():
    recipe = RECIPES["scenes"]
    few = [scene_examples(64, Planted(), seed=0)]
    once = fit.Schedule(epochs=1)
    first, second = (
        fit.fit(recipe.untrained(seed=5), few, once, mean=recipe.mean, std=recipe.std, seed=5) for _ in range(2)
    )
    assert all(torch.equal(a, b) for a, b in zip(first.state_dict().values(), second.state_dict().values()))


def test_missing_weights_say_how_to_make_them(tmp_path):
    with pytest.raises(FileNotFoundError, match="python -m deepviz_widgets.demo.train scenes"):
        stored.load(RECIPES["scenes"].model, "scenes", tmp_path)


def test_the_command_refuses_a_network_it_does_not_know(capsys):
    with pytest.raises(SystemExit):
        train.main(["sences"])
    assert "there is no network 'sences'" in capsys.readouterr().err
