"""scikit-learn's two sample photographs with regions outlined by hand, and crops cut from them."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw

from .borrowed import scikit_learn_file

Box = tuple[int, int, int, int]  # left, top, right, bottom
Outlines = tuple[tuple[str, list[tuple[int, int]]], ...]
Seed = int | tuple[int, ...]

CLASSES = ("pagoda", "lake", "trees", "sky", "dahlia", "leaves")
HEIGHT, WIDTH = 224, 336
NAMES = ("china.jpg", "flower.jpg")
UNNAMED = 255

# outlines in pixels of the originals (640 × 427); later ones lie over earlier ones
_CHINA = (
    ("sky", [(0, 0), (640, 0), (640, 205), (0, 205)]),
    ("lake", [(335, 238), (560, 220), (560, 300), (450, 310), (375, 330), (340, 290)]),
    ("lake", [(10, 280), (72, 250), (68, 300), (20, 318)]),
    ("trees", [(0, 150), (28, 175), (76, 225), (70, 245), (30, 270), (12, 290), (45, 325), (0, 335)]),
    ("trees", [(330, 427), (345, 395), (372, 335), (410, 312), (455, 292), (505, 285), (560, 270), (545, 225),
               (565, 190), (590, 140), (640, 140), (640, 427)]),
    ("pagoda", [(205, 30), (228, 68), (320, 122), (300, 138), (298, 158), (330, 178), (320, 190), (322, 222),
                (328, 240), (352, 256), (342, 275), (345, 305), (372, 335), (325, 385), (322, 427), (285, 427),
                (230, 385), (100, 345), (75, 345), (80, 285), (62, 270), (96, 240), (98, 192), (84, 172),
                (120, 158), (122, 138), (95, 122), (100, 104), (160, 82), (192, 62)]),
    ("trees", [(0, 320), (40, 340), (130, 330), (195, 362), (230, 385), (285, 400), (292, 427), (0, 427)]),
)
_FLOWER = (
    ("leaves", [(0, 0), (640, 0), (640, 427), (0, 427)]),
    ("dahlia", [(308, 84), (380, 106), (428, 150), (446, 205), (432, 270), (395, 325), (345, 352), (290, 358),
                (230, 342), (190, 300), (170, 240), (172, 185), (205, 120), (250, 94)]),
    ("dahlia", [(288, 402), (322, 384), (350, 374), (420, 380), (450, 418), (468, 427), (290, 427)]),
)


def read_photos() -> list[np.ndarray]:
    """Return the two photographs at full size, [(427, 640, 3) uint8, ...]: china.jpg and flower.jpg."""
    return [np.asarray(Image.open(scikit_learn_file("images", name)).convert("RGB")) for name in NAMES]


def region_maps() -> list[np.ndarray]:
    """Return for each photograph (427, 640) uint8: the class of each pixel, UNNAMED where none was outlined."""
    return [_region_map(outlines) for outlines in (_CHINA, _FLOWER)]


def _region_map(outlines: Outlines) -> np.ndarray:
    image = Image.new("L", (640, 427), UNNAMED)
    draw = ImageDraw.Draw(image)
    for name, outline in outlines:
        draw.polygon(outline, fill=CLASSES.index(name))
    return np.asarray(image)


def shown(photo: np.ndarray) -> np.ndarray:
    """Return a photograph (or a part of one) at 224 × 336."""
    return np.asarray(Image.fromarray(photo).resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC))


def make_crops(
    per_class: int, seed: Seed, *, heights: tuple[int, int], size: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray]:
    """Cut crops of random windows: (pixels (N, *size, 3) uint8, labels (N,)), the classes in turn.

    A window's height in pixels of the original is drawn from `heights`; it has the shape of `size` (height, width),
    and its class covers at least 60 % of it.
    """
    rng = np.random.default_rng(seed)
    photos, maps = [Image.fromarray(photo) for photo in read_photos()], region_maps()
    labels = np.arange(per_class * len(CLASSES)) % len(CLASSES)
    boxes = [_window(rng, maps, int(label), heights, size) for label in labels]
    crops = [photos[which].resize(size[::-1], Image.Resampling.BICUBIC, box=box) for which, box in boxes]
    return np.stack([np.asarray(crop) for crop in crops]), labels


def make_views(number: int, seed: Seed) -> tuple[np.ndarray, np.ndarray]:
    """Cut windows that hold most of a photograph, 224 × 336, labelled by its subject: pagoda and dahlia in turn."""
    rng = np.random.default_rng(seed)
    photos = [Image.fromarray(photo) for photo in read_photos()]
    views = []
    for row in range(number):
        height = min(int(rng.integers(320, 500)), 427)  # two in five are whole
        box = _placed(rng.uniform(0.25, 0.75) * 640, rng.uniform(0, 1) * 427, height, round(height * 1.5))
        views.append(np.asarray(photos[row % 2].resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC, box=box)))
    return np.stack(views), np.array([CLASSES.index(("pagoda", "dahlia")[row % 2]) for row in range(number)])


def _window(
    rng: np.random.Generator, maps: list[np.ndarray], label: int,
    heights: tuple[int, int], size: tuple[int, int], tries: int = 2000,
) -> tuple[int, Box]:
    """Find (photograph, box) of a window round a random pixel of the class, mostly of that class."""
    which = int(label >= CLASSES.index("dahlia"))
    rows, columns = np.nonzero(maps[which] == label)
    for _ in range(tries):
        height, at = int(rng.integers(*heights)), rng.integers(len(rows))
        box = _placed(columns[at], rows[at], height, round(height * size[1] / size[0]))
        if (maps[which][box[1]:box[3], box[0]:box[2]] == label).mean() > 0.6:
            return which, box
    raise ValueError(f"No window with a height of {heights[0]} to {heights[1]} px shows mostly {CLASSES[label]}.")


def _placed(x: float, y: float, height: int, width: int) -> Box:
    """Return the box (left, top, right, bottom) round a point, moved into the photograph."""
    width = min(width, 640)
    left = min(max(int(x) - width // 2, 0), 640 - width)
    top = min(max(int(y) - height // 2, 0), 427 - height)
    return left, top, left + width, top + height
