"""False friends and class statistics, judged by patches that were planted among those of another unit."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from patches_store_index import brute, same
from sklearn.metrics import roc_auc_score
from torch import nn

import deepviz_widgets as dv
from deepviz_widgets.methods.patches import later as later_layers
from deepviz_widgets.methods.patches.classes import class_distribution
from deepviz_widgets.methods.patches.friends import FITS, ODD, false_friends, judged, searching_friends
from deepviz_widgets.methods.patches.later import at_places, later_layer

LAYERS = {"scenes": ("relu1", "block1.relu2", "relu2", "block2.relu1"), "digits": ("relu1", "relu2", "conv3")}


@pytest.fixture(scope="module", params=[(name, layer) for name, layers in LAYERS.items() for layer in layers], ids=str)
def demo(request):
    """A layer of a demo network that is not dead, and the features of its patches."""
    name, layer = request.param
    net, images = dv.demo.scenes(n=240) if name == "scenes" else dv.demo.digits()
    images = images[:400]
    index = brute(net, images, [layer])
    later = later_layer(net, layer)
    *_, (_, _, features) = at_places(net, images, index[layer], later, batch=64)
    return f"{name} {layer} -> {later.name}", net, images, index, np.flatnonzero(~index[layer].dead), features


def judged_again(table, features, units, ranks):
    """Judge other sets of the same patches, units and ranks (U, k) each."""
    some = SimpleNamespace(**{name: getattr(table, name)[units, ranks] for name in ("images", "ys", "xs", "values")})
    return judged(some, features[units, ranks], "later")


def planted(awake, number: int, seed: int, k: int = 9):
    """Say for each rank of each living unit of which unit and rank it is instead, and where that is another one."""
    rng = np.random.default_rng(seed)
    units, ranks = (array.copy() for array in np.broadcast_arrays(awake[:, None], np.arange(k)))
    where = np.zeros(units.shape, bool)
    for row, unit in enumerate(awake):
        for rank in rng.choice(k, number, replace=False):
            units[row, rank], ranks[row, rank] = rng.choice(awake[awake != unit]), rng.integers(k)
            where[row, rank] = True
    return units, ranks, where


def test_planted_patches_are_found_and_others_left_alone(demo, capsys):
    what, _, _, index, awake, features = demo
    (table,) = index.tables.values()
    for number, least in ((1, 0.5), (2, 0.45)):  # a random patch fits by chance in one case of four: at most 75 %
        found = []
        for seed in range(6):
            units, ranks, where = planted(awake, number, seed)
            friends = judged_again(table, features, units, ranks)
            assert friends.alike.any()
            judgeable = friends.alike[:, None] & where
            found.append((friends.odd[where].mean(), friends.odd[~where].mean(), friends.alike.mean(),
                          friends.odd[judgeable].mean(), roc_auc_score(where.ravel(), friends.oddness.ravel())))
        hits, alarms, judgeable, of_those, area = np.mean(found, 0)
        with capsys.disabled():
            print(f"\n{what}: {number} of 9 planted in {len(awake)} units: AUC {area:.2f}, {hits:.0%} found, "  # noqa: T201
                  f"{alarms:.1%} of the others marked, {judgeable:.0%} of the units can be judged", end="")
        assert hits >= least and alarms <= 0.06 and judgeable >= 0.6 and of_those >= 0.65 and area >= 0.85


def test_patches_drawn_at_random_are_as_odd_as_the_share_says(demo):
    _, _, _, index, awake, features = demo
    (table,) = index.tables.values()
    found = []
    for seed in range(8):
        drawn = np.random.default_rng(seed).permutation(len(awake) * 9).reshape(-1, 9)
        friends = judged_again(table, features, awake[drawn // 9], drawn % 9)
        assert friends.alike.mean() < 0.1, "random patches are no group, so none is odd among them"
        found.append((np.median(friends.oddness), (friends.oddness <= 0.25).mean(), friends.odd.mean()))
    middle, quarter, odd = np.mean(found, 0)
    assert abs(middle - 0.5) < 0.05 and abs(quarter - 0.25) < 0.05 and odd < 0.01


def test_the_whole_search_finds_a_planted_patch(demo):
    _, net, images, index, awake, features = demo
    (table,) = index.tables.values()
    units, ranks, where = planted(awake, 1, 0)
    fields = {name: getattr(table, name)[units, ranks] for name in ("images", "ys", "xs", "boxes", "values")}
    mixed = replace(table, names=tuple(map(str, awake)), **fields)
    friends = false_friends(net, replace(index, tables={table.key: mixed}), images, table.layer)
    assert friends.odd[where].mean() > 8 * friends.odd[~where].mean()
    direct = judged_again(table, features, units, ranks)
    assert np.abs(friends.oddness - direct.oddness).max() < 0.05


def made(features: np.ndarray, images=None):
    """Judge features (U, k, F) of patches that are all different."""
    units, k, _ = features.shape
    numbers = np.arange(units * k).reshape(units, k) if images is None else images
    table = SimpleNamespace(images=numbers, ys=numbers * 0, xs=numbers * 0, values=features[..., 0])
    return judged(table, features.astype(np.float32), "later")


def clusters(units=40, k=9, size=30, noise=0.3, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(units, 1, size)) + noise * rng.normal(size=(units, k, size))


def test_girshicks_dogs_and_dots_are_marked_and_kept_apart():
    features, kinds = clusters(), clusters(seed=9)
    features[5, 6:] = kinds[5, 6:]  # three of a second kind
    features[7, 2], features[7, 4] = kinds[8, 0], kinds[9, 0]  # two of two more kinds
    friends = made(features)
    assert friends.odd.sum() == 5 and friends.odd[5, 6:].all() and friends.odd[7, [2, 4]].all()
    assert friends.group[5].tolist() == [0] * 6 + [1] * 3 and sorted(friends.group[7, [2, 4]]) == [1, 2]
    assert friends.alike.all() and friends.score[5] > 0.5 and (np.delete(friends.score, [5, 7]) == 0).all()
    assert (friends.oddness[friends.odd] >= ODD).all() and (friends.oddness[0] <= FITS).all()
    assert "3 of its 9 patches are unlike the others in layer 'later'" in friends.says[5]
    assert friends.says[0] == "None of its 9 patches is odd among the others in layer 'later'."


def test_where_most_patches_are_unlike_none_is_called_odd():
    features = clusters()
    features[3] = np.random.default_rng(5).normal(size=(9, 30))
    features[4, 3:] = clusters(seed=7)[:6, 0]  # three alike of nine
    friends = made(features)
    assert not friends.alike[[3, 4]].any() and not friends.odd[[3, 4]].any() and np.isnan(friends.score[[3, 4]]).all()
    assert friends.says[3].startswith("Too few of its patches are alike")


def test_missing_and_few_patches_are_left_out():
    features = clusters()
    numbers = np.arange(40 * 9).reshape(40, 9)
    numbers[0, 4:], numbers[1, 3:], numbers[2] = -1, -1, -1
    features[numbers < 0] = np.nan
    features[6, 8] = np.nan  # an image that could not be read
    friends = made(features, numbers)
    assert np.isfinite(friends.oddness[0, :4]).all() and friends.group[0].tolist() == [0] * 4 + [-1] * 5
    assert np.isnan(friends.oddness[1:3]).all() and not friends.odd.any() and friends.group[6, 8] == -1
    assert friends.says[1] == "It has 3 patches, too few to tell whether one is odd."
    assert friends.says[2] == "It has no patches."
    assert np.isnan(made(np.full((3, 9, 4), np.nan)).score).all()


def test_the_same_patch_in_another_unit_is_no_measure_of_chance():
    features = clusters(units=3)
    numbers = np.arange(27).reshape(3, 9)
    numbers[1], features[1] = numbers[0], features[0]  # two units that like the same
    assert made(features, numbers).alike[:2].all()


def test_features_that_never_change_or_are_large_do_not_decide():
    features = clusters()
    changed = np.concatenate([features, np.full((40, 9, 1), 1e6), 0 * features[..., :1]], 2) * 1e3
    one, other = made(features), made(changed)
    assert same(one.odd, other.odd) and np.abs(one.oddness - other.oddness).max() < 0.01


def test_the_sentence_says_what_a_mark_means_and_what_not():
    means = made(clusters()).means
    assert "'later'" in means and "25%" in means.replace(" ", "") and "does not mean" in means
    assert means.count(". ") == 0 and means.endswith(".")


def test_features_are_the_activations_at_the_place_of_the_patch(monkeypatch):
    net, images = dv.demo.scenes(n=12)
    index = brute(net, images, ["relu1"], 4)
    table, later = index["relu1"], net.layer("block1.relu2")
    *_, (done, total, found) = at_places(net, images, table, later, batch=5)
    assert done == total == len(np.unique(table.images))
    for unit, rank in [(0, 0), (7, 3), (20, 1)]:
        maps = dv.methods.activations(net, images[int(table.images[unit, rank])], later.name).maps
        place = maps[:, table.ys[unit, rank] // 2, table.xs[unit, rank] // 2]  # half as many rows and columns
        assert np.abs(found[unit, rank] - place).max() < 1e-4
    monkeypatch.setattr(later_layers, "MOST", 4 * table.values.size * 20)
    *_, (_, _, few) = at_places(net, images, table, later, batch=5)
    assert few.shape[2] == 20 < found.shape[2] and (few[..., 1] == found[..., found.shape[2] // 20]).all()
    monkeypatch.undo()
    shifted = replace(table, images=table.images + 50)
    *_, (_, _, again) = at_places(net, images[3:], shifted, later, ids=range(53, 62))
    there = table.images >= 3
    assert np.isnan(again[~there]).all() and np.abs(again[there] - found[there]).max() < 1e-4


def test_the_later_layer_is_the_next_that_mixes_places_or_channels():
    net = dv.demo.scenes(n=6)[0]
    chosen = {name: later_layer(net, name).name for name in ("conv1", "relu1", "block1", "relu2", "block2.relu2", "fc")}
    assert chosen == {"conv1": "block1.relu1", "relu1": "block1.relu1", "block1": "relu2", "relu2": "block2.relu1",
                      "block2.relu2": "avgpool", "fc": "flatten"}
    net = dv.demo.digits()[0]
    names = ("conv1", "bn2", "conv3", "bn3", "relu3", "pool3", "flatten")
    chosen = {name: later_layer(net, name).name for name in names}
    assert chosen == {"conv1": "relu2", "bn2": "relu3", "conv3": "pool3", "bn3": "pool3", "relu3": "pool3",
                      "pool3": "fc", "flatten": "fc"}, "a batch norm or ReLU of the same features is none"
    plain = nn.Sequential(nn.Conv2d(1, 4, 3), nn.PReLU(4), nn.Identity(), nn.Dropout(), nn.Conv2d(4, 4, 1), nn.Tanh())
    assert later_layer(dv.Network(plain, input_size=(1, 8, 8)), "0").name == "4", "the only one: its answer itself"
    lonely = dv.Network(nn.Sequential(nn.Flatten(), nn.Linear(64, 3)), input_size=(1, 8, 8))
    assert later_layer(lonely, "1").name == "0"


def test_the_search_streams_repeats_itself_and_changes_nothing(unchanged):
    net, images = dv.demo.digits()
    index = brute(net, images[:60], ["relu1"], 5)
    with unchanged(net.model):
        steps = list(searching_friends(net, index, images[:60], "relu1"))
    assert len(steps) > 2 and all(step.result is None for step in steps[:-1]) and steps[-1].done == steps[-1].total
    again = false_friends(net, index, images[:60], "relu1")
    assert same(steps[-1].result, again) and again.later == "relu2"
    assert false_friends(net, index, images[:60], "relu1", "relu3").later == "relu3"
    with pytest.raises(ValueError, match="No layer 'relu9'"):
        false_friends(net, index, images[:60], "relu9")
    with pytest.raises(KeyError, match="No layer 'relu2'"):
        false_friends(net, index, images[:60], "relu2")


def distribution(rows, labels, base=None):
    return class_distribution(SimpleNamespace(images=np.array(rows)), labels, base)


def test_class_statistics_are_those_of_the_textbook():
    labels = {0: 3, 1: 3, 2: 5, 3: 8, 4: 8, 5: 8}
    found = distribution([[0, 1, 2, 3], [3, 4, 5, 3], [0, 2, 9, -1], [-1, 9, -1, 9]], labels)
    assert found.labels.tolist() == [3, 5, 8]
    assert found.counts.tolist() == [[2, 1, 1], [0, 0, 4], [1, 1, 0], [0, 0, 0]]
    assert found.known.tolist() == [4, 4, 2, 0]
    assert np.allclose(found.entropy, [1.5, 0, 1, np.nan], equal_nan=True)
    assert np.allclose(found.purity, [0.5, 1, 0.5, np.nan], equal_nan=True)
    assert found.label.tolist() == [3, 8, 3, -1] and found.count.tolist() == [2, 4, 1, 0]
    assert found.top[0].tolist() == [3, 5, 8, -1] and found.top_counts[0].tolist() == [2, 1, 1, 0]
    assert np.isnan(found.base).all() and np.isnan(found.expected_purity).all() and np.isnan(found.p).all()


def test_the_base_rate_says_what_chance_would_give():
    labels = dict.fromkeys(range(9), 0) | {image: image for image in range(10, 19)}
    found = distribution([list(range(9)), list(range(10, 19))], labels, {0: 900, **dict.fromkeys(range(10, 19), 10)})
    assert found.base[0] == pytest.approx(900 / 990) and found.base.sum() == pytest.approx(1)
    assert found.expected_purity[0] == pytest.approx(0.91, abs=0.02) and found.purity[0] == 1
    assert found.p[0] == pytest.approx((900 / 990) ** 9, abs=0.04), "pure, but so are most sets of nine"
    even = distribution([[0] * 9, [0] * 9], {0: 1}, np.arange(1000) % 10)
    assert even.p[0] < 0.001 and even.expected_purity[0] < 0.4 and even.expected_entropy[0] > 2
    assert distribution([[0, 1]], {0: 1, 1: 1}, {1: 5}).p[0] == 1


def test_no_labels_give_no_classes():
    found = distribution([[0, 1], [2, -1]], {})
    assert found.counts.shape == (2, 0) and np.isnan(found.purity).all() and found.label.tolist() == [-1, -1]
    assert found.top.shape == (2, 4) and found.top_counts.sum() == 0


def test_vectors_and_an_in_place_relu_after_the_layer_do_not_spoil_the_features():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(1, 6, 3), nn.ReLU(inplace=True), nn.Conv2d(6, 6, 3), nn.ReLU(inplace=True),
                          nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(6, 4)).eval()
    net = dv.Network(model, input_size=(1, 8, 8))
    images = dv.ImageSet(np.random.default_rng(0).integers(0, 255, (9, 8, 8), np.uint8))
    index = brute(net, images, ["0"], 4)
    *_, (_, _, found) = at_places(net, images, index["0"], net.layer("2"))
    assert found.min() < 0, "what the convolution gave, not what the ReLU left"
    assert false_friends(net, index, images, "0").later == "3"
