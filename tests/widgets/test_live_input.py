"""Sketchpad and Webcam, with a page that sends frames: what they show, refuse, drop and let go of."""

from __future__ import annotations

import gc
import weakref
from unittest.mock import Mock

import numpy as np
import pytest
import traitlets as t
from live_page import LivePage, coded
from networks import small_network

import deepviz_widgets as dv
from deepviz_widgets.widgets import wire
from deepviz_widgets.widgets.live_frames import frame_name


@pytest.fixture(scope="module")
def digits():
    return dv.demo.digits()


@pytest.fixture
def pad(digits):
    made = dv.Sketchpad(*digits)
    yield made
    made.close()


@pytest.fixture
def cam(net):
    made = dv.Webcam(net)
    yield made
    made.close()


def bar(x=60):
    sheet = np.zeros((128, 128, 1), np.uint8)
    sheet[20:100, x : x + 14] = 255
    return sheet


def traits_sent(widget):
    """Record the names of the traits in each message to the page."""
    messages = []
    if getattr(widget.comm, "kernel", True) is None:  # old ipywidgets sends nothing where there is no kernel
        from ipykernel.kernelbase import Kernel

        widget.comm.kernel = Mock(spec=Kernel, **{"session": Mock(), "iopub_socket": Mock()})
    widget._send = lambda message, buffers=None: messages.append(
        {*message.get("state", ()), *(path[0] for path in message.get("buffer_paths", ()))}
    )
    return messages


def test_a_frame_is_answered_by_one_pass_and_one_message(pad, digits):
    pad.wait()
    calls = []
    handle = digits[0].model.register_forward_hook(lambda *_: calls.append(1))
    messages = traits_sent(pad)
    reply = LivePage(pad).frame(bar(), end=False)
    handle.remove()
    assert reply["ok"] and reply["status"] == pad.status == "done" and len(calls) == 1
    assert len(messages) == 1 and {"_strips", "_scores", "_stage", "_unit", "_input"} <= messages[0]
    assert "_drawing" not in messages[0], "while a stroke goes on, the page that draws knows it already"


def test_what_the_page_gets_is_what_the_network_answers(pad, digits):
    LivePage(pad).frame(bar())
    net, found = digits[0], pad.glance
    np.testing.assert_allclose(found.scores.raw, net.scores([pad.image]).raw, rtol=1e-5)
    np.testing.assert_allclose(np.frombuffer(pad._scores, "<f4"), found.scores.confidences[0])
    at = 0
    for row in pad._strips_meta["layers"]:
        size = int(np.prod(row["shape"]))
        sent = np.frombuffer(pad._strips[at : at + size], np.uint8).reshape(row["shape"])
        at, maps = at + size, found.layers[row["layer"]].maps
        assert row["full"] == list(maps.shape[1:]) and row["channels"] == len(maps)
        back = row["lo"] + sent / 255.0 * (row["hi"] - row["lo"])
        assert np.abs(back - maps[: len(sent)]).max() <= (row["hi"] - row["lo"]) / 255 * 0.51 + 1e-6
    assert at == len(pad._strips) and [row["layer"] for row in pad._strips_meta["layers"]] == pad.layers
    unit = np.frombuffer(pad._unit, "<f4").reshape(pad._unit_meta["shape"])
    np.testing.assert_array_equal(unit, found.layers[pad.layer].maps[pad.channel])


def test_everything_that_crosses_stays_far_below_the_limit_of_a_message():
    net = dv.Network.pretrained("resnet18", weights=None)
    pad = dv.Sketchpad(net, layer="conv1")
    pad.wait()
    sizes = [len(getattr(pad, name)) for name in ("_strips", "_stage", "_unit", "_input", "_scores", "_drawing")]
    assert sum(sizes) < wire.MESSAGE_LIMIT, sizes
    pad.close()


def test_an_empty_sheet_is_answered_too_and_clear_brings_it_back(pad):
    pad.wait()
    empty = pad._scores
    LivePage(pad).frame(bar())
    assert pad._scores != empty
    pad.clear()
    pad.wait()
    assert pad._scores == empty and pad._drawing_meta["kind"] == "empty" and not pad.image.data.any()


def test_a_drawing_is_moved_to_the_middle_and_a_picture_is_not(pad):
    page = LivePage(pad)
    page.frame(bar(x=4))
    columns = np.flatnonzero(pad.image.data[..., 0].any(0))
    assert abs((columns[0] + columns[-1]) / 2 - 63.5) < 2
    pad.centred = False
    pad.wait()
    assert np.array_equal(pad.image.data, bar(x=4))
    pad.centred = True
    page.frame(bar(x=4), picture=True, name="photo.png")
    assert np.array_equal(pad.image.data, bar(x=4)) and pad.image.name == "photo.png"


def test_dark_ink_turns_a_grey_drawing_round(pad):
    LivePage(pad).frame(bar())
    before = pad.image.data
    pad.ink = "dark"
    pad.wait()
    assert np.abs(pad.image.data.astype(int) - (255 - before.astype(int))).max() <= 2
    pad.clear()
    assert pad.image.data.min() == 255


def test_an_image_from_python_goes_to_the_network_exactly_and_to_the_sheet_as_seen(pad, digits):
    net, images = digits
    pad.image = images[3]
    assert pad.glance.scores.top(1)[0][0] == "3"
    np.testing.assert_allclose(pad.glance.scores.raw, net.scores([images[3]]).raw)
    assert pad._drawing_meta == {"shape": [128, 128, 1], "codec": "raw", "kind": "picture", "by": ""}
    with pytest.raises(t.TraitError, match="An image can be a path"):
        pad.image = 7
    assert dv.ActivationMaps(net, pad.image).activations is not None


def test_the_page_that_drew_is_named_so_that_it_does_not_draw_again(pad):
    LivePage(pad).frame(bar(), by="me")
    assert pad._drawing_meta["by"] == "me" and pad._drawing == bar().tobytes()


def test_another_layer_or_unit_needs_no_pass_unless_it_was_not_looked_at(net):
    pad = dv.Sketchpad(net, layers=["0", "4"])
    pad.wait()
    calls = []
    handle = net.model.register_forward_hook(lambda *_: calls.append(1))
    pad.layer, pad.channel = "4", 5
    assert pad._stage_meta["layer"] == "4" and pad._unit_meta["channel"] == 5 and not calls
    pad.layer = "2"  # as a linked picker may choose
    assert pad.status == "running"
    pad.wait()
    handle.remove()
    assert pad._stage_meta["layer"] == "2" and len(calls) == 1 and pad.layers == ["0", "4"]
    pad.channel = 99
    pad.layer = "7"
    pad.wait()
    assert pad.channel == 0, "no layer has as many units"
    pad.close()


def test_linked_traits_follow_both_ways(net):
    picker = dv.LayerPicker(net)
    pad = dv.Sketchpad(net, layer=picker)
    assert picker.layer == pad.layer == "0"
    picker.layer = "4"
    assert pad.layer == "4"
    pad.layer = "2"
    assert picker.layer == "2"
    pad.close()


def test_the_target_follows_the_best_class_until_one_is_chosen(pad, digits):
    page = LivePage(pad)
    pad.image = digits[1][3]
    pad.wait()
    assert pad.target == 3 and not pad._aimed
    pad.target = "7"
    page.frame(bar())
    assert pad.target == 7 and pad._aimed
    pad.set_state({"_aimed": False})
    page.frame(bar(50))
    assert pad.target == int(pad.glance.scores.raw[0].argmax())


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"data": b"x" * 5}, "A raw frame has a shape"),
        ({"data": b"", "shape": [0, 5, 1]}, "A raw frame has a shape"),
        ({"data": b"x" * 4, "shape": [2, 2, 3]}, "A raw frame has a shape"),
        ({"data": b"x" * 4, "shape": [2, 2.0, 1]}, "A raw frame has a shape"),
        ({"data": b"x" * 4, "shape": "2,2,1"}, "A raw frame has a shape"),
        ({"data": b"x" * 4, "shape": [-2, -2, 1]}, "A raw frame has a shape"),
        ({"data": b"no picture", "codec": "jpeg"}, "cannot be read as a JPEG, PNG or WebP"),
        ({"data": b"no picture", "codec": {}}, "cannot be read as a JPEG, PNG or WebP"),
        ({"data": bytes((1 << 20) + 1)}, "at most 1,048,576 bytes"),
    ],
)
def test_a_broken_frame_is_refused_in_one_sentence_and_changes_nothing(pad, more, why):
    pad.wait()
    before = {key: value for key, value in pad.get_state().items() if key != "layout"}
    reply = LivePage(pad).frame(**more)
    assert not reply["ok"] and why in reply["reason"]
    assert {key: value for key, value in pad.get_state().items() if key != "layout"} == before


def test_a_frame_without_or_with_too_many_buffers_is_refused(pad):
    page = LivePage(pad)
    for buffers in (None, [], [b"a", b"b"]):
        pad._handle_custom_msg({"rid": 5, "type": "request", "what": "frame"}, buffers)
        assert page.sent[-1][0]["reason"] == "A frame carries one buffer."


def test_a_picture_of_a_billion_pixels_is_refused_before_it_is_decoded(cam):
    bomb = coded(np.zeros((3000, 3000), np.uint8), "png")
    assert len(bomb) < 1 << 20
    reply = LivePage(cam).frame(data=bomb, codec="jpeg")
    assert not reply["ok"] and "at most 4,194,304 pixels" in reply["reason"]


@pytest.mark.parametrize(("given", "name"), [
    ("cat.jpg", "cat.jpg"), ("", "camera"), (None, "camera"), (7, "camera"), ("a\nb\x00c", "abc"),
    ("x" * 500, "x" * 80),
])
def test_a_name_from_the_page_is_one_short_line(given, name):
    assert frame_name({"name": given}, "camera") == name


def test_a_network_that_fails_says_so_and_the_next_frame_works(pad, digits):
    page, model = LivePage(pad), digits[0].model
    weight = model.fc.weight.data.clone()
    model.fc.weight.data.fill_(float("nan"))
    assert page.frame(bar())["status"] == "error" and "'fc'" in pad.error
    model.fc.weight.data.copy_(weight)
    assert page.frame(bar())["status"] == "done" and pad.error == ""


def test_camera_frames_come_as_jpeg_and_the_frozen_one_is_kept(cam, net):
    page, shot = LivePage(cam), np.full((48, 64, 3), 90, np.uint8)
    assert cam.image is None and cam.status == "idle"
    assert page.frame(data=coded(shot), codec="jpeg", end=False)["ok"]
    assert cam.image.size == (48, 64) and cam.image.name == "camera" and cam._picture == b"" and not cam.frozen
    page.frame(data=coded(shot), codec="jpeg", end=True, by="me")
    assert cam.frozen and cam._picture_meta["shape"] == [48, 64, 3] and cam._picture_meta["by"] == "me"
    assert dv.ActivationMaps(net, cam.image).activations is not None


def test_a_picture_from_python_stands_still(cam, images):
    cam.image = images[0]
    assert cam.frozen and cam._picture_meta["name"] == "image 0" and cam.glance is not None
    assert repr(cam) == "Webcam(layer='0', frozen)"


@pytest.mark.parametrize("kind", [dv.Sketchpad, dv.Webcam])
def test_unknown_keywords_wrong_channels_and_unknown_layers_are_told(kind, net):
    with pytest.raises(TypeError, match="has no keyword 'layerz'; did you mean 'layer"):
        kind(net, layerz=1)
    with pytest.raises(ValueError, match="makes pictures of 1 or 3 channels; this network takes 5 channels"):
        kind(dv.Network(small_network(5), input_size=(5, 16, 16)))
    with pytest.raises(ValueError, match="No layer 'conv'"):
        kind(net, layers=["conv"])
    with pytest.raises(ValueError, match="Name at least one layer"):
        kind(net, layers=[])
    with pytest.raises(TypeError, match="needs a Network"):
        kind(net.model)


@pytest.mark.parametrize("kind", [dv.Sketchpad, dv.Webcam])
def test_closing_turns_the_camera_off_and_frees_the_model(kind):
    model = small_network()
    net = dv.Network(model, input_size=(3, 16, 16))
    widget = kind(net)
    page = LivePage(widget)
    page.frame(np.zeros((16, 16, 3), np.uint8))
    if kind is dv.Webcam:
        widget.on = True
    messages = traits_sent(widget)
    watched = [weakref.ref(model), weakref.ref(net)]
    widget.close()
    assert kind is dv.Sketchpad or {"on"} in messages
    reply = page.frame(np.zeros((16, 16, 3), np.uint8))
    assert not reply["ok"] and "is closed" in reply["reason"]
    del model, net
    gc.collect()
    assert [ref() for ref in watched] == [None] * 2


@pytest.mark.parametrize("kind", [dv.Sketchpad, dv.Webcam])
def test_a_saved_page_holds_the_last_answer(kind, net, images, tmp_path):
    widget = kind(net)
    widget.image = images[0]
    widget.wait()
    text = widget.to_html(tmp_path / "page.html").read_text()
    assert '"_live": false' in text and '"_strips"' in text and "http://" not in text.replace("http://www.w3.org", "")
    widget.close()
