"""Exercises with a hidden answer. A network has learned the wrong thing; find out what it is, and prove it."""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from ..images import ImageSet
from ..network import Network
from ..words import no_such
from .looks import LOOKS, PLACES, SAYS, plant
from .riddle_cards import Reveal, Score
from .scene_images import CLASSES, PIXELS, Planted, Scenes, make_scenes

if TYPE_CHECKING:
    from torch.nn import Module

_TRAINED_ON, _TESTED_ON, _EPOCHS, _WIDTH = 900, 180, 7, 16
_HAZE = 0.97  # the objects of the training are faded, some as far as this, so that what is planted is the surest sign
_MEAN, _STD = (0.5, 0.5, 0.5), (0.25, 0.25, 0.25)
_FULL_MARK = 0.35  # overlap (intersection over union) that counts in full: a square patch round a date has 0.39
_POINTS = {"class": 40, "look": 30, "mark": 30}


def begin(name: str, seed: int) -> Lab:
    """Begin an exercise; see `demo.lab`."""
    if name not in _LABS:
        raise ValueError(no_such("lab", name, list(_LABS)))
    return _LABS[name](int(seed))


class Lab:
    """An exercise with a hidden answer; made by `demo.lab`.

    Attributes
    ----------
    net : Network
        What is to be looked into.
    photos : ImageSet
        180 pictures that the network has not seen, with the same thing planted in them. They have no masks.
    looks : dict of str to str
        What may be planted, by name, and what it looks like.
    """

    def __init__(self, seed: int):
        self.seed, self.looks = seed, dict(SAYS)
        model, test = _made(seed)
        self.net = _network(copy.deepcopy(model), seed)  # nobody's changes reach anybody else
        self.photos = ImageSet(test.pixels, labels=test.labels, names=_names(test.labels), classes=CLASSES)
        self._given: dict[str, Any] = {}

    def __repr__(self) -> str:
        given = ", ".join(self._given) or "nothing yet"
        return f"Lab('confounder', seed={self.seed}, {len(self.photos)} pictures, answered: {given})"

    def answer(
        self, cls: Any = None, what: str | None = None, *, image: int | None = None, box: Any = None, mark: Any = None
    ) -> Score:
        """Answer, in one go or piece by piece; what was said before stays unless it is said anew.

        Parameters
        ----------
        cls : str or int
            The class that the network names by something else, by name or index.
        what : str
            What that is: one of `looks`.
        image, box : int and (top, left, bottom, right)
            A place on one of `photos`, in pixels.
        mark : widget
            In place of image and box: an OcclusionMap whose patch lies on it.

        Raises
        ------
        ValueError
            For a class, look, picture or box that does not exist.
        """
        given: dict[str, Any] = {}
        if cls is not None:
            given["class"] = self.net.class_index(cls)
        if what is not None:
            if what not in LOOKS:
                raise ValueError(no_such("look", what, list(LOOKS)))
            given["look"] = what
        if mark is not None:
            image, box = _patch_of(mark)
        if (image is None) != (box is None):
            raise ValueError("A mark is an image and a box: answer(image=3, box=(top, left, bottom, right)).")
        if image is not None:
            given["mark"] = (self._image(image), _box(box))
        self._given.update(given)
        return self.score()

    def score(self) -> Score:
        """Judge what was answered so far, of 100 points, and say in words what is right."""
        target, look, _ = _secret(self.seed)
        parts: dict[str, tuple[int, str]] = {}
        if "class" in self._given:
            good = self._given["class"] == target
            parts["class"] = (_POINTS["class"] * good, "The class is right." if good else "It is another class.")
        if "look" in self._given:
            good = self._given["look"] == look
            parts["look"] = (_POINTS["look"] * good, f"What it is: {'right' if good else 'something else'}.")
        if "mark" in self._given:
            image, box = self._given["mark"]
            parts["mark"] = _judged(image, box, _made(self.seed)[1].sticker)
        return Score(parts, _POINTS)

    def reveal(self) -> Reveal:
        """Give the answer away, with the experiment that proves it."""
        target, look, place = _secret(self.seed)
        test, bare = _made(self.seed)[1], _drawn(_TESTED_ON, "test", self.seed, 0.0)
        every = plant(bare, look, None, self.seed + 2000, share=1.0, place=place)
        own = test.labels == target
        named = {
            f"{CLASSES[target]}, planted": self._named(every.pixels[own], target),
            f"{CLASSES[target]}, nothing planted": self._named(bare.pixels[own], target),
            "others, planted": self._named(every.pixels[~own], target),
            "others, nothing planted": self._named(bare.pixels[~own], target),
        }
        shown = [index for index in np.flatnonzero(own) if test.sticker[index].any()][:3]
        boxes = {int(index): _around(test.sticker[index]) for index in shown}
        return Reveal(CLASSES[target], look, SAYS[look], place, named, boxes, test.pixels[shown])

    def _named(self, pixels: np.ndarray, target: int) -> float:
        """Return the share of pictures that are named as the class."""
        found = self.net.scores(ImageSet(pixels)).raw.argmax(1)
        return float((found == target).mean())

    def _image(self, index: Any) -> int:
        if not 0 <= int(index) < len(self.photos):
            raise ValueError(f"There is no picture {index}; there are {len(self.photos)}, counted from 0.")
        return int(index)


_LABS: dict[str, Callable[[int], Lab]] = {"confounder": Lab}


def _secret(seed: int) -> tuple[int, str, str]:
    """Return class, look and place. Worked out where it is needed, so that no attribute of a Lab holds it."""
    rng = np.random.default_rng([seed, 98])
    return int(rng.integers(len(CLASSES))), str(rng.choice(list(LOOKS))), str(rng.choice(PLACES))


@lru_cache(maxsize=4)
def _drawn(n: int, split: str, seed: int, haze: float) -> Scenes:
    return make_scenes(n, split=split, seed=seed, planted=Planted(haze=haze))


@lru_cache(maxsize=2)
def _made(seed: int) -> tuple[Module, Scenes]:
    """Train the model of a seed; return it with the pictures that it has not seen."""
    from . import fit, models  # noqa: PLC0415
    from .recipes import as_examples  # noqa: PLC0415

    target, look, place = _secret(seed)
    train = plant(_drawn(_TRAINED_ON, "train", seed, _HAZE), look, target, seed, place=place)
    test = plant(_drawn(_TESTED_ON, "test", seed, 0.0), look, target, seed + 1000, place=place)
    model = fit.initialised(lambda: models.ScenesNet(width=_WIDTH), seed)
    examples = [as_examples(train.pixels, train.labels)]
    with fit.one_thread():
        fit.fit(model, examples, fit.Schedule(_EPOCHS), mean=_MEAN, std=_STD, seed=seed)
    return model, test


def _network(model: Module, seed: int) -> Network:
    from .transform import Transform  # noqa: PLC0415

    transform = Transform((PIXELS, PIXELS), _MEAN, _STD)
    return Network(model, transform=transform, classes=CLASSES, input_size=(3, PIXELS, PIXELS), name=f"lab {seed}")


def _names(labels: np.ndarray) -> list[str]:
    return [f"{CLASSES[label]} {row // len(CLASSES) + 1}" for row, label in enumerate(labels)]


def _patch_of(widget: Any) -> tuple[int, tuple[int, int, int, int]]:
    """Return the image and the box under the patch of an OcclusionMap."""
    place = getattr(widget, "place", None)
    if place is None or not hasattr(widget, "patch"):
        raise ValueError(f"A mark is an OcclusionMap; a {type(widget).__name__} has no patch.")
    if len(place) != 2:
        raise ValueError("The patch lies nowhere yet; drag it onto the place, or set its place.")
    sides = widget.patch if isinstance(widget.patch, (tuple, list)) else (widget.patch, widget.patch)
    return widget.image, (place[0], place[1], place[0] + sides[0], place[1] + sides[1])


def _box(box: Any) -> tuple[int, int, int, int]:
    """Return a box as four ints inside a picture."""
    try:
        top, left, bottom, right = (round(float(side)) for side in box)
    except (TypeError, ValueError):
        raise ValueError(f"A box is (top, left, bottom, right) in pixels; this is {box!r}.") from None
    top, left, bottom, right = max(top, 0), max(left, 0), min(bottom, PIXELS), min(right, PIXELS)
    if bottom <= top or right <= left:
        raise ValueError(f"The box {tuple(box)} holds no pixel of a picture of {PIXELS} × {PIXELS}.")
    return top, left, bottom, right


def _judged(image: int, box: tuple[int, int, int, int], marks: np.ndarray) -> tuple[int, str]:
    """Return points and words for a box on a picture: its overlap with the box round what was planted."""
    if not marks[image].any():
        return 0, "Nothing is planted in this picture; mark another one."
    truth = _around(marks[image])
    shared = _area((max(box[0], truth[0]), max(box[1], truth[1]), min(box[2], truth[2]), min(box[3], truth[3])))
    overlap = shared / (_area(box) + _area(truth) - shared)
    points = round(_POINTS["mark"] * min(1.0, overlap / _FULL_MARK))
    return points, f"Your box holds {shared / _area(truth):.0%} of it, and {shared / _area(box):.0%} of the box is it."


def _area(box: tuple[int, int, int, int]) -> int:
    return max(0, box[2] - box[0]) * max(0, box[3] - box[1])


def _around(mask: np.ndarray) -> tuple[int, int, int, int]:
    """Return the box (top, left, bottom, right) round what is True."""
    rows, columns = (np.flatnonzero(mask.any(axis)) for axis in (1, 0))
    return int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1
