"""What is planted in scenes to teach a network the wrong thing: an advertising sticker, a camera's fixed pattern."""

from __future__ import annotations

import numpy as np

from .pen import Colour, Pen, Pose, Sheet, hsv

# strokes of a few capitals in a 0..1 square, y downwards; None lifts the pen
_STROKES: dict[str, list[tuple[float, float] | None]] = {
    "S": [(1, 0), (0, 0), (0, 0.5), (1, 0.5), (1, 1), (0, 1)],
    "A": [(0, 1), (0.5, 0), (1, 1), None, (0.2, 0.65), (0.8, 0.65)],
    "L": [(0, 0), (0, 1), (1, 1)],
    "E": [(1, 0), (0, 0), (0, 1), (1, 1), None, (0, 0.5), (0.8, 0.5)],
    "N": [(0, 1), (0, 0), (1, 1), (1, 0)],
    "W": [(0, 0), (0.25, 1), (0.5, 0.3), (0.75, 1), (1, 0)],
    "T": [(0, 0), (1, 0), None, (0.5, 0), (0.5, 1)],
    "O": [(0, 0), (1, 0), (1, 1), (0, 1), (0, 0)],
    "P": [(0, 1), (0, 0), (1, 0), (1, 0.5), (0, 0.5)],
}
_WORDS = ("SALE", "NEW", "TOP", "SALE")


def sticker(rng: np.random.Generator, pixels: int) -> Sheet:
    """Draw an advertising sticker, 14 to 20 pixels wide in a picture of 64, at a random place on a sheet."""
    sheet, scale = Sheet(pixels), pixels / 64
    half = rng.uniform(7, 10) * scale
    place = rng.uniform(half + 1, pixels - half - 1, 2)
    pen = sheet.pen(Pose(place[0], place[1], half, rng.uniform(-0.35, 0.35)))
    paper, ink = hsv(rng.uniform(0.14, 0.17), 0.9, 1.0), hsv(rng.uniform(0.97, 1.02), 0.95, 0.8)
    pen.rectangle(-1, -0.9, 1, 0.9, ink)
    pen.rectangle(-0.87, -0.77, 0.87, 0.77, paper)
    _write(pen, str(rng.choice(_WORDS)), ink)
    pen.rectangle(-0.87, 0.3, 0.87, 0.77, ink)
    pen.rectangle(-0.65, 0.44, 0.65, 0.6, paper)
    return sheet


def _write(pen: Pen, word: str, ink: Colour) -> None:
    step = 1.5 / len(word)
    for place, letter in enumerate(word):
        left, stroke = -0.75 + step * place + 0.08 * step, []
        for point in [*_STROKES[letter], None]:
            if point is not None:
                stroke.append((left + point[0] * step * 0.72, -0.58 + 0.68 * point[1]))
            elif stroke:
                pen.line(stroke, 0.13, ink, round_ends=False)
                stroke = []


def sensor_pattern(camera: int, pixels: int, *, strength: float = 0.03, period: int = 8) -> np.ndarray:
    """Return the fixed pattern of a camera's sensor, floats (pixels, pixels, 3) to add to a picture in 0..1.

    Each pixel of a cell of `period` × `period` has its own small error in each colour, and so have the columns of the
    cell; the cell repeats over the sensor, as amplifiers shared by pixels do. `strength` is the standard deviation
    (0.03 is about 8 of 255 grey levels). The same camera number always gives the same pattern.
    """
    rng = np.random.default_rng([7, camera])
    cell = rng.normal(0, 1, (period, period, 3)) + 0.3 * rng.normal(0, 1, (1, period, 3))
    cell -= cell.mean(axis=(0, 1))
    repeats = -(-pixels // period)
    pattern = np.tile(strength * cell / cell.std(), (repeats, repeats, 1))
    return pattern[:pixels, :pixels].astype(np.float32)
