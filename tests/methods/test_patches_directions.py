"""Directions in the space of a layer's units, against scikit-learn and sums by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.stats import kstest
from sklearn.decomposition import NMF, PCA
from torch import nn

import deepviz_widgets as dv
from deepviz_widgets.methods.patches import components, directions, scan
from deepviz_widgets.methods.patches.directions import Directions


class Tokens(nn.Module):
    """A small vision transformer, with a class token that is no place."""

    def __init__(self):
        super().__init__()
        self.cut = nn.Conv2d(1, 12, 4, 4)
        self.token = nn.Parameter(torch.randn(1, 1, 12))
        self.block = nn.TransformerEncoderLayer(12, 2, 16, batch_first=True)
        self.head = nn.Linear(12, 4)

    def forward(self, x):
        x = torch.cat([self.token.expand(len(x), -1, -1), self.cut(x).flatten(2).movedim(1, 2)], 1)
        return self.head(self.block(x)[:, 0])


def convolutions(pool=nn.AdaptiveAvgPool2d, channels=6):
    return nn.Sequential(nn.Conv2d(1, channels, 3), nn.ReLU(), pool(1), nn.Flatten(), nn.Linear(channels, 4))


@pytest.fixture(scope="module", params=["conv", "vector", "tokens"])
def case(request):
    """A network, a layer of it, 20 images and all answers of the layer, one place a row."""
    torch.manual_seed(0)
    model = (Tokens() if request.param == "tokens" else convolutions()).eval()
    net = dv.Network(model, input_size=(1, 12, 12))
    layer = {"conv": "1", "vector": "3", "tokens": "block"}[request.param]
    images = dv.ImageSet(np.random.default_rng(0).integers(0, 255, (20, 12, 12), np.uint8))
    found = [dv.methods.activations(net, image, layer).maps for image in images]
    return net, layer, images, np.concatenate([maps.reshape(len(maps), -1).T for maps in found]).astype(np.float64)


def test_random_directions_are_the_first_rows_of_one_rotation(case):
    net, layer, _, answers = case
    units = answers.shape[1]
    every = directions.random(net, layer)
    assert every.vectors.shape == (units, units) and every.vectors.dtype == np.float32
    assert np.abs(every.vectors @ every.vectors.T - np.eye(units)).max() < 1e-6
    few, other = directions.random(net, layer, 2), directions.random(net, layer, seed=1, name="other")
    assert np.allclose(few.vectors, every.vectors[:2]) and few.names == ("random 1", "random 2")
    assert not np.allclose(other.vectors, every.vectors) and other.names[0] == "other 1"
    assert np.array_equal(every.vectors, directions.random(net, layer).vectors)


def test_all_random_directions_are_equally_likely():
    net = dv.Network(convolutions(channels=3).eval(), input_size=(1, 12, 12))
    drawn = np.stack([directions.random(net, "1", seed=seed).vectors for seed in range(500)])
    for row in range(3):  # a coordinate of a point on a sphere is uniform, says Archimedes; signs are not turned
        for unit in range(3):
            assert kstest(drawn[:, row, unit], "uniform", (-1, 2)).pvalue > 1e-3
    assert abs(np.linalg.det(drawn).mean()) < 0.2, "reflections are as likely as rotations"


def test_principal_components_are_those_of_scikit_learn(case, unchanged):
    net, layer, images, answers = case
    with unchanged(net.model):
        found = directions.pca(net, images, layer, 3, batch=7)
    oracle = PCA(3).fit(answers)
    assert np.abs(np.abs((found.vectors * oracle.components_).sum(1)) - 1).max() < 1e-4
    assert (found.vectors[np.arange(3), np.abs(found.vectors).argmax(1)] > 0).all()
    assert f"they hold {oracle.explained_variance_ratio_.sum() * 100:.0f} % of its variance" in found.note
    assert found.names == ("PCA 1", "PCA 2", "PCA 3") and found.layer == layer
    again = directions.pca(net, images, layer, 3, batch=20)
    assert np.abs(again.vectors - found.vectors).max() < 1e-4, "batches are only a way to go through the images"
    assert len(directions.pca(net, images, layer)) == min(answers.shape[1], 16)


def test_principal_components_stay_exact_far_from_zero():
    torch.manual_seed(0)
    model = convolutions().eval()
    model[0].bias.data += 1000.0
    net = dv.Network(model, input_size=(1, 12, 12))
    images = dv.ImageSet(np.random.default_rng(0).integers(0, 255, (20, 12, 12), np.uint8))
    maps = [dv.methods.activations(net, image, "1").maps.reshape(6, -1).T for image in images]
    oracle = PCA(2).fit(np.concatenate(maps).astype(np.float64))
    found = directions.pca(net, images, "1", 2, batch=3)
    assert np.abs(np.abs((found.vectors * oracle.components_).sum(1)) - 1).max() < 1e-4


def test_non_negative_parts_are_those_of_scikit_learn(case, unchanged):
    net, layer, images, answers = case
    if answers.min() < 0:
        with pytest.raises(ValueError, match="has negative answers, and NMF is of numbers from 0; take a layer"):
            directions.nmf(net, images, layer, 2)
        return
    with unchanged(net.model):
        found = directions.nmf(net, images, layer, 2, places=10**6)
    oracle = NMF(2, init="nndsvda", random_state=0, max_iter=400, tol=1e-3)
    weights = oracle.fit_transform(answers.astype(np.float32))
    lengths = np.linalg.norm(oracle.components_, axis=1)
    order = np.argsort(-weights.sum(0) * lengths)
    assert np.abs(found.vectors - (oracle.components_ / lengths[:, None])[order]).max() < 1e-4
    assert (found.vectors >= 0).all() and np.allclose(np.linalg.norm(found.vectors, axis=1), 1, atol=1e-6)
    assert found.names == ("NMF 1", "NMF 2") and f"from {len(answers):,} places" in found.note


def test_a_large_set_is_sampled_evenly_and_by_its_seed(case):
    net, layer, images, answers = case
    if answers.min() < 0 or len(answers) < 100:
        return
    one, again, other = (directions.nmf(net, images, layer, 2, places=60, seed=seed) for seed in (0, 0, 1))
    assert np.array_equal(one.vectors, again.vectors) and not np.allclose(one.vectors, other.vectors)
    assert "from 60 places" in one.note
    drawn = components._drawn(net, images, net.layer(layer), 60, 0, 7)
    assert drawn.shape == (60, 6) and np.abs(drawn[:, None] - answers[None]).max(2).min(1).max() < 1e-4
    means = [components._drawn(net, images, net.layer(layer), 60, seed, 7).mean(0) for seed in range(20)]
    error = answers.std(0) / np.sqrt(60 * 20)
    assert (np.abs(np.mean(means, 0) - answers.mean(0)) < 5 * error + 1e-6).all(), "each place has the same chance"


def test_images_that_cannot_be_read_and_values_that_are_not_finite_are_left_out(tmp_path):
    torch.manual_seed(0)
    net = dv.Network(convolutions().eval(), input_size=(1, 12, 12))
    rng = np.random.default_rng(0)
    for number in range(6):
        Image.fromarray(rng.integers(0, 255, (12, 12), np.uint8)).save(tmp_path / f"{number}.png")
    whole = directions.pca(net, dv.ImageSet(tmp_path), "1", 2).vectors
    (tmp_path / "broken.png").write_bytes(b"no image")
    assert np.allclose(directions.pca(net, dv.ImageSet(tmp_path), "1", 2).vectors, whole, atol=1e-5)

    class Holes(nn.Module):
        def forward(self, x):
            return torch.where(x.amax(1, keepdim=True) > 0.5, torch.nan, x)

    holed = dv.Network(nn.Sequential(*convolutions()[:2], Holes()).eval(), input_size=(1, 12, 12))
    found = torch.cat(list(components.columns(holed, dv.ImageSet(tmp_path), holed.layer("2"))))
    assert torch.isfinite(found).all() and 0 < len(found) < 600
    photos = dv.ImageSet(sorted(tmp_path.glob("?.png")))
    for path in tmp_path.glob("?.png"):
        path.write_bytes(b"no image")
    for find in (directions.pca, directions.nmf):
        with pytest.raises(dv.ImageError, match="None of 6 images can be read"):
            find(net, photos, "1", 2)


def test_class_weights_times_the_places_are_the_scores(unchanged):
    torch.manual_seed(0)
    for pool, reduce in ((nn.AdaptiveAvgPool2d, np.mean), (nn.AdaptiveMaxPool2d, None)):
        model = convolutions(pool).eval()
        net = dv.Network(model, classes=["cat", "dog", "class 7", "möwe"], input_size=(1, 12, 12))
        with unchanged(model):
            found = directions.class_weights(net)
        assert found.layer == "1" and found.names == ("class cat", "class dog", "class 7", "class möwe")
        assert np.array_equal(found.vectors, model[4].weight.detach().numpy())
        image = np.random.default_rng(0).integers(0, 255, (12, 12), np.uint8)
        maps = dv.methods.activations(net, image, "1").maps
        if reduce is not None:
            scores = reduce(found.project(maps), axis=(1, 2)) + model[4].bias.detach().numpy()
            assert np.abs(scores - net.scores(image).raw[0]).max() < 1e-4
            with pytest.raises(ValueError, match="reads the mean over the places of '1' and not layer '0'; give that"):
                directions.class_weights(net, "0")
        else:
            assert "the maximum over the places of '1'" in found.note
        assert directions.class_weights(net, "3").vectors.shape == (4, 6), "the pooled units have one place"


def test_class_weights_are_also_those_of_a_convolution_at_the_end():
    torch.manual_seed(0)
    convs = nn.Conv2d(1, 6, 3), nn.ReLU(), nn.Conv2d(6, 4, 1)
    model = nn.Sequential(*convs, nn.AdaptiveAvgPool2d(1), nn.Flatten()).eval()
    found = directions.class_weights(dv.Network(model, input_size=(1, 12, 12)))
    assert found.layer == "1" and np.array_equal(found.vectors, model[2].weight.detach()[:, :, 0, 0].numpy())


def test_where_the_classes_read_no_places_their_weights_are_refused_in_one_sentence():
    torch.manual_seed(0)
    flat = nn.Sequential(nn.Conv2d(1, 6, 3), nn.Flatten(), nn.Linear(600, 4)).eval()
    net = dv.Network(flat, input_size=(1, 12, 12))
    assert directions.class_weights(net).layer == "1", "as a vector it can be asked for"
    with pytest.raises(ValueError, match="reads '1' and not layer '0'; give that one"):
        directions.class_weights(net, "0")
    ends = nn.Sequential(nn.Conv2d(1, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten()).eval()
    with pytest.raises(ValueError, match="its last layer with weights, '0', is none"):
        directions.class_weights(dv.Network(ends, input_size=(1, 12, 12)))
    with pytest.raises(ValueError, match="it has none"):
        directions.class_weights(dv.Network(nn.Sequential(nn.Flatten()), input_size=(1, 12, 12)))
    with pytest.raises(ValueError, match="reads neither the places of 'block' nor their mean or maximum"):
        directions.class_weights(dv.Network(Tokens().eval(), input_size=(1, 12, 12)), "block")


def test_the_difference_of_two_images_is_that_of_their_mean_answers(case, unchanged):
    net, layer, images, answers = case
    per_image = answers.reshape(20, -1, answers.shape[1]).mean(1)
    with unchanged(net.model):
        found = directions.difference(net, images[3], images[5], layer)
    by_hand = per_image[3] - per_image[5]
    assert np.abs(found.vectors[0] - by_hand / np.linalg.norm(by_hand)).max() < 1e-4
    assert found.names == ("image 3 − image 5",)
    sets = directions.difference(net, images[:4], images[4:9], layer)
    by_hand = per_image[:4].mean(0) - per_image[4:9].mean(0)
    assert np.abs(sets.vectors[0] - by_hand / np.linalg.norm(by_hand)).max() < 1e-4
    assert sets.names == ("4 images − 5 images",)
    with pytest.raises(ValueError, match="answers the same to both, so there is no direction between them"):
        directions.difference(net, images[3], images[3], layer)
    with pytest.raises(ValueError, match="on one side there are none"):
        directions.difference(net, [], images[3], layer)


def test_a_scan_along_directions_ranks_their_projection(case):
    net, layer, images, _ = case
    units = net.layer(layer).layout.channels
    along = directions.given(np.random.default_rng(1).normal(size=(3, units)), layer, "mine", ["a", "b", "c"])
    table = scan(net, images, layer, k=4, directions=along).finish()[layer, "mine"]
    best = np.stack([along.project(dv.methods.activations(net, image, layer).maps).max((1, 2)) for image in images], 1)
    assert table.names == ("a", "b", "c")
    assert np.abs(table.values - -np.sort(-best, 1)[:, :4]).max() < 1e-4 * np.abs(best).max()


@pytest.mark.parametrize(("vectors", "more", "says"), [
    ([[1, 2], [0, 0]], {}, "The direction 'mine 2' is 0 everywhere, so it points nowhere"),
    ([[1, np.nan]], {}, "The directions 'mine' hold values that are NaN or infinite"),
    (np.zeros((2, 2, 2)), {}, "Directions are vectors \\(R, C\\), one a row; these are 2 × 2 × 2"),
    (np.zeros((0, 3)), {}, "Directions are vectors"),
    (["a"], {}, "Directions are vectors of numbers"),
    ([[1, 2], [2, 1]], {"names": ["a", "a"]}, "There are 2 directions; give each a name of its own"),
    ([[1, 2], [2, 1]], {"names": ["a"]}, "There are 2 directions; give each a name of its own"),
    ([[1, 2]], {"name": "units"}, "The name 'units' is taken or empty"),
    ([[1, 2]], {"layer": 3}, "Name the layer in which the vectors lie; 3 is no name"),
])
def test_vectors_that_point_nowhere_are_refused_in_one_sentence(vectors, more, says):
    with pytest.raises(ValueError, match=says) as refused:
        directions.given(vectors, **({"layer": "conv1", "name": "mine"} | more))
    assert "\n" not in str(refused.value)


def test_what_does_not_fit_a_network_is_refused_in_one_sentence():
    net, images = dv.demo.digits()
    with pytest.raises(ValueError, match="Layer 'conv1' has 16 units; the directions 'given' are vectors of 3"):
        directions.given([1, 2, 3], "conv1").fitting(net)
    assert directions.given(torch.ones(16), net.layer("conv1")).fitting(net).name == "conv1"
    for find in (lambda n: directions.random(net, "conv1", n), lambda n: directions.pca(net, images[:4], "conv1", n)):
        with pytest.raises(ValueError, match="has 16 units, so there are at most as many directions that are indep"):
            find(17)
        for wrong in (0, True, 2.5):
            with pytest.raises(ValueError, match="The number of directions is a whole number from 1"):
                find(wrong)
    dark = [np.zeros((32, 32), np.uint8)] * 3
    with pytest.raises(ValueError, match="answers the same at all 3 places, so it has no components"):
        directions.pca(net, dark, "fc", 1)
    with pytest.raises(ValueError, match="No layer 'conv7'"):
        directions.random(net, "conv7")


def test_directions_say_what_they_are():
    found = Directions("conv1", "mine", [[1, 2, 2]])
    assert repr(found) == "Directions('mine', 1 of 3 units, 'conv1')" and len(found) == 1
    maps = np.arange(12).reshape(3, 2, 2)
    assert np.array_equal(found.project(maps)[0], maps[0] + 2 * maps[1] + 2 * maps[2])
