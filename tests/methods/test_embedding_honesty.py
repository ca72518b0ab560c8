"""How far a map can be trusted: against scikit-learn, against brute force, and where the answer is known."""

from __future__ import annotations

from importlib import import_module

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.linear_model import RidgeClassifier
from sklearn.manifold import trustworthiness
from sklearn.model_selection import StratifiedKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from deepviz_widgets.methods import embedding as em
from deepviz_widgets.words import percent

HONESTY, NEIGHBOURS = (import_module(f"{em.__name__}.{name}") for name in ("honesty", "neighbours"))
ROWS = load_digits().data[:200].astype(np.float32)
LABELS = load_digits().target[:200]
SHORT = {"perplexity": 10, "iterations": 150}


@pytest.fixture(scope="module")
def map_():
    return em.embedding(ROWS, **SHORT).run()


def ordered(rows):
    """All others of each row, nearest first, by brute force in double precision."""
    rows = np.asarray(rows, float)
    apart = np.sqrt(((rows[:, None] - rows[None]) ** 2).sum(2))
    np.fill_diagonal(apart, np.inf)
    return apart.argsort(1, kind="stable")[:, :-1], np.sort(apart, 1)[:, :-1]


# -------------------------------------------------------------------- neighbours


@pytest.mark.parametrize("block", [1 << 24, 1000])
def test_neighbours_are_those_of_brute_force(block, monkeypatch):
    monkeypatch.setattr(NEIGHBOURS, "_BLOCK", block)
    rows = np.random.default_rng(0).normal(size=(300, 20))
    ids, far = ordered(rows)
    found = em.neighbours(rows, 15)
    assert np.array_equal(found.ids, ids[:, :15]) and np.allclose(found.distances, far[:, :15], rtol=1e-5)


@pytest.mark.parametrize(("scale", "shift"), [(1e-6, 0.0), (1e15, 0.0), (1.0, 1e4), (1e30, 0.0)])
def test_neighbours_do_not_depend_on_units_or_on_a_shift(scale, shift):
    rows = (np.random.default_rng(1).normal(size=(80, 6)) * scale + shift).astype(np.float32)
    ids, far = ordered(rows)
    found = em.neighbours(rows, 8)
    assert np.allclose(found.distances, far[:, :8], rtol=1e-4, atol=0)
    assert np.mean(found.ids == ids[:, :8]) > 0.99


def test_twins_are_neighbours_at_distance_zero_and_nobody_is_its_own():
    rows = np.repeat(np.random.default_rng(0).normal(size=(20, 5)), 3, 0)
    found = em.neighbours(rows, 4)
    assert (found.distances[:, :2] == 0).all() and (found.distances[:, 2:] > 0).all()
    assert not (found.ids == np.arange(60)[:, None]).any()
    assert np.array_equal(np.sort(found.ids[:, :2] // 3, 1), np.repeat(np.arange(60)[:, None] // 3, 2, 1))


def test_a_number_of_neighbours_that_cannot_be_is_refused():
    for k in (0, 200):
        with pytest.raises(ValueError, match=f"Of 200 rows each has 1 to 199 neighbours, not {k}"):
            em.neighbours(ROWS, k)


# -------------------------------------------------------------------- honesty


@pytest.mark.parametrize("k", [5, 10, 50])
def test_trustworthiness_is_that_of_scikit_learn(map_, k):
    for spots in (map_.positions, np.random.default_rng(0).normal(size=(200, 2)).astype(np.float32)):
        truth = trustworthiness(ROWS.astype(float), spots, n_neighbors=k)
        assert em.honesty(ROWS, spots, k).trustworthiness == pytest.approx(truth, abs=2e-4)


def test_kept_and_false_neighbours_are_those_of_brute_force(map_):
    k, found = 10, em.honesty(ROWS, map_)
    true, near = ordered(ROWS)[0], ordered(map_.positions)[0]
    kept = [len(set(true[i, :k]) & set(near[i, :k])) / k for i in range(200)]
    false = [len(set(near[i, :k]) - set(true[i, : 3 * k])) / k for i in range(200)]
    assert np.abs(found.kept - kept).max() <= 0.101 and np.mean(np.abs(found.kept - kept) > 1e-6) < 0.02  # ties
    assert np.mean(np.abs(found.false - false) > 1e-6) < 0.02
    assert found.preservation == pytest.approx(np.mean(kept), abs=1e-3) and found.kl == map_.kl
    assert found.chance == 10 / 199


def test_the_figures_of_a_map_that_is_known():
    plane = np.random.default_rng(0).normal(size=(60, 2)).astype(np.float32)
    same, thrown = em.honesty(plane, plane * 3 + 1), em.honesty(plane, plane[np.random.default_rng(1).permutation(60)])
    assert same.preservation == same.trustworthiness == 1 and not same.false.any()
    assert thrown.preservation == pytest.approx(thrown.chance, abs=0.06)
    assert thrown.trustworthiness == pytest.approx(0.5, abs=0.06)
    one = em.honesty(plane, np.where(np.arange(60)[:, None] == 0, 99, plane))  # only the first is torn away
    assert one.kept[0] < 0.4 and one.kept[1:].mean() > 0.95


def test_images_in_one_spot_are_measured_too():
    found = em.honesty(ROWS, np.zeros((200, 2)))
    assert np.isfinite(found.kept).all() and found.preservation < 0.2
    assert not (found.near == np.arange(200)[:, None]).any()


def test_few_images_have_fewer_neighbours_to_look_at():
    rows = ROWS[:9]
    found = em.honesty(rows, rows[:, 2:4])
    assert found.k == 4 and found.trustworthiness == pytest.approx(trustworthiness(rows, rows[:, 2:4], n_neighbors=4))
    with pytest.raises(ValueError, match="At least one neighbour"):
        em.honesty(rows, rows[:, 2:4], 0)


def test_of_many_images_a_sample_is_measured_against_all(map_, monkeypatch):
    every = em.honesty(ROWS, map_)
    monkeypatch.setattr(HONESTY, "_ALL", 100)
    monkeypatch.setattr(HONESTY, "_SAMPLE", 60)
    some = em.honesty(ROWS, map_)
    assert len(some.rows) == 60 and np.isnan(some.kept).sum() == 140
    assert np.array_equal(some.kept[some.rows], every.kept[some.rows])
    assert some.trustworthiness == pytest.approx(every.trustworthiness, abs=0.02)
    assert "measured on 60 of 200 images" in some.says[0]


def test_what_a_map_means_is_said_in_sentences(map_):
    found = em.honesty(ROWS, map_)
    text = " ".join(found.says)
    assert percent(found.preservation) in text and f"{found.trustworthiness:.3f}" in text and f"{found.kl:.2f}" in text
    for word in ("how large a cluster is", "how far two clusters lie apart", "nothing"):
        assert word in em.MEANING


# -------------------------------------------------------------------- null map, seeds


def test_shuffled_features_keep_every_column_and_tear_rows_apart():
    found = em.shuffled(ROWS, 3)
    assert np.array_equal(np.sort(found, 0), np.sort(ROWS, 0)) and np.array_equal(found, em.shuffled(ROWS, 3))
    assert not np.array_equal(found, em.shuffled(ROWS, 4)) and not (found == ROWS).all(1).any()
    real, null = (em.probe(rows, LABELS).accuracy for rows in (ROWS, found))
    assert real > 0.85 and null < 0.25, "what told the classes apart is gone"


def test_a_map_of_shuffled_features_keeps_fewer_neighbours(map_):
    null = em.shuffled(ROWS)
    drawn = em.honesty(null, em.embedding(null, **SHORT).run())
    assert drawn.chance < drawn.preservation < 0.6 * em.honesty(ROWS, map_).preservation


def test_stability_compares_maps_of_several_seeds(map_):
    *_, last = em.stability(map_, (3, 4, 5))
    maps = [em.embedding(ROWS, **SHORT, seed=seed, start="random").run().positions for seed in (3, 4, 5)]
    assert all(np.array_equal(one, other) for one, other in zip(last.maps, maps, strict=True))
    near = [ordered(one)[0][:, :10] for one in maps]
    for a in range(3):
        for b in range(a):
            truth = np.mean([len(set(x) & set(y)) / 10 for x, y in zip(near[a], near[b], strict=True)])
            assert last.pairs[a, b] == last.pairs[b, a] == pytest.approx(truth, abs=1e-3)
    assert last.kept.mean() == pytest.approx(last.pairs[np.tril_indices(3, -1)].mean(), abs=1e-5)
    assert percent(float(last.kept.mean())) in last.says and last.done == last.total == 450
    assert map_.iteration == 150, "the map itself stays"


def test_stability_tells_how_far_it_is_and_needs_two_seeds():
    found = list(em.stability(ROWS[:60], (0, 1), iterations=40, pace=0.0))
    done = [one.done for one in found]
    assert done == sorted(done) and [len(one.maps) for one in found][-1] == 2 and found[0].says == ""
    with pytest.raises(ValueError, match="at least two different seeds"):
        next(em.stability(ROWS, (1, 1)))
    with pytest.raises(ValueError, match="An Embedding brings its own settings; 'perplexity' go with"):
        next(em.stability(em.embedding(ROWS), perplexity=5))


# -------------------------------------------------------------------- linear probe


@pytest.mark.parametrize("rows", [ROWS, np.concatenate([ROWS**power for power in (0.5, *range(1, 10))], 1)])
def test_a_probe_is_the_cross_validation_of_scikit_learn(rows):
    truth = cross_val_score(
        make_pipeline(StandardScaler(), RidgeClassifier()), rows, LABELS,
        cv=StratifiedKFold(5, shuffle=True, random_state=0),
    )
    found = em.probe(rows, LABELS)
    assert np.allclose(found.parts, truth) and found.accuracy == pytest.approx(truth.mean())
    assert found.error == pytest.approx(truth.std(ddof=1) / np.sqrt(5))
    assert f"{found.accuracy:.1%}" in found.says and found.classes == 10


def test_a_probe_leaves_out_unknown_labels_and_rare_classes():
    labels = LABELS.copy()
    labels[:50], labels[50:53] = -1, 77
    kept = (labels >= 0) & (labels != 77)
    found = em.probe(ROWS, labels)
    assert found.images == kept.sum() and found.parts == em.probe(ROWS[kept], labels[kept]).parts
    with pytest.raises(ValueError, match="at least two classes with 5 images each"):
        em.probe(ROWS, np.zeros(200, int))
    with pytest.raises(ValueError, match=r"There are 200 rows of features but labels of shape \(3,\)"):
        em.probe(ROWS, [1, 2, 3])
