"""Reading kernels of any layer, taking tiles of them, ordering them, and the arithmetic on an image."""

import numpy as np
import pytest
import torch
from torch import nn

import deepviz_widgets as dv
from deepviz_widgets.methods.kernels import (
    ORDERS,
    Checkpoints,
    default_bound,
    learned_kernels,
    ordered,
    respond,
    shrunk,
    view,
    weight_spread,
    why_none,
)


@pytest.fixture(scope="module")
def picture():
    return np.random.default_rng(0).random((40, 40, 3)).astype(np.float32)


class Patches(nn.Module):
    """A patch embedding without a convolution: patches are unrolled by hand and go through a linear layer."""

    def __init__(self, planes_first, norm=False):
        super().__init__()
        self.axes = (1, 4, 5) if planes_first else (4, 5, 1)
        self.norm = nn.LayerNorm(192) if norm else nn.Identity()
        self.embed, self.head = nn.Linear(192, 12), nn.Linear(12, 5)

    def forward(self, x):
        cut = x.unfold(2, 8, 8).unfold(3, 8, 8).permute(0, 2, 3, *self.axes)
        return self.head(self.embed(self.norm(cut.reshape(len(x), -1, 192))).mean(1))


class TestReading:
    def test_a_first_layer_reads_the_image_and_a_later_one_maps_even_with_three_inputs(self):
        tail = nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 4)
        net = dv.Network(nn.Sequential(nn.Conv2d(3, 3, 1), nn.Conv2d(3, 8, 5), *tail), input_size=(3, 16, 16))
        assert [learned_kernels(net, name).reads for name in ("0", "1", "4")] == ["image", "maps", "vector"]

    def test_weights_of_a_layer_come_as_they_are(self):
        conv = nn.Conv2d(6, 8, (3, 5), stride=(2, 1), padding=(1, 2), dilation=(1, 2), groups=2)
        found = learned_kernels(conv)
        assert np.array_equal(found.weights, conv.weight.detach().numpy())
        assert np.array_equal(found.bias, conv.bias.detach())
        assert (found.groups, found.stride, found.padding, found.dilation) == (2, (2, 1), (1, 2), (1, 2))
        assert found.out == 8 and found.size == (3, 5) and "8 × 3 × 3 × 5" in repr(found)

    @pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
    def test_other_precisions_come_as_float32(self, dtype):
        assert learned_kernels(nn.Conv2d(3, 4, 3, dtype=dtype)).weights.dtype == np.float32

    def test_padding_in_words_is_told_in_pixels(self):
        assert learned_kernels(nn.Conv2d(1, 1, 4, padding="same", dilation=2)).padding == (3, 3)
        assert learned_kernels(nn.Conv2d(1, 1, 4, padding="valid")).padding == (0, 0)

    def test_a_transposed_convolution_has_its_kernels_by_output_also_in_groups(self):
        conv = nn.ConvTranspose2d(6, 4, 3, groups=2)
        weights = learned_kernels(conv).weights
        assert weights.shape == (4, 3, 3, 3)
        assert np.array_equal(weights[3, 1], conv.weight[4, 1].detach())  # second group: input 3 + 1, its output 1

    def test_a_sequence_and_an_attention_have_kernels_too(self):
        assert learned_kernels(nn.Conv1d(4, 8, 5)).weights.shape == (8, 4, 1, 5)
        assert learned_kernels(nn.MultiheadAttention(8, 2)).weights.shape == (24, 8, 1, 1)

    def test_arrays_and_kernels_are_taken(self):
        found = learned_kernels(np.ones((4, 3, 7, 7)))
        assert found.reads == "image" and learned_kernels(found) is found
        assert learned_kernels(torch.ones(4, 9)).weights.shape == (4, 9, 1, 1)

    def test_a_linear_layer_after_flattened_maps_has_kernels_as_large_as_the_maps(self):
        model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.MaxPool2d(2), nn.Flatten(), nn.Dropout(), nn.Linear(4 * 5 * 7, 6))
        net = dv.Network(model, input_size=(3, 12, 16))
        found = learned_kernels(net, "4")
        assert found.weights.shape == (6, 4, 5, 7) and found.reads == "maps"
        assert np.array_equal(found.weights.reshape(6, -1), model[4].weight.detach())

    def test_a_linear_layer_on_the_image_itself_has_kernels_as_large_as_the_image(self):
        net = dv.Network(nn.Sequential(nn.Flatten(), nn.Linear(108, 6)), input_size=(3, 6, 6))
        assert learned_kernels(net, "1").weights.shape == (6, 3, 6, 6) and learned_kernels(net, "1").reads == "image"

    def test_as_many_numbers_are_not_yet_the_same_numbers(self):
        class Turned(nn.Module):
            def __init__(self):
                super().__init__()
                self.conv, self.fc = nn.Conv2d(3, 4, 3), nn.Linear(4 * 10 * 10, 5)

            def forward(self, x):
                return self.fc(self.conv(x).permute(0, 2, 3, 1).flatten(1))

        assert learned_kernels(dv.Network(Turned(), input_size=(3, 12, 12)), "fc").weights.shape == (5, 400, 1, 1)

    @pytest.mark.parametrize("norm", [False, True])
    @pytest.mark.parametrize("planes_first", [False, True])
    def test_a_linear_patch_embedding_has_kernels_as_large_as_a_patch(self, planes_first, norm):
        net = dv.Network(Patches(planes_first, norm), input_size=(3, 32, 32))
        found = learned_kernels(net, "embed")
        raw = net.model.embed.weight.detach().numpy()
        assert found.weights.shape == (12, 3, 8, 8) and found.reads == "image" and found.stride == (8, 8)
        assert found.weights[2, 1, 3, 4] == raw[2, 64 + 28 if planes_first else 28 * 3 + 1]

    @pytest.mark.parametrize("bad, says", [
        (nn.ReLU(), "This ReLU has no kernels of its own"),
        (nn.BatchNorm2d(3), "This BatchNorm2d has no kernels"),
        (nn.Sequential(nn.Conv2d(1, 1, 3)), "This Sequential has no kernels"),
        (nn.Conv3d(1, 2, 3), "weights of 2 × 1 × 3 × 3 × 3; kernels have 2 to 4 axes"),
        (nn.Conv2d(3, 4, 3, device="meta"), "meta device, which holds no numbers; load its weights first"),
        (np.ones((2, 2), np.int8), "stored as int8; give the network as it was before quantisation"),
        (np.zeros((0, 3, 3, 3)), "weights of 0 × 3 × 3 × 3"),
        ("conv1", "a Network, a layer or an array of weights; this is a str"),
    ])
    def test_what_has_no_kernels_says_so_in_a_sentence(self, bad, says):
        with pytest.raises(ValueError, match=says):
            learned_kernels(bad)

    @pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")
    def test_a_quantised_layer_asks_for_the_network_before(self):
        layer = torch.ao.quantization.quantize_dynamic(nn.Sequential(nn.Linear(4, 4)), {nn.Linear})[0]
        with pytest.raises(ValueError, match="weights that are quantised; give the network as it was before"):
            learned_kernels(layer)

    def test_a_layer_of_a_network_without_kernels_names_those_that_have_some(self):
        net = dv.demo.digits()[0]
        with pytest.raises(ValueError, match=r"Layer 'relu1' \(ReLU\) has no kernels of its own; there are 'conv1'"):
            learned_kernels(net, "relu1")
        with pytest.raises(ValueError, match="Name a layer whose kernels to read"):
            learned_kernels(net)

    def test_the_network_is_left_as_it_was(self, unchanged):
        net = dv.demo.digits()[0]
        net.model.train()
        with unchanged(net.model):
            learned_kernels(net, "fc")
            respond(net, np.zeros((32, 32), np.uint8), "conv2")


class TestViews:
    @pytest.mark.parametrize("weights, reads, face, tiles", [
        ((8, 3, 7, 7), "image", "rgb", (8, 3, 7, 7)), ((8, 1, 5, 5), "image", "plane", (8, 1, 5, 5)),
        ((8, 3, 3, 3), "maps", "slices", (3, 1, 3, 3)), ((8, 4, 5, 5), "image", "slices", (4, 1, 5, 5)),
        ((8, 16, 1, 1), "maps", "matrix", (1, 1, 8, 16)), ((8, 16, 1, 1), "vector", "matrix", (1, 1, 8, 16)),
    ])
    def test_each_kind_of_layer_has_its_tiles(self, weights, reads, face, tiles):
        found = view(kernels_of(weights, reads), channel=2)
        assert (found.face, found.tiles.shape) == (face, tiles)

    def test_slices_are_the_inputs_of_one_output_or_the_outputs_of_one_input(self):
        kernels = kernels_of((5, 4, 3, 3), "maps")
        inputs, outputs = view(kernels, channel=2), view(kernels, side="outputs", source=3)
        assert np.array_equal(inputs.tiles[:, 0], kernels.weights[2]) and inputs.fixed == 2
        assert np.array_equal(outputs.tiles[:, 0], kernels.weights[:, 3]) and outputs.fixed == 3
        with pytest.raises(ValueError, match="not 'both'"):
            view(kernels, side="both")

    def test_a_large_matrix_keeps_its_largest_weights_with_their_sign(self):
        kernels = kernels_of((1100, 700, 1, 1), "vector")
        kernels.weights[777, 333] = -50
        found = view(kernels)
        assert found.block == (3, 2) and found.tiles.shape == (1, 1, 367, 350)
        assert found.tiles[0, 0, 777 // 3, 333 // 2] == -50

    def test_shrunk_tiles_are_means_of_blocks_and_small_ones_stay(self):
        tiles = np.arange(2 * 1 * 5 * 7, dtype=np.float32).reshape(2, 1, 5, 7)
        assert shrunk(tiles, 70) is tiles
        small = shrunk(tiles, 24)
        assert small.shape == (2, 1, 3, 4)
        assert small[0, 0, 0, 0] == tiles[0, 0, :2, :2].mean() and small[1, 0, 2, 3] == tiles[1, 0, 4, 6]


def kernels_of(shape, reads):
    from deepviz_widgets.methods.kernels import Kernels

    return Kernels("layer", "Conv2d", np.random.default_rng(0).normal(size=shape).astype(np.float32), reads=reads)


def stripes(degrees, wavelength=3.5, side=7):
    """Stripes that run at an angle; y points down."""
    y, x = np.mgrid[:side, :side] - side // 2
    normal = np.deg2rad(degrees) + np.pi / 2
    return np.cos(2 * np.pi / wavelength * (x * np.cos(normal) + y * np.sin(normal))) * np.exp(-(x**2 + y**2) / 8)


class TestOrder:
    @pytest.mark.parametrize("by", ORDERS)
    @pytest.mark.parametrize("shape", [(1, 3, 7, 7), (2, 1, 3, 3), (40, 3, 7, 7), (12, 1, 2, 5), (9, 2, 64, 48)])
    def test_every_order_is_a_permutation_with_what_cannot_be_ordered_at_the_end(self, by, shape):
        tiles = np.random.default_rng(1).normal(size=shape)
        tiles[0] = np.nan
        found = ordered(tiles, by)
        assert sorted(found) == list(range(shape[0]))
        assert by == "index" or found[-1] == 0

    def test_stripes_are_ordered_by_their_angle_and_blobs_come_last(self):
        y, x = np.mgrid[:7, :7] - 3
        blob = np.exp(-(x**2 + y**2) / 6)
        tiles = np.stack([stripes(a) for a in (100, 20, 150, 60)] + [blob])[:, None]
        assert list(ordered(tiles, "orientation")) == [1, 3, 0, 2, 4]

    def test_coarse_stripes_come_before_fine_ones(self):
        tiles = np.stack([stripes(30, w) for w in (2.5, 14, 4, 7)])[:, None]
        assert list(ordered(tiles, "frequency")) == [1, 3, 2, 0]

    def test_the_longest_comes_first(self):
        tiles = np.stack([stripes(30) * k for k in (0.5, 3, 1)])[:, None]
        assert list(ordered(tiles, "norm")) == [1, 2, 0]

    def test_grey_kernels_come_before_coloured_ones_and_those_by_hue(self):
        blob = np.ones((5, 5))
        colours = {"blue": (0, 0, 1), "grey": (1, 1, 1), "red": (1, 0, 0), "green": (0, 1, 0), "yellow": (1, 1, 0)}
        tiles = np.stack([np.multiply.outer(colour, blob) for colour in colours.values()])
        assert [list(colours)[i] for i in ordered(tiles, "colour")] == ["grey", "red", "yellow", "green", "blue"]

    def test_similar_kernels_stand_beside_each_other(self):
        rng = np.random.default_rng(3)
        families = rng.normal(size=(6, 3, 7, 7))
        tiles = np.concatenate([families + 0.2 * rng.normal(size=families.shape) for _ in range(4)])
        of = ordered(tiles, "similarity") % 6
        assert (np.diff(of) != 0).sum() == 5  # each family in one piece

    def test_an_unknown_order_names_the_known_ones(self):
        with pytest.raises(ValueError, match="'hue' is none of these"):
            ordered(np.ones((2, 1, 3, 3)), "hue")


class TestResponse:
    MODEL = nn.Sequential(
        nn.Conv2d(3, 8, (3, 5), stride=(2, 1), padding=(2, 1), dilation=(2, 1)), nn.ReLU(inplace=True),
        nn.Conv2d(8, 8, 3, groups=4, padding="same"), nn.Conv2d(8, 8, 3, groups=8), nn.AdaptiveAvgPool2d(4),
        nn.Flatten(), nn.Linear(128, 9), nn.ReLU(), nn.Linear(9, 3),
    )

    @pytest.mark.parametrize("layer", ["0", "2", "3", "6"])
    def test_patch_times_kernel_and_bias_is_the_answer_at_every_place(self, layer, picture):
        net = dv.Network(self.MODEL, input_size=(3, 40, 40))
        found = respond(net, picture, layer)
        channels, height, width = found.answer.shape
        rng = np.random.default_rng(0)
        places = {(0, 0), (height - 1, width - 1)} | {(rng.integers(height), rng.integers(width)) for _ in range(8)}
        for channel in range(channels):
            for y, x in places:
                total = (found.patch(channel, y, x) * found.kernels.weights[channel]).sum()
                assert total + found.kernels.bias[channel] == pytest.approx(found.answer[channel, y, x], abs=1e-4)

    def test_the_answer_is_that_of_the_layer_although_a_relu_in_place_follows(self, picture):
        net = dv.Network(self.MODEL, input_size=(3, 40, 40))
        assert np.array_equal(respond(net, picture, "0").answer, dv.methods.activations(net, picture, "0").maps)

    @pytest.mark.parametrize("planes_first", [False, True])
    def test_a_linear_patch_embedding_answers_once_a_patch(self, planes_first, picture):
        net = dv.Network(Patches(planes_first), input_size=(3, 32, 32))
        found = respond(net, picture[:32, :32], "embed")
        assert found.answer.shape == (12, 4, 4)
        total = (found.patch(5, 2, 3) * found.kernels.weights[5]).sum() + found.kernels.bias[5]
        assert total == pytest.approx(found.answer[5, 2, 3], abs=1e-4)

    def test_behind_a_normalisation_the_arithmetic_does_not_hold_and_is_not_shown(self, picture):
        net = dv.Network(Patches(True, norm=True), input_size=(3, 32, 32))
        with pytest.raises(ValueError, match="changed before layer 'embed' reads them"):
            respond(net, picture[:32, :32], "embed")

    @pytest.mark.parametrize("layer, says", [
        (nn.Conv2d(3, 4, 1), "single weights"), (nn.ConvTranspose2d(3, 4, 3), "writes with its kernels"),
        (nn.Conv2d(3, 4, 3, padding=1, padding_mode="reflect"), "pads by 'reflect'"),
        (nn.Conv1d(3, 4, 3), "a sequence"),
    ])
    def test_why_there_is_nothing_to_slide_is_said(self, layer, says):
        assert says in why_none(learned_kernels(layer))
        assert why_none(learned_kernels(nn.Conv2d(3, 4, 3))) == ""


class TestSpread:
    def test_pytorch_starts_layers_within_the_bound(self):
        torch.manual_seed(0)
        layers = [nn.Conv2d(4, 64, 3, groups=2), nn.ConvTranspose2d(8, 4, 5, groups=2), nn.Linear(50, 400)]
        for layer in layers:
            found = learned_kernels(layer)
            bound = default_bound(found)
            assert 0.97 * bound < np.abs(found.weights).max() <= bound * (1 + 1e-6)
        assert default_bound(learned_kernels(np.ones((2, 2)))) is None

    def test_shares_sum_to_one_and_a_fresh_layer_fits_its_start(self):
        torch.manual_seed(0)
        found = weight_spread(learned_kernels(nn.Linear(200, 500)))
        assert found.share.sum() == pytest.approx(1) and found.start.sum() == pytest.approx(1)
        assert np.abs(found.share - found.start).max() < 0.002

    def test_what_is_not_finite_is_left_out_and_checkpoints_are_compared_with_the_first(self):
        weights = np.ones((2, 1, 3, 3), np.float32)
        weights[0, 0, 0] = np.nan
        found = weight_spread(learned_kernels(weights), learned_kernels(np.full((2, 1, 3, 3), -2.0)))
        assert found.weights == 15 and found.start_is == "first checkpoint" and found.start.argmax() == 0


class TestCheckpoints:
    def test_labels_are_names_keys_or_numbers(self):
        one, other = dv.demo.scenes()[0], dv.demo.scenes(confounder=True)[0]
        assert Checkpoints([one, other]).labels == [one.name, other.name]
        assert Checkpoints([one, one]).labels == ["1 of 2", "2 of 2"]
        assert Checkpoints({"a": one, "b": other}).labels == ["a", "b"] and len(Checkpoints(one)) == 1

    def test_what_is_no_checkpoint_is_refused_in_a_sentence(self):
        net = dv.demo.scenes()[0]
        with pytest.raises(ValueError, match="the layers of 'demo digits' are not those of 'demo scenes'"):
            Checkpoints([net, dv.demo.digits()[0]])
        with pytest.raises(TypeError, match="this is a ScenesNet"):
            Checkpoints([net, net.model])
        with pytest.raises(TypeError, match="this is nothing"):
            Checkpoints([])
        pooled = dv.Network(nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten()), input_size=(3, 8, 8))
        with pytest.raises(ValueError, match="but none with kernels"):
            Checkpoints(pooled)
