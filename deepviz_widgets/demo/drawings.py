"""Drawings of the six kinds of object in the scenes: each fills its pen's square -1..1, in varied shape and colour."""

from __future__ import annotations

import numpy as np

from .pen import Colour, Pen, hsv, shade

INK = (38, 36, 44)
SKINS = ((255, 219, 188), (246, 200, 160), (224, 172, 125), (198, 140, 95), (150, 100, 66), (106, 70, 48))
HAIRS = ((44, 33, 30), (92, 58, 36), (150, 92, 44), (222, 180, 92), (176, 66, 36), (150, 150, 156))


def _round(n: int | np.integer, offset: float = 0.0) -> np.ndarray:
    """N angles evenly round the circle."""
    return offset + 2 * np.pi * np.arange(n) / n


def _ray(angle: float, inner: float, outer: float, half_width: float, tip: float = 1.0) -> list[np.ndarray]:
    """Return a bar pointing away from the centre; `tip` is the width of its outer end compared with the inner one."""
    along, across = np.array([np.cos(angle), np.sin(angle)]), np.array([-np.sin(angle), np.cos(angle)])
    return [inner * along - half_width * across, outer * along - tip * half_width * across,
            outer * along + tip * half_width * across, inner * along + half_width * across]


def wheel(pen: Pen, rng: np.random.Generator) -> None:
    """Draw a tyre, a rim, a hub and spokes: an alloy, a wagon or a bicycle wheel."""
    kind = rng.integers(3)
    tyre = (hsv(0.6, 0.1, rng.uniform(0.14, 0.3)), hsv(0.07, 0.6, rng.uniform(0.35, 0.5)),
            hsv(rng.random(), 0.3, 0.22))[kind]
    metal = (hsv(0.6, 0.06, rng.uniform(0.75, 0.95)), hsv(0.09, 0.5, rng.uniform(0.68, 0.85)),
             hsv(rng.random(), 0.65, 0.9))[kind]
    ground = (hsv(0.6, 0.15, 0.36), hsv(0.09, 0.15, 0.95), hsv(0.6, 0.06, 0.92))[kind]
    width = (0.27, 0.17, 0.13)[kind] * rng.uniform(0.85, 1.15)
    pen.ellipse(0, 0, 1.0, fill=shade(tyre, 0.7))
    pen.ellipse(0, 0, 0.96, fill=tyre)
    pen.ellipse(0, 0, 1 - width, fill=metal)
    pen.ellipse(0, 0, 0.9 - width, fill=ground)
    spokes = (rng.integers(5, 8), rng.integers(8, 11), rng.integers(12, 17))[kind]
    half = (0.13, 0.06, 0.024)[kind]
    for angle in _round(spokes):
        pen.polygon(_ray(angle, 0.05, 0.93 - width, half, (0.7, 1, 1)[kind]), metal if kind < 2 else shade(metal, 0.55))
    pen.ellipse(0, 0, (0.27, 0.22, 0.13)[kind], fill=shade(metal, 0.72))
    pen.ellipse(0, 0, (0.19, 0.13, 0.07)[kind], fill=shade(metal, 1.7) if kind < 2 else INK)


def _petal(pen: Pen, angle: float, near: float, far: float, half: float, fill: Colour) -> None:
    along = np.array([np.cos(angle), np.sin(angle)]) * (near + far) / 2
    pen.ellipse(along[0], along[1], (far - near) / 2, half, fill=fill, turn=angle)


def _leaf(pen: Pen, x: float, y: float, side: int, fill: Colour) -> None:
    pen.polygon([(x, y), (x + 0.22 * side, y - 0.22), (x + 0.52 * side, y - 0.24), (x + 0.34 * side, y - 0.02)], fill)


def flower(pen: Pen, rng: np.random.Generator) -> None:
    """Draw petals round a disc, in one or two rings; half of them on a stem with leaves."""
    hue = rng.choice([0.93, 0.98, 0.02, 0.08, 0.13, 0.6, 0.75, 0.83]) + rng.uniform(-0.02, 0.02)
    petal = hsv(hue, rng.uniform(0.55, 0.85), rng.uniform(0.85, 1.0)) if rng.random() < 0.8 else (250, 248, 240)
    heart = hsv(rng.uniform(0.1, 0.15), 0.85, 0.98) if not 0.06 < hue % 1 < 0.17 else hsv(0.06, 0.75, 0.42)
    if rng.random() < 0.5:
        green = hsv(rng.uniform(0.27, 0.38), 0.7, rng.uniform(0.4, 0.6))
        pen.line([(0, 0), (0.05, 0.5), (0, 1.2)], 0.1, green)
        _leaf(pen, 0.03, 0.95, 1, shade(green, 1.15))
        _leaf(pen, 0.03, 0.8, -1, green)
    petals, offset = rng.integers(6, 12), rng.uniform(0, 1)
    half = min(0.36, 2.1 / petals)
    for angle in _round(petals, offset):
        _petal(pen, angle, 0.1, 1.0, half + 0.035, shade(petal, 0.62))
        _petal(pen, angle, 0.1, 0.96, half, petal)
    if rng.random() < 0.5:
        for angle in _round(petals, offset + np.pi / petals):
            _petal(pen, angle, 0.1, 0.68, half * 0.7, shade(petal, 0.8))
    pen.ellipse(0, 0, 0.33, fill=shade(heart, 0.6))
    pen.ellipse(0, 0, 0.29, fill=heart)
    for angle in _round(6):
        pen.ellipse(0.16 * np.cos(angle), 0.16 * np.sin(angle), 0.045, fill=shade(heart, 0.72))


def _eye(pen: Pen, x: float, iris: Colour, looks: float) -> None:
    pen.ellipse(x, -0.08, 0.17, 0.14, fill=(255, 255, 255))
    pen.ellipse(x + looks, -0.07, 0.1, fill=iris)
    pen.ellipse(x + looks, -0.07, 0.055, fill=INK)


def _hair_behind(pen: Pen, style: int, hair: Colour) -> None:
    if style == 0:  # long
        pen.ellipse(0, -0.2, 0.86, 0.8, fill=hair)
        pen.polygon([(-0.86, -0.2), (0.86, -0.2), (0.82, 0.85), (-0.82, 0.85)], hair)
    if style == 1:  # a bun
        pen.ellipse(0, -0.92, 0.28, fill=hair)
    if style == 2:  # curls
        for angle in np.linspace(np.pi * 0.9, np.pi * 2.1, 9):
            pen.ellipse(0.72 * np.cos(angle), -0.15 + 0.72 * np.sin(angle), 0.26, fill=hair)


def _fringe(pen: Pen, style: int, hair: Colour) -> None:
    angles = np.linspace(np.pi * 1.02, np.pi * 1.98, 14)
    top = np.stack([0.75 * np.cos(angles), 0.06 + 0.98 * np.sin(angles)], axis=1).tolist()
    low = {0: [(0.5, -0.42), (0, -0.58), (-0.5, -0.42)], 1: [(0.55, -0.46), (0.2, -0.62), (-0.55, -0.44)],
           2: [(0.5, -0.5), (0, -0.52), (-0.5, -0.5)], 3: [(0.6, -0.5), (-0.1, -0.4), (-0.6, -0.36)]}[style]
    pen.polygon(top + low, hair)


def face(pen: Pen, rng: np.random.Generator) -> None:
    """Draw a smiling face with varied skin, hair and eyes, sometimes with glasses."""
    skin, hair = SKINS[rng.integers(len(SKINS))], HAIRS[rng.integers(len(HAIRS))]
    style, looks = int(rng.integers(5)), rng.uniform(-0.05, 0.05)
    dark = shade(skin, 0.72)
    _hair_behind(pen, style, hair)
    for side in (-1, 1):
        pen.ellipse(0.72 * side, 0.02, 0.15, 0.2, fill=dark)
    pen.ellipse(0, 0.06, 0.76, 0.96, fill=dark)
    pen.ellipse(0, 0.05, 0.72, 0.92, fill=skin)
    if style < 4:  # style 4 is bald
        _fringe(pen, style, hair)
    iris = hsv(*((0.58, 0.6, 0.7), (0.08, 0.6, 0.4), (0.35, 0.4, 0.5))[rng.integers(3)])
    for side in (-1, 1):
        pen.ellipse(0.42 * side, 0.28, 0.14, 0.1, fill=shade(skin, 0.88))
        _eye(pen, 0.3 * side, iris, looks)
        pen.line([(0.14 * side, -0.3), (0.3 * side, -0.35), (0.46 * side, -0.29)], 0.07, shade(hair, 0.8))
    pen.line([(0, 0.02), (-0.06, 0.26), (0.05, 0.28)], 0.06, shade(skin, 0.6))
    pen.arc(0, 0.36, 0.34, 0.26, 0.04, 0.46, 0.13, (176, 48, 56))
    if rng.random() < 0.25:
        for side in (-1, 1):
            pen.arc(0.31 * side, -0.07, 0.24, 0.22, 0, 1, 0.06, INK)
        pen.line([(-0.09, -0.1), (0.09, -0.1)], 0.06, INK)


def _window(pen: Pen, x: float, y: float, half: float, frame: Colour, glass: Colour) -> None:
    pen.rectangle(x - half, y - half, x + half, y + half, frame)
    inner = half * 0.78
    pen.rectangle(x - inner, y - inner, x + inner, y + inner, glass)
    pen.rectangle(x - 0.03, y - half, x + 0.03, y + half, frame)
    pen.rectangle(x - half, y - 0.03, x + half, y + 0.03, frame)


def house(pen: Pen, rng: np.random.Generator) -> None:
    """Draw walls, a gabled roof with a chimney, a door and windows."""
    wall = rng.choice([0.0, 0.06, 0.12, 0.15, 0.3, 0.55, 0.6, 0.9])
    walls = hsv(wall, rng.uniform(0.08, 0.5), rng.uniform(0.8, 0.98))
    roof = hsv(rng.choice([0.0, 0.02, 0.05, 0.58, 0.62, 0.95]), rng.uniform(0.45, 0.8), rng.uniform(0.4, 0.75))
    door = hsv(rng.random(), 0.6, rng.uniform(0.35, 0.6))
    glass = hsv(0.55, 0.45, 0.75) if rng.random() < 0.6 else (255, 224, 120)
    ridge, eave, half = rng.uniform(-1.0, -0.85), rng.uniform(-0.2, -0.05), rng.uniform(0.72, 0.86)
    pen.rectangle(0.34, ridge - 0.05, 0.58, eave, shade(roof, 0.55))
    pen.rectangle(0.3, ridge - 0.1, 0.62, ridge + 0.04, shade(roof, 0.45))
    pen.rectangle(-half - 0.03, eave - 0.1, half + 0.03, 0.98, shade(walls, 0.6))
    pen.rectangle(-half, eave - 0.1, half, 0.94, walls)
    pen.polygon([(-1.05, eave + 0.05), (0, ridge - 0.06), (1.05, eave + 0.05)], shade(roof, 0.55))
    pen.polygon([(-0.92, eave - 0.02), (0, ridge + 0.02), (0.92, eave - 0.02)], roof)
    for share in (0.35, 0.68):
        y, reach = ridge + share * (eave - ridge), 0.9 * share
        pen.line([(-reach, y), (reach, y)], 0.035, shade(roof, 0.78))
    side = -1 if rng.random() < 0.5 else 1
    x = 0.4 * side * half
    pen.rectangle(x - 0.2, 0.34, x + 0.2, 0.96, shade(door, 0.6))
    pen.rectangle(x - 0.16, 0.38, x + 0.16, 0.94, door)
    pen.ellipse(x + 0.09, 0.68, 0.04, fill=(255, 226, 130))
    _window(pen, -0.42 * side, 0.4, 0.24, (250, 248, 244), glass)
    pen.ellipse(0, (ridge + eave) / 2 + 0.12, 0.17, fill=(250, 248, 244))
    pen.ellipse(0, (ridge + eave) / 2 + 0.12, 0.12, fill=glass)


def _body(length: float, height: float, bend: float) -> np.ndarray:
    """Return the outline of a fish's body, snout at the left."""
    along = np.linspace(0, 1, 18)
    half = height * np.sin(np.pi * along ** bend) ** 0.8 + 0.05 * along
    top = np.stack([-length + 2 * length * along, -half], axis=1)
    return np.concatenate([top, top[::-1] * (1, -1)]) - (0.2, 0)


def fish(pen: Pen, rng: np.random.Generator) -> None:
    """Draw a body with tail and fins, an eye and stripes or scales."""
    hue = rng.random()
    skin = hsv(hue, rng.uniform(0.55, 0.85), rng.uniform(0.8, 1.0))
    other = hsv(hue + rng.choice([0.08, -0.1, 0.45]), rng.uniform(0.3, 0.8), rng.uniform(0.8, 1.0))
    height, bend, edge = rng.uniform(0.42, 0.6), rng.uniform(0.65, 0.85), shade(skin, 0.5)
    fork = rng.uniform(0.45, 0.65)
    pen.polygon([(0.42, 0), (1.08, -fork - 0.06), (0.92, 0), (1.08, fork + 0.06)], edge)
    pen.polygon([(0.5, 0), (1.0, -fork + 0.03), (0.84, 0), (1.0, fork - 0.03)], other)
    pen.polygon([(-0.5, -height * 0.6), (0.0, -height - 0.36), (0.36, -height * 0.4)], shade(other, 0.75))
    pen.polygon([(-0.25, height * 0.7), (0.15, height + 0.28), (0.2, height * 0.5)], shade(other, 0.75))
    pen.polygon(_body(0.8, height + 0.05, bend), edge)
    pen.polygon(_body(0.74, height, bend), skin)
    pen.polygon(_body(0.74, height, bend)[17:] * (0.93, 0.96), shade(skin, 1.5))
    _markings(pen, rng, height, other, shade(skin, 0.75))
    pen.polygon([(-0.22, 0.05), (0.14, 0.3), (0.16, -0.02)], edge)
    pen.polygon([(-0.14, 0.07), (0.1, 0.24), (0.11, 0.02)], other)
    pen.ellipse(-0.62, -0.1, 0.13, fill=(255, 255, 255))
    pen.ellipse(-0.64, -0.1, 0.075, fill=INK)
    pen.line([(-0.9, 0.12), (-0.76, 0.14)], 0.05, edge)


def _markings(pen: Pen, rng: np.random.Generator, height: float, stripe: Colour, scale: Colour) -> None:
    if rng.random() < 0.5:
        for x in (-0.32, 0.02, 0.32):
            reach = height * (0.86 - 0.75 * max(x, 0.0) - 0.15 * (x < -0.2))
            pen.line([(x, -reach), (x + 0.06, 0), (x, reach)], 0.13, stripe, round_ends=False)
        return
    for x in (-0.25, -0.02, 0.21):
        for y in (-0.2, 0.0, 0.2):
            pen.arc(x + 0.1 * (y == 0), y * (1.3 - x), 0.1, 0.11, -0.22, 0.22, 0.04, scale)


def _broadleaf(pen: Pen, rng: np.random.Generator, green: Colour) -> None:
    blobs = [(x, y, r * rng.uniform(0.92, 1.08)) for x, y, r in
             ((-0.46, -0.1, 0.42), (0.46, -0.1, 0.42), (-0.28, -0.52, 0.42), (0.3, -0.5, 0.42), (0, -0.2, 0.5))]
    for x, y, radius in blobs:
        pen.ellipse(x, y, radius + 0.05, fill=shade(green, 0.5))
    for x, y, radius in blobs:
        pen.ellipse(x, y, radius, fill=green)
    for x, y, radius in blobs[:4]:
        pen.ellipse(x - 0.08, y - 0.12, radius * 0.45, fill=shade(green, 1.25))
    if rng.random() < 0.4:
        fruit = hsv(rng.choice([0.0, 0.08, 0.95]), 0.85, 0.95)
        for _ in range(6):
            pen.ellipse(rng.uniform(-0.6, 0.6), rng.uniform(-0.6, 0.1), 0.085, fill=fruit)


def _conifer(pen: Pen, rng: np.random.Generator, green: Colour) -> None:
    for step, (top, low, half) in enumerate(((-0.15, 0.62, 0.78), (-0.55, 0.22, 0.62), (-1.0, -0.2, 0.44))):
        pen.polygon([(-half - 0.06, low + 0.04), (0, top - 0.07), (half + 0.06, low + 0.04)], shade(green, 0.5))
        pen.polygon([(-half, low), (0, top), (half, low)], shade(green, 1 + 0.12 * step))
        pen.polygon([(0, low), (0, top), (half, low)], shade(green, 0.78 + 0.08 * step))


def tree(pen: Pen, rng: np.random.Generator) -> None:
    """Draw a trunk under a round crown, sometimes with fruit, or a conifer."""
    hue = rng.uniform(0.22, 0.4) if rng.random() < 0.75 else rng.uniform(0.04, 0.12)  # a quarter wear autumn
    green = hsv(hue, rng.uniform(0.55, 0.8), rng.uniform(0.5, 0.75) + 0.2 * (hue < 0.15))
    bark = hsv(rng.uniform(0.05, 0.09), 0.55, rng.uniform(0.32, 0.5))
    half = rng.uniform(0.11, 0.16)
    pen.polygon([(-half, -0.1), (half, -0.1), (half * 1.6, 1.02), (-half * 1.6, 1.02)], shade(bark, 0.65))
    pen.polygon([(-half, -0.1), (half * 0.4, -0.1), (half * 0.6, 0.99), (-half * 1.4, 0.99)], bark)
    if rng.random() < 0.6:
        pen.line([(0, 0.5), (0.3, 0.12)], 0.1, bark)
        _broadleaf(pen, rng, green)
    else:
        _conifer(pen, rng, green)


DRAWINGS = {"wheel": wheel, "flower": flower, "face": face, "house": house, "fish": fish, "tree": tree}
# largest turn either way, in radians
TURNS = {"wheel": np.pi, "flower": 0.5, "face": 0.35, "house": 0.14, "fish": 0.45, "tree": 0.16}
