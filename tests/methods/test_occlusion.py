"""`methods.occlusion`: networks whose map is known, Captum, and what happens on the way."""

from __future__ import annotations

import time
from collections import deque

import numpy as np
import pytest
import torch
from networks import small_network
from occlusion_nets import ReadsOnePixel, ReadsTheMean, SaysTheSame, counting
from torch import nn

import deepviz_widgets as dv
from deepviz_widgets.methods.occlusion import Occlusion, occlusion

RNG = np.random.default_rng(0)


def last(sweeps):
    """The complete sweep."""
    return deque(sweeps, maxlen=1)[0]


def picture(height=16, width=16, channels=3):
    return np.random.default_rng(1).integers(0, 255, (height, width, channels), np.uint8)


@pytest.fixture
def net(model):
    return dv.Network(model, input_size=(3, 16, 16))


def test_a_network_that_reads_one_pixel_lights_there_and_nowhere_else():
    net = dv.Network(ReadsOnePixel(5, 9), input_size=(3, 16, 16))
    image = np.full((16, 16, 3), 0.75, np.float32)
    sweep = last(occlusion(net, image, patch=4, stride=2, fill=0.25))
    top, left, bottom, right = sweep.boxes.T
    covers = (top <= 5) & (bottom > 5) & (left <= 9) & (right > 9)
    assert np.array_equal(sweep.effect(0, "logit").ravel(), np.where(covers, np.float32(0.5), 0))
    heat = sweep.heat(0, "logit")
    assert heat[5, 9] == 0.5 and np.all(heat[:2] == 0) and np.all(heat[:, :6] == 0) and np.all(heat[10:] == 0)
    assert np.all(sweep.winner() == 0)  # 0.25 is still above 0


def test_a_network_that_reads_the_mean_falls_by_the_share_of_what_is_hidden():
    net = dv.Network(ReadsTheMean(), input_size=(1, 12, 20))
    image = RNG.random((12, 20)).astype(np.float32)
    sweep = last(occlusion(net, image, patch=(3, 5), stride=(2, 5), fill="black"))
    hidden = [image[top:low, left:end].sum() / image.size for top, left, low, end in sweep.boxes]
    assert np.allclose(sweep.effect(0, "logit").ravel(), hidden, atol=1e-6)
    assert np.allclose(sweep.effect(1, "logit"), 2 * sweep.effect(0, "logit"), atol=1e-6)


def test_a_network_that_always_says_the_same_gives_a_flat_map():
    sweep = last(occlusion(dv.Network(SaysTheSame(), input_size=(3, 16, 16)), picture()))
    assert not sweep.effect(1).any() and np.all(sweep.winner() == 1) and not sweep.heat(1).any()


@pytest.mark.parametrize(("shape", "patch", "stride", "side"), [
    ((3, 224, 224), 15, 8, (28, 28)), ((1, 30, 44), (9, 7), (4, 7), (7, 7)), ((5, 25, 17), 6, 5, (5, 4)),
])
def test_attributions_are_those_of_captum(shape, patch, stride, side):
    from captum.attr import Occlusion as Captum

    torch.manual_seed(0)  # each place has its own weights, so that a small window is far above rounding
    model = nn.Sequential(nn.Conv2d(shape[0], 4, 7, stride=4), nn.ReLU(), nn.AdaptiveAvgPool2d(7), nn.Flatten(),
                          nn.Linear(4 * 49, 5)).eval()
    net = dv.Network(model, input_size=shape)
    image = picture(*shape[1:], shape[0])
    run = occlusion(net, image, patch=patch, stride=stride, fill="grey")
    sweep = last(run)
    assert (sweep.rows, sweep.columns) == side
    window, step = ((value,) * 2 if isinstance(value, int) else value for value in (patch, stride))
    for target in (3,) if shape[1] > 100 else (0, 3):
        theirs = Captum(net.model).attribute(
            run.x[None], sliding_window_shapes=(shape[0], *window), strides=(shape[0], *step), target=target,
            baselines=run.filled[None], perturbations_per_eval=16,
        )[0, 0].numpy()
        assert np.abs(theirs).max() > 0
        assert np.abs(sweep.as_attribution(target) - theirs).max() < 1e-4 * np.abs(theirs).max()


def test_the_last_window_of_a_side_is_cut_at_the_border():
    net = dv.Network(ReadsTheMean(), input_size=(3, 224, 224))
    sweep = next(occlusion(net, picture(224, 224), patch=15, stride=8))
    assert sweep.total == 784 and sweep.boxes[27].tolist() == [0, 216, 15, 224]


@pytest.mark.parametrize("kind", ["probability", "logit", "margin"])
def test_every_score_of_every_class_at_every_position_is_that_of_the_hidden_image(net, kind):
    run = occlusion(net, picture(), patch=5, stride=4)
    sweep = last(run)
    hidden = [torch.where(torch.from_numpy(sweep.lattices[0].masks(np.array([p]))), run.filled, run.x)
              for p in range(sweep.total)]
    raw = net.forward(torch.stack(hidden)).detach()
    others = raw[:, None].repeat(1, 5, 1).masked_fill(torch.eye(5, dtype=bool), -torch.inf).amax(2)
    expected = {"probability": raw.softmax(1), "logit": raw, "margin": raw - others}[kind]
    assert np.allclose(sweep.scores(kind), expected, atol=1e-5)
    assert np.allclose(sweep.map(2, kind).ravel(), expected[:, 2], atol=1e-5)
    assert np.array_equal(sweep.winner().ravel(), raw.argmax(1))
    clean = net.scores(picture())
    assert np.allclose(sweep.base("probability"), clean.confidences[0], atol=1e-5)
    assert np.allclose(sweep.base("logit"), clean.raw[0], atol=1e-5)


def test_a_network_that_ends_in_softmax_keeps_its_probabilities_and_says_so(net):
    soft = dv.Network(nn.Sequential(*net.model, nn.Softmax(1)), input_size=(3, 16, 16))
    log = dv.Network(nn.Sequential(*net.model, nn.LogSoftmax(1)), input_size=(3, 16, 16))
    one, two, three = (last(occlusion(n, picture(), patch=5, stride=4)) for n in (net, soft, log))
    assert np.allclose(one.scores(), two.scores(), atol=1e-5) and np.allclose(one.scores(), three.scores(), atol=1e-5)
    assert np.array_equal(two.scores("logit"), two.scores("probability"))
    assert not one.notes and "ends in softmax" in two.notes[0] and "log-softmax" in three.notes[0]


def test_a_network_with_one_score_says_that_its_softmax_tells_nothing():
    net = dv.Network(small_network(classes=1), input_size=(3, 16, 16))
    sweep = last(occlusion(net, picture(), patch=8))
    assert np.all(sweep.map(0) == 1) and "always 1" in sweep.notes[0]
    assert np.ptp(sweep.map(0, "margin")) > 0


def test_the_three_maps_of_zeiler_and_fergus(net):
    run = occlusion(net, picture(), patch=6, stride=5, layers=["4.conv1"])
    sweep = last(run)
    with dv.capture(net, ["4.conv1"]) as seen:
        net.forward(run.x[None])
        for box in sweep.boxes:
            hidden = run.x.clone()
            hidden[:, box[0] : box[2], box[1] : box[3]] = run.filled[:, box[0] : box[2], box[1] : box[3]]
            net.forward(hidden[None])
    sums = torch.stack(seen["4.conv1"])[:, 0].sum((2, 3)).numpy()
    strongest = sums[0].argmax()
    assert np.allclose(sweep.base_features["4.conv1"], sums[0, strongest], rtol=1e-4)
    assert np.allclose(sweep.feature("4.conv1").ravel(), sums[1:, strongest], rtol=1e-4, atol=1e-4)
    with pytest.raises(ValueError, match="No layer '4.conv2'; did you mean '4.conv1'"):
        sweep.feature("4.conv2")
    with pytest.raises(ValueError, match="No layer was asked for"):
        last(occlusion(net, picture(), patch=8)).feature("0")


def test_a_region_of_interest_is_covered_and_nothing_else(net):
    sweep = last(occlusion(net, picture(), patch=4, stride=3, region=(2, 5, 12, 16)))
    seen = np.zeros((16, 16), bool)
    for top, left, bottom, right in sweep.boxes:
        seen[top:bottom, left:right] = True
    inside = np.zeros((16, 16), bool)
    inside[2:12, 5:16] = True
    assert np.array_equal(seen, inside) and sweep.boxes[0].tolist() == [2, 5, 6, 9]
    assert np.array_equal(np.isnan(sweep.as_attribution(0)), ~inside) and not sweep.heat(0)[~inside].any()


def test_segments_are_hidden_as_one_and_negative_ones_stay():
    net = dv.Network(ReadsTheMean(), input_size=(1, 16, 16))
    image = RNG.random((16, 16)).astype(np.float32)
    mask = np.full((16, 16), 7)
    mask[:4], mask[10:, 3:9], mask[8, 8] = -1, 2, 40
    sweep = last(occlusion(net, image, fill="black", segments=mask))
    hidden = [image[mask == number].sum() / 256 for number in (2, 7, 40)]
    assert sweep.total == 3 and np.allclose(sweep.effect(0, "logit")[0], hidden, atol=1e-6)
    heat = sweep.as_attribution(0)
    assert np.isnan(heat[:4]).all() and np.allclose(heat[mask == 7], hidden[1], atol=1e-6)
    assert sweep.boxes[0].tolist() == [10, 3, 16, 9]


def test_several_windows_have_a_lattice_each_and_share_the_heat():
    net = dv.Network(ReadsTheMean(), input_size=(1, 16, 16))
    image = RNG.random((16, 16)).astype(np.float32)
    both = last(occlusion(net, image, windows=[4, (2, 8)], stride=2, fill="black"))
    alone = [last(occlusion(net, image, patch=patch, stride=2, fill="black")) for patch in (4, (2, 8))]
    for index, sweep in enumerate(alone):
        assert np.array_equal(both.window(index).effect(1), sweep.effect(1))
    sums = [part.lattices[0].covering(part.effect(0, "logit").ravel(), np.ones(part.total)) for part in alone]
    mean = (sums[0][0] + sums[1][0]) / (sums[0][1] + sums[1][1])
    assert np.allclose(both.heat(0, "logit"), mean, atol=1e-6)
    with pytest.raises(ValueError, match="choose one, as in sweep.window"):
        both.map(0)


def test_positions_whose_patch_changes_nothing_are_not_computed_and_exact(net, monkeypatch):
    image = np.zeros((16, 16, 3), np.uint8)
    image[10:, 10:] = picture(6, 6)
    asked = counting(net, monkeypatch)
    sweep = last(occlusion(net, image, patch=4, stride=2, fill="black"))
    touched = [bool(image[top:low, left:end].any()) for top, left, low, end in sweep.boxes]
    assert sum(asked) == sum(touched) < sweep.total == sweep.done
    assert np.array_equal(sweep.raw[~np.array(touched)], np.repeat(sweep.base_raw[None], touched.count(False), 0))


def test_an_image_that_is_the_fill_needs_no_pass_at_all(net, monkeypatch):
    asked = counting(net, monkeypatch)
    sweeps = list(occlusion(net, np.full((16, 16, 3), 200, np.uint8), fill="mean"))
    assert len(sweeps) == 1 and sweeps[0].done == sweeps[0].total and not asked


def test_the_patch_is_cut_to_an_image_that_is_smaller(net):
    sweep = last(occlusion(net, picture(), patch=100, stride=40))
    assert sweep.total == 1 and sweep.patch == (16, 16) and sweep.boxes.tolist() == [[0, 0, 16, 16]]
    assert last(occlusion(net, picture(), patch=(16, 4), stride=(90, 2))).total == 7


def test_the_patch_is_a_seventh_of_the_image_and_moves_by_a_quarter_of_it_by_default():
    sweep = last(occlusion(dv.Network(ReadsTheMean(), input_size=(1, 112, 140)), picture(112, 140, 1)))
    assert sweep.patch == (16, 16) and sweep.stride == (4, 4) and sweep.fill == "mean"


@pytest.mark.parametrize(("options", "says"), [
    ({"patch": 4, "stride": 5}, "A stride of 5 leaves gaps between patches of 4 px"),
    ({"patch": (4, 8), "stride": (2, 9)}, "A stride of 9 leaves gaps between patches of 8 px"),
    ({"patch": 0}, "A patch is a number of pixels from 1 up"),
    ({"patch": 2.5}, "A patch is a number of pixels from 1 up"),
    ({"patch": (1, 2, 3)}, "A patch is a number of pixels from 1 up"),
    ({"stride": -1}, "A stride is a number of pixels from 1 up"),
    ({"region": (0, 0, 17, 16)}, r"The region \(0, 0, 17, 16\) does not lie inside the network's input of 16 × 16"),
    ({"region": (4, 4, 4, 8)}, "does not lie inside"),
    ({"region": (1, 2)}, r"A region is \(top, left, bottom, right\)"),
    ({"targets": 5}, "There is no class 5; the network has 5, counted from 0"),
    ({"targets": -1}, "There is no class -1"),
    ({"targets": "class9"}, "No class 'class9'; did you mean"),
    ({"targets": 1.5}, "A class is its index or its name"),
    ({"fill": "gray"}, "No fill 'gray'; did you mean 'grey'"),
    ({"windows": []}, "Windows are a list of patches, at least one"),
    ({"windows": [4], "patch": 4}, "Windows are a list of patches"),
    ({"segments": np.zeros((8, 8), int)}, "Segments are an integer mask of the size of the network's input, 16 × 16"),
    ({"segments": np.zeros((16, 16))}, "this is 16 × 16 of float64"),
    ({"segments": np.full((16, 16), -1)}, "The mask has no segment"),
    ({"segments": np.zeros((16, 16), int), "patch": 4}, "Segments are hidden as they are"),
    ({"layers": ["5.conv"]}, "No layer '5.conv'"),
    ({"engine": "warp"}, "warp"),
])
def test_what_does_not_go_is_said_in_a_sentence(net, options, says):
    with pytest.raises(ValueError, match=says):
        last(occlusion(net, picture(), **options))


def test_classes_are_asked_for_by_index_or_name(net):
    sweep = last(occlusion(net, picture(), patch=8, targets=["class 1", 2]))
    assert np.array_equal(sweep.map("class 3"), sweep.map(3)) and sweep.targets == (1, 2)
    with pytest.raises(ValueError, match="There is no class 7"):
        sweep.heat(7)
    with pytest.raises(ValueError, match="A score is 'probability', 'logit', 'margin'; 'energy' is none"):
        sweep.scores("energy")


def test_a_network_that_gives_nan_is_told_by_the_layer_that_does(net):
    with torch.no_grad():
        net.model[0].weight[0, 0, 0, 0] = torch.nan
    with pytest.raises(dv.NetworkError, match="Layer '7' gives NaN, as layer '0' before it"):
        last(occlusion(net, picture()))


def test_nan_for_a_hidden_patch_only_is_told_with_its_place():
    class Root(nn.Module):
        def __init__(self):
            super().__init__()
            self.root = nn.Identity()

        def forward(self, x):
            return self.root(torch.sqrt(x[:, 0, 3, 3, None] - 0.2).repeat(1, 2))

    image = np.full((16, 16, 3), 0.5, np.float32)
    with pytest.raises(dv.NetworkError, match=r"With the patch at \(\d, \d\): Layer 'root' gives NaN"):
        last(occlusion(dv.Network(Root(), input_size=(3, 16, 16)), image, patch=2, fill="black"))


def test_maps_of_a_network_without_class_scores_are_refused():
    net = dv.Network(nn.Conv2d(3, 4, 3), input_size=(3, 16, 16))
    with pytest.raises(dv.NetworkError, match="The network returns 4 × 14 × 14 values an image"):
        last(occlusion(net, picture()))


def test_partial_maps_are_finite_for_display_and_come_to_the_exact_one(net):
    sweeps = list(occlusion(net, picture(), patch=4, stride=1, pace=0))
    assert len(sweeps) > 10
    exact = sweeps[-1].as_attribution(1, "probability")
    for sweep in sweeps[::8]:
        assert np.isfinite(sweep.heat(1)).all() and np.isnan(sweep.map(1)).sum() == sweep.total - sweep.done
        assert np.array_equal(np.isnan(sweep.raw).any(1), ~sweep.known)
        assert np.array_equal(sweep.winner().ravel() < 0, ~sweep.known)
        assert np.isfinite(sweep.as_attribution(1)).any()
    assert np.array_equal(sweeps[-1].heat(1), exact)
    half = np.abs(sweeps[len(sweeps) // 2].heat(1) - exact).mean()
    assert half < 0.5 * np.abs(exact).mean()


def test_a_sweep_that_was_handed_out_does_not_change(net):
    run = occlusion(net, picture(), patch=4, stride=1, pace=0)
    first = next(run)
    known, done = first.known.copy(), first.done
    last(run)
    assert np.array_equal(first.known, known) and first.done == done
    assert np.isnan(first.scores()[~known]).all() and np.isnan(first.raw[~known]).all()


def test_the_first_steps_cover_the_whole_image(net):
    for sweep in occlusion(net, picture(), patch=4, stride=1, pace=0):
        if sweep.done >= 49:
            break
    tops, lefts = np.unique(sweep.boxes[sweep.known][:, 0]), np.unique(sweep.boxes[sweep.known][:, 1])
    assert sweep.done == 49 and tops.tolist() == lefts.tolist() == [0, 2, 4, 6, 8, 10, 12]


@pytest.mark.parametrize("stop", range(6))
def test_it_goes_on_after_an_interrupt_at_any_step_and_loses_no_position(net, monkeypatch, stop):
    whole = last(occlusion(net, picture(), patch=4, stride=2))
    run = occlusion(net, picture(), patch=4, stride=2, pace=0)
    original, steps = Occlusion._checked, iter(range(1000))

    def interrupted(self, part, positions, run):
        answer = original(self, part, positions, run)
        if next(steps) == stop:
            raise KeyboardInterrupt
        return answer

    monkeypatch.setattr(Occlusion, "_checked", interrupted)
    with pytest.raises(KeyboardInterrupt):
        last(run)
    sweep = last(run)
    assert sweep.done == sweep.total == whole.total
    assert np.allclose(sweep.raw, whole.raw, atol=1e-5)


def test_it_goes_on_after_an_interrupt_while_the_next_round_is_planned(net, monkeypatch):
    from deepviz_widgets.methods.occlusion.order import Order

    original = Order.blocks

    def interrupted(self, values):
        original(self, values)
        monkeypatch.setattr(Order, "blocks", original)
        raise KeyboardInterrupt

    run = occlusion(net, picture(), patch=4, stride=1, pace=0)
    next(run)
    monkeypatch.setattr(Order, "blocks", interrupted)
    with pytest.raises(KeyboardInterrupt):
        last(run)
    sweep = last(run)
    assert sweep.done == sweep.total and not np.isnan(sweep.raw).any()


def test_closed_in_the_middle_it_frees_its_engine_and_goes_on_when_asked(net):
    run = occlusion(net, picture(), patch=4, stride=2, pace=0)
    done = next(run).done
    run.close()
    assert run._engine is None and 0 < done < run.sweep.total
    assert last(run).done == run.sweep.total
    assert next(run, None) is None


def test_weights_that_change_in_the_middle_are_not_mixed_into_one_map(net):
    run = occlusion(net, picture(), patch=4, stride=2, pace=0)
    next(run)
    run.close()
    with torch.no_grad():
        net.model[7].bias += 3
    with pytest.raises(dv.NetworkError, match="begin a new one"):
        next(run)


def test_a_batch_that_pauses_gives_the_same_scores_with_other_work_in_between(net):
    whole = last(occlusion(net, picture(), patch=4, stride=1))
    run, pauses = occlusion(net, picture(), patch=4, stride=1), 0
    here = run.place(3, 5).raw
    while run.sweep is None or run.sweep.done < run.sweep.total:
        before = None if run.sweep is None else run.sweep.done
        new = run.advance(0)
        assert new == (run.sweep is not None and run.sweep.done != before)
        pauses += not new
        if pauses % 5 == 0:
            assert np.array_equal(run.place(3, 5).raw, here)
    assert pauses > 20 and not run.advance()
    assert np.allclose(run.sweep.raw, whole.raw, atol=1e-5)


def test_it_goes_on_after_an_interrupt_or_a_close_in_a_pause(net, monkeypatch):
    run = occlusion(net, picture(), patch=4, stride=1)
    run.advance(0)
    assert run._scoring and run.sweep is None
    monkeypatch.setattr(type(run._scoring[2]), "advance", raising(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        run.advance(0)
    monkeypatch.undo()
    run.advance(0)
    run.close()
    assert run._scoring is None and last(run).done == run.sweep.total
    assert np.allclose(run.sweep.raw, last(occlusion(net, picture(), patch=4, stride=1)).raw, atol=1e-5)


def test_many_positions_are_scored_together_as_that_takes_less_for_each(monkeypatch):
    net = dv.Network(ReadsTheMean(), input_size=(3, 32, 32))
    asked = counting(net, monkeypatch)
    last(occlusion(net, picture(32, 32), patch=4, stride=1))
    assert 49 in np.cumsum(asked) and np.mean(asked) > 80 and max(asked) <= 1.3 * 640
    assert sum(asked) == 29 * 29


class TakesLong(ReadsTheMean):
    def forward(self, x):
        time.sleep(0.04)
        return super().forward(x)


def test_a_second_map_knows_how_long_positions_take_and_begins_with_all_of_the_first_lattice(monkeypatch):
    net = dv.Network(TakesLong(), input_size=(3, 32, 32))
    asked = counting(net, monkeypatch)
    for _ in range(2):
        last(occlusion(net, picture(32, 32), patch=8, stride=3))
    second = np.flatnonzero(np.cumsum(asked) == sum(asked) / 2)[0] + 1
    assert asked[0] < 12 and asked[second] >= 49, asked


def raising(error):
    def call(*_args, **_settings):
        raise error
    return call


def test_two_maps_on_one_network_at_once_do_not_meet(net):
    images = [picture(), picture()[::-1].copy()]
    alone = [last(occlusion(net, image, patch=4, stride=2, fill=fill))
             for image, fill in zip(images, ("mean", "white"))]
    runs = [occlusion(net, image, patch=4, stride=2, fill=fill, pace=0)
            for image, fill in zip(images, ("mean", "white"))]
    while any(run.sweep is None or run.sweep.done < run.sweep.total for run in runs):
        for run in runs:
            next(run, None)
    for run, one in zip(runs, alone):
        assert np.allclose(run.sweep.raw, one.raw, atol=1e-5)


def test_the_same_call_gives_the_same_map_in_the_same_order(net):
    known = []
    for _ in range(2):
        sweeps = list(occlusion(net, picture(), patch=4, stride=2, fill="noise", seed=3, pace=0))
        known.append([np.flatnonzero(sweep.known).tolist() for sweep in sweeps])
    assert sorted(map(tuple, known[0]))[-1] == sorted(map(tuple, known[1]))[-1]
    one, two = (last(occlusion(net, picture(), patch=4, stride=2, fill="noise", seed=seed)) for seed in (3, 4))
    assert np.allclose(sweeps[-1].raw, one.raw, atol=1e-5) and not np.allclose(one.raw, two.raw, atol=1e-4)


def test_a_place_off_the_lattice_is_one_exact_pass(net):
    run = occlusion(net, picture(), patch=5, stride=5)
    here = run.place(3, 11)
    hidden = run.x.clone()
    hidden[:, 3:8, 11:16] = run.filled[:, 3:8, 11:16]
    assert np.allclose(here.raw[0], net.forward(hidden[None])[0].detach(), atol=1e-5)
    assert here.boxes.tolist() == [[3, 11, 8, 16]] and run.sweep is None
    assert run.place(-2, 14).boxes.tolist() == [[0, 14, 3, 16]]
    assert last(run).total == 16
    with pytest.raises(ValueError, match=r"A patch of 5 × 5 px at \(16, 0\) lies outside"):
        run.place(16, 0)


def test_the_most_decisive_patches_do_not_overlap(net):
    sweep = last(occlusion(net, picture(), patch=4, stride=1))
    chosen = sweep.strongest(2, 3)
    effects = sweep.effect(2).ravel()
    assert effects[chosen[0]] == effects.max() and np.all(np.diff(effects[chosen]) <= 0) and np.all(effects[chosen] > 0)
    for index, one in enumerate(sweep.boxes[chosen]):
        for other in sweep.boxes[chosen[:index]]:
            assert one[0] >= other[2] or other[0] >= one[2] or one[1] >= other[3] or other[1] >= one[3]


def test_the_model_is_untouched_also_after_a_break(net, unchanged):
    net.model.train()
    with unchanged(net.model):
        run = occlusion(net, picture(), patch=4, stride=2, layers=["4.conv1"], pace=0)
        next(run)
        next(run)
        run.place(1, 1)
        run.close()
