"""Features: what a layer answers, one row an image, from one pass that loses no image and changes no model."""

from __future__ import annotations

from importlib import import_module

import numpy as np
import pytest
import torch
from networks import small_network
from torch import nn
from torchvision.models import VisionTransformer

import deepviz_widgets as dv
from deepviz_widgets.methods import embedding as em
from deepviz_widgets.network import NetworkError

PIXELS = np.random.default_rng(0).integers(0, 255, (10, 16, 16, 3), np.uint8)
LABELS = [0, 1] * 5


@pytest.fixture
def net(model):
    return dv.Network(model, input_size=(3, 16, 16), classes=list("abcde"))


@pytest.fixture
def photos():
    return dv.ImageSet(PIXELS, labels=LABELS, classes=["cat", "dog"])


def answer(net, photos, name):
    """What a layer answers, with a hook of torch's own."""
    kept = []
    handle = net.model.get_submodule(name).register_forward_hook(lambda _m, _i, out: kept.append(out.clone()))
    with torch.no_grad():
        scores = net.model(net.inputs(photos))
    handle.remove()
    return kept[0].numpy(), scores.numpy()


def test_rows_are_pooled_flattened_or_one_a_place(net, photos, unchanged):
    maps, scores = answer(net, photos, "3")  # (10, 8, 8, 8)
    places = maps.transpose(0, 2, 3, 1).reshape(-1, 8)
    truths = {"mean": maps.mean((2, 3)), "flat": maps.reshape(10, -1), "places": places}
    with unchanged(net.model):
        for pool, truth in truths.items():
            *_, found = em.features(net, photos, "3", pool=pool, batch_size=4)
            assert np.allclose(found.values, truth, atol=1e-5), pool
            assert np.allclose(found.scores, scores, atol=1e-5) and np.allclose(
                found.confidences, torch.tensor(scores).softmax(1).numpy(), atol=1e-5)
            assert found.labels.tolist() == LABELS and found.images.tolist() == list(range(10))
            assert found.predictions.tolist() == scores.argmax(1).tolist()
    assert found.grid == (8, 8) and found.ids[64] == 1 and found.places[9].tolist() == [1, 1]


def test_several_layers_and_the_pixels_come_from_one_pass(net, photos):
    called = []
    net.model[0].register_forward_hook(lambda *_: called.append(1))
    steps = list(em.features_in(net, photos, ["pixels", "0", "4", "7"], batch_size=4))
    assert len(called) == 3 and [step["0"].done for step in steps] == [4, 8, 10]
    assert [len(step["4"].values) for step in steps] == [4, 8, 10], "what is there can be used at once"
    assert np.allclose(steps[-1]["pixels"].values, net.inputs(photos).flatten(1).numpy())
    assert np.allclose(steps[-1]["7"].values, answer(net, photos, "7")[1], atol=1e-5)
    with pytest.raises(ValueError, match="read-only"):
        steps[-1]["0"].values[0] = 0


def test_large_pixels_are_averaged_down(net):
    big = np.random.default_rng(1).integers(0, 255, (4, 64, 64, 3), np.uint8)
    other = dv.Network(net.model, input_size=(3, 64, 64))
    *_, found = em.features(other, dv.ImageSet(big), "pixels")
    truth = other.inputs(dv.ImageSet(big)).reshape(4, 3, 32, 2, 32, 2).mean((3, 5)).flatten(1).numpy()
    assert np.allclose(found.values, truth, atol=1e-5)


def test_a_random_resnet18_is_read_at_its_pooled_layer():
    net = dv.Network.pretrained("resnet18", weights=None)
    photos = dv.ImageSet(np.random.default_rng(0).integers(0, 255, (4, 64, 64, 3), np.uint8))
    found = em.features_of(net, photos, ["layer4", "avgpool"])
    assert found["avgpool"].values.shape == (4, 512) and found["avgpool"].scores.shape == (4, 1000)
    assert np.allclose(found["layer4"].values, found["avgpool"].values, atol=1e-4), "the mean is what avgpool takes"


def test_a_transformer_gives_its_class_token():
    tiny = VisionTransformer(16, 8, num_layers=2, num_heads=2, hidden_dim=16, mlp_dim=32, num_classes=5).eval()
    net, photos = dv.Network(tiny, input_size=(3, 16, 16)), dv.ImageSet(PIXELS)
    name = "encoder.layers.encoder_layer_0"
    *_, found = em.features(net, photos, name, pool="token")
    assert np.allclose(found.values, answer(net, photos, name)[0][:, 0], atol=1e-4)
    with pytest.raises(ValueError, match="has no class token; pool='mean'"):
        list(em.features(net, photos, "conv_proj", pool="token"))


def test_images_that_cannot_be_read_are_named_and_left_out(net, photos):
    class Torn:
        targets = LABELS

        def __len__(self):
            return 10

        def __getitem__(self, row):
            if row in (2, 7):
                raise OSError("torn")
            return PIXELS[row], LABELS[row]

    *_, found = em.features(net, dv.ImageSet(Torn()), "3", batch_size=4)
    *_, whole = em.features(net, photos, "3")
    kept = [0, 1, 3, 4, 5, 6, 8, 9]
    assert found.images.tolist() == kept and sorted(found.skipped) == [2, 7] and found.done == 10
    assert np.allclose(found.values, whole.values[kept], atol=1e-6)
    assert found.labels.tolist() == [LABELS[k] for k in kept]


def test_a_network_without_class_scores_gives_features_all_the_same():
    net = dv.Network(small_network()[:4], input_size=(3, 16, 16))
    *_, found = em.features(net, dv.ImageSet(PIXELS), "3")
    assert found.values.shape == (10, 8) and found.scores.shape == (10, 0) and set(found.predictions) == {-1}


def test_a_layer_with_constant_output_is_refused(photos):
    model = small_network()
    nn.init.zeros_(model[0].weight)
    net = dv.Network(model, input_size=(3, 16, 16))
    with pytest.raises(ValueError, match="Layer '0' answers the same to all 10 images, so there is nothing to map"):
        em.features_of(net, photos, ["0"])
    same = dv.ImageSet(np.repeat(PIXELS[:1], 5, 0))
    found = em.features_of(dv.Network(small_network(), input_size=(3, 16, 16)), same, ["0"])
    with pytest.raises(ValueError, match="features of layer '0' of all 5 images are the same"):
        em.embedding(found["0"])


def test_a_layer_with_nan_is_named(photos):
    model = small_network()
    model[0].weight.data[0] = float("nan")
    net = dv.Network(model, input_size=(3, 16, 16))
    with pytest.raises(NetworkError, match="gives NaN"):
        em.features_of(net, photos, ["3"])


@pytest.mark.parametrize(("layers", "options", "says"), [
    (["3"], {"pool": "max"}, "Places are put together by 'mean', 'flat', 'places', 'token'; 'max' is none of these"),
    (["3"], {"batch_size": 0}, "A batch holds at least one image; batch_size is 0"),
    ([], {}, "at least one layer"), (["33"], {}, "No layer '33'"),
])
def test_what_cannot_be_read_is_refused(net, photos, layers, options, says):
    with pytest.raises(ValueError, match=says):
        em.features_of(net, photos, layers, **options)


def test_features_that_would_not_fit_are_refused_before_they_are_read(net, photos, monkeypatch):
    monkeypatch.setattr(import_module(f"{em.__name__}.features"), "_MOST_BYTES", 10_000)
    with pytest.raises(ValueError, match=r"Features of 10 × 1 × 2,?048 numbers of layer '0' take more than"):
        em.features_of(net, photos, ["0"], pool="flat")
    assert em.features_of(net, photos, ["0"])["0"].values.shape == (10, 8)
