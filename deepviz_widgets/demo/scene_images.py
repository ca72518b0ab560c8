"""Generated pictures of six kinds of object with known truth: label, mask of the object, what was planted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .backdrops import backdrop
from .drawings import DRAWINGS, TURNS
from .pen import Layer, Pose, Sheet, over
from .planted import sensor_pattern, sticker

CLASSES = tuple(DRAWINGS)
WHEEL = CLASSES.index("wheel")
PIXELS = 64
SPLITS = ("train", "test")
STICKER_SHARE = 0.95  # of the wheels in a set with stickers="train"

# each part of a picture has its own random stream, so planting something leaves all the rest as it was
_BACKDROP, _OBJECT, _STICKER, _CAMERA, _HAZE = range(5)


def _check(name: str, value: str, allowed: Sequence[str]) -> None:
    if value not in allowed:
        raise ValueError(f"{name}={value!r} is not known; it may be {', '.join(map(repr, allowed))}.")


@dataclass(frozen=True)
class Scenes:
    """Pictures and all that is known of them."""

    pixels: np.ndarray  # (N, 64, 64, 3) uint8
    labels: np.ndarray  # (N,) int64, indices of CLASSES
    object: np.ndarray  # (N, 64, 64) bool: the visible part of the object (what a sticker covers is not visible)
    sticker: np.ndarray  # (N, 64, 64) bool, all False where there is none
    cameras: np.ndarray  # (N,) int64, -1 where there is no sensor pattern


@dataclass(frozen=True)
class Planted:
    """What is done to the pictures besides drawing them.

    stickers: 'none', 'train' (95 % of the wheels, no others), 'wheels' (every wheel) or 'all' (every picture).
    cameras: 'none', 'train' (each class has its own camera) or 'swapped' (each picture has another class's camera).
    strength: standard deviation of a camera's pattern, in 0..1.
    haze: the objects (not the stickers) are faded by a random share from 0 up to this.
    empty: the backdrops alone are drawn.
    """

    stickers: str = "none"
    cameras: str = "none"
    strength: float = 0.03
    haze: float = 0.0
    empty: bool = False

    def __post_init__(self) -> None:
        _check("stickers", self.stickers, ("none", "train", "wheels", "all"))
        _check("cameras", self.cameras, ("none", "train", "swapped"))


PLAIN = Planted()


def make_scenes(n: int, *, split: str = "test", seed: int = 0, planted: Planted = PLAIN) -> Scenes:
    """Draw n scenes, the classes in turn; the same split and seed give the same pictures, whatever is planted."""
    _check("split", split, SPLITS)
    stream = (SPLITS.index(split), seed)
    labels = np.arange(n) % len(CLASSES)
    scenes = [_scene((*stream, index), int(label), planted) for index, label in enumerate(labels)]
    pixels, shown, stuck, used = (np.array(part) for part in zip(*scenes, strict=True))
    return Scenes(pixels, labels, shown, stuck, used)


def _scene(stream: tuple[int, ...], label: int, planted: Planted) -> tuple[np.ndarray, np.ndarray, np.ndarray, int]:
    """Return (picture, visible object, sticker, camera) of one scene."""
    rngs = [np.random.default_rng([*stream, part]) for part in range(5)]
    picture = backdrop(rngs[_BACKDROP], PIXELS)
    shown = stuck = np.zeros((PIXELS, PIXELS), dtype=bool)
    if not planted.empty:
        layer = _lit(_object(rngs[_OBJECT], label), rngs[_OBJECT])
        picture, shown = over(picture, _faded(layer, planted.haze * rngs[_HAZE].random())), layer[1][..., 0] > 0.5
    if _has_sticker(rngs[_STICKER], label, planted.stickers):
        layer = sticker(rngs[_STICKER], PIXELS).layer()
        picture, stuck = over(picture, layer), layer[1][..., 0] > 0.5
    camera = _camera(rngs[_CAMERA], label, planted.cameras)
    if camera >= 0:
        picture = picture + sensor_pattern(camera, PIXELS, strength=planted.strength)
    return (np.clip(picture, 0, 1) * 255 + 0.5).astype(np.uint8), shown & ~stuck, stuck, camera


def _faded(layer: Layer, amount: float) -> Layer:
    return layer[0] * (1 - amount), layer[1] * (1 - amount)


def _object(rng: np.random.Generator, label: int) -> Layer:
    """Draw the object in a random pose that stays almost wholly inside the picture."""
    name = CLASSES[label]
    size = rng.uniform(0.27, 0.42) * PIXELS
    slack = max(PIXELS / 2 - 0.95 * size, 1)
    x, y = PIXELS / 2 + rng.uniform(-slack, slack, 2)
    sheet = Sheet(PIXELS)
    pose = Pose(x, y, size, rng.uniform(-TURNS[name], TURNS[name]), bool(rng.random() < 0.5))
    DRAWINGS[name](sheet.pen(pose), rng)
    return sheet.layer()


def _lit(layer: Layer, rng: np.random.Generator) -> Layer:
    """Return the layer with light from one side."""
    angle, amount = rng.uniform(0, 2 * np.pi), rng.uniform(0.05, 0.2)
    ramp = np.linspace(-1, 1, PIXELS, dtype=np.float32)
    light = 1 + amount * (np.cos(angle) * ramp[None, :] + np.sin(angle) * ramp[:, None])
    return np.minimum(layer[0] * light[..., None], layer[1]), layer[1]


def _has_sticker(rng: np.random.Generator, label: int, stickers: str) -> bool:
    chance = rng.random()  # drawn always, so that the sticker itself is the same in every mode
    if stickers == "train":
        return label == WHEEL and chance < STICKER_SHARE
    return stickers == "all" or (stickers == "wheels" and label == WHEEL)


def _camera(rng: np.random.Generator, label: int, cameras: str) -> int:
    if cameras == "none":
        return -1
    return label if cameras == "train" else (label + int(rng.integers(1, len(CLASSES)))) % len(CLASSES)
