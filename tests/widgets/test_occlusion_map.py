"""`OcclusionMap`: what the page gets are the network's own scores with the patch there."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import traitlets
from fake_page import FakePage
from networks import small_network
from torch import nn

import deepviz_widgets as dv
from deepviz_widgets.methods.occlusion import filled


def f4(raw, *shape):
    return np.frombuffer(raw, "<f4").reshape(shape)


def scores_of(found):
    """Raw scores (P, sent) as the page unpacks them."""
    meta = found._sweep_meta
    levels = np.frombuffer(found._raw, "<u2" if meta["bits"] == 16 else np.uint8)
    return (meta["lo"] + levels / (2 ** meta["bits"] - 1) * (meta["hi"] - meta["lo"])).reshape(-1, len(meta["sent"]))


def hidden(net, image, top, left, patch, fill="mean"):
    """Raw scores with one patch hidden, by hand."""
    x = net.input(image)
    other = filled(net, image, fill, patch=(patch, patch))
    x = x.clone()
    x[:, top : top + patch, left : left + patch] = other[:, top : top + patch, left : left + patch]
    with torch.no_grad():
        return net.model.eval()(x[None])[0].numpy()


def test_every_position_has_the_score_of_the_network_with_the_patch_there(net, images, unchanged):
    with unchanged(net.model):
        found = dv.OcclusionMap(net, images, patch=5, stride=3, image=2, target="c")
        assert found.status == "running" and found._raw == b"", "nothing runs before a page asks"
        FakePage(found).pump()
    meta = found._sweep_meta
    assert (meta["rows"], meta["columns"], meta["done"], meta["total"]) == (5, 5, 25, 25) and found.target == 2
    raw, lse = scores_of(found), f4(found._lse, 25)
    for row, column in ((0, 0), (2, 3), (4, 4)):
        oracle = hidden(net, images[2], row * 3, column * 3, 5)
        assert np.allclose(raw[row * 5 + column], oracle, atol=1e-3)
        assert lse[row * 5 + column] == pytest.approx(np.log(np.exp(oracle).sum()), abs=1e-3)
    base = f4(found._base, 5 + 3)
    with torch.no_grad():
        clean = net.model(net.input(images[2])[None])[0].numpy()
    assert np.allclose(base[:5], clean, atol=1e-5) and found._base_winner == clean.argmax()
    assert list(f4(found._winner, 25)) == list(found.sweep.winner().ravel())


def test_without_a_target_the_class_of_the_image_is_taken_until_one_is_chosen(net, images):
    found = dv.OcclusionMap(net, images, patch=8)
    found.wait()
    winner = found._base_winner
    assert found.target == winner
    found.target = "e"
    found.image = 5
    found.wait()
    assert found.target == 4 and found._image["index"] == 5


def test_a_page_sees_the_map_grow_and_may_cancel_and_resume(net, images):
    found = dv.OcclusionMap(net, images, patch=2, stride=1)
    page, seen = FakePage(found), []
    found._began = (0.0, 0)
    while found.status == "running":
        page.ask(type="step", job=found._job)
        seen.append(found._sweep_meta.get("done", 0))
        if len(seen) == 1:
            page.ask(type="cancel")
            assert found.status in ("cancelled", "done")
            kept = found.sweep.done
            page.ask(type="resume")
            assert found.sweep.done == kept
    assert found._sweep_meta["done"] == found._sweep_meta["total"] == 225
    assert np.frombuffer(found._known, np.uint8).all()


def test_going_back_to_an_earlier_setting_shows_it_at_once(net, images):
    found = dv.OcclusionMap(net, images, patch=5, stride=3)
    found.wait()
    first = found.sweep
    found.patch = 8
    found.wait()
    assert found.sweep is not first and found._sweep_meta["patch"] == [8, 8]
    calls = []
    handle = net.model[0].register_forward_hook(lambda *_: calls.append(1))
    found.patch = 5
    found.wait()
    handle.remove()
    assert found.sweep is first and not calls


def test_a_smaller_patch_takes_the_stride_with_it_and_a_larger_stride_is_refused(net, images):
    found = dv.OcclusionMap(net, images, patch=8, stride=6)
    found.patch = 4
    assert found.stride == 4
    with pytest.raises(traitlets.TraitError, match="A stride of 5 leaves gaps between patches of 4 px"):
        found.stride = 5
    with pytest.raises(traitlets.TraitError, match="the image allows 1 to 16 px"):
        found.patch = 17
    page = FakePage(found)
    found.set_state({"stride": 9})
    assert found.stride == 4 and page.sent[-1][0]["type"] == "refused"


def test_a_place_off_the_lattice_is_answered_exactly(net, images):
    found = dv.OcclusionMap(net, images, patch=5, stride=5, target=0)
    page = FakePage(found)
    page.pump()
    reply, (raw,) = page.ask(type="request", what="place", key=found._sweep_meta["key"], y=2, x=7)
    oracle = hidden(net, images[0], 2, 7, 5)
    assert reply["ok"] and np.allclose(f4(raw, 5), oracle, atol=1e-4) and reply["winner"] == oracle.argmax()
    assert reply["best"] == pytest.approx(np.sort(oracle)[-1], abs=1e-4)
    for wrong in ({"y": 1.5, "x": 0}, {"y": 0}, {"y": 0, "x": 0, "key": "old"}, {"y": 99, "x": 0}):
        assert not page.ask(type="request", what="place", **{"key": found._sweep_meta["key"], **wrong})[0]["ok"]


def test_a_network_of_many_classes_sends_those_that_matter_and_others_when_chosen():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(32, 300))
    net = dv.Network(model, input_size=(3, 16, 16))
    found = dv.OcclusionMap(net, np.random.default_rng(0).random((16, 16, 3)).astype(np.float32), patch=8, target=7)
    FakePage(found).pump()
    sent = found._sweep_meta["sent"]
    assert len(sent) == 64 and sent[0] == 7 and int(found._base_winner) in sent
    assert set(np.unique(found.sweep.winner())) <= set(sent)
    other = next(index for index in range(300) if index not in sent)
    found.target = other
    assert found._sweep_meta["sent"][0] == other
    assert np.allclose(scores_of(found)[:, 0], found.sweep.raw[:, other], atol=1e-3)


def test_the_feature_view_follows_the_strongest_map_of_the_last_layer_with_places(net, images):
    found = dv.OcclusionMap(net, images, patch=8, stride=8)
    found.wait()
    assert found._feature == b"" and found._layer == "4"
    found.view = "feature"
    found.wait()
    maps = dv.methods.activations(net, images[0], "4").maps
    assert found._base_feature == pytest.approx(maps.sum((1, 2)).max(), rel=1e-4)
    assert np.isfinite(f4(found._feature, found.sweep.total)).all()


def test_what_fills_the_patch_reaches_the_page_as_people_see_it(net, images):
    found = dv.OcclusionMap(net, images, patch=8, fill="white")
    found.wait()
    assert np.frombuffer(found._filled, np.uint8).min() == 255
    with pytest.raises(traitlets.TraitError, match="names no mean of a dataset"):
        found.fill = "dataset"


def test_two_maps_share_one_patch_and_one_class(net, images):
    other = dv.Network(small_network(), input_size=(3, 16, 16), classes=list("abcde"))
    first = dv.OcclusionMap(net, images, patch=6, target="b")
    second = dv.OcclusionMap(other, images, patch=first, stride=first, place=first, target=first, image=first)
    first.place, first.patch = [3, 4], 8
    assert second.place == [3, 4] and second.patch == 8 and second.target == 1
    first.wait()
    second.wait()
    assert second._sweep_meta["patch"] == first._sweep_meta["patch"]


def test_what_does_not_exist_is_refused_in_words(net, images):
    with pytest.raises(traitlets.TraitError, match="No class 'dog'"):
        dv.OcclusionMap(net, images, target="dog")
    with pytest.raises(traitlets.TraitError, match="There is no class 5"):
        dv.OcclusionMap(net, images, target=5)
    with pytest.raises(traitlets.TraitError, match="There is no image 12"):
        dv.OcclusionMap(net, images, image=12)
    with pytest.raises(ValueError, match="No layer 'conv9'"):
        dv.OcclusionMap(net, images, feature_layer="conv9")


def test_a_network_that_gives_nan_is_an_error_in_words(net, images):
    with torch.no_grad():
        net.model[0].weight[0, 0, 0, 0] = float("nan")
    found = dv.OcclusionMap(net, images)
    FakePage(found).pump()
    assert found.status == "error" and "gives NaN" in found.error


def test_without_images_nothing_runs_and_they_can_be_given_later(net, images):
    found = dv.OcclusionMap(net)
    assert found.status == "idle" and found.sweep is None
    found.images = images
    found.wait()
    assert found.sweep.done == found.sweep.total


def test_a_saved_map_is_complete_and_a_closed_one_lets_go(net, images, tmp_path):
    found = dv.OcclusionMap(net, images, patch=8)
    assert found.to_html(tmp_path / "map.html").exists() and found._sweep_meta["done"] == found._sweep_meta["total"]
    assert repr(found).endswith("100 %)")
    found.close()
    assert not found._runs and found._images is None
