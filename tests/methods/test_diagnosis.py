"""The diagnosis on networks whose fault is known: trained five times each, and with faults planted."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest
import torch
from kernels_banks import (
    HEALTHY,
    SEEDS,
    first_layer,
    normal,
    pruned,
    random_start,
    trained,
    uniform,
    with_duplicate,
    with_giant,
    with_nan,
    with_noisy_kernel,
)

import deepviz_widgets as dv
from deepviz_widgets.demo import fit
from deepviz_widgets.demo.recipes import RECIPES, scene_examples
from deepviz_widgets.demo.scene_images import Planted
from deepviz_widgets.demo.transform import Transform
from deepviz_widgets.methods.kernels.diagnosis import diagnose, diagnose_all
from deepviz_widgets.methods.kernels.findings import KINDS

SHIPPED = ("digits", "scenes", "scenes-confounder", "photos")


def kinds(diagnosis):
    return {finding.kind for finding in diagnosis.found}


def network(name, seed):
    recipe = RECIPES["digits" if name == "digits" else "scenes"]
    transform = Transform(recipe.size[1:], recipe.mean, recipe.std)
    return dv.Network(first_layer(name, seed), transform=transform, input_size=recipe.size)


def pictures(n=60):
    return dv.demo.scenes(n=n)[1]


def silent(name, seed, images):
    """The units that no place of any image wakes, by running the layer: the truth about dead units."""
    recipe, model = RECIPES["scenes"], first_layer(name, seed)
    pixels = torch.stack([torch.from_numpy(np.array(picture.pixels)) for picture in images]).movedim(-1, 1)
    with torch.no_grad():
        inputs = fit.normalised(pixels.float() / 255, recipe.mean, recipe.std)
        awake = model.relu1(model.bn1(model.conv1(inputs))).amax((0, 2, 3)) > 0
    return set(np.flatnonzero(~awake.numpy()).tolist())


@dataclass
class Score:
    """How often a fault was found where it was, and not found where it was not."""

    hits: list = field(default_factory=list)
    rejections: list = field(default_factory=list)

    def row(self, kind):
        share = [f"{np.mean(part):6.2f} ({sum(part)} of {len(part)})" for part in (self.hits, self.rejections)]
        return f"{kind:<26} sensitivity {share[0]:<20} specificity {share[1]}"


@pytest.fixture(scope="module")
def healthy():
    """First layers of healthy networks: five seeds of two demos, and those that ship."""
    layers = {(name, seed): trained(name, seed) for name in HEALTHY for seed in SEEDS}
    for name in SHIPPED:
        demo, _, planted = name.partition("-")
        net = getattr(dv.demo, demo)(**({"confounder": True} if planted else {}))[0]
        layers[name, "shipped"] = net.model.conv1.weight.detach().numpy()
    return layers


def test_every_planted_fault_is_found_and_no_healthy_network_is_called_noisy(healthy, capsys):
    scores = {kind: Score() for kind in KINDS}
    for weights in healthy.values():
        found = kinds(diagnose(weights))
        for kind in KINDS:
            scores[kind].rejections.append(kind not in found)
    noise = [trained("scenes-sensor", seed) for seed in SEEDS]
    noise.append(dv.demo.scenes(sensor_noise=True)[0].model.conv1.weight.detach().numpy())
    scores["noisy"].hits += ["noisy" in kinds(diagnose(weights)) for weights in noise]
    scores["untrained"].rejections += ["untrained" not in kinds(diagnose(weights)) for weights in noise]
    for seed in SEEDS:
        scores["dead"].hits.append("dead" in kinds(diagnose(trained("killed", seed))))
        for weights in (healthy["digits", seed], healthy["scenes", seed]):
            for start in (uniform, normal):
                found = kinds(diagnose(random_start(start, weights.shape, seed)))
                scores["untrained"].hits.append("untrained" in found)
                scores["noisy"].hits.append("noisy" in found)
            plant(scores, weights, np.random.default_rng(seed))
    with capsys.disabled():
        print("\n" + "\n".join(score.row(kind) for kind, score in scores.items() if score.hits))  # noqa: T201
    for kind, score in scores.items():
        assert all(score.hits), f"a planted fault was missed: {score.row(kind)}"
        assert kind == "dominating" or all(score.rejections), f"a healthy network was accused: {score.row(kind)}"
    assert sum(not right for right in scores["dominating"].rejections) == 1  # photos: one RMS is 0.31, the median 0.037


def plant(scores, weights, rng):
    """Plant a fault of each kind into healthy kernels; it must be found, in the right kernels and in no others."""
    faults = {"duplicate": with_duplicate, "dead": pruned, "dominating": with_giant, "not finite": with_nan}
    for kind, planted in faults.items():
        sick, where = planted(weights, rng)
        diagnosis = diagnose(sick)
        scores[kind].hits.append(set(diagnosis[kind].kernels) == where and kind in kinds(diagnosis))
        others = kinds(diagnosis) - {kind}
        assert not others, f"{kind} was planted, and {others} found too"


@pytest.mark.parametrize("name", HEALTHY)
def test_a_single_noisy_kernel_is_named_and_the_layer_stays_healthy(name):
    for seed in SEEDS:
        sick, where = with_noisy_kernel(trained(name, seed), np.random.default_rng(seed))
        diagnosis = diagnose(sick)
        if name == "scenes":  # 25 grey weights are too few to name every noisy kernel
            assert set(diagnosis["noisy"].kernels) == where
            assert diagnosis.headline == "Healthy, with one kernel to look at"
        assert set(diagnosis["noisy"].kernels) <= where and diagnosis.healthy and not diagnosis.found


@pytest.mark.parametrize("seed", SEEDS)
def test_units_killed_by_a_high_learning_rate_are_dead_and_the_images_tell_all_of_them(seed, capsys):
    images = pictures()
    truth, net = silent("killed", seed, images), network("killed", seed)
    by_weights, by_network = diagnose(net.model.conv1)["dead"], diagnose(net, "conv1")["dead"]
    seen = diagnose(net, "conv1", images=images)
    with capsys.disabled():
        told = f"{len(by_weights.kernels)} by weights, {len(by_network.kernels)} with the normalisation after them"
        print(f"\nseed {seed}: {len(truth)} units never wake; {told}, {len(seen['dead'].kernels)} with images")  # noqa: T201
    assert len(truth) >= 3
    assert set(by_weights.kernels) <= set(by_network.kernels) <= truth  # none is called dead that ever wakes
    assert set(seen["dead"].kernels) == truth and not seen.healthy
    assert by_weights.status == "found" and len(by_network.kernels) >= len(truth) / 2


@pytest.mark.parametrize("name", ["scenes", "scenes-sensor"])
def test_no_unit_of_a_living_network_is_called_dead(name):
    for seed in SEEDS:
        assert not silent(name, seed, pictures())
        assert diagnose(network(name, seed), "conv1", images=pictures())["dead"].status == "not found"


@pytest.mark.slow
def test_live_training_tells_healthy_sensor_and_killed_apart(unchanged):
    """The stored arrays are no special case: a seed that nobody has looked at, trained here."""
    def train(planted, **changes):
        recipe = RECIPES["scenes"]
        schedule = fit.Schedule(**{"epochs": 6, **changes})
        sets, model = [scene_examples(900, planted, seed=77)], recipe.untrained(77)
        return fit.fit(model, sets, schedule, mean=recipe.mean, std=recipe.std, seed=77)

    healthy = train(Planted())
    net = dv.Network(healthy, input_size=(3, 64, 64))
    with unchanged(healthy):
        assert diagnose(net, "conv1", images=pictures(12)).healthy
    assert diagnose(train(Planted(cameras="train"), epochs=10).conv1)["noisy"].status == "found"
    killed = dv.Network(train(Planted(), rate=3.0), transform=Transform((64, 64), (0.5,) * 3, (0.25,) * 3))
    assert "dead" in kinds(diagnose(killed, "conv1", images=pictures(30)))


@pytest.mark.parametrize("name", SHIPPED)
def test_every_layer_of_the_shipped_networks_is_trained_and_none_is_noise(name):
    demo, _, planted = name.partition("-")
    net = getattr(dv.demo, demo)(**({"confounder": True} if planted else {}))[0]
    for found in [*diagnose_all(net).values(), diagnose(net, "fc")]:
        assert found.healthy and not kinds(found) & {"untrained", "noisy", "dead"}, repr(found)


def test_a_layer_that_learned_too_little_looks_like_noise():
    """No weight decay and few pictures: the kernels keep the noise that they began with."""
    recipe = RECIPES["scenes"]
    schedule = fit.Schedule(epochs=8, decay=0, first_decay=0)
    model = fit.initialised(recipe.model, 1)
    fit.fit(model, [scene_examples(240, Planted(), seed=1)], schedule, mean=recipe.mean, std=recipe.std, seed=1)
    assert diagnose(model.conv1)["noisy"].status == "found"
