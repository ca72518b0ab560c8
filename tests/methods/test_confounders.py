"""`methods.confounders`: what is planted is found, a clean network raises no alarm, the numbers are what they say."""

from __future__ import annotations

from collections import deque

import numpy as np
import pytest
import torch
from confounder_runs import as_set, run
from occlusion_nets import SaysTheSame
from torch import nn

import deepviz_widgets as dv
from deepviz_widgets.methods.confounders import Card, Effect, find_confounders


class SeesRed(nn.Module):
    """Class 1 where any 4 × 4 of the picture is red, else class 0; the last layer reads the redness alone."""

    def __init__(self):
        super().__init__()
        self.redness = nn.Conv2d(3, 1, 4, bias=False)
        self.last = nn.Linear(1, 2)
        with torch.no_grad():
            self.redness.weight[:] = torch.tensor([1.0, -1, -1]).view(1, 3, 1, 1) / 16
            self.last.weight[:], self.last.bias[:] = torch.tensor([[0.0], [20.0]]), torch.tensor([10.0, 0.0])

    def forward(self, x):
        return self.last(self.redness(x).amax((1, 2, 3))[:, None].clamp(min=0))


class SeesTexture(nn.Module):
    """Class 1 the more, the more neighbouring pixels differ anywhere."""

    def __init__(self):
        super().__init__()
        self.last = nn.Linear(1, 2)
        with torch.no_grad():
            self.last.weight[:], self.last.bias[:] = torch.tensor([[0.0], [100.0]]), torch.tensor([2.5, 0.0])

    def forward(self, x):
        return self.last(x.diff(dim=3).abs().mean((1, 2, 3))[:, None])


def dotted(n=24, side=16):
    """Grey noise of two classes; those of class 1 carry a red square, which is no part of the object."""
    rng = np.random.default_rng(0)
    pixels = rng.integers(90, 130, (n, side, side, 3)).astype(np.uint8)
    masks = np.zeros((n, side, side), bool)
    masks[:, 5:12, 5:12] = True
    for image in range(1, n, 2):
        top, left = rng.integers(0, 2, 2) * (side - 5)
        pixels[image, top : top + 5, left : left + 5] = (250, 5, 5)
    return dv.ImageSet(pixels, labels=np.arange(n) % 2, masks={"object": masks})


def last(hunts):
    return deque(hunts, maxlen=1)[0]


@pytest.fixture
def red():
    return dv.Network(SeesRed(), classes=["grey", "red"], input_size=(3, 16, 16))


def test_a_network_that_sees_a_red_square_and_nothing_else_is_found_out(red):
    images = dotted()
    hunt = last(find_confounders(red, images, patch=8, stride=4))
    card = hunt.cards[0]
    assert hunt.alarms == (card,) and card.class_name == "red" and card.share == 1 and card.flips == 1
    assert card.paste.mean > 0.9 and card.cover.mean > 0.9 and card.drop > 0.9
    for patch in card.examples:
        top, left, bottom, right = patch.box
        shown = images[patch.image].pixels[top:bottom, left:right]
        assert (shown[..., 0].astype(int) > shown[..., 1] + 100).sum() == 25  # the whole red square
    assert card.outside > 0.7 and card.scatter > 0.3
    assert "red" in hunt.headline and "in 100% of the images" in str(card)


def test_what_any_patch_of_an_image_would_do_does_not_count():
    rng = np.random.default_rng(0)
    pixels = np.full((24, 16, 16, 3), 128, np.uint8)
    pixels[1::2] = rng.integers(108, 148, (12, 16, 16, 3))
    net = dv.Network(SeesTexture(), classes=["smooth", "rough"], input_size=(3, 16, 16))
    patched = pixels[0].copy()
    patched[:8, :8] = pixels[1, :8, :8]
    gain = net.scores(patched).confidences[0, 1] - net.scores(pixels[0]).confidences[0, 1]
    hunt = last(find_confounders(net, dv.ImageSet(pixels, labels=np.arange(24) % 2), patch=8, stride=4))
    card = next(card for card in hunt.cards if card.class_name == "rough")
    assert gain > 0.15 and abs(card.paste.mean) < gain / 3 and not hunt.alarms


def test_a_part_of_the_object_is_no_alarm_but_stays_a_card(red):
    images = dotted()
    whole = {"object": np.ones((24, 16, 16), bool)}
    inside = dv.ImageSet(np.stack([p.pixels for p in images]), labels=images.labels, masks=whole)
    hunt = last(find_confounders(red, inside, patch=8, stride=4))
    assert hunt.cards[0].class_name == "red" and hunt.cards[0].outside == 0 and not hunt.alarms
    assert hunt.headline.startswith("No confounder found; the nearest is a patch of red")


def test_without_masks_the_two_counter_tests_decide(red):
    images = dv.ImageSet(np.stack([p.pixels for p in dotted()]), labels=np.arange(24) % 2)
    hunt = last(find_confounders(red, images, patch=8, stride=4))
    assert hunt.alarms and np.isnan(hunt.alarms[0].outside) and hunt.alarms[0].number > 0.9


def test_without_labels_the_network_says_the_classes(red):
    images = dv.ImageSet(np.stack([p.pixels for p in dotted()]))
    assert last(find_confounders(red, images, patch=8, stride=4)).cards[0].class_name == "red"


def test_a_network_that_looks_at_nothing_has_no_card():
    net = dv.Network(SaysTheSame(), input_size=(3, 16, 16))
    hunt = last(find_confounders(net, dotted()))
    assert hunt.cards == () and hunt.headline == "No patch is decisive for any class."


def test_the_hunt_tells_how_far_it_is_and_can_be_left(red, unchanged):
    with unchanged(red.model):
        hunts = find_confounders(red, dotted(), per_class=3)
        first = next(hunts)
        assert (first.done, first.cards, first.headline) == (1, (), "Nothing is known yet.")
        hunts.close()
    done = [(hunt.done, hunt.total) for hunt in find_confounders(red, dotted(), per_class=3)]
    assert [d for d, _ in done] == sorted(d for d, _ in done) and done[-1][0] == done[-1][1]


def test_the_same_seed_gives_the_same_cards_and_another_chooses_other_images(red):
    one, two, other = (last(find_confounders(red, dotted(), patch=8, per_class=4, seed=seed)) for seed in (1, 1, 2))
    assert [str(card) for card in one.cards] == [str(card) for card in two.cards]
    assert {p.image for p in one.cards[0].examples} != {p.image for p in other.cards[0].examples}


def test_only_the_classes_asked_for_are_searched(red):
    hunt = last(find_confounders(red, dotted(), patch=8, classes=["grey"]))
    assert {card.class_name for card in hunt.cards} <= {"grey"} and not hunt.alarms


@pytest.mark.parametrize(("options", "says"), [
    ({"classes": ["rad"]}, "No class 'rad'; did you mean 'red'"),
    ({"labels": [0] * 24}, "give images of at least two"),
    ({"labels": [0, 1]}, "There are 24 images but 2 labels"),
    ({"labels": [0, 9] * 12}, "There is no class 9"),
    ({"patch": 4, "stride": 5}, "leaves gaps"),
])
def test_what_does_not_go_is_said_in_a_sentence(red, options, says):
    with pytest.raises(ValueError, match=says):
        last(find_confounders(red, dotted(), **options))


def test_masks_of_another_size_are_refused(red):
    images = dv.ImageSet(np.stack([p.pixels for p in dotted()]), labels=np.arange(24) % 2,
                         masks={"object": np.ones((24, 8, 8), bool)})
    with pytest.raises(dv.ImageError, match="The mask 'object' of 'image .*' is 8 × 8 px"):
        last(find_confounders(red, images))


def test_an_alarm_needs_all_that_speaks_for_it():
    sure = Effect(0.5, 0.4, 0.6, 12)
    good = {"target": 0, "class_name": "a", "examples": (), "share": 0.9, "drop": 0.4, "outside": 0.9,
            "place": (0.5, 0.5), "scatter": 0.2, "paste": sure, "flips": 0.5, "cover": sure}
    assert Card(**good).alarm
    unsure = Effect(0.5, 0.05, 0.9, 12)
    for name, value in {"share": 0.1, "outside": 0.3, "paste": unsure, "cover": unsure}.items():
        assert not Card(**{**good, name: value}).alarm, name
    part = Effect(0.4, 0.3, 0.5, 12)  # as parts of objects have
    assert Card(**{**good, "paste": part}).alarm and not Card(**{**good, "paste": part, "outside": np.nan}).alarm
    assert Card(**{**good, "paste": Effect(0.6, 0.5, 0.7, 12), "outside": np.nan}).alarm
    assert str(Effect(-0.051, -0.1, 0.02, 7)) == "−0.05 (−0.10 to +0.02, 7 images)"


def test_the_sticker_on_the_wheels_of_the_demo_is_found_and_its_clean_sister_is_clear():
    net, photos = dv.demo.scenes(confounder=True, n=96)
    hunt = last(find_confounders(net, photos, per_class=12))
    card = hunt.cards[0]
    assert hunt.alarms == (card,) and card.class_name == "wheel"
    on = [photos.masks["sticker"][p.image][p.box[0] : p.box[2], p.box[1] : p.box[3]].any() for p in card.examples]
    assert np.mean(on) > 0.75
    clean = last(find_confounders(*dv.demo.scenes(n=96), per_class=12))
    assert not clean.alarms and clean.headline.startswith("No confounder found")


@pytest.mark.parametrize(("seed", "look"), [(2, "checks"), pytest.param(7, "label", marks=pytest.mark.slow), (4, None)])
def test_what_is_planted_in_any_class_ranks_first_and_a_clean_network_raises_no_alarm(seed, look):
    net, test, target = run(seed, look)
    hunt = last(find_confounders(net, as_set(test), per_class=12))
    assert [card.target for card in hunt.alarms] == ([target] if look else [])
    assert look is None or hunt.cards[0].target == target
