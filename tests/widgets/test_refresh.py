"""`refresh`: after the weights have changed, every widget shows the network as it is now."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import deepviz_widgets as dv


def change(net):
    """Do to the weights what a step of training does."""
    with torch.no_grad():
        for parameter in net.model.parameters():
            parameter.mul_(-1.5).add_(0.01)


def test_the_maps_of_the_new_weights_are_shown_and_the_selection_stays(net, images):
    maps = dv.ActivationMaps(net, images, layer="0", channel=3, image=2)
    maps.wait()
    before = maps.activations.maps.copy()
    change(net)
    maps.refresh()
    maps.wait()
    truth = dv.methods.activations(net, images[2], "0").maps
    assert np.array_equal(maps.activations.maps, truth) and not np.allclose(before, truth)
    assert (maps.channel, maps.image) == (3, 2)
    assert np.array_equal(np.frombuffer(maps._map, np.float32).reshape(truth.shape[1:]), truth[3])


def test_statistics_of_the_old_weights_are_dropped(net, images):
    maps = dv.ActivationMaps(net, images, layer="0")
    maps.measure()
    maps.wait()
    assert maps.statistics.done == len(images)
    maps.refresh()
    assert maps.statistics is None


def test_the_kernels_and_their_verdict_are_read_anew(net, images):
    grid = dv.KernelGrid(net, images, layer="0", channel=1)
    first = grid.diagnosis
    shown = grid._kernels
    net.model[0].weight.data[2] = 0
    grid.refresh()
    assert "dead" in grid.diagnosis.flags.get(2, ()) and 2 not in first.flags
    assert grid._kernels != shown and grid.channel == 1
    assert np.array_equal(grid.kernels.weights, net.model[0].weight.detach().numpy())
    assert np.abs(np.frombuffer(grid._response, np.float32)).max() > 0


def test_an_occlusion_map_asks_the_network_again(net, images):
    found = dv.OcclusionMap(net, images, patch=8, stride=8, target=1)
    found.wait()
    before = found.sweep.base_raw.copy()
    change(net)
    found.refresh()
    found.wait()
    assert not np.allclose(found.sweep.base_raw, before) and found.target == 1
    assert np.allclose(found.sweep.base_raw, net.scores(images[0]).raw[0], atol=1e-5)


def test_a_map_is_read_anew_and_goes_on_from_where_the_images_lie(net, photos, map_):
    map_.wait()
    lay, rows, seen = map_.positions.copy(), map_.features["5"].copy(), map_._points["generation"]
    map_.selected = [1, 5]
    change(net)
    map_.refresh()
    map_.wait()
    assert np.array_equal(map_._atlas.keyframes("5")[0], lay), "it starts where it was"
    assert not np.allclose(map_.features["5"], rows) and map_.selected == [1, 5]
    assert map_._points["generation"] > seen and map_.honesty is not None
    truth = dv.methods.embedding.features_of(net, photos, ["5"])["5"].values
    assert np.allclose(map_.features["5"], truth)


def test_given_features_stay_as_the_network_did_not_say_them(photos):
    rows = np.random.default_rng(0).normal(size=(len(photos), 4))
    found = dv.EmbeddingMap(None, photos, features=rows, iterations=20)
    found.wait()
    lay = found.positions
    found.refresh()
    found.wait()
    assert np.array_equal(found.positions, lay)


def test_a_board_of_patches_looks_through_the_images_anew(net, images):
    board = dv.TopPatches(net, images, layer="2", k=3)
    board.wait()
    old = board.index["2"].values.copy()
    with torch.no_grad():
        net.model[0].weight.mul_(2)
        net.model[1].running_var.mul_(0.5)
    board.refresh()
    board.wait()
    found = board.index["2"]
    maps = dv.methods.activations(net, images[int(found.images[0, 0])], "2").maps
    assert not np.allclose(found.values, old)
    assert np.isclose(found.values[0, 0], maps[0].max(), rtol=1e-4)


def test_a_closed_widget_says_so(net, images):
    maps = dv.ActivationMaps(net, images, layer="0")
    maps.close()
    with pytest.raises(RuntimeError, match="closed; make a new one"):
        maps.refresh()


def test_the_scores_of_the_new_weights_are_shown_and_the_class_stays(net, images):
    chart = dv.ClassScores(net, images, image=1, target=2)
    before = chart.scores.confidences.copy()
    change(net)
    chart.refresh()
    assert np.allclose(chart.scores.confidences, net.scores([images[1]]).confidences)
    assert not np.allclose(chart.scores.confidences, before) and (chart.image, chart.target) == (1, 2)
    assert np.allclose(chart.marks[0].y, chart.scores.confidences[0][chart._shown])
