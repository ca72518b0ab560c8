"""`methods.incremental`: every engine gives what the user's own model gives, whatever the network and the boxes."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from incremental_nets import RECIPES, Odd, by_hand, error, lattice, lively, network, painted
from networks import small_network
from torch import nn

import deepviz_widgets as dv
from deepviz_widgets.methods.incremental import engine as engine_
from deepviz_widgets.methods.incremental import engines as engines_
from deepviz_widgets.methods.incremental import evaluator
from deepviz_widgets.methods.incremental import packed as packed_module
from deepviz_widgets.methods.incremental.packed import Packed
from deepviz_widgets.methods.incremental.workers import shares
from deepviz_widgets.scores import NetworkError


def image(net: dv.Network, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(net.input_size, generator=generator), torch.randn(net.input_size, generator=generator) * 0.5


# ---------------------------------------------------------------- generated networks


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(recipe=RECIPES, height=st.integers(9, 20), width=st.integers(9, 20), patch=st.integers(1, 9),
       stride=st.integers(1, 5), seed=st.integers(0, 5))
def test_generated_networks_agree_to_1e_9_in_float64(recipe, height, width, patch, stride, seed):
    torch.manual_seed(seed)
    try:
        model = lively(Odd(recipe, 2).double(), seed)
        net = dv.Network(model, input_size=(2, height, width))
    except (NetworkError, ValueError, RuntimeError):
        assume(False)  # a window larger than its map
    x, filled = (part.double() for part in image(net, seed))
    boxes = lattice(height, width, patch, max(stride, 1))[:: max(1, 12 // stride)][:12]
    found = evaluator(net, x, filled, exact=True, engine="incremental")
    assert found.how == "incremental", found.why
    wanted = torch.cat([net.forward(painted(x, filled, box)[None]) for box in boxes]).detach()
    off = (found.begin(boxes).answer()[0] - wanted).abs().max() / wanted.abs().max()
    assert float(off) < 1e-9


# ---------------------------------------------------------------- boxes


@pytest.mark.parametrize("engine", ["incremental", "dense"])
def test_any_boxes_at_borders_beyond_them_empty_and_as_large_as_the_image(engine, model, unchanged):
    net = dv.Network(model, input_size=(3, 17, 24))
    x, filled = image(net)
    boxes = np.array([(0, 0, 4, 4), (13, 20, 17, 24), (-3, -3, 2, 2), (15, 22, 99, 99), (0, 0, 17, 24), (5, 5, 5, 9),
                      (3, 7, 4, 8), (0, 0, 4, 4), (2, 0, 3, 24)])
    with unchanged(model):
        hide = evaluator(net, x, filled, engine=engine)
        raw, features = hide.run(boxes)
    assert hide.how == engine and features == {}
    assert raw.dtype == np.float32 and error(raw, by_hand(net, x, filled, boxes)) < 1e-5
    assert np.array_equal(raw[5], hide.clean), "a box without area hides nothing"
    assert np.allclose(hide.clean, net.forward(x[None]).detach().numpy()[0], atol=1e-6)


def test_no_boxes_give_no_scores(model):
    net = dv.Network(model, input_size=(3, 16, 16))
    raw, features = evaluator(net, *image(net), layers=["0"]).run(np.zeros((0, 4), int))
    assert raw.shape == (0, 5) and features["0"].shape == (0,)


def test_boxes_of_another_shape_and_unknown_engines_are_refused(model):
    net = dv.Network(model, input_size=(3, 16, 16))
    x, filled = image(net)
    hide = evaluator(net, x, filled)
    with pytest.raises(ValueError, match="top, left, bottom, right"):
        hide.run(np.zeros((3, 2), int))
    with pytest.raises(ValueError, match="Masks are"):
        hide.run_masks(np.zeros((3, 2, 2), bool))
    with pytest.raises(ValueError, match="The engine is"):
        evaluator(net, x, filled, engine="quick")
    with pytest.raises(ValueError, match="The fill"):
        evaluator(net, x, filled[:, :3])
    with pytest.raises(ValueError, match="No layer"):
        evaluator(net, x, filled, layers=["conv9"])


@pytest.mark.parametrize("engine", ["incremental", "dense"])
def test_masks_hide_what_they_say(engine, model):
    net = dv.Network(model, input_size=(3, 16, 20))
    x, filled = image(net)
    hide = evaluator(net, x, filled, engine=engine)
    masks = np.random.default_rng(0).random((7, 16, 20)) < 0.3
    wanted = torch.where(torch.from_numpy(masks)[:, None], filled, x)
    assert error(hide.run_masks(masks)[0], net.forward(wanted).detach().numpy()) < 1e-5
    assert hide.run_masks(masks[:0])[0].shape == (0, 5)


def test_another_fill_needs_no_other_clean_pass(model):
    net = dv.Network(model, input_size=(3, 16, 16))
    x, filled = image(net)
    hide = evaluator(net, x, filled)
    boxes = lattice(16, 16, 5, 3)
    passes = []
    handle = model.register_forward_pre_hook(lambda *_: passes.append(1))
    try:
        other = hide.again(-filled)
        found = other.run(boxes)[0]
    finally:
        handle.remove()
    assert not passes and error(found, by_hand(net, x, -filled, boxes)) < 1e-5
    assert error(hide.run(boxes)[0], by_hand(net, x, filled, boxes)) < 1e-5


# ---------------------------------------------------------------- layers


@pytest.mark.parametrize("engine", ["incremental", "dense"])
def test_the_strongest_map_of_a_layer_is_followed(engine, model):
    net = dv.Network(model, input_size=(3, 16, 20))
    x, filled = image(net)
    boxes = lattice(16, 20, 5, 4)
    names = ["0", "1", "2", "3", "4.conv1", "4.relu", "4", "7"]
    hide = evaluator(net, x, filled, layers=names, engine=engine)
    assert hide.how == engine
    raw, features = hide.run(boxes)
    assert error(raw, by_hand(net, x, filled, boxes)) < 1e-5
    for name in names:
        with dv.capture(net, [name]) as seen:
            net.forward(torch.stack([x, *(painted(x, filled, box) for box in boxes)]))
        sums = seen[name][-1].flatten(2).sum(2) if seen[name][-1].dim() > 2 else seen[name][-1]
        wanted = sums[:, int(sums[0].argmax())]
        assert np.isclose(hide.clean_features[name], float(wanted[0]), rtol=1e-5)
        assert np.allclose(features[name], wanted[1:].detach().numpy(), rtol=1e-4, atol=1e-4), name


# ---------------------------------------------------------------- awkward networks


class Calls(nn.Module):
    """Runs a function of itself and the image."""

    def __init__(self, run, **parts):
        super().__init__()
        for name, part in parts.items():
            setattr(self, name, part)
        self.run, self.last = run, nn.Linear(4, 3)

    def forward(self, x):
        return self.last(self.run(self, x).mean((2, 3)))


def conv(**more) -> nn.Module:
    return nn.Conv2d(4, 4, 3, padding=1, **more)


def used_after_in_place(self, x):
    y = self.a(x)
    z = F.relu(y, inplace=True)
    return z + y * 2


def view_used_after_in_place(self, x):
    y = self.a(x)
    flat = y.flatten(2)
    y.relu_()
    return y + flat.sum(2)[:, :, None, None]


def called_twice_then_normalised(self, x):
    return self.b(self.a(self.a(x)))


def read_after_it_was_combined(self, x):
    y = self.a(x)
    z = self.b(y)
    return y * z + y * torch.sigmoid(y.mean((2, 3), keepdim=True)) + (z + z)


def view_read_after_it_was_combined(self, x):
    y = self.a(x)
    one, other = y.chunk(2, 1)
    z = y * torch.sigmoid(y.mean((2, 3), keepdim=True))
    return z + torch.cat([other, one], 1)


def same_size(self, x):
    y = self.a(x)
    n, c, h, w = y.shape
    return y.view(n, c, h * w).view(y.size(0), c, h, w) + self.p


def shuffled(self, x):
    one, other = self.a(x).chunk(2, 1)
    return torch.cat([other, one], 1)


def of_values(self, x):
    y = self.a(x)
    return y * 2 if float(y.detach().mean()) > 1e9 else y


AWKWARD = {
    "a tensor changed in place and used later": (used_after_in_place, {"a": conv()}),
    "a view of a tensor changed in place": (view_used_after_in_place, {"a": conv()}),
    "a convolution called twice before its norm": (called_twice_then_normalised, {"a": conv(), "b": nn.BatchNorm2d(4)}),
    "maps that are combined and read again": (read_after_it_was_combined, {"a": conv(), "b": conv()}),
    "a view of a map that is combined": (view_read_after_it_was_combined, {"a": conv()}),
    "shapes read from the batch": (same_size, {"a": conv(), "p": nn.Parameter(torch.ones(1, 4, 1, 1))}),
    "channels cut and put together": (shuffled, {"a": conv()}),
    "control flow by value": (of_values, {"a": conv()}),
    "reflected padding": (lambda self, x: self.b(self.a(x)), {"a": conv(padding_mode="reflect"), "b": conv()}),
    "padding by name": (lambda self, x: self.b(self.a(x)), {"a": nn.Conv2d(4, 4, 4, padding="same"), "b": conv()}),
    "a pool of a pool": (lambda self, x: F.max_pool2d(self.a(x), 3, 2, 1, ceil_mode=True), {"a": conv()}),
    "an upsampled map": (lambda self, x: F.interpolate(self.a(x), scale_factor=2) + 1, {"a": conv()}),
    "instance norm": (lambda self, x: self.b(self.a(x)), {"a": conv(), "b": nn.InstanceNorm2d(4)}),
    "a stride beyond the kernel": (lambda self, x: self.a(x), {"a": nn.Conv2d(4, 4, 1, stride=3)}),
}


@pytest.mark.parametrize("case", AWKWARD)
def test_awkward_networks_are_right_however_they_are_run(case, unchanged):
    run, parts = AWKWARD[case]
    torch.manual_seed(0)
    net = network(Calls(run, **parts), (4, 14, 11))
    x, filled = image(net)
    boxes = lattice(14, 11, 4, 3)
    with unchanged(net.model), warnings.catch_warnings():
        warnings.simplefilter("error")
        hide = evaluator(net, x, filled, engine="incremental")
        raw = hide.run(boxes)[0]
    assert error(raw, by_hand(net, x, filled, boxes)) < 1e-5
    assert hide.why.endswith(".") and hide.why.count(".") == 1


def test_what_cannot_be_followed_says_why_and_is_slow_but_right():
    net = network(Calls(of_values, a=conv()), (4, 12, 12))
    hide = evaluator(net, *image(net))
    assert hide.how == "dense" and "depends on values" in hide.why


def test_a_network_that_mixes_its_batch_goes_through_one_by_one():
    class Mixing(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.last = nn.Conv2d(1, 4, 3), nn.Linear(4, 3)

        def forward(self, x):
            y = self.conv(x).mean((2, 3))
            return self.last(y - y.mean(0) * 0.5)

    net = dv.Network(Mixing(), input_size=(1, 12, 12))
    x, filled = image(net)
    boxes = lattice(12, 12, 4, 4)
    hide = evaluator(net, x, filled)
    assert hide.how == "dense" and "depends on the others of its batch" in hide.why
    assert error(hide.run(boxes)[0], by_hand(net, x, filled, boxes)) < 1e-5


def test_a_network_with_active_dropout_is_refused_in_one_sentence():
    net = network(Calls(lambda self, x: F.dropout(self.a(x), 0.5), a=conv()), (4, 12, 12))
    with pytest.raises(NetworkError, match="other scores in every pass"):
        evaluator(net, *image(net))


def test_a_network_in_train_mode_is_scored_in_evaluation_mode_and_stays_in_train_mode(unchanged):
    model = small_network().train()
    net = dv.Network(model, input_size=(3, 16, 16))
    x, filled = image(net)
    boxes = lattice(16, 16, 5, 4)
    with unchanged(model):
        raw = evaluator(net, x, filled).run(boxes)[0]
    assert error(raw, by_hand(net, x, filled, boxes)) < 1e-5


def test_an_engine_that_is_wrong_is_found_out_with_a_warning(model, monkeypatch):
    net = dv.Network(model, input_size=(3, 16, 16))
    x, filled = image(net)
    boxes = lattice(16, 16, 5, 4)
    right = engines_.Incremental.__call__
    monkeypatch.setattr(engines_.Incremental, "__call__", lambda self, some: (right(self, some)[0] * 1.01, {}))
    with pytest.warns(UserWarning, match="off by"):
        hide = evaluator(net, x, filled)
    assert hide.how == "dense" and error(hide.run(boxes)[0], by_hand(net, x, filled, boxes)) < 1e-5


def test_scores_that_are_not_finite_are_the_models_own():
    model = lively(nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3)))
    net = dv.Network(model, input_size=(1, 12, 12))
    x, filled = image(net)
    x[0, 5, 5] = np.inf
    boxes = lattice(12, 12, 4, 4)
    raw, wanted = evaluator(net, x, filled, engine="incremental").run(boxes)[0], by_hand(net, x, filled, boxes)
    assert np.array_equal(np.isfinite(raw), np.isfinite(wanted)) and np.isfinite(raw).any()
    assert np.allclose(raw[np.isfinite(raw)], wanted[np.isfinite(wanted)], atol=1e-5)


# ---------------------------------------------------------------- weights that change


def scale_all(model: nn.Module) -> None:
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(1.3)


def scale_one_value_behind_its_back(model: nn.Module) -> None:
    model[7].bias.data[2] += 5.0


def other_module(model: nn.Module) -> None:
    model[2] = nn.Tanh()


def other_setting(model: nn.Module) -> None:
    model[3].kernel_size = model[3].stride = 4


@pytest.mark.parametrize("change", [scale_all, scale_one_value_behind_its_back, other_module, other_setting])
def test_results_are_never_those_of_weights_that_are_no_more(change, model):
    net = dv.Network(model, input_size=(3, 16, 16))
    x, filled = image(net)
    boxes = lattice(16, 16, 5, 4)
    before = evaluator(net, x, filled)
    old = before.run(boxes)[0]
    change(model)
    new = evaluator(net, x, filled).run(boxes)[0]
    assert error(new, by_hand(net, x, filled, boxes)) < 1e-5
    assert error(new, old) > 1e-3
    assert np.array_equal(before.run(boxes)[0], old), "an evaluator is of the network as it was"


# ---------------------------------------------------------------- interrupts, two at once, memory


def test_an_interrupt_in_the_middle_leaves_everything_as_it_was(model, monkeypatch, unchanged):
    monkeypatch.setattr(engine_, "_MOST", 16)  # several zones, one of them done when the last interrupt comes
    net = dv.Network(model, input_size=(3, 16, 16))
    x, filled = image(net)
    boxes = lattice(16, 16, 5, 2)
    hide = evaluator(net, x, filled, engine="incremental")
    wanted = hide.run(boxes)[0]
    walk, left = engines_.Incremental._do, [7]

    def interrupted(self, step, env):
        left[0] -= 1
        if not left[0]:
            raise KeyboardInterrupt
        return walk(self, step, env)

    monkeypatch.setattr(engines_.Incremental, "_do", interrupted)
    for stop in (1, 5, 13):
        left[0] = stop
        with unchanged(model), pytest.raises(KeyboardInterrupt):
            hide.run(boxes)
    left[0] = 10**9
    assert np.array_equal(hide.run(boxes)[0], wanted)


def test_two_evaluators_on_one_network_at_once(model):
    from concurrent.futures import ThreadPoolExecutor

    net = dv.Network(model, input_size=(3, 16, 16))
    images = [image(net, seed) for seed in (1, 2)]
    boxes = lattice(16, 16, 5, 3)
    both = [evaluator(net, x, filled, engine="incremental") for x, filled in images]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda which: both[which % 2].run(boxes)[0], range(8)))
    for which, raw in enumerate(found):
        assert error(raw, by_hand(net, *images[which % 2], boxes)) < 1e-5


def test_a_batch_that_does_not_fit_into_memory_is_halved(model, monkeypatch):
    net = dv.Network(model, input_size=(3, 16, 16))
    x, filled = image(net)
    boxes = lattice(16, 16, 5, 3)
    hide = evaluator(net, x, filled, engine="dense")
    run, sizes = hide._engines.batch(0), []

    def short_of_memory(batch):
        sizes.append(len(batch))
        if len(batch) > 2:
            raise RuntimeError("CUDA out of memory. Tried to allocate 20.00 MiB")
        return run(batch)

    hide._engines.batch = lambda worker: short_of_memory
    assert error(hide.run(boxes)[0], by_hand(net, x, filled, boxes)) < 1e-5
    assert max(sizes) > 2 and max(sizes[5:]) <= 2


def test_another_error_is_not_taken_for_a_lack_of_memory(model):
    net = dv.Network(model, input_size=(3, 16, 16))
    hide = evaluator(net, *image(net), engine="dense")
    hide._engines.batch = lambda worker: broken
    with pytest.raises(RuntimeError, match="shapes"):
        hide.run(lattice(16, 16, 5, 3))


def test_workers_share_the_positions_and_give_the_threads_back(model):
    net = dv.Network(model, input_size=(3, 16, 16))
    boxes = lattice(16, 16, 5, 1)
    threads = torch.get_num_threads()
    found = {}
    torch.set_num_threads(2)
    try:
        for share in (0, 20):
            for engine in ("incremental", "dense"):
                hide = evaluator(net, *image(net), engine=engine)
                hide._engines.share = share
                found[share, engine] = hide.run(boxes)[0]
                assert torch.get_num_threads() == 2
        hide._engines.batch = lambda worker: broken
        with pytest.raises(RuntimeError, match="shapes"):
            hide.run(boxes)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(threads)
    wanted = by_hand(net, *image(net), boxes)
    assert all(error(raw, wanted) < 1e-5 for raw in found.values())


def broken(_batch):
    raise RuntimeError("shapes do not match")


def test_shares_are_as_many_as_there_are_threads_and_leave_nothing_out(monkeypatch):
    monkeypatch.setattr(torch, "get_num_threads", lambda: 4)
    for count in (0, 1, 11, 24, 47, 1000):
        parts = shares(count, 12)
        assert len(parts) == max(1, min(4, count // 12))
        assert [index for part in parts for index in range(count)[part]] == list(range(count))


def test_maps_of_every_shape_get_the_order_of_weights_that_they_ask_for_and_equal_orders_are_kept_once(monkeypatch):
    conv = nn.Conv2d(64, 96, 3, padding=1).requires_grad_(False)
    packed, asked, order = Packed(conv.weight, conv.bias), [], packed_module._order
    monkeypatch.setattr(packed_module, "_order", lambda *given: asked.append(tuple(given[-1])) or order(*given))
    sizes = [(2, 64, 12, 12), (9, 64, 3, 3), (2, 64, 40, 40), (1, 64, 12, 12)]
    many = [torch.randn(size).to(memory_format=torch.channels_last) for size in sizes]
    if not packed.pays(many[0]):
        pytest.skip("torch has no such order here")
    asked.clear()
    for _ in range(3):
        for maps in many:
            assert torch.allclose(packed(maps, (1, 1)), conv(maps), atol=1e-4)
    assert asked == sizes
    names = {packed_module._name(order(conv.weight, (1, 1), [1, 1], [1, 1], 1, list(size))) for size in sizes}
    assert set(packed._orders) == names and packed.bytes >= len(names) * conv.weight.nbytes
