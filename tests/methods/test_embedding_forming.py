"""`embedding`: the map is the engine's own, whatever interrupts it, and every knob acts on the map as it is."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import numpy as np
import openTSNE
import pytest
from openTSNE import affinity
from openTSNE.tsne import TSNEEmbedding
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE
from threadpoolctl import threadpool_limits

from deepviz_widgets.methods import embedding as em
from deepviz_widgets.methods.embedding import descent, jobs
from deepviz_widgets.methods.embedding.neighbours import Finder

ROWS = load_digits().data[:150].astype(np.float32)
ROWS += np.random.default_rng(0).uniform(0, 0.01, ROWS.shape).astype(np.float32)  # no two neighbours equally far
LABELS = load_digits().target
SHORT = {"perplexity": 10, "iterations": 90}  # 30 of them exaggerated


@pytest.fixture(scope="module")
def finished():
    return em.embedding(ROWS, **SHORT).run()


def by_hand(rows, perplexity, early, late, start, neighbours=None):
    """The same with openTSNE alone."""
    if neighbours is None:
        near = affinity.PerplexityBasedNN(rows, perplexity=perplexity, method="exact", n_jobs=1)
    else:
        near = affinity.PerplexityBasedNN(knn_index=neighbours, perplexity=perplexity, n_jobs=1)
    map_ = TSNEEmbedding(start, near, negative_gradient_method="bh", n_jobs=1, random_state=0)
    map_.optimize(early, exaggeration=12, momentum=0.8, inplace=True)
    return map_.optimize(late, momentum=0.8, inplace=True)


# -------------------------------------------------------------------- the engine's own positions


def test_the_map_is_that_of_opentsne_to_the_last_digit_where_it_gets_the_same_neighbours(finished):
    known = descent.Known(em.neighbours(ROWS, 30), Finder(ROWS))
    truth = by_hand(ROWS, 10, 30, 60, openTSNE.initialization.pca(ROWS, random_state=0), known)
    assert np.array_equal(finished.positions, np.asarray(truth, np.float32))
    assert finished.kl == pytest.approx(float(truth.kl_divergence), rel=1e-9)


def test_a_map_of_opentsne_that_finds_its_own_neighbours_is_as_good_a_one(finished):
    start = openTSNE.initialization.pca(ROWS, random_state=0)
    short = em.embedding(ROWS, perplexity=10, iterations=15).run()  # rounding has not grown yet
    assert np.allclose(short.positions, by_hand(ROWS, 10, 5, 10, start), rtol=1e-3, atol=1e-6)
    truth = by_hand(ROWS, 10, 30, 60, start)
    assert finished.kl == pytest.approx(float(truth.kl_divergence), rel=0.02)
    ours, theirs = (em.honesty(ROWS, one).preservation for one in (finished, np.asarray(truth)))
    assert ours == pytest.approx(theirs, abs=0.02)


def test_the_divergence_is_that_of_its_definition(finished):
    p = finished._descent.affinities.P.toarray()
    apart = ((finished.positions[:, None].astype(float) - finished.positions[None]) ** 2).sum(2)
    q = 1 / (1 + apart)
    np.fill_diagonal(q, 0)
    q /= q.sum()
    truth = (p[p > 0] * np.log(p[p > 0] / q[p > 0])).sum()
    assert finished.kl == pytest.approx(truth, rel=0.01)  # Barnes-Hut


@pytest.mark.parametrize("early", [4, 12])
def test_early_exaggeration_is_that_of_opentsne(early):
    ours = em.embedding(ROWS, perplexity=10, iterations=30, early_exaggeration=early).run()
    known = descent.Known(em.neighbours(ROWS, 30), Finder(ROWS))
    near = affinity.PerplexityBasedNN(knn_index=known, perplexity=10, n_jobs=1)
    start = openTSNE.initialization.pca(ROWS, random_state=0)
    truth = TSNEEmbedding(start, near, negative_gradient_method="bh", n_jobs=1, random_state=0)
    truth = truth.optimize(10, exaggeration=early, momentum=0.8).optimize(20, momentum=0.8)
    assert np.array_equal(ours.positions, np.asarray(truth, np.float32))


def test_positions_do_not_depend_on_the_number_of_processors():
    start = openTSNE.initialization.pca(ROWS, random_state=0)
    found = []
    for method in (descent.kl_divergence_bh, descent.kl_divergence_fft):
        for number in (1, 2):
            map_ = descent.Descent(em.neighbours(ROWS, 30), Finder(ROWS), start, 10, 12)
            map_.method, map_.jobs.choices = method, (number,)
            map_.step(8, True)
            found.append(map_.positions)
    assert np.array_equal(found[0], found[1]) and np.array_equal(found[2], found[3])
    assert not np.array_equal(found[0], found[2])


def test_the_number_of_processors_that_is_faster_does_the_work_and_the_other_gets_another_chance(monkeypatch):
    monkeypatch.setattr(jobs, "cores", lambda: 4)
    found = jobs.Jobs(5_000)
    for number in (1, 4):
        assert found.next(25) == (number, 1), "each is tried once"
        found.took(number, 1, seconds=1 / number)
    assert found.best == 4 and found.next(25) == (4, 25)
    found.took(4, 100, seconds=200)  # now they wait for each other
    assert found.next(25) == (4, 1), "the one that was slower is tried after a while, whichever it is"
    found.took(4, 1, 2)
    assert found.next(25) == (1, 25)
    assert jobs.Jobs(200).choices == (1,), "a small map runs on one"


# -------------------------------------------------------------------- pause, step, restart


def test_a_map_in_any_pieces_is_the_map_in_one(finished):
    run = em.embedding(ROWS, **SHORT, pace=0.0)
    frames = [next(run) for _ in range(9)]
    here = run.positions.copy()
    assert frames[-1].phase == "exaggeration" and np.array_equal(run.positions, here), "between steps nothing moves"
    run.step(7)
    run.step()
    run.pace = 0.01
    run.run()
    assert run.done and np.array_equal(run.positions, finished.positions)


def test_an_interrupt_loses_nothing(finished, monkeypatch):
    run, compute, calls = em.embedding(ROWS, **SHORT, pace=0.0), descent.kl_divergence_bh, []

    def pressed(*args, **options):
        calls.append(1)
        if len(calls) in (12, 40):
            raise KeyboardInterrupt
        return compute(*args, **options)

    monkeypatch.setattr(descent, "kl_divergence_bh", pressed)
    interrupts = 0
    while not run.done:
        try:
            next(run)
        except KeyboardInterrupt:
            interrupts += 1
    assert interrupts == 2 and np.array_equal(run.positions, finished.positions)


def test_frames_tell_where_the_map_is_and_every_25_iterations_one_is_kept():
    run = em.embedding(ROWS, **SHORT, pace=0.0)
    frames = list(run)
    phases = list(dict.fromkeys(frame.phase for frame in frames))
    assert phases == ["neighbours", "exaggeration", "settling", "done"]
    assert all(0 <= frame.share <= 1 and frame.total == 90 for frame in frames)
    assert [at for at, _ in run.keyframes] == [0, 25, 50, 75, 90]
    by_iteration = {frame.iteration: frame.positions for frame in frames}
    assert all(np.array_equal(by_iteration[at], kept) for at, kept in run.keyframes)


def test_a_step_goes_past_the_end_as_well():
    run = em.embedding(ROWS, perplexity=10, iterations=30).run()
    assert run.step(5).iteration == 35 and run.keyframes[-1][0] == 35
    longer = run.step(40)
    assert longer.iteration == 75 and [at for at, _ in run.keyframes] == [0, 25, 30, 35, 50, 75]


def test_a_seed_leads_to_the_same_map_and_another_to_another(finished):
    run = em.embedding(ROWS, **SHORT).run()
    assert np.array_equal(run.positions, finished.positions)
    run.restart(seed=5)
    assert run.iteration == 0 and [at for at, _ in run.keyframes] == [0]
    first = run.run().positions
    run.restart(seed=6)
    other = run.run().positions
    run.restart(seed=5)
    assert np.array_equal(run.run().positions, first) and not np.allclose(first, other)
    run.restart()
    assert np.array_equal(run.run().positions, finished.positions), "as it began"
    direct = em.embedding(ROWS, **SHORT, seed=5, start="random").run()
    assert np.array_equal(direct.positions, first)


# -------------------------------------------------------------------- perplexity


def test_another_perplexity_solves_the_affinities_from_the_neighbours_that_are_there(monkeypatch):
    searched, near = [], Finder.near
    monkeypatch.setattr(Finder, "near", lambda self, block, k: (searched.append(k), near(self, block, k))[1])
    run = em.embedding(ROWS, perplexity=10, iterations=90, largest_perplexity=40)
    run.step(40)
    assert set(searched) == {120}, "three times the largest perplexity"
    here, number = run.positions.copy(), len(searched)
    for perplexity in (25, 5, 40):
        run.set_perplexity(perplexity)
        truth = affinity.PerplexityBasedNN(ROWS, perplexity=perplexity, method="exact", n_jobs=1).P
        assert abs(run._descent.affinities.P - truth).max() < 1e-4 * truth.max()
    assert len(searched) == number and np.array_equal(run.positions, here)
    run.run()
    assert len(searched) == number and run.iteration == 290 and not np.allclose(run.positions, here)


def test_a_perplexity_reached_by_the_slider_gives_as_good_a_map_as_one_from_the_start(finished):
    run = em.embedding(ROWS, perplexity=30, iterations=90).run()
    run.set_perplexity(10)
    run.run()
    long = em.embedding(ROWS, perplexity=10, iterations=300).run()
    assert run.kl == pytest.approx(long.kl, rel=0.1) and run.kl < finished.kl


def test_a_perplexity_that_neighbours_were_not_sought_for_is_refused():
    run = em.embedding(ROWS, perplexity=10, largest_perplexity=12)
    with pytest.raises(ValueError, match="neighbours were sought for at most 12; give largest_perplexity=20"):
        run.set_perplexity(20)
    with pytest.raises(ValueError, match=r"for 150 images it goes from 1 to 49.6"):
        run.set_perplexity(50)
    with pytest.raises(ValueError, match="There is no perplexity in PCA; engine='opentsne' has one"):
        em.embedding(ROWS, engine="pca").set_perplexity(10)


# -------------------------------------------------------------------- new images


def test_new_images_are_placed_among_their_kind_and_the_map_stays():
    data = load_digits().data.astype(np.float32)
    run = em.embedding(data[:300], perplexity=15, iterations=250).run()
    before = run.positions.copy()
    placed = run.place(data[300:340])
    assert np.array_equal(run.positions, before) and placed.shape == (40, 2)
    nearest = np.linalg.norm(placed[:, None] - before[None], axis=2).argsort(1)[:, :5]
    guessed = [np.bincount(LABELS[row]).argmax() for row in nearest]
    assert np.mean(guessed == LABELS[300:340]) > 0.85
    twins = run.place(data[:20])
    assert np.median(np.linalg.norm(twins - before[:20], axis=1)) < 0.05 * np.ptp(before, 0).max()
    step = run.step()
    assert step.iteration == 251, "and it can go on"


def test_placing_is_that_of_opentsne_by_hand(finished):
    data = load_digits().data[150:160].astype(np.float32)
    known = descent.Known(em.neighbours(ROWS, 30), Finder(ROWS))
    near = affinity.PerplexityBasedNN(knn_index=known, perplexity=10, n_jobs=1)
    positions = finished._descent.positions
    held = TSNEEmbedding(positions, near, negative_gradient_method="bh", n_jobs=1, random_state=0)
    middle = (positions.max(0) + positions.min(0)) / 2
    assert np.allclose(finished.place(data), np.asarray(held.transform(data)) + middle, atol=1e-4)


def test_other_engines_place_new_images_too():
    rows, new = ROWS[:100], ROWS[100:105]
    pca = em.embedding(rows, engine="pca").run()
    assert np.allclose(pca.place(new), PCA(2, random_state=0).fit(rows).transform(new), atol=1e-3)
    spots = PCA(2).fit_transform(rows)
    given = em.embedding(rows, engine=spots).run()
    near = np.linalg.norm(new[:, None] - rows[None], axis=2).argsort(1)[:, :10]
    assert np.allclose(given.place(new), np.median(spots[near], 1), atol=1e-4)


# -------------------------------------------------------------------- other engines


def test_engines_in_one_go_give_what_they_give_by_hand():
    rows = ROWS[:50]
    by_name = {
        "pca": PCA(2, random_state=3), "sklearn": TSNE(perplexity=8, random_state=3, init="pca", max_iter=250),
    }
    for name, engine in by_name.items():
        run = em.embedding(rows, engine=name, perplexity=8, seed=3, iterations=250)
        with threadpool_limits(1):  # several threads of scikit-learn wait for each other on a busy machine
            frames, truth = list(run), engine.fit_transform(rows)
        assert np.allclose(run.positions, truth, atol=1e-4) and [f.phase for f in frames] == ["settling", "done"]
        assert run.says == f"{run.engine} cannot be stepped: its map has a start and an end."
        with pytest.raises(ValueError, match="cannot be stepped"):
            run.step()


def test_any_object_with_fit_transform_is_an_engine_and_so_are_positions():
    class Own:
        def fit_transform(self, rows):
            return rows[:, 3:5]

    assert np.array_equal(em.embedding(ROWS, engine=Own()).run().positions, ROWS[:, 3:5])
    for given in (ROWS[:, 3:5], ROWS[:, 3:5].tolist()):
        run = em.embedding(None, engine=given)
        assert [frame.phase for frame in run] == ["done"] and np.array_equal(run.positions, ROWS[:, 3:5])
        with pytest.raises(ValueError, match="without features there are no neighbours"):
            run.neighbours  # noqa: B018


@pytest.mark.parametrize("name", ["umap", "cuml"])
def test_optional_engines_are_called_where_they_are_installed(name, monkeypatch):
    asked = {}

    class OnGpu:
        def get(self):
            return ROWS[:, 2:4]

    class Engine:
        kl_divergence_ = 0.5

        def __init__(self, **options):
            asked.update(options)

        def fit_transform(self, rows):
            return OnGpu() if name == "cuml" else ROWS[:, 2:4]

    module = SimpleNamespace(UMAP=Engine, TSNE=Engine)
    monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.setitem(sys.modules, f"{name}.manifold", module)
    run = em.embedding(ROWS, engine=name, perplexity=10, seed=4).run()
    assert np.array_equal(run.positions, ROWS[:, 2:4]) and run.kl == 0.5 and asked["random_state"] == 4
    assert asked.get("perplexity", 10) == 10


@pytest.mark.parametrize(("name", "line"), [("umap", "pip install umap-learn"), ("cuml", "pip install cuml-cu12")])
def test_an_engine_that_is_not_installed_says_the_line_that_installs_it(name, line, monkeypatch):
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ImportError, match=f"The engine '{name}' is not installed; {line}"):
        em.embedding(ROWS, engine=name)


# -------------------------------------------------------------------- what cannot be mapped

NAN = ROWS.copy()
NAN[[7, 9], 3] = np.nan


@pytest.mark.parametrize(("rows", "options", "says"), [
    (ROWS[:3], {}, "A map needs at least 4 images; there are 3."),
    (np.ones((9, 4)), {}, "features of all 9 images are the same, so there is nothing to map; are the images ident"),
    (NAN, {}, "The features of 2 images hold NaN or infinite numbers, the first at row 7; leave these out."),
    (np.where(np.isnan(NAN), np.inf, NAN), {}, "2 images hold NaN or infinite numbers"),
    (ROWS, {"perplexity": 50}, "The perplexity is 50; for 150 images it goes from 1 to 49.6"),
    (ROWS[:10], {"perplexity": 0.5}, "The perplexity is 0.5; for 10 images it goes from 1 to 3,"),
    (ROWS, {"largest_perplexity": 60}, "for 150 images it goes from 1 to 49.6"),
    (ROWS, {"early_exaggeration": 0}, "Early exaggeration goes from 1"),
    (ROWS, {"iterations": 0}, "at least one iteration"),
    (ROWS, {"start": "middle"}, "starts from 'pca' or 'random'; 'middle' is neither"),
    (ROWS, {"engine": "opentsn"}, "did you mean 'opentsne'"),
    (ROWS, {"engine": ROWS[:, :3]}, "Positions are an array of 150 × 2 numbers; this one is 150 × 3"),
    (ROWS, {"engine": NAN[:, 3:5]}, "The positions hold NaN or infinite numbers, the first at row 7"),
    (ROWS[:, 0], {}, "one row an image; this one has the shape (150,)"),
    ("rows", {}, "Features are an array with one row an image; this is"),
    (ROWS[:, :0], {}, "no columns"),
    (None, {}, "A map is made of features"),
])
def test_what_cannot_be_mapped_is_refused_in_a_sentence(rows, options, says):
    with pytest.raises(ValueError) as caught:
        em.embedding(rows, **options)
    assert says in str(caught.value)


@pytest.mark.parametrize("engine", [3, TSNE, {"a": 1}])
def test_what_is_no_engine_is_refused(engine):
    with pytest.raises(TypeError, match="An engine is"):
        em.embedding(ROWS, engine=engine)


@pytest.mark.parametrize(("result", "says"), [
    (ROWS[:, :3], "returned an array of 150 × 3; a map takes 150 × 2"), (np.full((150, 2), np.nan), "returned NaN"),
])
def test_an_engine_that_returns_no_map_is_named(result, says):
    with pytest.raises(ValueError, match=f"SimpleNamespace {says}"):
        em.embedding(ROWS, engine=SimpleNamespace(fit_transform=lambda rows: result)).run()


def test_four_images_and_images_in_pairs_can_be_mapped():
    for rows in (ROWS[:4], np.repeat(ROWS[:6], 2, 0), ROWS[:8, 12:13]):
        run = em.embedding(rows, iterations=60).run()
        assert np.isfinite(run.positions).all() and run.perplexity == pytest.approx((len(rows) - 1) / 3)


def test_the_divergence_is_told_at_keyframes_at_the_end_and_after_a_step():
    run = em.embedding(ROWS, perplexity=10, iterations=60, pace=0)
    told = {}
    for frame in run:
        told.setdefault(frame.kl, frame.iteration)
    assert sorted(told.values()) == [0, 25, 50, 60] and min(told, key=lambda kl: kl or 99) == run.kl
    run.step(3)
    again = em.embedding(ROWS, perplexity=10, iterations=60)
    again.step(63)
    assert again.kl == pytest.approx(run.kl, rel=1e-12) and run.kl not in told
    amid = em.embedding(ROWS, perplexity=10, iterations=60)
    amid.step(33)
    assert amid.kl not in told, "it is that of iteration 33, not of the keyframe before"
