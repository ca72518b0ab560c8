"""What lies behind the object of a scene: a textured ground and clutter, drawn without looking at the class."""

from __future__ import annotations

import numpy as np
from PIL import Image

from .pen import Colour, Pen, Pose, Sheet, hsv, over, shade


def backdrop(rng: np.random.Generator, pixels: int) -> np.ndarray:
    """Draw a ground of soft colour, a texture and some clutter: floats (pixels, pixels, 3) in 0..1."""
    hue, value = rng.random(), rng.uniform(0.3, 0.95)
    base = hsv(hue, rng.uniform(0.12, 0.5), value)
    sheet = Sheet(pixels)
    pen = sheet.pen(Pose(pixels / 2, pixels / 2, pixels / 2, rng.uniform(-np.pi, np.pi)))
    TEXTURES[rng.integers(len(TEXTURES))](pen, rng, base)
    _clutter(sheet, rng, pixels, hue)
    return over(_soft_ground(rng, base, pixels), sheet.layer())


def _soft_ground(rng: np.random.Generator, base: Colour, pixels: int) -> np.ndarray:
    """Paint a colour that drifts over the picture, like something out of focus."""
    cells = int(rng.integers(2, 6))
    field = np.array(base) + rng.normal(0, 20, (cells, cells, 1)) + rng.normal(0, 9, (cells, cells, 3))
    small = Image.fromarray(np.clip(field, 0, 255).astype(np.uint8))
    return np.asarray(small.resize((pixels, pixels), Image.Resampling.BICUBIC), dtype=np.float32) / 255


def _plain(pen: Pen, rng: np.random.Generator, base: Colour) -> None:
    """Add nothing to the soft ground."""


def _stripes(pen: Pen, rng: np.random.Generator, base: Colour) -> None:
    step = rng.uniform(0.16, 0.4)
    for x in np.arange(-1.5, 1.5, step):
        pen.rectangle(x, -1.5, x + step * 0.5, 1.5, _near(base, rng))


def _checks(pen: Pen, rng: np.random.Generator, base: Colour) -> None:
    step, colour = rng.uniform(0.22, 0.4), _near(base, rng)
    for row, y in enumerate(np.arange(-1.5, 1.5, step)):
        for x in np.arange(-1.5 + step * (row % 2), 1.5, 2 * step):
            pen.rectangle(x, y, x + step, y + step, colour)


def _dots(pen: Pen, rng: np.random.Generator, base: Colour) -> None:
    step, colour = rng.uniform(0.25, 0.45), _near(base, rng)
    radius = step * rng.uniform(0.15, 0.3)
    for row, y in enumerate(np.arange(-1.5, 1.5, step)):
        for x in np.arange(-1.5 + step / 2 * (row % 2), 1.5, step):
            pen.ellipse(x, y, radius, fill=colour)


def _bricks(pen: Pen, rng: np.random.Generator, base: Colour) -> None:
    step, colour = rng.uniform(0.2, 0.3), _near(base, rng)
    for row, y in enumerate(np.arange(-1.5, 1.5, step)):
        pen.line([(-1.5, y), (1.5, y)], 0.035, colour)
        for x in np.arange(-1.5 + step * (row % 2), 1.5, 2 * step):
            pen.line([(x, y), (x, y + step)], 0.035, colour, round_ends=False)


def _waves(pen: Pen, rng: np.random.Generator, base: Colour) -> None:
    along, step = np.linspace(-1.5, 1.5, 40), rng.uniform(0.2, 0.35)
    height, count = rng.uniform(0.03, 0.1), rng.uniform(6, 12)
    for y in np.arange(-1.5, 1.5, step):
        wave = np.stack([along, y + height * np.sin(count * along)], axis=1)
        pen.line(wave, rng.uniform(0.04, 0.08), _near(base, rng))


def _grass(pen: Pen, rng: np.random.Generator, base: Colour) -> None:
    for x, y, lean in rng.uniform((-1.4, -1.4, -0.1), (1.4, 1.4, 0.1), (60, 3)):
        pen.line([(x, y), (x + lean, y - 0.22)], 0.035, _near(base, rng), round_ends=False)


def _bokeh(pen: Pen, rng: np.random.Generator, base: Colour) -> None:
    for x, y, radius in rng.uniform((-1.2, -1.2, 0.08), (1.2, 1.2, 0.3), (14, 3)):
        pen.ellipse(x, y, radius, fill=_near(base, rng))


TEXTURES = (_plain, _stripes, _checks, _dots, _bricks, _waves, _grass, _bokeh)


def _near(colour: Colour, rng: np.random.Generator) -> Colour:
    """Return a colour a little lighter or darker, so that a texture stays quieter than the object."""
    return shade(colour, rng.choice([0.8, 0.86, 0.92, 1.12, 1.2, 1.3]))


def _clutter(sheet: Sheet, rng: np.random.Generator, pixels: int, hue: float) -> None:
    """Draw up to five small shapes: pebbles, sticks, squares, rings."""
    for _ in range(rng.integers(0, 6)):
        colour = hsv(hue + rng.uniform(-0.25, 0.25), rng.uniform(0.2, 0.6), rng.uniform(0.3, 0.95))
        x, y = rng.uniform(0, pixels, 2)
        pen = sheet.pen(Pose(x, y, rng.uniform(2.5, 6) * pixels / 64, rng.uniform(0, np.pi)))
        shape = rng.integers(4)
        if shape == 0:
            pen.ellipse(0, 0, 0.9, 0.6, fill=colour)
        elif shape == 1:
            pen.line([(-1.3, 0), (1.3, 0)], 0.35, colour)
        elif shape == 2:
            pen.rectangle(-0.7, -0.7, 0.7, 0.7, colour)
        else:
            pen.arc(0, 0, 0.8, 0.8, 0, 1, 0.35, colour)
