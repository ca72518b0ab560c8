"""`methods.receptive_field`: published numbers, networks whose field is known, and a gradient that must agree."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from fields_oracle import Calls, Mean, box_by_gradient, contains, linearised, made
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torchvision import models
from torchvision.models import resnet

import deepviz_widgets as dv
from deepviz_widgets.methods.receptive_field import effective_receptive_field, fields, receptive_field, receptive_fields


def numbers(field) -> tuple:
    """Size, stride and padding where both axes agree."""
    assert len(set(field.size)) == len(set(field.stride)) == len(set(field.padding)) == 1
    return field.size[0], field.stride[0], field.padding[0]


# ---------------------------------------------------------------- published numbers


def test_vgg16_is_212_32_90_as_published():
    net = dv.Network(models.vgg16(weights=None), input_size=(3, 64, 64))
    assert numbers(receptive_field(net, "features")) == (212, 32, 90)


def test_alexnet_v2_without_padding_in_its_first_layer_is_195_32_64_as_published_and_torchvisions_starts_2_earlier():
    model = models.alexnet(weights=None)
    torchvisions = dv.Network(model, input_size=(3, 224, 224))
    assert numbers(receptive_field(torchvisions, "features")) == (195, 32, 66)
    model.features[0] = nn.Conv2d(3, 64, 11, stride=4)
    assert numbers(receptive_field(dv.Network(model, input_size=(3, 224, 224)), "features")) == (195, 32, 64)


def slim_resnet50() -> nn.Module:
    """ResNet-50 as in TF-Slim: the last unit of a stage has its stride, the last stage none; pooling pads below."""
    model = models.resnet50(weights=None)
    model.maxpool = nn.MaxPool2d(3, 2, ceil_mode=True)
    for stage, stride in ((model.layer1, 2), (model.layer2, 2), (model.layer3, 2), (model.layer4, 1)):
        for block in stage:
            block.conv2.stride = (1, 1)
            if block.downsample is not None:
                block.downsample[0].stride = (1, 1)
        stage[-1].conv2.stride = (stride, stride)
        if stride > 1:
            stage[-1].downsample = nn.MaxPool2d(1, stride)
    return model


def test_resnet50_with_slims_strides_is_483_32_239_as_published_and_torchvisions_is_427_32_213():
    torchvisions = dv.Network(models.resnet50(weights=None), input_size=(3, 64, 64))
    assert numbers(receptive_field(torchvisions, "layer4")) == (427, 32, 213)
    slim = dv.Network(slim_resnet50(), input_size=(3, 64, 64))
    assert numbers(receptive_field(slim, "layer4")) == (483, 32, 239)


def test_torchvisions_inception_v3_is_1311_32_618_as_published():
    model = models.inception_v3(weights=None, init_weights=False, aux_logits=False)
    field = receptive_field(dv.Network(model, input_size=(3, 299, 299)), "Mixed_7c")
    assert numbers(field) == (1311, 32, 618) and field.status == "exact" and field.larger_than_image


def same(kernel: int | tuple[int, int]) -> nn.Module:
    """A convolution that keeps the size of the map."""
    sides = (kernel, kernel) if isinstance(kernel, int) else kernel
    return nn.Conv2d(2, 2, sides, padding=(sides[0] // 2, sides[1] // 2))


def halving() -> nn.Module:
    """A convolution with stride 2 and no padding."""
    return nn.Conv2d(2, 2, 3, 2)


class Inception(nn.Module):
    """Branches beside each other, joined by a 1 x 1 convolution; a residual block adds what came in."""

    def __init__(self, *branches: list[nn.Module], residual: bool = False):
        super().__init__()
        self.branches = nn.ModuleList(nn.Sequential(*branch) for branch in branches)
        self.join, self.residual = nn.Conv2d(2 * len(branches), 2, 1), residual

    def forward(self, x):
        joined = self.join(torch.cat([branch(x) for branch in self.branches], 1))
        return x + joined if self.residual else joined


def slim_inception_resnet_v2() -> list[nn.Module]:
    """Inception-ResNet-v2 as in TF-Slim with two channels everywhere: of the layers, only windows and paddings."""
    def pool():
        return nn.MaxPool2d(3, 2)

    def blocks(number: int, *longest: nn.Module | list[nn.Module]) -> list[nn.Module]:
        return [Inception([same(1)], *longest, residual=True) for _ in range(number)]

    return [
        nn.Conv2d(3, 2, 3, 2), nn.Conv2d(2, 2, 3), same(3), pool(), same(1), nn.Conv2d(2, 2, 3), pool(),
        Inception([same(1)], [same(1), same(5)], [same(1), same(3), same(3)], [nn.AvgPool2d(3, 1, 1), same(1)]),
        *blocks(10, [same(1), same(3)], [same(1), same(3), same(3)]),
        Inception([halving()], [same(1), same(3), halving()], [pool()]),
        *blocks(20, [same(1), same((1, 7)), same((7, 1))]),
        Inception([same(1), halving()], [same(1), halving()], [same(1), same(3), halving()], [pool()]),
        *blocks(10, [same(1), same((1, 3)), same((3, 1))]), same(1),
    ]


def test_inception_resnet_v2_is_3039_32_1482_and_its_unit_0_2_is_centred_at_37_101_as_published():
    layers = slim_inception_resnet_v2()
    field = receptive_field(made(*layers, size=(3, 139, 139)), str(len(layers) - 1))
    assert numbers(field) == (3039, 32, 1482) and field.status == "exact"
    top, left, bottom, right = field.box(0, 2)
    assert ((top + bottom - 1) / 2, (left + right - 1) / 2) == (37, 101)


def test_all_torchvision_resnets_with_a_basic_block_follow_the_formula_by_hand():
    model = models.ResNet(resnet.BasicBlock, [1, 1, 1, 1])
    fields = receptive_fields(dv.Network(model, input_size=(3, 64, 64)))
    size, stride, padding = 7, 2, 3
    size, stride, padding = size + 2 * stride, stride * 2, padding + stride  # the max pooling
    for layer, step in (("layer1", 1), ("layer2", 2), ("layer3", 2), ("layer4", 2)):
        for s in (step, 1):
            size, stride, padding = size + 2 * stride, stride * s, padding + stride
        assert numbers(fields[layer]) == (size, stride, padding), layer


# ---------------------------------------------------------------- known by construction


def test_a_unit_starts_at_its_index_times_the_stride_minus_the_padding():
    net = made(nn.Conv2d(3, 4, (5, 3), stride=(2, 1), padding=(1, 2), dilation=(1, 2)))
    field = receptive_field(net, "0")
    assert (field.size, field.stride, field.padding) == ((5, 5), (2, 1), (1, 2))
    assert field.box(0, 0) == (-1, -2, 4, 3) and field.clipped(0, 0) == (0, 0, 4, 3)
    assert field.box(3, 4) == (5, 2, 10, 7) == field.clipped(3, 4)
    assert field.status == "exact" and not field.larger_than_image


def test_a_branch_widens_the_field_and_a_skip_does_not_narrow_it():
    class Branches(nn.Module):
        def __init__(self):
            super().__init__()
            self.wide, self.narrow = nn.Conv2d(3, 3, 7, padding=3), nn.Conv2d(3, 3, 1)

        def forward(self, x):
            return torch.cat([self.wide(x), self.narrow(x) + x], 1)

    net = made(Branches(), nn.Conv2d(6, 6, 3, padding=1, groups=6))
    fields = receptive_fields(net)
    assert numbers(fields["0.narrow"]) == (1, 1, 0) and numbers(fields["0"]) == (7, 1, 3)
    assert numbers(fields["1"]) == (9, 1, 4)


def test_a_gate_from_the_whole_map_makes_the_field_the_whole_image_and_says_so():
    from torchvision.ops import SqueezeExcitation

    field = receptive_field(made(nn.Conv2d(3, 8, 3), SqueezeExcitation(8, 2)), "1")
    assert field.status == "whole image" and "squeeze-and-excitation" in field.why
    assert field.box(0, 0) == (0, 0, 24, 20) == field.clipped(5, 5)


def attended(tokens):
    return F.scaled_dot_product_attention(tokens, tokens, tokens).mT.reshape(1, 4, 24, 20)


@pytest.mark.parametrize("layer, status", [
    (nn.BatchNorm2d(4), "exact"), (nn.GroupNorm(2, 4), "whole image"), (nn.InstanceNorm2d(4), "whole image"),
    (nn.AdaptiveAvgPool2d(1), "whole image"), (nn.AdaptiveAvgPool2d((6, 5)), "exact"), (nn.Dropout(), "exact"),
    (nn.Softmax(1), "exact"), (nn.Softmax(2), "exact"), (nn.Softmax2d(), "exact"), (nn.PixelShuffle(2), "exact"),
    (nn.Upsample(scale_factor=2), "upper bound"), (nn.ConvTranspose2d(4, 4, 3, stride=2), "upper bound"),
    (nn.Hardswish(inplace=True), "exact"), (nn.LPPool2d(2, 2), "exact"), (nn.ReflectionPad2d(2), "exact"),
    (nn.CircularPad2d(2), "upper bound"), (nn.ChannelShuffle(2), "exact"), (nn.AdaptiveMaxPool2d((5, 3)), "exact"),
    (nn.Sequential(nn.Flatten(), nn.Linear(1920, 20), nn.Unflatten(1, (4, 5, 1))), "whole image"),
    (Calls(lambda x: F.interpolate(x, (30, 13))), "exact"), (Calls(lambda x: attended(x.flatten(2).mT)), "whole image"),
    (Calls(lambda x: F.grid_sample(x, torch.zeros(1, 6, 6, 2), align_corners=False)), "data dependent"),
    (Calls(lambda x: torch.fft.rfft2(x).abs()), "unknown"),
    (Calls(lambda x: x * x.mean().item()), "data dependent"),
    (Calls(lambda x: x.softmax(1).topk(2, 2).values), "data dependent"),
    (Calls(lambda x: x.flatten(2).transpose(1, 2) @ torch.ones(4, 4)), "exact"),
    (Calls(torch.zeros_like), "exact"),
])
def test_each_kind_of_operation_has_its_status_and_contains_the_gradient(layer, status):
    net = made(nn.Conv2d(3, 4, 3, padding=1), layer, Calls(lambda x: x if x.dim() == 4 else x.mT[..., None]))
    field = receptive_field(net, "1")
    assert field.status == status and field.why.endswith("."), field.why
    for unit in ((0, 0), (field.grid[0] // 2, field.grid[1] // 2), (field.grid[0] - 1, field.grid[1] - 1)):
        support = box_by_gradient(net, "1", *unit)
        assert contains(field.clipped(*unit), support) and contains(field.box(*unit), field.clipped(*unit))


def test_a_layer_that_runs_twice_has_a_field_for_each_call(model):
    net = dv.Network(model, input_size=(3, 16, 16))
    first, last = (receptive_field(net, "4.relu", call=call) for call in (0, 1))
    assert (first.call, numbers(first)) == (0, (8, 2, 3)) and (last.call, numbers(last)) == (1, (12, 2, 5))
    assert receptive_fields(net)["4.relu"].call == 1


def test_in_place_operations_change_what_is_read_afterwards_and_not_before():
    class InPlace(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b = nn.Conv2d(3, 4, 1), nn.Conv2d(3, 4, 5, padding=2)

        def forward(self, x):
            y = self.a(x)
            y += self.b(x)
            return y.relu_()

    fields = receptive_fields(made(InPlace()))
    assert numbers(fields["0.a"]) == (1, 1, 0) and numbers(fields["0"]) == (5, 1, 2)


def test_writing_into_a_part_of_a_tensor_is_followed_as_an_upper_bound():
    def halves(x):
        out = torch.zeros_like(x)
        out[:, :, :10] = x[:, :, 10:20]
        return out

    net = made(nn.Conv2d(3, 4, 1), Calls(halves))
    field = receptive_field(net, "1")
    assert field.status == "upper bound" and contains(field.clipped(0, 0), (10, 0, 11, 1))


def pooled(x):
    return F.avg_pool2d(x, 3, 1, 1).relu() + x


@pytest.mark.filterwarnings("ignore:.torch.jit.script. is deprecated")
def test_a_scripted_part_is_followed_like_any_other():
    field = receptive_field(made(nn.Conv2d(3, 4, 3), Calls(torch.jit.script(pooled))), "1")
    assert numbers(field) == (5, 1, 1) and field.status == "exact"


@pytest.mark.parametrize("leave", [
    lambda x: torch.from_numpy(x.detach().numpy() * 2),
    lambda x: torch.tensor(x.detach().tolist()),
    lambda x: torch.as_tensor(np.asarray(x.detach())),
])
def test_values_that_leave_pytorch_are_never_taken_for_constants(leave):
    field = receptive_field(made(nn.Conv2d(3, 4, 3), Calls(leave), nn.Conv2d(4, 4, 3)), "2")
    assert field.status in ("unknown", "data dependent") and field.clipped(0, 0) == (0, 0, 24, 20)


def test_large_maps_are_upsampled_as_exactly_as_small_ones():
    field = receptive_field(made(nn.Upsample(size=(300, 290), mode="bilinear"), size=(1, 200, 180)), "0")
    assert field.status == "exact" and field.stride is None and field.size == (2, 2)


def test_tokens_keep_the_box_of_their_patch_until_attention():
    torch.manual_seed(0)
    model = models.VisionTransformer(image_size=32, patch_size=8, num_layers=1, num_heads=2, hidden_dim=16, mlp_dim=32)
    fields = receptive_fields(dv.Network(model, input_size=(3, 32, 32)))
    patches = fields["encoder.layers.encoder_layer_0.ln_1"]
    assert patches.grid == (4, 4) and numbers(patches) == (8, 8, 0) and patches.status == "exact"
    assert patches.box(2, 1) == (16, 8, 24, 16)
    after = fields["encoder.layers.encoder_layer_0"]
    assert after.status == "whole image" and "ttention" in after.why


def test_convnext_keeps_its_lattice_through_channels_last_and_linear_layers():
    torch.manual_seed(0)
    setting = [models.convnext.CNBlockConfig(8, 16, 1), models.convnext.CNBlockConfig(16, None, 1)]
    net = dv.Network(models.ConvNeXt(setting), input_size=(3, 64, 64))
    fields = receptive_fields(net)
    assert numbers(fields["features.1"]) == (4 + 6 * 4, 4, 12)
    assert numbers(fields["features.3"]) == (28 + 4 + 6 * 8, 8, 36)


def test_the_input_size_can_be_chosen(model):
    net = dv.Network(model)
    assert receptive_field(net, "0", input_size=(3, 20, 31)).grid == (20, 31)
    assert receptive_fields(net, (3, 20, 31))["2"].image == (20, 31)


# ---------------------------------------------------------------- generated networks

SIDES = st.integers(1, 3)


@st.composite
def pieces(draw, channels=3):
    kind = draw(st.sampled_from(
        ["conv", "depthwise", "transposed", "max", "average", "up", "skip", "branches", "act", "adaptive", "pad", "cut",
         "last", "roll"]
    ))
    kernel = draw(st.tuples(SIDES, SIDES))
    step = draw(st.tuples(st.integers(1, 2), st.integers(1, 2)))
    padding = tuple(draw(st.integers(0, side // 2)) for side in kernel)
    dilation = draw(st.integers(1, 2))
    ceil = draw(st.booleans())
    return {
        "conv": lambda: nn.Conv2d(3, 3, kernel, step, draw(st.tuples(st.integers(0, 2), st.integers(0, 2))), dilation),
        "depthwise": lambda: nn.Conv2d(3, 3, kernel, 1, padding, groups=3),
        "transposed": lambda: nn.ConvTranspose2d(3, 3, kernel, step, padding),
        "max": lambda: nn.MaxPool2d(kernel, step, padding, dilation, ceil_mode=ceil),
        "average": lambda: nn.AvgPool2d(kernel, step, padding, ceil_mode=ceil),
        "up": lambda: nn.Upsample(scale_factor=2, mode=draw(st.sampled_from(["nearest", "bilinear", "bicubic"]))),
        "skip": Skip,
        "branches": lambda: Skip(cat=True),
        "act": lambda: nn.Sequential(nn.BatchNorm2d(3), nn.ReLU(inplace=True)),
        "adaptive": lambda: nn.AdaptiveAvgPool2d(draw(st.tuples(st.integers(2, 9), st.integers(2, 9)))),
        "pad": lambda: draw(st.sampled_from([nn.ZeroPad2d((1, 0, 2, 1)), nn.ReplicationPad2d((0, 1, 1, 0))])),
        "cut": lambda: Calls(lambda x: x[:, :, 1:, ::2]),
        "last": lambda: Calls(lambda x: F.linear(x.permute(0, 2, 3, 1), x.new_ones(3, 3)).permute(0, 3, 1, 2)),
        "roll": lambda: Calls(lambda x: x.roll((1, -1), (2, 3))),
    }[kind]()


class Skip(nn.Module):
    def __init__(self, cat=False):
        super().__init__()
        self.conv, self.back, self.cat = nn.Conv2d(3, 3, 3, padding=1), nn.Conv2d(6, 3, 1), cat

    def forward(self, x):
        return self.back(torch.cat([x, self.conv(x)], 1)) if self.cat else x + self.conv(x)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.lists(pieces(), min_size=1, max_size=5), st.integers(9, 20), st.integers(9, 20), st.randoms())
def test_in_any_small_network_the_box_is_the_gradients_box_and_contains_it_where_it_is_a_bound(parts, h, w, random):
    try:
        net = dv.Network(linearised(nn.Sequential(*parts, Mean())), input_size=(3, h, w))
    except dv.NetworkError:
        return  # the map became smaller than a window
    for name in sorted({str(len(parts) - 1), str(random.randrange(len(parts)))}):
        field = receptive_field(net, name)
        rows, columns = field.grid
        units = {(0, 0), (rows - 1, columns - 1), (random.randrange(rows), random.randrange(columns))}
        for unit in units:
            support = box_by_gradient(net, name, *unit)
            assert contains(field.clipped(*unit), support), (unit, field, support)
            assert contains(field.box(*unit), field.clipped(*unit)), (unit, field)
            if field.status in ("exact", "whole image"):
                assert field.clipped(*unit) == support, (unit, field, support)


# ---------------------------------------------------------------- manners


def test_the_model_is_untouched(model, unchanged):
    net = dv.Network(model, input_size=(3, 16, 16))
    images = torch.rand(2, 3, 16, 16)
    model.train()
    with unchanged(model):
        receptive_fields(net)
        effective_receptive_field(net, images, "4.conv1", channel=0)
        with pytest.raises(dv.NetworkError):
            receptive_fields(net, (4, 16, 16))


def test_what_is_wrong_is_said_in_a_sentence(model):
    net = dv.Network(model, input_size=(3, 16, 16))
    field = receptive_field(net, "3")
    with pytest.raises(ValueError, match=r"Layer '3' gives a map of 8 × 8; there is no unit \(8, 0\)"):
        field.box(8, 0)
    with pytest.raises(ValueError, match="No layer '3x'"):
        receptive_field(net, "3x")
    with pytest.raises(ValueError, match="called 2 times; there is no call 5"):
        receptive_field(net, "4.relu", call=5)
    with pytest.raises(ValueError, match="An input size is"):
        receptive_fields(net, (16, 16))
    with pytest.raises(ValueError, match="has 8 channels; there is no channel 8"):
        effective_receptive_field(net, torch.rand(1, 3, 16, 16), "3", channel=8)
    with pytest.raises(ValueError, match="there is no unit"):
        effective_receptive_field(net, torch.rand(1, 3, 16, 16), "3", at=(0, 9))
    with pytest.raises(ValueError, match="there are none"):
        effective_receptive_field(net, [], "3")


def test_the_answer_is_kept_for_the_network_and_goes_with_it(model):
    import gc
    import weakref

    net = dv.Network(model, input_size=(3, 16, 16))
    assert receptive_field(net, "3") is receptive_field(net, "3")
    gone = weakref.ref(net)
    del net
    gc.collect()
    assert gone() is None


def test_only_the_latest_image_sizes_are_kept():
    net = dv.Network(nn.Sequential(nn.Conv2d(3, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten()), input_size=(3, 16, 16))
    for side in range(16, 26):
        receptive_field(net, "0", input_size=(3, side, side))
    assert list(fields._CACHE[net]) == [(3, side, side) for side in (22, 23, 24, 25)]
