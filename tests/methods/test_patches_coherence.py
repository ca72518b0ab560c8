"""Coherence, judged by units that were planted and by rows that are random."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from networks import small_network
from patches_store_index import same
from scipy.stats import kstest, mannwhitneyu
from torch import nn

import deepviz_widgets as dv
from deepviz_widgets.methods.patches import scan
from deepviz_widgets.methods.patches.coherence import coherence, compare
from deepviz_widgets.methods.patches.cutouts import Cutout
from deepviz_widgets.methods.patches.directions import given, random
from deepviz_widgets.methods.patches.judges import judge
from deepviz_widgets.methods.receptive_field import receptive_field

SIDE, PATTERN, UNITS, IMAGES = 20, 5, 16, 480


def planted(rotation: torch.Tensor | None = None) -> dv.Network:
    """A network with a unit for each of some patterns, behind which a rotation may be turned and turned back."""
    patterns = torch.randn((UNITS, 1, PATTERN, PATTERN), generator=torch.Generator().manual_seed(0))
    patterns = patterns - patterns.mean((2, 3), keepdim=True)
    patterns /= patterns.flatten(1).norm(dim=1)[:, None, None, None]
    find = nn.Conv2d(1, UNITS, PATTERN, bias=False)
    find.weight.data = patterns
    parts = {"find": find, "relu": nn.ReLU()}
    if rotation is not None:
        parts |= {"turned": nn.Conv2d(UNITS, UNITS, 1, bias=False), "back": nn.Conv2d(UNITS, UNITS, 1, bias=False)}
        parts["turned"].weight.data, parts["back"].weight.data = rotation[..., None, None], rotation.T[..., None, None]
    model = nn.Sequential()
    for name, part in (parts | {"pool": nn.AdaptiveAvgPool2d(1), "flatten": nn.Flatten()}).items():
        model.add_module(name, part)
    return dv.Network(model.eval(), input_size=(1, SIDE, SIDE))


@pytest.fixture(scope="module")
def images() -> dv.ImageSet:
    """Noise, and in each image one of the patterns at a place and of a strength of its own.

    Strengths differ by far, as they do in photos, or else a direction would see only the pattern that it has most of.
    """
    rng = np.random.default_rng(0)
    patterns = planted().model.find.weight.detach()[:, 0].numpy()
    found = 0.02 * rng.standard_normal((IMAGES, SIDE, SIDE)) + 0.5
    for image in range(IMAGES):
        y, x = rng.integers(0, SIDE - PATTERN + 1, 2)
        strength = min(1.2, 0.25 * rng.lognormal(0, 0.5))
        found[image, y : y + PATTERN, x : x + PATTERN] += patterns[image % UNITS] * strength
    return dv.ImageSet((found.clip(0, 1) * 255).astype(np.uint8))


@pytest.fixture(scope="module")
def index(images):
    net = planted()
    return scan(net, images, "relu", k=9, directions=random(net, "relu", seed=3)).finish()


def test_planted_units_are_coherent_and_random_directions_less(index, images):
    net = planted()
    units, others = (coherence(net, index, images, judge="pixels", basis=basis) for basis in ("units", "random"))
    assert (units.score > 0.5).all() and (units.p == 1 / 1001).all()
    assert abs(units.null.mean()) < 0.03 and units.null.shape == (1000,) and units.null.max() < 0.5
    found = compare(units, others)
    assert found.low > 0.8 and found.difference_low > 0.1 and "units are more coherent than random" in found.says


def test_a_rotated_network_gives_the_opposite_verdict(images):
    """Its units are mixtures of the patterns, and what detects the patterns are directions."""
    turn = torch.from_numpy(random(planted(), "relu", seed=3).vectors)
    verdicts = []
    for net, layer, others in ((planted(), "relu", turn), (planted(turn), "turned", turn.T)):
        index = scan(net, images, layer, k=9, directions=given(others, layer)).finish()
        units, directions = (coherence(net, index, images, basis=basis, judge="pixels") for basis in ("units", "given"))
        verdicts.append(compare(units, directions))
    assert verdicts[0].low > 0.8 and verdicts[1].high < 0.2
    assert verdicts[0].effect == pytest.approx(1 - verdicts[1].effect, abs=0.05)
    assert "given are more coherent than units" in verdicts[1].says


def at_random(table, net, rows: int, seed: int, k: int = 9):
    """A table whose rows are patches at random places of random images."""
    rng = np.random.default_rng(seed)
    boxes = receptive_field(net, table.layer).boxes
    drawn = np.stack([rng.choice(IMAGES, k, replace=False) for _ in range(rows)])
    ys, xs = (rng.integers(0, side, (rows, k)) for side in boxes.shape[:2])
    names = tuple(map(str, range(rows)))
    return replace(table, names=names, images=drawn, ys=ys, xs=xs, boxes=boxes[ys, xs], values=np.zeros((rows, k)))


@pytest.mark.parametrize("k", [2, 9])
def test_random_rows_have_p_values_that_are_uniform(index, images, k):
    net = planted()
    found = coherence(net, at_random(index["relu"], net, 300, 1, k), images, judge="pixels", pool=1500, draws=1500)
    assert kstest(found.p, "uniform").pvalue > 0.01
    assert abs((found.p <= 0.05).mean() - 0.05) < 0.04 and abs(found.score.mean()) < 0.01


def test_one_planted_row_stands_out_among_random_ones(index, images):
    net = planted()
    table = at_random(index["relu"], net, 30, 2)
    for name in ("images", "boxes"):
        getattr(table, name)[17] = getattr(index["relu"], name)[4]
    found = coherence(net, table, images, judge="pixels", draws=500)
    assert found.score.argmax() == 17 and found.p[17] == 1 / 501 and np.sort(found.p)[1] > 1 / 501


def test_the_score_is_the_mean_cosine_over_pairs_of_different_images_by_hand(index, images):
    net, table = planted(), index["relu"]
    seen: list[np.ndarray] = []

    def eye(pictures):
        seen.extend(pictures)
        return np.stack([[picture.mean(), picture.std(), picture[0, 0, 0]] for picture in pictures])

    few = replace(table, images=table.images[:, :4].copy(), boxes=table.boxes[:, :4])
    few.images[0, 1], few.images[1, 2:], few.images[2, 1:] = few.images[0, 0], -1, -1
    found = coherence(net, few, images, judge=eye, draws=50, pool=60)
    assert found.judge == "eye" and {picture.shape for picture in seen} == {(PATTERN, PATTERN, 1)}

    def features(unit, rank):
        top, left, bottom, right = few.boxes[unit, rank]
        return eye([net.displayed(net.input(images[int(few.images[unit, rank])]))[top:bottom, left:right]])[0]

    seen.clear()
    chance = replace_pool(net, images, "relu", 60, eye)
    mean, spread = chance.mean(0), chance.std(0)
    for unit in range(len(few)):
        ranks = np.flatnonzero(few.images[unit] >= 0)
        rows = np.array([(features(unit, rank) - mean) / spread for rank in ranks])
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        cosines = [rows[a] @ rows[b] for a in range(len(ranks)) for b in range(a)
                   if few.images[unit, ranks[a]] != few.images[unit, ranks[b]]]
        if cosines:
            assert found.score[unit] == pytest.approx(np.mean(cosines), abs=1e-5)
        else:
            assert np.isnan(found.score[unit]) and np.isnan(found.p[unit])
    assert np.isnan(found.score[2]) and np.isfinite(found.score[[0, 1]]).all()


def replace_pool(net, images, layer, pool, eye):
    """The features of the random patches, drawn again as documented: images by turns, places uniform."""
    rng = np.random.default_rng(0)
    rows = rng.permutation(len(images))[:pool]
    shares, boxes = rng.random((pool, 2)), receptive_field(net, layer).boxes
    found = []
    for row, share in zip(rows, shares, strict=True):
        y, x = (share * boxes.shape[:2]).astype(int)
        top, left, bottom, right = boxes[y, x]
        found.append(net.displayed(net.input(images[int(row)]))[top:bottom, left:right])
    return eye(found)


def test_a_judge_of_the_network_reads_what_the_last_linear_layer_reads(unchanged):
    model = small_network()
    net = dv.Network(model, input_size=(3, 16, 16))
    photos = dv.ImageSet(np.random.default_rng(0).integers(0, 255, (12, 16, 16, 3), np.uint8))
    cut = [Cutout(net.input(photos[0]), net.displayed(net.input(photos[0]))),
           Cutout(net.input(photos[1])[:, 2:9, :5], net.displayed(net.input(photos[1]))[2:9, :5])]
    whole = net.input(photos[0])[None]
    with torch.no_grad():
        pooled, block = model[:7](whole)[0].numpy(), model[:5](whole)[0].mean((1, 2)).numpy()
    with unchanged(model):
        own, layer, other = (judge(net, given) for given in ("network", "4", dv.Network(model, input_size=(3, 16, 16))))
        features = [one.features(cut) for one in (own, layer, other)]
    assert [one.shape for one in features] == [(2, 8)] * 3
    assert np.abs(features[0][0] - pooled).max() < 1e-5 and np.abs(features[1][0] - block).max() < 1e-5
    assert np.abs(features[2][0] - features[0][0]).max() < 1e-5, "the same eyes, from the picture"
    assert "echo" in own.caution and "echo" in other.caution
    stranger = judge(net, dv.demo.digits()[0])
    assert stranger.features(cut).shape == (2, 768) and stranger.caution == ""
    assert judge(net, "pixels").features(cut).shape == (2, 3 * 16 * 16)
    with unchanged(model):
        scanned = scan(net, photos, "2", k=4).finish()
        found = [coherence(net, scanned, photos, judge=name, draws=30, pool=20) for name in ("network", "4", "pixels")]
    assert all(np.isfinite(one.score).any() for one in found)
    assert found[0].says.endswith("or ask another judge.") and "layer '2' itself" in found[0].says


def test_it_repeats_itself_and_goes_by_ids_and_leaves_out_what_cannot_be_read(images, index, tmp_path):
    net = planted()
    one, again = (coherence(net, index, images, judge="pixels", draws=40) for _ in range(2))
    assert same(one, again)
    other = coherence(net, index, images, judge="pixels", draws=40, seed=1)
    assert not np.array_equal(one.null, other.null)
    shifted = replace(index["relu"], images=np.where(index["relu"].images < 0, -1, index["relu"].images + 1000))
    by_ids = coherence(net, shifted, images, judge="pixels", draws=40, ids=range(1000, 1000 + IMAGES))
    assert same(one, by_ids)
    lost = replace(index["relu"], images=index["relu"].images.copy())
    lost.images[3, 0], lost.images[5] = 10**6, 10**6
    found = coherence(net, lost, images, judge="pixels", draws=40)
    assert np.isnan(found.score[5]) and np.isfinite(np.delete(found.score, 5)).all()
    with pytest.raises(dv.ImageError, match="None of the images with the patches can be read"):
        coherence(net, replace(lost, images=lost.images * 0 + 10**6), images, judge="pixels")


def test_the_effect_is_the_chance_that_one_beats_the_other(index, images):
    base = coherence(planted(), index, images, judge="pixels", draws=20)
    rng = np.random.default_rng(0)
    a, b = np.append(rng.normal(0.4, 0.2, 30).round(1), np.nan), rng.normal(0.3, 0.2, 50).round(1)
    units, others = (replace(base, score=scores, basis=name) for scores, name in ((a, "units"), (b, "random")))
    found = compare(units, others)
    assert found.effect == pytest.approx(mannwhitneyu(a[:-1], b).statistic / (30 * 50))
    assert found.difference == pytest.approx(a[:-1].mean() - b.mean())
    assert found.low < found.effect < found.high and found.difference_low < found.difference < found.difference_high
    back = compare(others, units)
    assert back.effect == pytest.approx(1 - found.effect) and back.difference == pytest.approx(-found.difference)
    misses = 0
    for seed in range(60):  # the interval holds the truth as often as it says
        rng = np.random.default_rng(seed)
        one, two = (replace(base, score=rng.normal(size=25)) for _ in range(2))
        drawn = compare(one, two, draws=300)
        misses += not drawn.low <= 0.5 <= drawn.high
        assert ("cannot be told apart" in drawn.says) == (drawn.low <= 0.5 <= drawn.high)
    assert misses <= 9
    with pytest.raises(ValueError, match="Only scores of the same judge can be compared"):
        compare(base, replace(base, judge="pixels of another"))
    with pytest.raises(ValueError, match="two rows on each side; there are 16 and 1 with a score"):
        compare(base, replace(base, score=base.score[:1]))


def test_what_cannot_be_judged_is_refused_in_one_sentence(index, images):
    net = planted()
    for wrong, says in (
        ({"judge": 3}, "A judge is 'network', 'pixels', the name of a layer, a Network, or a function of pictures"),
        ({"judge": "eyes"}, "No layer 'eyes'"),
        ({"judge": lambda pictures: np.zeros(3)}, r"returns numbers \(N, F\) for N pictures; for 32 it returned 3"),
        ({"draws": 0}, "draws is a whole number from 1; 0 is not"), ({"pool": 1}, "pool is a whole number from 2"),
        ({"layer": "pool9"}, "No layer 'pool9'"),
    ):
        with pytest.raises(ValueError, match=says):
            coherence(net, index, images, **wrong)
    with pytest.raises(KeyError, match="No basis at layer 'relu' 'PCA'"):
        coherence(net, index, images, basis="PCA")
    both = scan(net, images[:20], ["find", "relu"], k=2).finish()
    with pytest.raises(ValueError, match="The index has 2 layers; say which one is meant"):
        coherence(net, both, images[:20])
