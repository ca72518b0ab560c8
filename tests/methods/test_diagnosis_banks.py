"""The diagnosis on drawn and random kernels, by properties, and on what cannot be told."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from kernels_banks import (
    SEEDS,
    STARTS,
    blobs,
    checkerboards,
    dogs,
    dots,
    gabors,
    gratings,
    pruned,
    random_start,
    smooth,
    steps,
    trained,
    uniform,
    with_duplicate,
    with_nan,
    with_noise,
)
from torch import nn

import deepviz_widgets as dv
from deepviz_widgets.methods.kernels import measures
from deepviz_widgets.methods.kernels.diagnosis import diagnose, diagnose_all
from deepviz_widgets.methods.kernels.findings import KINDS
from deepviz_widgets.methods.kernels.startpoint import start_test

STRUCTURED = {
    **{f"Gabors of {w} px": lambda side, planes, w=w: gabors(side, planes, wavelength=w) for w in (2.5, 3, 4, 6, 8)},
    "differences of Gaussians": dogs, "blobs": blobs, "gratings": gratings, "checkerboards": checkerboards,
    "steps": steps,
}


def kinds(diagnosis):
    return {finding.kind for finding in diagnosis.found}


# ---------------------------------------------------------------- noise


@pytest.mark.parametrize("name", STRUCTURED)
@pytest.mark.parametrize("side", [5, 7, 11])
@pytest.mark.parametrize("planes", [1, 3])
def test_structured_kernels_are_not_noise_however_fine_they_are(name, side, planes):
    found = diagnose(STRUCTURED[name](side, planes).astype(np.float32))
    assert found["noisy"].kernels == () and found["noisy"].status == "not found"
    assert "untrained" not in kinds(found)


def test_checkerboards_stay_structured_under_as_much_noise():
    noisy = with_noise(np.concatenate([checkerboards(7, 3)] * 4), 0.45, np.random.default_rng(0))
    assert diagnose(noisy)["noisy"].number < 0.05


def test_either_smoothness_or_a_falling_spectrum_is_structure():
    rng = np.random.default_rng(0)
    smooth_enough = with_noise(np.concatenate([gabors(11, 3, wavelength=5)] * 2), 0.4, rng)  # slope -0.9
    falls_enough = with_noise(blobs(11, 3, 32), 0.5, rng)  # smoothness 0.25
    assert diagnose(smooth_enough)["noisy"].number < 0.1
    assert diagnose(falls_enough)["noisy"].number < 0.5


def test_a_trace_of_smoothness_does_not_excuse_a_noisy_kernel():
    mostly_noise = with_noise(blobs(11, 3, 32), 0.6, np.random.default_rng(0))  # smoothness 0.15, by chance up to 0.06
    assert diagnose(mostly_noise)["noisy"].number > 0.5


def test_single_pixels_are_no_noise():
    assert diagnose(dots(7, 3).astype(np.float32))["noisy"].kernels == ()


@pytest.mark.parametrize("name", STRUCTURED)
@pytest.mark.parametrize("side", [7, 11])
def test_the_share_of_noisy_kernels_rises_with_added_noise(name, side):
    bank = np.concatenate([STRUCTURED[name](side, 3) for _ in range(4)])
    levels = (0, 0.2, 0.4, 0.6, 0.8, 0.9, 1)
    shares = [diagnose(with_noise(bank, level, np.random.default_rng(1)))["noisy"].number for level in levels]
    assert all(b >= a - 0.05 for a, b in itertools.pairwise(shares)), shares  # up to three of 64 may go back by chance
    assert shares[0] == 0 and shares[-1] >= 0.9, shares


@pytest.mark.parametrize("start", STARTS)
@pytest.mark.parametrize(
    "shape", [(8, 1, 5, 5), (16, 3, 5, 5), (32, 1, 7, 7), (64, 3, 7, 7), (96, 3, 11, 11), (512, 3, 7, 7)]
)
def test_random_starts_are_noise_and_untrained(start, shape):
    for seed in range(5):
        found = diagnose(random_start(start, shape, seed))
        assert {"noisy", "untrained"} <= kinds(found), repr(found)
        assert not kinds(found) & {"dead", "duplicate", "dominating", "not finite"}
        assert found.headline == "Not told from a random start"


@pytest.mark.parametrize("count", [8, 32, 128])
@pytest.mark.parametrize("planes", [1, 3])
def test_smooth_kernels_of_varied_size_are_healthy(count, planes):
    for seed in range(5):
        found = diagnose(smooth(7, planes, count, np.random.default_rng(seed)))
        assert found.healthy and found["noisy"].kernels == ()


# ---------------------------------------------------------------- random starts


@pytest.mark.parametrize("start", STARTS)
@pytest.mark.parametrize(
    "shape",
    [(10, 64), (64, 64), (256, 512), (64, 32, 1, 1), (512, 512, 1, 1), (32, 1, 3, 3), (64, 64, 3, 3), (256, 128, 3, 3)],
)
def test_random_starts_are_told_as_such_for_every_kind_of_layer(start, shape):
    for seed in range(5):
        found = diagnose(random_start(start, shape, seed))
        assert found["untrained"].status == "found", found["untrained"].says
        assert "standard deviations" in found["untrained"].says


def test_shuffling_a_trained_layer_makes_it_a_random_start():
    weights = trained("scenes", 1)
    shuffled = np.random.default_rng(0).permutation(weights.ravel()).reshape(weights.shape)
    assert diagnose(weights)["untrained"].status == "not found"
    assert diagnose(shuffled)["untrained"].status == "found"


def test_the_chance_under_shuffling_is_spread_evenly_over_random_starts():
    chances = np.sort([start_test(random_start(uniform, (16, 1, 5, 5), seed)).chance for seed in range(200)])
    assert np.abs(chances - np.linspace(0, 1, 200)).max() < 0.12  # Kolmogorov and Smirnov: 0.115 at 1 %


def test_shuffling_and_the_limits_for_many_weights_agree(monkeypatch):
    from deepviz_widgets.methods.kernels import startpoint

    layers = [random_start(uniform, (24, 3, 7, 7), seed) for seed in range(20)] + [trained("scenes", 2)]
    shuffled = [start_test(weights) for weights in layers]
    monkeypatch.setattr(startpoint, "_FEW", 0)
    by_limits = [start_test(weights) for weights in layers]
    assert shuffled[0].shuffled and not by_limits[0].shuffled
    for name in ("singular", "neighbours", "energies", "cancelling"):
        apart = np.array([getattr(a, name) - getattr(b, name) for a, b in zip(shuffled, by_limits)])
        assert np.abs(apart[:-1]).mean() < 0.5, (name, apart)
    assert shuffled[-1].most > 15 and by_limits[-1].most > 15


@pytest.mark.parametrize("rank", [1, 3])
def test_a_few_strong_directions_are_what_training_leaves(rank):
    rng = np.random.default_rng(0)
    weights = random_start(uniform, (128, 256), 0)
    step = rng.standard_normal((128, rank)) @ rng.standard_normal((rank, 256)) * weights.std() * 0.4 / rank**0.5
    found = diagnose((weights + step).astype(np.float32))["untrained"]
    assert found.status == "not found" and "largest singular value" in found.says


# ---------------------------------------------------------------- other findings


def test_a_stride_of_four_on_fine_kernels_folds_and_a_stride_of_two_on_soft_ones_does_not():
    fine, finest, soft = gabors(11, 3, wavelength=6), gabors(11, 3, wavelength=2.5), blobs(11, 3)
    layers = {}
    for name, bank, stride in (("fine", fine, 4), ("fine, often read", finest, 2), ("soft", soft, 4)):
        layer = nn.Conv2d(3, len(bank), 11, stride=stride)
        layer.weight.data = torch.from_numpy(bank).float()
        layers[name] = diagnose(layer)["aliasing"]
    assert layers["fine"].status == "found" and 0.5 < layers["fine"].number < 0.98
    assert layers["fine, often read"].status == "not found" and layers["fine, often read"].number > 0.5
    assert layers["soft"].status == "not found" and layers["soft"].number < 0.1


def test_the_folded_share_of_white_kernels_is_the_area_of_the_band():
    rng = np.random.default_rng(0)
    lags = measures.autocorrelation(rng.standard_normal((400, 3, 7, 7)).astype(np.float32))
    assert measures.folded(lags, (4, 4)).mean() == pytest.approx(15 / 16, abs=0.01)
    assert measures.folded(lags, (2, 1)).mean() == pytest.approx(1 / 2, abs=0.01)


def test_only_very_low_and_very_high_frequencies_are_a_gap_in_the_middle():
    gap = np.concatenate([blobs(9, 3, 16), gratings(9, 3, 16, wavelength=2.2)]).astype(np.float32)
    filled = np.concatenate([gap, gabors(9, 3, 16, wavelength=5)]).astype(np.float32)
    assert diagnose(gap)["missing mid frequencies"].status == "found"
    assert diagnose(filled)["missing mid frequencies"].status == "not found"


def test_opposite_kernels_are_no_duplicates_and_groups_are_compared_within():
    bank = gabors(7, 3, 8)
    assert "duplicate" not in kinds(diagnose(np.concatenate([bank, -bank]).astype(np.float32)))
    depthwise = nn.Conv2d(16, 16, 7, groups=16)
    depthwise.weight.data[:] = torch.from_numpy(gabors(7, 1, 1)[0]).float()
    assert diagnose(depthwise)["duplicate"].status == "not applicable"
    grouped = nn.Conv2d(16, 16, 7, groups=2)
    grouped.weight.data[9] = grouped.weight.data[2]
    assert diagnose(grouped)["duplicate"].status == "not found"
    grouped.weight.data[10] = grouped.weight.data[9] * 3
    assert diagnose(grouped)["duplicate"].kernels == (9, 10)


def test_duplicates_are_found_among_many_wide_kernels_and_equal_brute_force():
    weights = random_start(uniform, (700, 512, 1, 1), 0)
    weights[600] = weights[3] + 0.02 * weights[5]
    found = diagnose(weights)["duplicate"]
    flat = measures.unit(weights).reshape(700, -1)
    assert found.kernels == (3, 600)
    assert found.number == pytest.approx(float((flat @ flat.T - 2 * np.eye(700)).max()), abs=1e-5)


def test_a_layer_most_of_which_is_pruned_says_how_many():
    weights = trained("scenes", 1)
    weights[:16] = 0
    found = diagnose(weights)
    assert found["dead"].kernels == tuple(range(16)) and found.headline == "16 of 24 kernels are dead"
    assert "exactly 0" in found["dead"].says and "pruning" in found["dead"].cause


def test_a_layer_that_faded_as_a_whole_is_dead():
    found = diagnose(trained("scenes", 1) * np.float32(1e-4))
    assert found.headline == "All kernels are dead" and "new start" in found["dead"].advice and not found.healthy


def test_a_unit_shut_by_its_normalisation_is_dead_only_where_a_relu_follows_it(unchanged):
    for after, dead in ((nn.ReLU(), (5,)), (nn.Identity(), ()), (nn.Tanh(), ())):
        model = nn.Sequential(
            nn.Conv2d(3, 8, 7), nn.BatchNorm2d(8), after, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 4)
        ).eval()
        model[1].bias.data[5] = -9
        net = dv.Network(model, input_size=(3, 32, 32))
        with unchanged(model):
            assert diagnose(net, "0")["dead"].kernels == dead


def test_a_normalisation_that_reads_a_sum_says_nothing_of_one_kernel():
    class Sum(nn.Module):
        def __init__(self):
            super().__init__()
            self.stem, self.conv = nn.Conv2d(3, 8, 3, padding=1), nn.Conv2d(8, 8, 3, padding=1)
            self.bn, self.fc = nn.BatchNorm2d(8), nn.Linear(8, 4)

        def forward(self, x):
            x = self.stem(x)
            return self.fc(torch.relu(self.bn(x + self.conv(x))).mean((2, 3)))

    model = Sum().eval()
    model.bn.bias.data[:] = -9
    assert diagnose(dv.Network(model, input_size=(3, 16, 16)), "conv")["dead"].status == "not found"


# ---------------------------------------------------------------- what cannot be told


@pytest.mark.parametrize("side", [2, 3, 4])
def test_small_kernels_are_too_small_to_tell_but_have_their_number(side):
    found = diagnose(nn.Conv2d(3, 32, side))
    assert found["noisy"].status == "too small to tell" and np.isfinite(found["noisy"].number)
    assert f"{side} × {side}" in found["noisy"].says and found["missing mid frequencies"].status == "too small to tell"
    assert not found.flags


@pytest.mark.parametrize("layer", [nn.Conv2d(16, 32, 1), nn.Linear(64, 10), nn.ConvTranspose2d(8, 4, 2, stride=2)])
def test_layers_without_places_are_not_judged_by_places(layer):
    found = diagnose(layer)
    assert found["aliasing"].status == "not applicable"
    assert found["noisy"].status in ("not applicable", "too small to tell") and "noisy" not in kinds(found)


@pytest.mark.parametrize(
    "weights",
    [np.zeros((4, 3, 7, 7)), np.full((4, 3, 7, 7), np.nan), np.ones((4, 3, 7, 7)), np.ones((1, 1, 1, 1)),
                np.full((8, 3, 7, 7), 1e-38), np.random.default_rng(0).standard_normal((8, 3, 7, 7)) * 1e30,
                np.random.default_rng(0).standard_normal((2, 3, 16, 16)), np.ones((1, 512)) * np.arange(512)],
    ids=["zeros", "nan", "ones", "one", "tiny", "huge", "two", "row"],
)
def test_odd_weights_give_a_whole_diagnosis_without_a_warning(weights):
    with np.errstate(all="raise", under="ignore"):
        found = diagnose(weights.astype(np.float32))
    assert [finding.kind for finding in found.findings] == list(KINDS)
    assert len(found.rms) == len(found.fine) == len(found.smoothness) == len(weights)


def test_one_nan_weight_is_found_and_the_other_kernels_are_judged_all_the_same():
    sick, where = with_nan(trained("scenes", 3), np.random.default_rng(0))
    found = diagnose(sick)
    assert found.headline == "Holds NaN or infinite weights" and set(found["not finite"].kernels) == where
    assert found["noisy"].status == "not found" and np.isnan(found.rms[list(where)]).all()


def test_images_without_a_network_are_refused_in_a_sentence():
    with pytest.raises(ValueError, match=r"^To watch units on images a network is needed: .*\.$"):
        diagnose(nn.Conv2d(3, 8, 3), images=[np.zeros((8, 8, 3))])


# ---------------------------------------------------------------- words


def every_diagnosis():
    rng = np.random.default_rng(0)
    weights = trained("scenes", 1)
    names = ("digits", "scenes", "scenes-sensor", "killed")
    yield from (diagnose(trained(name, seed)) for name in names for seed in SEEDS)
    yield from (diagnose(planted(weights, rng)[0]) for planted in (with_duplicate, pruned, with_nan))
    layers = (nn.Conv2d(3, 8, 3), nn.Conv2d(4, 8, 1), nn.Linear(9, 5), nn.Conv2d(3, 8, 11, 4))
    yield from (diagnose(layer) for layer in layers)
    yield from (diagnose(np.zeros((4, 3, 7, 7))), diagnose(gabors(7, 1, 4).astype(np.float32)))
    yield from diagnose_all(dv.demo.photos()[0]).values()


def test_every_finding_has_its_number_its_words_and_one_sentence():
    for found in every_diagnosis():
        assert 0 < len(found.headline) <= 60 and not found.headline.endswith(".") and found.summary.endswith(".")
        for finding in found.findings:
            assert finding.status in ("found", "not found", "too small to tell", "not applicable")
            assert finding.says.endswith(".") and finding.says.count(". ") == 0, finding.says
            assert finding.cause.endswith(".") and finding.advice.endswith(".") and finding.measure and finding.source
            assert finding.status != "found" or any(sign.isdigit() for sign in finding.says), finding.says
            if finding.status in ("found", "not found"):
                assert np.isfinite([finding.number, finding.threshold]).all()
        assert set(found.flags) == {k for finding in found.findings for k in finding.kernels}


# ---------------------------------------------------------------- properties


def verdict(found):
    return {f.kind: (f.status, f.kernels) for f in found.findings if f.kind != "dominating"}


bank = st.sampled_from([("scenes", 1), ("digits", 2), ("scenes-sensor", 3), ("killed", 4)])


@settings(max_examples=20, deadline=None)
@given(bank, st.floats(0.25, 1000))
def test_scaling_all_weights_changes_nothing_but_who_dominates(which, scale):
    weights = trained(*which)
    weights[3] = 0  # one dead kernel, so that flags are not empty
    assert verdict(diagnose(weights * np.float32(scale))) == verdict(diagnose(weights))


@settings(max_examples=20, deadline=None)
@given(bank, st.randoms(use_true_random=False))
def test_permuting_kernels_permutes_the_flags(which, random):
    weights = trained(*which)
    weights[3] = 0
    weights[4] = 2 * weights[5]
    order = list(range(len(weights)))
    random.shuffle(order)
    before, after = diagnose(weights), diagnose(weights[order])
    for kind in ("dead", "duplicate", "not finite", "dominating"):
        assert {order[k] for k in after[kind].kernels} == set(before[kind].kernels)
    assert {f.kind: f.status for f in after.findings} == {f.kind: f.status for f in before.findings}
    np.testing.assert_allclose(after.smoothness, before.smoothness[order], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    "turn", [lambda w: w.swapaxes(2, 3), lambda w: w[..., ::-1], lambda w: w[:, :, ::-1], lambda w: -w],
    ids=["transposed", "mirrored", "upside down", "negative"],
)
def test_turning_kernels_over_changes_nothing(turn):
    for which in (("scenes", 1), ("scenes-sensor", 2), ("digits", 3)):
        weights = trained(*which)
        a, b = diagnose(weights), diagnose(np.ascontiguousarray(turn(weights)))
        np.testing.assert_allclose(a.smoothness, b.smoothness, atol=1e-4)
        np.testing.assert_allclose(a.fine, b.fine, atol=1e-4)
        assert {f.kind: f.status for f in a.findings} == {f.kind: f.status for f in b.findings}


def test_small_and_large_kernels_are_measured_alike(monkeypatch):
    weights = trained("scenes", 4)
    small = measures.measure(weights)
    monkeypatch.setattr(measures, "_PLACES", 0)
    large = measures.measure(weights)
    for name, values in vars(small).items():
        np.testing.assert_allclose(values, getattr(large, name), rtol=1e-3, atol=1e-4, err_msg=name)


def test_fine_detail_is_the_share_of_power_above_half_of_nyquist():
    weights = trained("scenes", 5)
    power = (np.abs(np.fft.fft2(weights, s=(512, 512))) ** 2).sum(1)
    frequency = np.abs(np.fft.fftfreq(512))
    high = np.maximum(frequency[:, None], frequency) > 0.25
    share = power[:, high].sum(1) / power.sum((1, 2))
    np.testing.assert_allclose(diagnose(weights).fine, share, atol=0.01)


def test_the_band_of_random_kernels_holds_95_percent_of_them():
    low, high = diagnose(nn.Conv2d(3, 8, 7)).random_fine
    fine = measures.measure(np.random.default_rng(9).standard_normal((1000, 3, 7, 7)).astype(np.float32)).fine
    assert 0.92 < ((fine >= low) & (fine <= high)).mean() < 0.98


@pytest.mark.parametrize("side", [17, 40, 64])
def test_kernels_as_large_as_pictures_are_told_apart_too(side):
    rng = np.random.default_rng(side)
    noise = rng.normal(size=(24, 1, side, side)).astype(np.float32)
    smooth = np.cumsum(np.cumsum(noise, 2), 3)
    by_kind = {finding.kind: finding.status for finding in diagnose(smooth).findings}
    assert by_kind["noisy"] == "not found" and by_kind["untrained"] == "not found"
    found = diagnose(noise * rng.uniform(0.1, 1, (24, 1, 1, 1)).astype(np.float32))
    assert {finding.kind: finding.status for finding in found.findings}["noisy"] == "found"
    assert np.isfinite(found.fine).all() and found.random_fine[0] < np.median(found.fine) < found.random_fine[1]
