"""`Network`: any classifier can be looked into, and none is changed by it."""

from __future__ import annotations

import threading
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from networks import small_network
from torch import nn

import deepviz_widgets as dv


def test_layers_come_in_call_order_with_shapes_and_parameters(model):
    net = dv.Network(model, input_size=(3, 16, 16))
    found = [(layer.name, layer.kind, layer.shape, layer.parameters) for layer in net.layers]
    assert found[0] == ("0", "Conv2d", (8, 16, 16), 3 * 8 * 9 + 8)
    assert [name for name, *_ in found] == ["0", "1", "2", "3", "4", "4.conv1", "4.relu", "4.conv2", "5", "6", "7"]
    assert found[-1] == ("7", "Linear", (5,), 8 * 5 + 5)


def test_call_order_is_not_definition_order():
    class Backwards(nn.Module):
        def __init__(self):
            super().__init__()
            self.last = nn.Linear(4, 2)
            self.first = nn.Conv2d(1, 4, 3)

        def forward(self, x):
            return self.last(self.first(x).mean((2, 3)))

    assert [layer.name for layer in dv.Network(Backwards(), input_size=(1, 8, 8)).layers] == ["first", "last"]


def test_a_module_called_twice_is_one_layer_with_both_calls(model):
    net = dv.Network(model, input_size=(3, 16, 16))
    assert net.layer("4.relu").called == 2
    with dv.capture(net, ["4.relu"]) as seen:
        net.forward(torch.rand(1, 3, 16, 16))
    assert len(seen["4.relu"]) == 2


def test_a_residual_block_is_seen_to_add_its_input(model):
    net = dv.Network(model, input_size=(3, 16, 16))
    assert {layer.name for layer in net.layers if layer.joins == "add"} == {"4"}


def test_a_dense_block_is_seen_to_concatenate_its_input_and_parallel_branches_are_not():
    from torchvision.models import densenet121, squeezenet1_1

    dense = dv.Network(densenet121(), input_size=(3, 64, 64))
    joins = {layer.name: layer.joins for layer in dense.layers if layer.joins}
    assert joins == {f"features.denseblock{number}": "cat" for number in (1, 2, 3, 4)}
    assert not any(layer.joins for layer in dv.Network(squeezenet1_1(), input_size=(3, 64, 64)).layers)


def test_a_position_embedding_is_not_taken_for_a_skip_connection():
    class Embedded(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = nn.Sequential(nn.Linear(6, 6))
            self.place = nn.Parameter(torch.zeros(1, 6))

        def forward(self, x):
            return self.inner(x + self.place)

    class Whole(nn.Module):
        def __init__(self):
            super().__init__()
            self.embedded = Embedded()

        def forward(self, x):
            return self.embedded(x.flatten(1)[:, :6])

    assert not any(layer.joins for layer in dv.Network(Whole(), input_size=(1, 8, 8)).layers)


def test_a_layer_that_is_never_called_is_no_layer_and_says_why():
    class Spare(nn.Module):
        def __init__(self):
            super().__init__()
            self.used = nn.Conv2d(3, 4, 3)
            self.spare = nn.Conv2d(3, 4, 3)

        def forward(self, x):
            return self.used(x).mean((2, 3))

    net = dv.Network(Spare(), input_size=(3, 8, 8))
    assert [layer.name for layer in net.layers] == ["used"]
    with pytest.raises(ValueError, match="'spare' exists, but the forward pass never calls it"):
        net.layer("spare")


def test_an_unknown_layer_suggests_the_nearest(model):
    net = dv.Network(model, input_size=(3, 16, 16))
    with pytest.raises(ValueError, match="No layer '4.conv3'; did you mean '4.conv[12]'"):
        net.layer("4.conv3")


def test_layers_are_found_by_name_module_and_widget_like_object(model):
    net = dv.Network(model, input_size=(3, 16, 16))

    class Picker:
        layer = "4.conv1"

    assert net.layer(model[4].conv1).name == net.layer("4.conv1").name == net.layer(Picker()).name == "4.conv1"
    with pytest.raises(ValueError, match="not a module of the network"):
        net.layer(nn.ReLU())


@pytest.mark.parametrize("kind", ["tuple", "dict", "dataclass", "nested"])
def test_scores_are_found_in_any_output(kind):
    @dataclass
    class Output:
        loss: object
        logits: torch.Tensor

    class Wrapped(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = small_network()

        def forward(self, x):
            y = self.body(x)
            return {"tuple": (y, None), "dict": {"features": x, "logits": y}, "dataclass": Output(None, y),
                    "nested": ((None, y),)}[kind]

    net = dv.Network(Wrapped(), input_size=(3, 16, 16))
    assert net.scores_shape == (5,)
    assert net.scores(np.zeros((16, 16, 3), np.uint8)).raw.shape == (1, 5)


@pytest.mark.parametrize(("channels", "size"), [(1, (16, 16)), (5, (16, 24)), (3, (40, 20))])
def test_any_channel_count_and_shape_works(channels, size, unchanged):
    model = small_network(channels)
    with unchanged(model):
        net = dv.Network(model, input_size=(channels, *size))
        image = np.random.default_rng(0).random((*size, channels), np.float32)
        assert net.layers[0].shape == (8, *size)
        assert np.isclose(net.scores(image).confidences.sum(), 1)


def test_the_input_size_is_found_by_trying_where_a_flatten_fixes_it():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(1, 4, 5), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(4 * 12 * 12, 10))
    assert dv.Network(model).input_size == (1, 28, 28)
    assert dv.Network(nn.Sequential(nn.Flatten(), nn.Linear(3 * 32 * 32, 10))).input_size == (3, 32, 32)


def test_images_keep_their_size_where_the_network_takes_any():
    net = dv.Network(small_network())
    assert net.input(np.zeros((20, 30, 3), np.uint8)).shape == (3, 20, 30)


def test_compiled_and_data_parallel_models_are_unwrapped(model):
    assert [layer.name for layer in dv.Network(torch.compile(model), input_size=(3, 16, 16)).layers][0] == "0"
    assert [layer.name for layer in dv.Network(nn.DataParallel(model), input_size=(3, 16, 16)).layers][0] == "0"


def test_a_model_compiled_in_place_still_shows_its_layers():
    model = small_network()
    model.compile()
    net = dv.Network(model, input_size=(3, 16, 16))
    with dv.capture(net, ["4.conv1"]) as seen:
        net.forward(torch.rand(1, 3, 16, 16))
    assert len(seen["4.conv1"]) == 1


@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning")
def test_a_scripted_model_is_refused_in_one_sentence_and_a_scripted_part_is_no_obstacle(model):
    with pytest.raises(TypeError, match="^A scripted model hides its layers; give the nn.Module"):
        dv.Network(torch.jit.script(small_network()))
    mixed = nn.Sequential(nn.Conv2d(3, 3, 1), torch.jit.script(small_network()))
    assert [layer.name for layer in dv.Network(mixed, input_size=(3, 16, 16)).layers] == ["0"]


@pytest.mark.parametrize(
    ("given", "words"),
    [("resnet18", "Network.pretrained"), ({}, "state_dict"), (lambda x: x, "nn.Module"), (nn.Sequential, "nn.Module")],
)
def test_what_is_no_model_is_refused_with_a_way_out(given, words):
    with pytest.raises(TypeError, match=words):
        dv.Network(given)


def test_a_lazy_model_is_refused_before_it_is_changed():
    with pytest.raises(TypeError, match="'0' is lazy"):
        dv.Network(nn.Sequential(nn.LazyConv2d(4, 3)), input_size=(3, 8, 8))


class Failing(nn.Module):
    """Works on the dry run, fails when told to."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        self.broken = Broken()

    def forward(self, x):
        return self.broken(self.conv(x).mean((2, 3)))


class Broken(nn.Module):
    error: BaseException | None = None

    def forward(self, x):
        if self.error:
            raise self.error
        return x


@pytest.mark.parametrize("error", [ValueError("bad luck"), KeyboardInterrupt()])
def test_the_model_is_untouched_after_an_error_and_an_interrupt(error, unchanged):
    model = Failing()
    model.train()
    model.conv.eval()
    net = dv.Network(model, input_size=(3, 8, 8))
    with unchanged(model):
        model.broken.error = error
        with pytest.raises((dv.NetworkError, KeyboardInterrupt)), dv.capture(net, ["conv"]):
            net.forward(torch.ones(1, 3, 8, 8))
    model.broken.error = None
    assert net.forward(torch.rand(1, 3, 8, 8)).shape == (1, 4), "the lock is free again"


def test_an_error_in_forward_names_the_layer():
    model = Failing()
    net = dv.Network(model, input_size=(3, 8, 8))
    model.broken.error = ValueError("bad luck")
    with pytest.raises(dv.NetworkError, match="in layer 'broken' on an input of 3 × 8 × 8: ValueError: bad luck"):
        net.forward(torch.rand(1, 3, 8, 8))


def test_a_model_in_train_mode_is_seen_in_evaluation_mode_and_left_training(unchanged):
    model = nn.Sequential(*small_network(), nn.Dropout(0.5), nn.BatchNorm1d(5)).train()
    model[1].eval()  # a frozen BatchNorm inside a training model
    with unchanged(model):
        net = dv.Network(model, input_size=(3, 16, 16))
        one, two = (net.forward(torch.ones(2, 3, 16, 16)) for _ in range(2))
    assert torch.equal(one, two)
    assert any("train mode" in note for note in net.notes)


def test_a_capture_records_only_its_own_thread(model):
    net = dv.Network(model, input_size=(3, 16, 16))
    with dv.capture(net, ["0"]) as seen:
        other = threading.Thread(target=lambda: model(torch.rand(1, 3, 16, 16)))
        other.start()
        other.join()
        assert seen["0"] == []


def test_an_in_place_relu_does_not_overwrite_what_was_captured(model):
    net = dv.Network(model, input_size=(3, 16, 16))
    with dv.capture(net, ["1"]) as seen:
        net.forward(torch.rand(1, 3, 16, 16) - 0.5)
    assert float(seen["1"][0].min()) < 0


def test_capture_agrees_with_torchvision_feature_extraction():
    from torchvision.models import resnet18
    from torchvision.models.feature_extraction import create_feature_extractor

    torch.manual_seed(0)
    model = resnet18().eval()
    names = ["conv1", "layer1.0.conv2", "layer2", "layer4.1", "avgpool"]
    net, batch = dv.Network(model, input_size=(3, 64, 64)), torch.rand(2, 3, 64, 64)
    with dv.capture(net, names) as seen:
        net.forward(batch)
    with torch.no_grad():
        oracle = create_feature_extractor(model, names)(batch)
    for name in names:
        assert torch.allclose(seen[name][0], oracle[name], atol=1e-5), name


def test_a_capture_that_stops_early_leaves_the_rest_uncomputed(model):
    net = dv.Network(model, input_size=(3, 16, 16))
    later = []
    handle = model[7].register_forward_hook(lambda *_: later.append(1))
    with dv.capture(net, ["0"], stop=True) as seen:
        net.forward(torch.rand(1, 3, 16, 16))
    handle.remove()
    assert len(seen["0"]) == 1 and not later


def test_softmax_is_recognised_and_not_applied_twice():
    plain = small_network()
    image = np.random.default_rng(0).integers(0, 255, (16, 16, 3), np.uint8)
    logits = dv.Network(plain, input_size=(3, 16, 16))
    for last, kind in ((nn.Softmax(1), "probabilities"), (nn.LogSoftmax(1), "log-probabilities")):
        net = dv.Network(nn.Sequential(plain, last), input_size=(3, 16, 16))
        assert net.scores_are == kind
        assert np.allclose(net.scores(image).confidences, logits.scores(image).confidences, atol=1e-5)
        assert any("softmax" in note for note in net.notes)


def test_the_number_of_class_names_must_fit(model):
    with pytest.raises(dv.NetworkError, match="5 scores an image, but classes is 2 class names"):
        dv.Network(model, input_size=(3, 16, 16), classes=["a", "b"])


def test_normalisation_is_found_and_undone_for_display():
    net = dv.Network.pretrained("squeezenet1_1", weights=None)
    image = np.random.default_rng(0).integers(0, 255, (224, 224, 3), np.uint8)
    smooth = np.asarray(dv.as_picture(image).image.resize((256, 256)).resize((256, 256)))
    shown = net.displayed(net.input(smooth))
    assert shown.dtype == np.uint8 and shown.shape == (224, 224, 3)
    assert np.abs(shown.astype(int) - smooth[16:240, 16:240]).max() <= 1


def test_tokens_and_channels_last_maps_are_laid_out_right():
    class Tokens(nn.Module):
        def __init__(self):
            super().__init__()
            self.patches = nn.Conv2d(3, 12, 4, stride=4)
            self.norm = nn.LayerNorm(12)
            self.swap = Swap()

        def forward(self, x):
            grid = self.swap(self.patches(x))
            tokens = grid.flatten(1, 2)
            tokens = torch.cat([tokens.mean(1, keepdim=True), tokens], 1)
            return self.norm(tokens)[:, 0]

    class Swap(nn.Module):
        def forward(self, x):
            return x.permute(0, 2, 3, 1)

    net = dv.Network(Tokens(), input_size=(3, 16, 24))
    layout = net.layer("norm").layout
    assert (layout.kind, layout.channels, layout.grid, layout.extra) == ("tokens", 12, (4, 6), 1)
    output = torch.arange(25 * 12.0).reshape(25, 12)
    maps, extra = layout.maps(output)
    assert maps[3, 1, 2] == output[1 + 1 * 6 + 2, 3] and extra[3, 0] == output[0, 3]


def test_a_layer_that_only_rearranges_is_read_as_the_layers_around_it():
    class Rearranged(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.swap, self.drop = nn.Conv2d(3, 12, 4, stride=4), Swap(), nn.Identity()
            self.norm, self.back = nn.LayerNorm(12), Swap((0, 3, 1, 2))

        def forward(self, x):
            return self.back(self.norm(self.drop(self.swap(self.conv(x))))).mean((2, 3))

    class Swap(nn.Module):
        def __init__(self, order=(0, 2, 3, 1)):
            super().__init__()
            self.order = order

        def forward(self, x):
            return x.permute(self.order)

    net = dv.Network(Rearranged(), input_size=(3, 16, 24))
    for name, axis in {"conv": 0, "swap": -1, "drop": -1, "norm": -1, "back": 0}.items():
        layout = net.layer(name).layout
        assert (layout.axis, layout.channels, layout.grid) == (axis, 12, (4, 6)), name


def test_two_networks_on_one_model_share_its_lock(model):
    one, two = (dv.Network(model, input_size=(3, 16, 16)) for _ in range(2))
    assert one.lock is two.lock


def test_a_shared_module_is_found_under_both_names():
    class Shared(nn.Module):
        def __init__(self):
            super().__init__()
            self.a = self.b = nn.Conv2d(3, 3, 3, padding=1)

        def forward(self, x):
            return self.b(self.a(x)).mean((2, 3))

    net = dv.Network(Shared(), input_size=(3, 8, 8))
    assert net.layer("b").name == "a" and net.layer("a").called == 2
