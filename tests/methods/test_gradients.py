"""The gradient of a unit: against autograd, finite differences and small networks computed by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from networks import small_network
from torch import nn
from torch.nn import functional as F

import deepviz_widgets as dv
from deepviz_widgets.methods.gradients import KINDS, gradient
from deepviz_widgets.methods.patches.directions import random


def picture(channels=3, side=16, seed=0):
    return torch.from_numpy(np.random.default_rng(seed).random((channels, side, side), np.float32)).double()


def column(*values: float) -> torch.Tensor:
    """A linear layer's worth of input: as many channels as values, one pixel."""
    return torch.tensor(values, dtype=torch.float64)[:, None, None]


class Two(nn.Module):
    """relu(W2 relu(W1 x)) on single pixels, with the ReLU written in one of many ways."""

    def __init__(self, relu, first=((1, -1), (2, 1), (-1, 3)), second=((1, -2, 1), (-1, 1, 1))):
        super().__init__()
        self.one, self.two = (nn.Conv2d(len(rows[0]), len(rows), 1, bias=False) for rows in (first, second))
        for conv, rows in ((self.one, first), (self.two, second)):
            conv.weight.data = torch.tensor(rows, dtype=torch.float64)[:, :, None, None]
        self.relu = relu
        self.end = nn.Identity()

    def forward(self, x):
        return self.end(self.relu(self.two(self.relu(self.one(x))))).flatten(1)


def in_place(x):
    return x.relu_()


WAYS = {
    "a module used twice": nn.ReLU, "a module in place, used twice": lambda: nn.ReLU(inplace=True),
    "F.relu": lambda: F.relu, "F.relu in place": lambda: lambda x: F.relu(x, inplace=True),
    "F.relu in place by position": lambda: lambda x: F.relu(x, True),
    "F.relu by name": lambda: lambda x: F.relu(input=x), "torch.relu": lambda: torch.relu,
    "a method": lambda: lambda x: x.relu(), "a method in place": lambda: in_place,
}


def network(model, channels=2, side=1):
    return dv.Network(model.double().eval(), input_size=(channels, side, side))


@pytest.mark.parametrize("way", WAYS)
def test_the_three_rules_are_as_computed_by_hand_however_the_relu_is_written(way, unchanged):
    """x = (1, 2): W1 x = (-1, 4, 5), so the first ReLU is shut for its first unit; W2 (0, 4, 5) = (-3, 9)."""
    model = Two(WAYS[way]())
    net = network(model)
    by_hand = {  # of the second unit, whose row of W2 is (-1, 1, 1)
        "plain": (2 - 1, 1 + 3),  # the open units' rows of W1: (2, 1) + (-1, 3)
        "guided": (2 - 1, 1 + 3),  # open and positive: the same two
        "deconvolution": (2 - 1, 1 + 3),  # positive: the same two again
    }
    with unchanged(model):
        for kind, expected in by_hand.items():
            found = gradient(net, column(1, 2), "end", 1, (0, 0), kind)
            assert found.values[0, 0].tolist() == list(expected) and found.answer == 9
            assert found.relus == (0 if kind == "plain" else 2) and found.others == {} and found.says == ""


def test_the_three_rules_differ_where_they_should_by_hand():
    """x = (1, 2), W1 x = (-1, 4, 5); the unit reads them with (3, 2, -1): 2*4 - 5 = 3 > 0."""
    model = Two(F.relu, second=((3, 2, -1), (1, -2, 1)))
    net = network(model)
    rows = np.array([(1, -1), (2, 1), (-1, 3)])
    weights = {"plain": (0, 2, -1), "guided": (0, 2, 0), "deconvolution": (3, 2, 0)}
    for kind, arriving in weights.items():
        found = gradient(net, column(1, 2), "end", 0, (0, 0), kind)
        assert found.values[0, 0].tolist() == (np.array(arriving) @ rows).tolist(), kind
    shut = {kind: gradient(net, column(1, 2), "end", 1, (0, 0), kind) for kind in KINDS}  # -8 + 5 < 0
    assert not shut["plain"].values.any() and not shut["guided"].values.any()
    assert shut["deconvolution"].values[0, 0].tolist() == (np.array((1, 0, 1)) @ rows).tolist()
    assert shut["plain"].says == (
        "The gradient is 0 everywhere: the unit answers 0 here and nothing small changes that."
    )
    assert (shut["plain"].shown == 128).all(), "nothing is mid-grey"
    before = gradient(net, column(1, 2), "two", 0, (0, 0), "deconvolution")
    assert before.answer == 3 and before.relus == 1, "only ReLUs up to the layer count"


def test_the_plain_gradient_is_autograds_and_that_of_finite_differences(unchanged):
    model = small_network().double()
    net = dv.Network(model, input_size=(3, 16, 16))
    image = picture()
    for layer, unit, place in (("0", 3, (5, 6)), ("2", 1, None), ("4", 5, None), ("7", 2, None)):
        with unchanged(model):
            found = gradient(net, image, layer, unit, place)
        at = int(layer) + 1
        given = image[None].clone().requires_grad_()
        maps = model[:at](given)
        value = maps[0, unit, *found.place] if maps.dim() == 4 else maps[0, unit]
        (expected,) = torch.autograd.grad(value, given)
        assert found.answer == pytest.approx(float(value.detach()), rel=1e-12)
        assert np.abs(found.values - expected[0].movedim(0, -1).numpy()).max() < 1e-6 * np.abs(found.values).max()
        y, x, channel = np.unravel_index(np.abs(found.values).argmax(), found.values.shape)
        moved = [image.clone(), image.clone()]
        for step, one in zip((1e-6, -1e-6), moved, strict=True):
            one[channel, y, x] += step
        with torch.no_grad():
            up, down = (model[:at](one[None])[0, unit] for one in moved)
        slope = (up - down)[found.place if up.dim() else ()] / 2e-6
        assert found.values.any()
        assert float(slope) == pytest.approx(float(found.values[y, x, channel]), rel=1e-4)


def test_guided_and_deconvolution_go_through_a_residual_network_with_one_shared_relu(unchanged):
    """The oracle: the same network with rules written as autograd functions."""

    class Rule(torch.autograd.Function):
        kind = "guided"

        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x.clamp(min=0)

        @staticmethod
        def backward(ctx, arriving):
            (x,) = ctx.saved_tensors
            return arriving.clamp(min=0) * ((x > 0) if Rule.kind == "guided" else 1)

    model = small_network().double()
    net, image = dv.Network(model, input_size=(3, 16, 16)), picture()

    def last(x):
        x = model[3](Rule.apply(model[1](model[0](x))))
        block = model[4]
        return Rule.apply(block.conv2(Rule.apply(block.conv1(x))) + x)

    for kind in ("guided", "deconvolution"):
        Rule.kind = kind
        with unchanged(model):
            found = gradient(net, image, "4", 2, (3, 3), kind)
        given = image[None].clone().requires_grad_()
        (expected,) = torch.autograd.grad(last(given)[0, 2, 3, 3], given)
        assert found.relus == 3 and found.answer > 0
        assert np.abs(found.values - expected[0].movedim(0, -1).numpy()).max() < 1e-6 * np.abs(found.values).max()
        first = gradient(net, image, "4.relu", 1, None, kind, call=0)
        given = image[None].clone().requires_grad_()
        stem = model[3](Rule.apply(model[1](model[0](given))))
        (expected,) = torch.autograd.grad(Rule.apply(model[4].conv1(stem))[0, 1, *first.place], given)
        assert first.values.any() and np.abs(first.values - expected[0].movedim(0, -1).numpy()).max() < 1e-6


def test_a_direction_has_the_gradient_of_its_sum_of_units():
    net, images = dv.demo.digits()
    vector = random(net, "conv2", 1).vectors[0]
    found = gradient(net, images[0], "conv2", vector, (4, 5))
    units = sum(weight * gradient(net, images[0], "conv2", unit, (4, 5)).values for unit, weight in enumerate(vector))
    assert np.abs(found.values - units).max() < 1e-5 and found.unit is None
    for kind in KINDS:
        single = gradient(net, images[0], "conv2", 3, (4, 5), kind).values
        axis = gradient(net, images[0], "conv2", torch.eye(32)[3], (4, 5), kind).values
        assert np.abs(single - axis).max() < 1e-6


def test_the_picture_has_mid_grey_for_nothing_and_one_scale_for_both_signs():
    net, images = dv.demo.scenes(n=6)
    found = gradient(net, images[0], "block1.relu2", 4)
    values, shown = found.values, found.shown
    assert shown.shape == (64, 64, 3) and shown.dtype == np.uint8
    assert np.unravel_index(np.abs(shown.astype(int) - 128).argmax(), shown.shape) == np.unravel_index(
        np.abs(values).argmax(), values.shape)
    assert ((shown > 128) <= (values > 0)).all() and ((shown < 128) <= (values < 0)).all()
    assert np.abs(shown.astype(int) - 128).max() == 127 and (shown[values == 0] == 128).all()
    top, left, bottom, right = found.box
    outside = values.copy()
    outside[top:bottom, left:right] = 0
    assert not outside.any() and found.crop.shape == (bottom - top, right - left, 3)
    net, images = dv.demo.digits()
    assert gradient(net, images[0], "conv1", 0).shown.shape == (32, 32, 1)


def test_the_place_is_by_default_where_the_unit_answers_most():
    net, images = dv.demo.digits()
    maps = dv.methods.activations(net, images[3], "relu2").maps
    found = gradient(net, images[3], "relu2", 7)
    assert found.answer == pytest.approx(maps[7].max()) and maps[7][found.place] == maps[7].max()
    assert gradient(net, images[3], "fc", 7).place == (0, 0)


def test_other_nonlinearities_stay_plain_and_are_named():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, 6, 3), nn.GELU(), nn.Conv2d(6, 6, 3), nn.ReLU(), nn.Conv2d(6, 6, 3), nn.SiLU())
    net = network(nn.Sequential(*model, nn.Flatten()), 3, 16)
    found = gradient(net, picture(), "5", 0, (2, 2), "guided")
    assert found.relus == 1 and found.others == {"GELU": 1, "SiLU": 1}
    assert found.says == (
        "Up to this layer the rule holds for 1 ReLU; through what is no ReLU the gradient is plain: GELU (1), SiLU (1)."
    )
    smooth = gradient(net, picture(), "1", 0, (2, 2), "guided")
    assert "there is no ReLU" in smooth.says
    assert np.array_equal(smooth.values, gradient(net, picture(), "1", 0, (2, 2)).values)
    first = gradient(net, picture(), "0", 0, (2, 2), "deconvolution")
    assert first.says == "Up to this layer there is no ReLU, so this is the plain gradient."


def test_a_transformer_has_gradients_of_its_tokens():
    torch.manual_seed(0)

    class Tokens(nn.Module):
        def __init__(self):
            super().__init__()
            self.cut = nn.Conv2d(3, 12, 4, 4)
            self.block = nn.TransformerEncoderLayer(12, 2, 16, batch_first=True, activation="relu")
            self.head = nn.Linear(12, 4)

        def forward(self, x):
            return self.head(self.block(self.cut(x).flatten(2).movedim(1, 2)).mean(1))

    model = Tokens().eval()
    net = dv.Network(model, input_size=(3, 16, 16))
    found = gradient(net, picture().float(), "block", 5, (1, 2), "guided")
    assert found.values.shape == (16, 16, 3) and found.relus == 1 and found.values.any()
    given = picture().float()[None].requires_grad_()
    (expected,) = torch.autograd.grad(model.block(model.cut(given).flatten(2).movedim(1, 2))[0, 1 * 4 + 2, 5], given)
    plain = gradient(net, picture().float(), "block", 5, (1, 2)).values
    assert np.abs(plain - expected[0].movedim(0, -1).numpy()).max() < 1e-5


def test_what_is_scripted_inside_stays_plain_and_that_is_said():
    torch.manual_seed(0)
    inside = torch.jit.script(nn.Sequential(nn.Conv2d(3, 6, 3), nn.ReLU()))
    net = dv.Network(nn.Sequential(nn.Sequential(inside), nn.ReLU()).eval(), input_size=(3, 8, 8))
    found = gradient(net, picture(3, 8).float(), "1", 1, kind="guided")
    assert found.says == "What is scripted ('0.0' and 2 more) hides its ReLUs, so the gradient through it is plain."


def test_models_in_train_mode_frozen_or_with_gradients_stay_as_they_are(unchanged):
    model = small_network()
    model.train()
    model[0].weight.requires_grad_(False)
    model[7].weight.grad = torch.ones_like(model[7].weight)
    net = dv.Network(model, input_size=(3, 16, 16))
    for kind in KINDS:
        with unchanged(model), torch.no_grad():
            assert gradient(net, picture().float(), "4", 0, kind=kind).values.any()
    assert (model[7].weight.grad == 1).all()


@pytest.mark.parametrize(("given", "says"), [
    (("conv9", 0), r"No layer 'conv9'; did you mean 'conv"),
    (("conv1", 99), r"Layer 'conv1' has 16 channels; there is no channel 99"),
    (("conv1", -1), r"there is no channel -1"),
    (("conv1", np.ones(3)), r"a number from 0 to 15, or a vector of 16 finite numbers\."),
    (("conv1", np.full(16, np.nan)), r"a vector of 16 finite numbers\."),
    (("conv1", "third"), r"A unit of layer 'conv1' is a number"),
    (("conv1", 0, (32, 0)), r"gives a map of 32 × 32; there is no place \(32, 0\)"),
    (("conv1", 0, None, "integrated"), r"'guided', 'deconvolution'; 'integrated' is none of these\."),
])
def test_what_cannot_be_is_refused_in_one_sentence(given, says):
    net, images = dv.demo.digits()
    with pytest.raises(ValueError, match=says) as refused:
        gradient(net, images[0], *given)
    assert "\n" not in str(refused.value)


def test_a_unit_from_which_no_gradient_leads_back_is_refused_in_one_sentence(unchanged):
    class Cut(nn.Module):
        def forward(self, x):
            return x.detach() * 2

    class Rounded(nn.Module):
        def forward(self, x):
            return (x > 0).float()

    for broken in (Cut(), Rounded()):
        model = nn.Sequential(nn.Conv2d(3, 2, 3), broken, nn.ReLU()).eval()
        net = dv.Network(model, input_size=(3, 8, 8))
        for kind in KINDS:
            with unchanged(model), pytest.raises(dv.NetworkError, match="No gradient leads from layer '2' back") as no:
                gradient(net, picture(3, 8).float(), "2", 0, kind=kind)
            assert "\n" not in str(no.value)
    model = nn.Sequential(nn.Conv2d(3, 2, 3), nn.ReLU()).eval()
    model[0].bias.data[0] = torch.inf
    with unchanged(model), pytest.raises(dv.NetworkError, match="answers inf at"):
        gradient(dv.Network(model, input_size=(3, 8, 8)), picture(3, 8).float(), "0", 0)
