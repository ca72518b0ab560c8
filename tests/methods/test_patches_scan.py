"""`scan` against all places of all images tried in turn, for every kind of layer and order."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from patches_scans import Roots, Tokens, answers, by_hand, network, pictures, told, wanted
from torch import nn
from torchvision.models import VisionTransformer

import deepviz_widgets as dv
from deepviz_widgets.methods import receptive_field
from deepviz_widgets.methods.patches import scan
from deepviz_widgets.methods.patches.streaming import Batch, Rules, nothing
from deepviz_widgets.methods.patches.table import EDGES


def assert_near(mine: list[list[tuple]], theirs: list[list[tuple]], atol: float = 1e-5) -> None:
    """The same places in the same order, with values that only the rounding of another kernel tells apart."""
    assert [[patch[1:] for patch in row] for row in mine] == [[patch[1:] for patch in row] for row in theirs]
    assert np.allclose([patch[0] for row in mine for patch in row], [patch[0] for row in theirs for patch in row],
                       atol=atol)


@pytest.fixture(scope="module")
def net():
    return network()


@pytest.fixture(scope="module")
def images():
    return pictures(23)


@pytest.mark.parametrize("layer", ["0", "1", "2", "4.conv1", "4.relu", "4", "5", "6", "7"])
def test_every_unit_of_every_layer_has_the_patches_that_brute_force_finds(net, images, layer):
    for order, sign in (("min", -1), ("max", 1)):
        found = scan(net, images, layer, k=6, order=order, batch_size=4).finish()[layer]
        assert told(found) == wanted(net, images, layer, k=6, sign=sign)
    field = receptive_field(net, layer)
    assert found.field == field.status and found.grid == field.grid
    assert (found.boxes == field.boxes[found.ys, found.xs]).all()


@pytest.mark.parametrize(("order", "sign"), [("max", 1), ("min", -1)])
@pytest.mark.parametrize("most", [0, 0.3, 1])
def test_several_places_of_an_image_keep_apart_as_by_hand(net, images, order, sign, most):
    for layer in ("0", "4.conv2"):
        found = scan(net, images, layer, k=9, per_image=3, order=order, overlap=most, batch_size=4).finish()[layer]
        assert told(found) == wanted(net, images, layer, k=9, per_image=3, most=most, sign=sign)
        assert max(np.unique(row, return_counts=True)[1].max() for row in found.images) > 1, "an image stands twice"


def test_the_statistics_are_those_of_all_places(net, images):
    found = scan(net, images, ["0", "2"], batch_size=4).finish()
    for layer in ("0", "2"):
        table, every = found[layer], answers(net, images, layer)
        peak = every.max((2, 3)).astype(float)
        response = np.maximum(peak, 0)
        assert np.allclose(table.mean, every.mean((0, 2, 3)), atol=1e-6)
        assert (table.maximum == peak.max(0)).all() and (table.places == every[:, 0].size).all()
        n = len(images)
        with np.errstate(invalid="ignore"):
            sparse = (1 - response.mean(0) ** 2 / (response**2).mean(0)) / (1 - 1 / n)
        assert np.allclose(table.sparsity, sparse, equal_nan=True)
        assert (table.maxima == np.stack([np.bincount(np.searchsorted(EDGES, unit), minlength=len(EDGES) + 1)
                                          for unit in peak.T])).all()


def test_the_histogram_of_all_answers_takes_every_place_equally_often(net):
    many = dv.ImageSet(np.random.default_rng(7).integers(0, 255, (500, 16, 16, 3), np.uint8))
    found = scan(net, many, ["2", "5", "7"]).finish()
    for layer in ("2", "5", "7"):
        table, every = found[layer], answers(net, many, layer, 64)
        places = every[0, 0].size
        assert (table.answers.sum(1) == 500 * min(2, places)).all()
        truth = np.stack([np.bincount(np.searchsorted(EDGES, every[:, unit].ravel()), minlength=len(EDGES) + 1)
                          for unit in range(every.shape[1])])
        if places <= 2:
            assert (table.answers == truth).all()
        else:
            shares = table.answers / table.answers.sum(1, keepdims=True)
            assert np.abs(shares - truth / truth.sum(1, keepdims=True)).max() < 0.05
            assert np.abs(shares - truth / truth.sum(1, keepdims=True)).mean() < 0.005


def test_a_sample_of_places_is_spread_over_the_whole_map():
    batch = Batch.of(nothing(1, 1, torch.device("cpu")), Rules(1), range(1000))
    for places in (1, 3, 4, 5, 49, 12544):
        found = batch.sample(places)[:, 0].numpy()
        assert found.min() == 0 and 0.999 * places - 1 <= found.max() < places
        assert (np.diff(found) >= places // 2).all()
        shares = np.histogram(found, bins=min(places, 49), range=(0, places))[0] / found.size
        assert np.abs(shares * min(places, 49) - 1).max() < 0.05


def test_a_unit_that_answers_to_one_image_is_sparse_and_one_that_never_does_is_dead(images):
    net = network()
    with torch.no_grad():
        net.model[0].weight[5], net.model[0].bias[5] = 0, -1
        net.model[0].weight[6], net.model[0].bias[6] = 0, 1
    table = scan(net, images, "2").finish()["2"]
    assert table.dead.tolist() == [False] * 5 + [True] + [False] * 2
    assert np.isnan(table.sparsity[5]) and table.sparsity[6] == 0
    assert table.images[5].tolist() == list(range(16)) and not table.ys[5].any(), "equal values by image and place"


def test_an_in_place_relu_after_a_layer_does_not_change_what_is_recorded(net, images):
    assert isinstance(net.model[2], nn.ReLU) and net.model[2].inplace
    assert (scan(net, images, "1", order="min").finish()["1"].values < 0).any()


def test_tokens_are_read_as_places_without_the_class_token(images):
    net = dv.Network(Tokens(), input_size=(3, 16, 16))
    assert net.layer("mix").layout.extra == 1
    found = scan(net, images, "mix", k=5, batch_size=4).finish()["mix"]
    every = answers(net, images, "mix")
    assert found.grid == (4, 4) and every.shape[2:] == (4, 4)
    hand = by_hand(every, receptive_field(net, "mix").boxes, range(len(images)), k=5)
    assert_near(told(found), hand)


class Twice(nn.Module):
    """Calls one layer twice."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(3)
        self.first, self.again = nn.Conv2d(3, 6, 3, padding=1), nn.Conv2d(6, 6, 3, padding=1)
        self.head = nn.Linear(6, 5)

    def forward(self, x):
        return self.head(self.again(self.again(self.first(x)).relu()).amax((2, 3)))


def small_transformer() -> nn.Module:
    torch.manual_seed(4)
    return VisionTransformer(image_size=16, patch_size=4, num_layers=1, num_heads=2, hidden_dim=6, mlp_dim=8,
                             num_classes=5)


@pytest.mark.parametrize("model", [Twice, small_transformer])
def test_all_layers_of_a_transformer_and_the_last_call_of_each_are_as_by_hand(model):
    images = dv.ImageSet(np.random.default_rng(5).integers(0, 255, (14, 16, 16, 3), np.uint8))
    net = dv.Network(model().eval(), input_size=(3, 16, 16))
    index = scan(net, images, "all", k=4, batch_size=4).finish()
    assert index.layers == tuple(layer.name for layer in net.layers)
    for layer in index.layers:
        assert_near(told(index[layer]), wanted(net, images, layer, k=4))


def test_values_that_are_not_finite_are_counted_and_never_ranked(images):
    net = dv.Network(Roots(), input_size=(3, 16, 16))
    every = answers(net, images, "root")
    assert np.isnan(every).any() and np.isfinite(every).any()
    for order, sign in (("max", 1), ("min", -1)):
        found = scan(net, images, "root", k=4, per_image=2, order=order, batch_size=4).finish()["root"]
        assert told(found) == wanted(net, images, "root", k=4, per_image=2, sign=sign)
        assert (found.not_finite == np.isnan(every).sum((0, 2, 3))).all()
        assert np.allclose(found.mean, np.nanmean(every, (0, 2, 3)), atol=1e-6)
        assert (found.answered == np.isfinite(every).any((2, 3)).sum(0)).all()


def test_a_unit_that_is_never_finite_has_no_patches(images):
    net = network()
    with torch.no_grad():
        net.model[0].bias[3] = torch.nan
    found = scan(net, images, "0", k=4, batch_size=4).finish()["0"]
    assert np.isnan(found.values[3]).all() and (found.images[3] == -1).all() and found.not_finite[3] == 23 * 256
    assert np.isnan([found.maximum[3], found.mean[3]]).all() and np.isfinite(np.delete(found.values, 3, 0)).all()


def test_infinite_values_are_counted_and_others_of_the_image_ranked(net, images):
    class Spike(nn.Module):
        def forward(self, x):
            return torch.where(x > x.mean(), torch.inf, x)

    odd = dv.Network(nn.Sequential(Spike(), nn.Flatten(), nn.Linear(768, 5)), input_size=(3, 16, 16))
    found = scan(odd, images, "0", k=3, batch_size=4).finish()["0"]
    assert np.isfinite(found.values).all() and (found.not_finite > 0).all()
    assert told(found) == by_hand(answers(odd, images, "0"), receptive_field(odd, "0").boxes, range(23), k=3)


def test_directions_are_ranked_as_the_products_of_the_vectors_with_the_units(net, images):
    vectors = np.linalg.qr(np.random.default_rng(0).normal(size=(8, 8)))[0].astype(np.float32)[:5]
    given = SimpleNamespace(layer="4.conv1", name="random", vectors=vectors, names=tuple("abcde"))
    unit = SimpleNamespace(layer="4.conv1", name="one", vectors=np.eye(8, dtype=np.float32), names=tuple("01234567"))
    index = scan(net, images, "4.conv1", k=4, per_image=2, directions=[given, unit], batch_size=4).finish()
    every = np.einsum("rc,nchw->nrhw", vectors, answers(net, images, "4.conv1"))
    hand = by_hand(every, receptive_field(net, "4.conv1").boxes, range(23), k=4, per_image=2)
    assert_near(told(index["4.conv1", "random"]), hand)
    assert told(index["4.conv1", "one"]) == told(index["4.conv1"])
    assert index["4.conv1", "random"].names == tuple("abcde")


def relevances(net, images, size=4) -> np.ndarray:
    """Activation times gradient of the score of each image's own class, at the norm of the first layer."""
    inputs, found = [net.input(picture) for picture in images], []
    for start in range(0, len(images), size):
        some = inputs[start : start + size]
        given = net.model[:2](torch.stack(some + some[-1:] * (size - len(some)))).detach().requires_grad_()
        scores = net.model[2:](given.clone())[range(len(some)), images.labels[start : start + len(some)].tolist()]
        gradient = torch.autograd.grad(scores.sum(), given)[0]
        found.append((given.detach() * gradient)[: len(some)].numpy())
    return np.concatenate(found)


@pytest.mark.parametrize("per_image", [1, 2])
def test_relevance_is_activation_times_gradient_of_the_score_of_the_own_class(net, images, per_image, unchanged):
    with unchanged(net.model):
        found = scan(net, images, "1", k=5, order="relevance", per_image=per_image, batch_size=4).finish()["1"]
    boxes = receptive_field(net, "1").boxes
    hand = by_hand(relevances(net, images), boxes, range(23), k=5, per_image=per_image)
    assert_near(told(found), hand, 1e-7)
    assert np.allclose(found.maximum, answers(net, images, "1").max((0, 2, 3))), "statistics are of the activations"


def test_the_sum_of_relevance_ranks_images_and_shows_their_most_relevant_place(net, images):
    found = scan(net, images, "1", k=5, order="relevance sum", batch_size=4).finish()["1"]
    every = relevances(net, images)
    sums = every.sum((2, 3))
    best = np.argsort(-sums, axis=0, kind="stable")[:5].T
    assert np.allclose(found.values, np.take_along_axis(sums.T, best, 1), atol=1e-6) and (found.images == best).all()
    for unit, (images_of, ys, xs) in enumerate(zip(found.images, found.ys, found.xs, strict=True)):
        assert (every[images_of, unit, ys, xs] == every[images_of, unit].max((1, 2))).all()


def test_relevance_takes_the_predicted_class_where_there_is_no_label(net, images):
    bare = dv.ImageSet([picture.data for picture in images])
    said = net.scores(list(images)).raw.argmax(1)
    labelled = dv.ImageSet([picture.data for picture in images], labels=said)
    first, second = (scan(net, some, "1", k=3, order="relevance").finish()["1"] for some in (bare, labelled))
    assert (first.values == second.values).all() and (first.images == second.images).all()


def test_all_layers_at_once_are_what_each_alone_is_and_the_model_stays_as_it_is(images, unchanged):
    net = network()
    net.model.train()
    with unchanged(net.model):
        index = scan(net, images, "all", k=3, batch_size=4).finish()
    assert index.layers == tuple(layer.name for layer in net.layers)
    for layer in ("0", "4.conv2", "4.relu", "7"):
        assert told(index[layer]) == told(scan(net, images, layer, k=3, batch_size=4).finish()[layer])
    assert scan(net, images, "convolutions").finish().layers == ("0", "4.conv1", "4.conv2")


@pytest.mark.parametrize("size", [1, 2, 7, 64])
def test_the_batch_size_changes_no_more_than_the_rounding_of_the_network(net, images, size):
    usual = scan(net, images, "convolutions", k=5, per_image=2, batch_size=4).finish()
    other = scan(net, images, "convolutions", k=5, per_image=2, batch_size=size).finish()
    for key, table in usual.tables.items():
        for name in ("images", "ys", "xs", "boxes", "maxima", "places"):
            assert (getattr(table, name) == getattr(other.tables[key], name)).all(), (key, name)
        assert np.allclose(table.values, other.tables[key].values, atol=1e-6)


def test_half_precision_ranks_what_the_layer_answers(images):
    net = dv.Network(network().model.to(torch.bfloat16), input_size=(3, 16, 16))
    table = scan(net, images, "0", k=4, batch_size=23).finish()["0"]
    with dv.capture(net, ["0"]) as seen:
        net.forward(net.inputs(images))
    every = seen["0"][0].float().numpy()
    assert told(table) == by_hand(every, receptive_field(net, "0").boxes, range(23), k=4)


def test_what_cannot_be_scanned_is_said_in_a_sentence(net, images):
    for wrong, words in (({"layers": "9"}, "No layer '9'"), ({"order": "most"}, "'most' is none of these"),
                         ({"k": 0}, "k is a whole number from 1"), ({"overlap": 2}, "from 0 to 1"),
                         ({"batch_size": 1.5}, "batch_size is a whole number"), ({"layers": []}, "No layer was given"),
                         ({"ids": [1, 2]}, "23 images but 2 ids"), ({"ids": [0] * 23}, "each once"),
                         ({"order": "relevance sum", "per_image": 2}, "per_image is 1"),
                         ({"directions": [3]}, "an int has not")):
        with pytest.raises(ValueError, match=words):
            scan(net, images, **{"layers": "0", **wrong})
    short = SimpleNamespace(layer="0", name="short", vectors=np.ones((2, 3)), names=("a", "b"))
    with pytest.raises(ValueError, match="R × 8 with R names"):
        scan(net, images, "0", directions=short)
