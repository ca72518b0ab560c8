"""A pen that draws shapes under a pose (position, size, turn, mirror) on a fine transparent sheet."""

from __future__ import annotations

import colorsys
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from PIL import Image, ImageDraw

Colour = tuple[int, int, int]
Layer = tuple[np.ndarray, np.ndarray]  # colour (H, W, 3) times cover, cover (H, W, 1), in 0..1

FINE = 4  # sheets are drawn this many times finer than the picture and averaged, which gives smooth edges

_angles = np.linspace(0, 2 * np.pi, 40, endpoint=False)
CIRCLE = np.stack([np.cos(_angles), np.sin(_angles)], axis=1)


def hsv(hue: float, saturation: float, value: float) -> Colour:
    """Return the 8-bit colour of a hue in turns (1 = once round), a saturation and a value in 0..1."""
    rgb = colorsys.hsv_to_rgb(hue % 1.0, min(max(saturation, 0), 1), min(max(value, 0), 1))
    return tuple(round(255 * channel) for channel in rgb)  # type: ignore[return-value]


def shade(colour: Colour, factor: float) -> Colour:
    """Return the same colour, darker (factor < 1) or lighter (factor > 1)."""
    if factor <= 1:
        return tuple(round(channel * factor) for channel in colour)  # type: ignore[return-value]
    return tuple(round(255 - (255 - channel) / factor) for channel in colour)  # type: ignore[return-value]


@dataclass(frozen=True)
class Pose:
    """Where a shape drawn in the square -1..1 lands in a picture; lengths in picture pixels, turn in radians."""

    x: float
    y: float
    size: float
    turn: float = 0.0
    flip: bool = False

    @property
    def matrix(self) -> np.ndarray:
        """(2, 2): points (N, 2) of the square -1..1 (y points down) land at `points @ matrix + (x, y)`."""
        cos, sin = np.cos(self.turn), np.sin(self.turn)
        side = -1.0 if self.flip else 1.0
        return self.size * np.array([[side * cos, side * sin], [-sin, cos]])


class Sheet:
    """A transparent sheet of `pixels` × `pixels`, to be drawn on and then laid over a picture."""

    def __init__(self, pixels: int) -> None:
        self.image = Image.new("RGBA", (pixels * FINE, pixels * FINE))
        self.draw = ImageDraw.Draw(self.image)

    def pen(self, pose: Pose) -> Pen:
        """Return a pen that draws on this sheet."""
        return Pen(self.draw, pose)

    def layer(self) -> Layer:
        """Return what was drawn, at the size of the picture."""
        # "RGBa" keeps colour times cover, so averaging does not pale the edges
        values = np.asarray(self.image.convert("RGBa").reduce(FINE), dtype=np.float32) / 255
        return values[..., :3], values[..., 3:]


class Pen:
    """Draws filled shapes given in the coordinates of a pose."""

    def __init__(self, draw: ImageDraw.ImageDraw, pose: Pose) -> None:
        self._draw, self._size = draw, pose.size
        self._matrix, self._origin = pose.matrix * FINE, np.array([pose.x, pose.y]) * FINE

    def _fine(self, points: ArrayLike) -> list[float]:
        return (np.asarray(points, dtype=float) @ self._matrix + self._origin).ravel().tolist()

    def polygon(self, points: ArrayLike, fill: Colour) -> None:
        """Fill a polygon."""
        self._draw.polygon(self._fine(points), fill=(*fill, 255))

    def ellipse(
        self, x: float, y: float, rx: float, ry: float | None = None, *, fill: Colour, turn: float = 0.0
    ) -> None:
        """Fill a disc, or an ellipse with half axes rx and ry, turned about its own centre."""
        cos, sin = np.cos(turn), np.sin(turn)
        points = CIRCLE * (rx, rx if ry is None else ry)
        self.polygon(points @ np.array([[cos, sin], [-sin, cos]]) + (x, y), fill)

    def line(self, points: ArrayLike, width: float, fill: Colour, *, round_ends: bool = True) -> None:
        """Draw a line through points; its width is in the same unit as the points."""
        fine = self._fine(points)
        wide = max(1.0, width * self._size * FINE)
        self._draw.line(fine, fill=(*fill, 255), width=round(wide), joint="curve")
        if round_ends:
            for x, y in (fine[:2], fine[-2:]):
                box = (x - wide / 2, y - wide / 2, x + wide / 2, y + wide / 2)
                self._draw.ellipse(box, fill=(*fill, 255))

    def rectangle(self, left: float, top: float, right: float, bottom: float, fill: Colour) -> None:
        """Fill a rectangle with upright sides."""
        self.polygon([(left, top), (right, top), (right, bottom), (left, bottom)], fill)

    def arc(
        self, x: float, y: float, rx: float, ry: float, start: float, stop: float, width: float, fill: Colour
    ) -> None:
        """Draw part of an ellipse from angle `start` to `stop`, in turns clockwise from the right."""
        angles = 2 * np.pi * np.linspace(start, stop, 16)
        self.line(np.stack([x + rx * np.cos(angles), y + ry * np.sin(angles)], axis=1), width, fill)


def over(picture: np.ndarray, layer: Layer) -> np.ndarray:
    """Lay a layer over a picture (H, W, 3)."""
    colour, cover = layer
    return colour + (1 - cover) * picture
