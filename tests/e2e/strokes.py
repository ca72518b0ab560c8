"""Digits as a hand draws them: lines through points of a square, x to the right and y down, both 0-1."""

from __future__ import annotations

import numpy as np


def arc(x, y, rx, ry, start, stop, points=14):
    """Points of an ellipse from one angle to another, in degrees clockwise from the right."""
    angles = np.radians(np.linspace(start, stop, points))
    return list(zip(x + rx * np.cos(angles), y + ry * np.sin(angles), strict=True))


DIGITS = {
    0: [arc(0.5, 0.5, 0.22, 0.36, -90, 270, 24)],
    1: [[(0.38, 0.3), (0.55, 0.14), (0.55, 0.86)]],
    3: [arc(0.46, 0.32, 0.22, 0.18, 200, 450) + arc(0.46, 0.67, 0.25, 0.19, -90, 160)],
    7: [[(0.26, 0.15), (0.75, 0.15), (0.42, 0.87)]],
}


def draw(page, pad, digit: int) -> None:
    """Draw a digit on the pad with the mouse."""
    box = pad.bounding_box()
    for stroke in DIGITS[digit]:
        places = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in stroke]
        page.mouse.move(*places[0])
        page.mouse.down()
        for place in places[1:]:
            page.mouse.move(*place, steps=3)
        page.mouse.up()
