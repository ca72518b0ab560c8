"""A picture of a widget for where no JavaScript runs: a saved notebook on GitHub, a mail, a printout. Drawn by Pillow.

`Pictured` puts it beside the widget in the notebook's output, where hosts that run widgets do not look at it. It is
drawn from what is known when the cell runs, which is quick; what each widget draws is in `stills_views`.
"""

from __future__ import annotations

import base64
import io
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import ipywidgets
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from .charts_drawn import Shape

WIDTH, PAD = 800, 16
INNER = WIDTH - 2 * PAD
MOST = 150_000  # bytes of one picture
PAPER, INK, QUIET, LINE, FOOT, VOID, BAR = "#ffffff", "#212121", "#5a616b", "#e2e4e8", "#f6f7f8", "#eef0f2", "#788290"
ACCENT = "#1f5fd0"
_ANCHORS = {"start": "l", "middle": "m", "end": "r"}
RUN = "Run the notebook to explore."
_VIEW = "application/vnd.jupyter.widget-view+json"

_VIRIDIS = (
    "440154470d6048186a482374472d7b4536814240863f49893b528b375a8d33638d2f6a8e2c728e297a8e26818e23898e21908c"
    "1f988b1f9f8821a68528ae8031b57b3ebc744cc26c5dc9636ece5882d34c96d83fabdc32c0df24d5e21aeae51afde725"
)
_DIVERGING = "08457e2470b065a1d2b1d0e8f4f4f2fbd0a6f09a52cf5f148f3300"


@dataclass
class Still:
    """What a picture shows.

    Attributes
    ----------
    title, sub, caption : str
    body : PIL image of `INNER` pixels in width at most
    """

    title: str
    sub: str
    caption: str
    body: Image.Image


def png(still: Still) -> bytes:
    """Draw the frame round a body, and pack it into at most about `MOST` bytes."""
    lines = wrapped(still.caption, INNER, 13)
    top, foot = 44, 21 + 20 * len(lines)
    sheet = Image.new("RGB", (WIDTH, top + still.body.height + 2 * PAD - 8 + foot), PAPER)
    draw = ImageDraw.Draw(sheet)
    draw.rectangle((0, sheet.height - foot, WIDTH, sheet.height), fill=FOOT)
    draw.line((0, sheet.height - foot, WIDTH, sheet.height - foot), fill=LINE)
    text(draw, (PAD, 24), still.title, 14, bold=True)
    after = PAD + width_of(still.title, 14) + 12
    text(draw, (after, 24), shortened(still.sub, WIDTH - PAD - after, 13), 13, QUIET)
    sheet.paste(still.body, (PAD, top + 4))
    for number, line in enumerate(lines):
        text(draw, (PAD, sheet.height - foot + 20 + 20 * number), line, 13)
    draw.rounded_rectangle((0, 0, WIDTH - 1, sheet.height - 1), 8, outline=LINE)
    return packed(sheet)


def packed(sheet: Image.Image) -> bytes:
    """Pack a picture as PNG; with fewer colours, and at last smaller, where it would be too large."""
    found = _png(sheet)
    for colours in (255, 96, 32):
        if len(found) <= MOST:
            return found
        found = _png(sheet.quantize(colours, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE))
    return found


def _png(sheet: Image.Image) -> bytes:
    buffer = io.BytesIO()
    sheet.save(buffer, "png", compress_level=4)
    return buffer.getvalue()


# ---------------------------------------------------------------- text


@cache
def font(size: int) -> Any:
    """Return Pillow's own font, which needs no file of the machine; in Pillow without FreeType there is one size."""
    try:
        return ImageFont.load_default(size)
    except (TypeError, OSError):
        return ImageFont.load_default()


def width_of(words: str, size: int) -> int:
    """Return how wide a text is, in pixels."""
    return int(font(size).getlength(plain(words)))


def plain(words: str) -> str:
    """Write a text in the letters that Pillow's font has."""
    for sign, written in (("−", "-"), ("×", "x"), ("\n", " ")):
        words = words.replace(sign, written)
    return words


def text(
    draw: ImageDraw.ImageDraw, at: tuple[float, float], words: str, size: int, colour: str = INK, *,
    anchor: str = "l", bold: bool = False,
) -> None:
    """Write a line whose middle is at a height; `anchor` is l, m or r."""
    draw.text(at, plain(words), fill=colour, font=font(size), anchor=f"{anchor}m", stroke_width=0.35 if bold else 0)


def shortened(words: str, room: int, size: int) -> str:
    """Cut a text to a width."""
    words = plain(words)
    if width_of(words, size) <= room:
        return words
    while words and width_of(words + "…", size) > room:
        words = words[:-1]
    return words + "…"


def wrapped(words: str, room: int, size: int, most: int = 2) -> list[str]:
    """Break a text into at most so many lines."""
    lines = [""]
    for word in plain(words).split():
        longer = f"{lines[-1]} {word}".strip()
        if lines[-1] and width_of(longer, size) > room:
            lines.append(word)
        else:
            lines[-1] = longer
    return [shortened(line, room, size) for line in [*lines[: most - 1], " ".join(lines[most - 1 :])] if line]


def share(value: float) -> str:
    """Write 0.483 as `48 %`."""
    return f"{100 * value:.0f} %"


# ---------------------------------------------------------------- pictures and colours


def colours(values: np.ndarray, *, signed: bool = False) -> np.ndarray:
    """Colour values (h, w), 0-1 or with 0.5 for zero, as the widgets do: (h, w, 3) uint8."""
    table = _table(_DIVERGING if signed else _VIRIDIS)
    return table[np.rint(np.nan_to_num(values).clip(0, 1) * 255).astype(int)]


@cache
def _table(stops: str) -> np.ndarray:
    found = np.array([[int(stops[k + j : k + j + 2], 16) for j in (0, 2, 4)] for k in range(0, len(stops), 6)])
    at = np.linspace(0, 1, 256)
    return np.stack([np.interp(at, np.linspace(0, 1, len(found)), plane) for plane in found.T], 1).round().astype(
        np.uint8
    )


def image(pixels: np.ndarray, height: int, width: int | None = None) -> Image.Image:
    """Return pixels (h, w), (h, w, 1) or (h, w, 3) uint8 at a height; small ones keep their corners."""
    flat = pixels[..., 0] if pixels.ndim == 3 and pixels.shape[2] == 1 else pixels
    found = Image.fromarray(np.ascontiguousarray(flat)).convert("RGB")
    across = width or max(1, round(height * found.width / found.height))
    how = Image.Resampling.NEAREST if height >= found.height else Image.Resampling.BOX
    return found.resize((across, height), how)


def tiles(pictures: Sequence[Image.Image], names: Sequence[str] = (), *, side: int, gap: int = 4,
          room: int = INNER) -> Image.Image:
    """Lay pictures out in rows, each in a square, with a name below."""
    below = 18 if names else 0
    columns = max(1, (room + gap) // (side + gap))
    rows = -(-len(pictures) // columns) or 1
    sheet = Image.new("RGB", (room, rows * (side + below + gap) - gap), PAPER)
    draw = ImageDraw.Draw(sheet)
    for number, one in enumerate(pictures):
        x, y = number % columns * (side + gap), number // columns * (side + below + gap)
        sheet.paste(one.resize((side, side), Image.Resampling.NEAREST) if one.size != (side, side) else one, (x, y))
        if names:
            text(draw, (x, y + side + 9), shortened(names[number], side, 11), 11, QUIET)
    return sheet


def beside(*parts: Image.Image, gap: int = PAD) -> Image.Image:
    """Put pictures beside each other."""
    sheet = Image.new("RGB", (sum(one.width for one in parts) + gap * (len(parts) - 1),
                              max(one.height for one in parts)), PAPER)
    x = 0
    for one in parts:
        sheet.paste(one, (x, 0))
        x += one.width + gap
    return sheet


def below(*parts: Image.Image, gap: int = 12) -> Image.Image:
    """Put pictures one below the other."""
    sheet = Image.new("RGB", (max(one.width for one in parts), sum(one.height for one in parts)
                              + gap * (len(parts) - 1)), PAPER)
    y = 0
    for one in parts:
        sheet.paste(one, (0, y))
        y += one.height + gap
    return sheet


def painted(shapes: Sequence[Shape], width: int, height: int) -> Image.Image:
    """Draw the shapes of a chart."""
    sheet = Image.new("RGB", (width, height), PAPER)
    draw = ImageDraw.Draw(sheet)
    for shape in shapes:
        colour = shape.colour if shape.colour.startswith("#") else QUIET
        if shape.kind == "rect":
            draw.rectangle([round(part) for spot in shape.points for part in spot], fill=colour)
        elif shape.kind == "line":
            draw.line([part for spot in shape.points for part in spot], fill=colour, width=2)
        elif shape.turned:
            label = Image.new("RGB", (width_of(shape.text, shape.size) + 4, 18), PAPER)
            text(ImageDraw.Draw(label), (2, 9), shape.text, shape.size, QUIET)
            turned = label.rotate(90, expand=True)
            sheet.paste(turned, (round(shape.points[0][0]) - 9, round(shape.points[0][1]) - turned.height // 2))
        else:
            text(draw, shape.points[0], shape.text, shape.size, QUIET, anchor=_ANCHORS[shape.anchor])
    return sheet


# ---------------------------------------------------------------- in the notebook


def with_picture(widget: Any, data: dict[str, Any]) -> dict[str, Any]:
    """Add the picture of a widget to what a notebook keeps of it; without one where it cannot be drawn."""
    from .stills_views import still_of  # noqa: PLC0415  it stands on this module

    try:
        found = still_of(widget)
        if found is not None:
            data = {**data, "image/png": base64.b64encode(found).decode("ascii")}
    except Exception:  # a picture that fails must not take the widget away
        logging.getLogger(__name__).debug("No picture of %s.", type(widget).__name__, exc_info=True)
    return data


class Pictured:
    """A widget whose output in a saved notebook holds a picture too."""

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        above = getattr(super(), "_repr_mimebundle_", None)
        found = _bundle_in_7(self) if above is None else above(**kwargs)
        if isinstance(found, tuple):
            return with_picture(self, found[0]), *found[1:]
        return found if found is None else with_picture(self, found)


def _bundle_in_7(widget: Any) -> dict[str, Any]:
    view = {"version_major": 2, "version_minor": 0, "model_id": widget.model_id}
    return {"text/plain": repr(widget), _VIEW: view}


def _display_in_7(self: Any, **kwargs: Any) -> None:
    from IPython.display import display  # noqa: PLC0415

    display(with_picture(self, _bundle_in_7(self)), raw=True)
    self._handle_displayed(**kwargs)


if hasattr(ipywidgets.Widget, "_ipython_display_"):  # ipywidgets 7 displays widgets itself, and asks for no bundle
    Pictured._ipython_display_ = _display_in_7  # type: ignore[attr-defined]

View = Callable[[Any], Still | None]
