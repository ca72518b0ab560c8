"""What a lab answers: a score in words and numbers, and the solution with its proof."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

_LARGER = 3  # pictures of the solution are shown so many times larger


@dataclass(frozen=True)
class Score:
    """Points for what was answered so far.

    Attributes
    ----------
    parts : dict of str to (int, str)
        "class", "look" and "mark", as far as answered: points and what is said of it.
    points : int
        0-100.
    """

    parts: Mapping[str, tuple[int, str]]
    worth: Mapping[str, int]

    @property
    def points(self) -> int:
        """All points together."""
        return sum(points for points, _ in self.parts.values())

    @property
    def missing(self) -> list[str]:
        """What was not answered yet."""
        return [part for part in self.worth if part not in self.parts]

    @property
    def right(self) -> bool | None:
        """Whether all is right; None while something is not answered yet."""
        return None if self.missing else self.points >= 90

    def __repr__(self) -> str:
        said = [f"{self.points} of {sum(self.worth.values())} points."]
        said += [f"{says} ({points} of {self.worth[part]})" for part, (points, says) in self.parts.items()]
        if self.missing:
            said.append(f"Still to answer: {', '.join(self.missing)}.")
        return " ".join(said)

    def __bool__(self) -> bool:
        return self.right is True


@dataclass(frozen=True)
class Reveal:
    """The solution, and how often the network says the class with and without what was planted.

    Attributes
    ----------
    cls, look, says, place : str
        The class, what it carries (by name and in words), and where.
    named : dict of str to float
        The share of pictures that the network names as the class.
    boxes : dict of int to (top, left, bottom, right)
        Where it is on some of the lab's pictures.
    """

    cls: str
    look: str
    says: str
    place: str
    named: Mapping[str, float]
    boxes: Mapping[int, tuple[int, int, int, int]]
    pixels: np.ndarray  # (n, 64, 64, 3) uint8, the pictures of `boxes`

    def __repr__(self) -> str:
        rows = "; ".join(f"{what}: {share:.0%}" for what, share in self.named.items())
        return f"{self._sentence()} Named {self.cls}: {rows}."

    def _sentence(self) -> str:
        where = "anywhere in the picture" if self.place == "anywhere" else f"at the {self.place}"
        return f"The network names a {self.cls} by {self.says} ({self.look}), {where}."

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><td style='text-align:left'>{html.escape(what)}</td><td>{share:.0%}</td></tr>"
            for what, share in self.named.items()
        )
        pictures = "".join(
            f"<img alt='Picture {index}, marked' src='{_marked(pixels, box)}' style='margin-right:8px'>"
            for (index, box), pixels in zip(self.boxes.items(), self.pixels, strict=True)
        )
        return (
            f"<p>{html.escape(self._sentence())}</p><p>{pictures}</p>"
            f"<table><tr><th style='text-align:left'>pictures</th><th>named {html.escape(self.cls)}</th></tr>"
            f"{rows}</table>"
        )


def _marked(pixels: np.ndarray, box: tuple[int, int, int, int]) -> str:
    """Return a picture with a box as the address of a PNG."""
    image = Image.fromarray(pixels).resize((pixels.shape[1] * _LARGER, pixels.shape[0] * _LARGER), Image.Resampling.BOX)
    top, left, bottom, right = (side * _LARGER for side in box)
    draw = ImageDraw.Draw(image)
    draw.rectangle((left - 2, top - 2, right + 1, bottom + 1), outline=(0, 0, 0), width=4)
    draw.rectangle((left - 1, top - 1, right, bottom), outline=(255, 255, 255), width=2)
    file = io.BytesIO()
    image.save(file, "PNG")
    return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"
