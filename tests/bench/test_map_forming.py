"""How long a map takes to appear and to settle, beside scikit-learn and openTSNE alone: `make bench`.

The whole widget is timed, from the features to the end, with all that it packs for the page on the way.
"""

from __future__ import annotations

import statistics
import time

import numpy as np
import openTSNE
import pytest
from measure import report
from sklearn.manifold import TSNE
from sklearn.neighbors import KNeighborsClassifier

import deepviz_widgets as dv
from deepviz_widgets.methods import embedding as em
from deepviz_widgets.methods.embedding.jobs import cores

pytestmark = [pytest.mark.bench, pytest.mark.timeout(900)]
ROUNDS = 3


def watched(photos, rows, **options):
    """Form a map as a page drives it; return the seconds of each picture sent, the pictures, and the seconds of all."""
    began = time.perf_counter()
    found = dv.EmbeddingMap(photos=photos, features=rows, **options)
    times, pictures, sent = [], [], None
    while found.status == "running":
        found._worker.step(budget=0.1)
        if found._frame and found._frame is not sent:
            sent = found._frame
            times.append((time.perf_counter() - began, sent["iteration"]))
            pictures.append(found.positions)
            if found._points["phase"] == "done":
                break
    return times, pictures, time.perf_counter() - began


def preserved(rows, positions) -> float:
    return em.honesty(rows, positions, 10).preservation


def test_the_map_of_the_digits_settles_in_the_time_of_scikit_learn():
    net, photos = dv.demo.digits()
    rows = em.features_of(net, photos, ["flatten"])["flatten"].values
    watched(photos, rows, iterations=25)
    ratios, firsts, moved = [], [], []
    for _ in range(ROUNDS):
        times, pictures, ours = watched(photos, rows)
        began = time.perf_counter()
        theirs = TSNE(random_state=0, n_jobs=cores()).fit_transform(rows)
        peer = time.perf_counter() - began
        ratios.append(ours / peer)
        firsts.append(times[0][0])
        moved.append(next(at for at, iteration in times if iteration >= 25))
    print(f"map, digits: {ours:.1f} s, scikit-learn {peer:.1f} s; 25 iterations after {statistics.median(moved):.2f} s")  # noqa: T201
    first, ratio = statistics.median(firsts), statistics.median(ratios)
    kept = [preserved(rows, one) for one in (pictures[-1], theirs)]
    report("map, digits (1,797): first picture after the features", f"{first:.2f} s", "<= 1 s", first <= 1)
    report("map, digits: settled / scikit-learn's t-SNE", f"{ratio:.2f} x", "<= 1", ratio <= 1)
    report("map, digits: neighbour preservation at 10, beside scikit-learn's", f"{kept[0]:.3f} / {kept[1]:.3f}",
           "within 0.02", kept[0] >= kept[1] - 0.02)


def clustered(number: int = 10_000, columns: int = 512):
    """Features like those of a layer: classes with a structure of few dimensions each, and noise in all columns."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 20, number)
    centres, spans = rng.normal(size=(20, columns)) * 0.5, rng.normal(size=(20, 6, columns)) * 0.3
    within = np.einsum("nd,ndc->nc", rng.normal(size=(number, 6)).astype(np.float32), spans[labels].astype(np.float32))
    return (centres[labels] + within + rng.normal(size=(number, columns)) * 0.1).astype(np.float32), labels


def told_apart(positions, labels) -> float:
    """How many of every fifth image have the class of most of their ten neighbours among the others."""
    some = np.arange(len(labels)) % 5 == 0
    judge = KNeighborsClassifier(10).fit(positions[~some], labels[~some])
    return float((judge.predict(positions[some]) == labels[some]).mean())


def test_ten_thousand_images_cost_what_opentsne_costs():
    rows, labels = clustered()
    photos = dv.ImageSet(np.zeros((len(rows), 2, 2), np.uint8))
    watched(photos[:200], rows[:200], iterations=25)
    times, pictures, ours = watched(photos, rows)
    began = time.perf_counter()
    theirs = np.asarray(openTSNE.TSNE(n_jobs=cores(), random_state=0).fit(rows))
    peer = time.perf_counter() - began
    final = told_apart(pictures[-1], labels)
    usable = next(at for (at, _), one in zip(times, pictures, strict=True) if told_apart(one, labels) >= 0.9 * final)
    kept = [preserved(rows, one) for one in (pictures[-1], theirs)]
    print(f"map, 10,000 x 512: {ours:.1f} s, openTSNE {peer:.1f} s; kept {kept[0]:.3f} and {kept[1]:.3f}; classes told "  # noqa: T201
          f"apart {final:.3f}; first picture after {times[0][0]:.2f} s, the second, iteration {times[1][1]}, after "
          f"{times[1][0]:.2f} s")
    what = "map, 10,000 x 512: classes told apart as well as at the end, to 90 %"
    report(what, f"{usable:.1f} s", "<= 5 s", usable <= 5)
    report("map, 10,000 x 512: settled / openTSNE alone", f"{ours / peer:.2f} x", "<= 1.10", ours / peer <= 1.1)
