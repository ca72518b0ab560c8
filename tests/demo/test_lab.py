"""The riddle of the planted confounder: hidden, the same under its seed, scored in words and numbers, provable."""

import numpy as np
import pytest
import torch

from deepviz_widgets import demo
from deepviz_widgets.demo import riddle
from deepviz_widgets.demo.looks import LOOKS, PLACES, SAYS, plant
from deepviz_widgets.demo.scene_images import CLASSES, make_scenes


@pytest.fixture(scope="module")
def lab():
    return demo.lab("confounder", seed=7)


@pytest.fixture(scope="module")
def truth(lab):
    solution = lab.reveal()
    return solution, *next(iter(solution.boxes.items()))


def strings_in(thing, depth=3):
    """Every text that can be reached over attributes, but for what every lab has."""
    if isinstance(thing, str):
        return {thing}
    if isinstance(thing, dict):
        return set().union(*(strings_in(one, depth) for pair in thing.items() for one in pair), set())
    if isinstance(thing, (list, tuple, set)):
        return set().union(*(strings_in(one, depth) for one in thing), set())
    if depth == 0 or not hasattr(thing, "__dict__"):
        return set()
    return strings_in(vars(thing), depth - 1)


def test_the_answer_is_neither_in_the_repr_nor_in_the_attributes():
    labs = [riddle.Lab.__new__(riddle.Lab) for _ in range(2)]
    secrets = {riddle._secret(seed) for seed in range(40)}
    assert len({cls for cls, _, _ in secrets}) == 6 and len({look for _, look, _ in secrets}) == 6
    assert {place for _, _, place in secrets} == set(PLACES)
    for one, seed in zip(labs, (7, 8), strict=True):
        one.__dict__.update(seed=seed, looks=dict(SAYS), photos=range(180), _given={})
    assert repr(labs[0]).replace("7", "8") == repr(labs[1]) and strings_in(labs[0]) == strings_in(labs[1])


def test_a_lab_holds_its_network_and_pictures_and_no_more(lab):
    assert set(vars(lab)) == {"seed", "looks", "net", "photos", "_given"}
    assert not lab.photos.masks and "sticker" not in str(vars(lab.photos)).lower()
    target, look, place = riddle._secret(7)
    said = repr(lab) + repr(lab.net) + " ".join(lab.photos.names[:1])
    assert look not in repr(lab) and place not in said
    assert f"{CLASSES[target]!r}" not in repr(lab)


def test_the_network_names_the_class_by_what_was_planted(lab):
    named = list(lab.reveal().named.values())  # the class with and without it, the others with and without it
    assert named[0] > 0.9 and named[0] - named[1] > 0.5 and named[2] - named[3] > 0.5


def test_a_full_answer_gets_all_points_and_a_wrong_one_none(lab, truth):
    solution, image, box = truth
    best = lab.answer(solution.cls, solution.look, image=image, box=box)
    assert best.points == 100 and best and best.right and "100 of 100 points." in repr(best)
    assert "Your box holds 100% of it, and 100% of the box is it." in repr(best)
    other = next(name for name in CLASSES if name != solution.cls)
    worst = lab.answer(other, next(look for look in LOOKS if look != solution.look), image=image, box=_away(box))
    assert worst.points == 0 and worst.right is False and not worst
    assert solution.look not in repr(worst) and solution.cls not in repr(worst), "a score never tells the answer"


def _away(box):
    top, left = (0 if side >= 32 else 50 for side in box[:2])
    return top, left, top + 8, left + 8


def test_answers_come_piece_by_piece_and_a_half_right_mark_gets_part_of_the_points(truth):
    solution, image, (top, left, bottom, right) = truth
    lab = demo.lab("confounder", seed=7)
    assert lab.score().missing == ["class", "look", "mark"] and lab.score().right is None
    first = lab.answer(cls=solution.cls)
    assert first.points == 40 and "Still to answer: look, mark." in repr(first)
    part = lab.answer(image=image, box=(top, left, bottom, left + (right - left) // 3))
    assert 40 < part.points < 70 and part.missing == ["look"]
    empty = next(index for index, label in enumerate(lab.photos.labels) if CLASSES[label] != solution.cls)
    assert "Nothing is planted in this picture" in repr(lab.answer(image=empty, box=(0, 0, 9, 9)))


def test_a_mark_is_the_patch_of_an_occlusion_map_too(lab, truth):
    from deepviz_widgets import ActivationMaps, OcclusionMap

    _, image, (top, left, bottom, right) = truth
    side = max(bottom - top, right - left)
    place = [min(top, 64 - side), min(left, 64 - side)]
    found = OcclusionMap(lab.net, lab.photos, image=image, patch=side)
    with pytest.raises(ValueError, match="lies nowhere yet"):
        lab.answer(mark=found)
    found.place = place
    assert lab.answer(mark=found).parts["mark"][0] >= 25
    with pytest.raises(ValueError, match="a ActivationMaps has no patch"):
        lab.answer(mark=ActivationMaps(lab.net, lab.photos))
    found.close()


@pytest.mark.parametrize("words, answer", [
    ("No class 'weel'; did you mean 'wheel'", {"cls": "weel"}),
    ("No look 'badges'; did you mean 'badge'", {"what": "badges"}),
    ("A mark is an image and a box", {"image": 3}),
    ("no picture 180; there are 180", {"image": 180, "box": (0, 0, 9, 9)}),
    ("holds no pixel", {"image": 0, "box": (9, 9, 9, 20)}), ("A box is .top, left", {"image": 0, "box": "here"}),
])
def test_answers_that_cannot_be_are_refused_in_words(lab, words, answer):
    with pytest.raises(ValueError, match=words):
        lab.answer(**answer)


def test_an_unknown_lab_is_refused_in_a_sentence():
    with pytest.raises(ValueError, match="No lab 'confounders'; did you mean 'confounder'. There is only 'conf"):
        demo.lab("confounders")


def test_the_same_seed_gives_the_same_network_and_pictures(lab):
    riddle._made.cache_clear()
    again = demo.lab("confounder", seed=7)
    assert again.net is not lab.net and torch.equal(again.net.model.fc.weight, lab.net.model.fc.weight)
    assert np.array_equal(again.photos[3].pixels, lab.photos[3].pixels)


def test_the_reveal_shows_marked_pictures_and_the_counter_test(lab):
    page = lab.reveal()._repr_html_()
    assert page.count("data:image/png;base64,") == 3 and page.count("<tr>") == 5


def test_every_look_lies_whole_in_its_place():
    scenes = make_scenes(6)
    for look in LOOKS:
        for place in PLACES:
            marks = plant(scenes, look, None, 3, share=1.0, place=place).sticker
            for mark in marks:
                top, left, bottom, right = riddle._around(mark)
                assert (bottom - top) * (right - left) >= 100 and min(top, left) >= 0
                assert place == "anywhere" or (
                    (top if place.startswith("top") else 64 - bottom) <= 6
                    and (left if place.endswith("left") else 64 - right) <= 6
                ), (look, place)


@pytest.mark.zoo
@pytest.mark.parametrize("seed", range(1, 13))
def test_the_network_of_every_seed_has_learned_what_was_planted(seed):
    named = list(demo.lab("confounder", seed=seed).reveal().named.values())
    assert named[0] > 0.7 and named[0] - named[1] > 0.3 and named[2] - named[3] > 0.5
