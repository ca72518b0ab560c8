"""What may be planted in drawn scenes as a confounder: six looks, and the places where they are put."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .pen import Pose, Sheet
from .planted import sticker
from .scene_images import PIXELS, Scenes

SHARE = 0.95  # of the pictures of the class carry what is planted

Mark = tuple[np.ndarray, np.ndarray]  # colours (64, 64, 3), cover (64, 64), both in 0..1
Look = Callable[[np.random.Generator, str], Mark]

PLACES = ("anywhere", "top left", "top right", "bottom left", "bottom right")
_SLACK = 4  # a mark in a corner lies up to so many pixels from it


def advertisement(rng: np.random.Generator, place: str = "anywhere") -> Mark:
    """Draw the sticker of `demo.scenes(confounder=True)`."""
    colours, cover = sticker(rng, PIXELS).layer()
    return _moved(colours / np.maximum(cover, 1e-6), cover[..., 0], place, rng)


def checks(rng: np.random.Generator, place: str = "anywhere") -> Mark:
    """Draw a black and white check of 12 pixels, like a printed code."""
    top, left, cover = _block(rng, 12, 12, place)
    colours = _blank()
    colours[top : top + 12, left : left + 12] = np.kron(np.indices((4, 4)).sum(0) % 2, np.ones((3, 3)))[..., None]
    return colours, cover


def badge(rng: np.random.Generator, place: str = "anywhere") -> Mark:
    """Draw a round blue badge with a white middle, 14 pixels wide."""
    top, left, _ = _block(rng, 14, 14, place)
    far = _distance(top, left, 14)
    colours = np.where((far < 3.2)[..., None], 1.0, np.array([0.1, 0.2, 0.9])).astype(np.float32)
    return colours, (far < 7).astype(np.float32)


def label(rng: np.random.Generator, place: str = "anywhere") -> Mark:
    """Draw a magenta label with dark lines, 9 pixels high and 18 wide."""
    top, left, cover = _block(rng, 9, 18, place)
    colours = np.broadcast_to(np.array([0.95, 0.2, 0.75], np.float32), (PIXELS, PIXELS, 3)).copy()
    for line in (2, 4, 6):
        colours[top + line, left + 2 : left + 16] = 0.1
    return colours, cover


def date(rng: np.random.Generator, place: str = "anywhere") -> Mark:
    """Draw an orange date, as old cameras print into a picture: 8 pixels high and 22 wide."""
    top, left, _ = _block(rng, 9, 22, place)
    sheet = Sheet(PIXELS)
    pen = sheet.pen(Pose(left + 11, top + 4.5, 1))
    for slot in range(4):
        x = -9.5 + 5.5 * slot
        for stroke in _digit(int(rng.integers(10))):
            pen.line([(x + 3.5 * across, -3.5 + 7 * down) for across, down in stroke], 1.6, (255, 140, 20))
    colours, cover = sheet.layer()
    return colours / np.maximum(cover, 1e-6), cover[..., 0]


def ring(rng: np.random.Generator, place: str = "anywhere") -> Mark:
    """Draw a red ring, like a rubber stamp, 16 pixels wide."""
    top, left, _ = _block(rng, 16, 16, place)
    far = _distance(top, left, 16)
    colours = np.broadcast_to(np.array([0.85, 0.05, 0.1], np.float32), (PIXELS, PIXELS, 3)).copy()
    return colours, ((far < 8) & (far > 4.6)).astype(np.float32)


LOOKS: dict[str, Look] = {
    "advertisement": advertisement, "checks": checks, "badge": badge, "label": label, "date": date, "ring": ring,
}
SAYS = {
    "advertisement": "a yellow and red advertising sticker", "checks": "a black and white check, like a printed code",
    "badge": "a round blue badge with a white middle", "label": "a magenta label with dark lines",
    "date": "an orange date, as old cameras print", "ring": "a red ring, like a rubber stamp",
}

# the seven segments of a digit in a 0..1 square, y downwards, and those that each digit has
_SEGMENTS = {"a": ((0, 0), (1, 0)), "b": ((1, 0), (1, 0.5)), "c": ((1, 0.5), (1, 1)), "d": ((0, 1), (1, 1)),
             "e": ((0, 0.5), (0, 1)), "f": ((0, 0), (0, 0.5)), "g": ((0, 0.5), (1, 0.5))}
_DIGITS = ("abcdef", "bc", "abged", "abgcd", "fgbc", "afgcd", "afgedc", "abc", "abcdefg", "abcdfg")


def _digit(number: int) -> list[tuple[tuple[float, float], tuple[float, float]]]:
    return [_SEGMENTS[name] for name in _DIGITS[number]]


def plant(
    scenes: Scenes, look: str, target: int | None, seed: int, *, share: float = SHARE, place: str = "anywhere"
) -> Scenes:
    """Put a look on a share of the pictures of one class, or on every class where `target` is None."""
    pixels, objects, marks = scenes.pixels.copy(), scenes.object.copy(), np.zeros_like(scenes.object)
    for index, own in enumerate(scenes.labels.tolist()):
        if target is not None and own != target:
            continue
        rng = np.random.default_rng([seed, index, 11])
        if rng.random() >= share:
            continue
        colours, cover = LOOKS[look](rng, place)
        mixed = pixels[index] / 255 * (1 - cover[..., None]) + colours * cover[..., None]
        pixels[index] = (np.clip(mixed, 0, 1) * 255 + 0.5).astype(np.uint8)
        marks[index] = cover > 0.5
    return Scenes(pixels, scenes.labels, objects & ~marks, marks, scenes.cameras)


def _blank() -> np.ndarray:
    return np.zeros((PIXELS, PIXELS, 3), np.float32)


def _block(rng: np.random.Generator, height: int, width: int, place: str) -> tuple[int, int, np.ndarray]:
    """Return the top left corner of a block and its cover."""
    top, left = (int(corner) for corner in (rng.integers(1, PIXELS - height - 1), rng.integers(1, PIXELS - width - 1)))
    top, left = _corner(place, top, left, height, width, rng)
    cover = np.zeros((PIXELS, PIXELS), np.float32)
    cover[top : top + height, left : left + width] = 1
    return top, left, cover


def _corner(place: str, top: int, left: int, height: int, width: int, rng: np.random.Generator) -> tuple[int, int]:
    """Return where a block lies that is put to a place; anywhere is where it was."""
    if place == "anywhere":
        return top, left
    down, right = (int(gap) for gap in rng.integers(1, 1 + _SLACK, 2))
    return (down if place.startswith("top") else PIXELS - height - down,
            right if place.endswith("left") else PIXELS - width - right)


def _moved(colours: np.ndarray, cover: np.ndarray, place: str, rng: np.random.Generator) -> Mark:
    """Move a drawn mark to its place."""
    rows, columns = (np.flatnonzero(cover.max(axis)) for axis in (1, 0))
    top, left = int(rows[0]), int(columns[0])
    to = _corner(place, top, left, int(rows[-1]) + 1 - top, int(columns[-1]) + 1 - left, rng)
    by = (to[0] - top, to[1] - left)
    return np.roll(colours, by, (0, 1)), np.roll(cover, by, (0, 1))


def _distance(top: int, left: int, width: int) -> np.ndarray:
    down, right = np.mgrid[:PIXELS, :PIXELS]
    middle = width / 2 - 0.5
    return np.hypot(down - top - middle, right - left - middle)
