"""What the picture of each widget shows: one function a widget, from its traits and what it knows already."""

from __future__ import annotations

import io
from typing import Any

import bqplot
import ipywidgets
import numpy as np
from PIL import Image, ImageDraw

from ..words import count, plural, size
from . import stills
from .charts_drawn import height_of, shapes
from .stills import ACCENT, BAR, INNER, LINE, PAPER, QUIET, RUN, VOID, Still, View

_ROWS, _TILES, _SIDE = 16, 32, 88


def still_of(widget: Any) -> bytes | None:
    """Return the picture of a widget, of a box of widgets, or of a chart as PNG; None where there is none."""
    if isinstance(widget, ipywidgets.Box):
        parts = [found for found in map(still_of, _shown(widget)) if found is not None]
        pictures = [Image.open(io.BytesIO(one)).convert("RGB") for one in parts]
        return stills.packed(stills.below(*pictures)) if pictures else None
    view = chart if isinstance(widget, bqplot.Figure) else VIEWS.get(type(widget).__name__, anything)
    found = view(widget) if hasattr(widget, "model_id") else None
    return None if found is None else stills.png(found)


def _shown(box: Any) -> list[Any]:
    return [child for child in box.children if child.layout.display != "none"]


def anything(widget: Any) -> Still | None:
    """Show what the repr says, of a widget that has no picture of its own."""
    if not hasattr(widget, "_work"):
        return None
    return Still(type(widget).__name__, "", f"{widget!r}. {RUN}", Image.new("RGB", (INNER, 8), PAPER))


def chart(figure: Any) -> Still:
    """Draw a chart of bqplot."""
    height = min(420, height_of(figure))
    names = [shape.text for shape in shapes(figure, INNER, height) if shape.kind == "text"]
    title = "Class scores" if hasattr(figure, "scores") else "Chart"
    said = f"{figure.title}. {RUN}" if figure.title else RUN
    return Still(title, "", said, stills.painted(shapes(figure, INNER, height) if names else [], INNER, height))


def layers(widget: Any) -> Still:
    """Draw the layers as rows: name, kind, shape, parameters."""
    rows = widget._layers
    open_ = set(widget.expanded)
    seen = [row for row in rows if row["parent"] < 0 or _opened(rows, row, open_)]
    shown = seen[:_ROWS]
    body = Image.new("RGB", (INNER, 22 * max(1, len(shown))), PAPER)
    draw = ImageDraw.Draw(body)
    for number, row in enumerate(shown):
        y = 22 * number + 11
        chosen = row["name"] == widget.layer
        if chosen:
            draw.rectangle((0, y - 11, INNER, y + 10), fill="#eaf1fd")
        long = 8 + 10 * np.log2(1 + max(row["grid"] or [1]))
        draw.rectangle((16 * row["depth"], y - 4, 16 * row["depth"] + long, y + 4), fill=ACCENT if chosen else BAR)
        name = stills.shortened(row["name"].rpartition(".")[2] or row["name"], 200, 13)
        stills.text(draw, (170, y), name, 13, bold=chosen)
        stills.text(draw, (390, y), stills.shortened(row["kind"], 130, 12), 12, QUIET)
        stills.text(draw, (620, y), size(row["shape"]), 12, QUIET, anchor="r")
        many = count(row["parameters"]) if row["parameters"] else ""
        stills.text(draw, (INNER - 4, y), many, 12, QUIET, anchor="r")
    about = widget._network
    more = f" The first {len(shown)} of {len(seen)} rows." if len(seen) > len(shown) else ""
    chosen = f"Chosen: {widget.layer}." if widget.layer else "Nothing is chosen."
    return Still("Layers", f"{about['name']} · {plural(len(rows), 'layer')} · {count(about['parameters'])} parameters",
                 f"{chosen}{more} {RUN}", body)


def _opened(rows: list[dict[str, Any]], row: dict[str, Any], names: set[str]) -> bool:
    while row["parent"] >= 0:
        row = rows[row["parent"]]
        if row["name"] not in names:
            return False
    return True


def kernels(widget: Any) -> Still:
    """Draw the kernels of the layer, each on its own scale about zero."""
    weights = widget.kernels.weights
    shown, faces = weights[:48], []
    for one in shown:
        planes = one.reshape(-1, *one.shape[-2:]) if one.ndim >= 3 else one.reshape(1, 1, -1)
        planes = planes if planes.shape[0] == 3 else planes[:1]
        most = np.abs(planes[np.isfinite(planes)]).max(initial=0) or 1.0
        scaled = 0.5 + planes / most / 2
        rgb = scaled.transpose(1, 2, 0) if len(planes) == 3 else stills.colours(scaled[0], signed=True) / 255
        faces.append(stills.image(np.rint(np.nan_to_num(rgb).clip(0, 1) * 255).astype(np.uint8), 56, 56))
    verdict = widget._verdict[widget.step]["headline"] if len(widget._verdict) > widget.step else ""
    more = f" The first {len(faces)} of {count(len(weights))}." if len(weights) > len(faces) else ""
    return Still("Kernels", f"{widget.layer} · {size(weights.shape)}", f"{verdict}{more} {RUN}".strip(),
                 stills.tiles(faces, side=56, gap=6))


def maps(widget: Any) -> Still:
    """Draw the photo, and the channels as far as computed."""
    photo, name = _photo(widget)
    meta = widget._tiles_meta
    sub = f"{widget.layer} · {name}"
    if not meta or photo is None:
        return Still("Activation maps", sub, f"The image that the layers see. {RUN}", _well(photo))
    channels, h, w = meta["shape"]
    stats = np.frombuffer(widget._stats, "<f4").reshape(6, channels)
    if h * w == 1:
        return Still("Activation maps", sub, f"{plural(channels, 'unit')}. {RUN}",
                     stills.beside(_fit(photo, 180), _stems(stats[1], INNER - 200)))
    grey = _unpacked(widget._tiles, meta)[:_TILES] / 255.0
    low, high = (row[:_TILES, None, None] for row in stats[:2])
    values = grey
    if meta["signed"]:
        most = np.maximum(np.abs(low), np.abs(high))
        values = 0.5 + (low + grey * (high - low)) / np.where(most > 0, most, 1) / 2
    faces = [stills.image(stills.colours(one, signed=meta["signed"]), _SIDE, _SIDE) for one in values]
    names = [f"{k}: {stats[1][k]:.3g}" for k in range(len(faces))]
    more = f"The first {len(faces)} of {count(channels)} channels" if channels > len(faces) else (
        f"{plural(channels, 'channel')}")
    body = stills.beside(_fit(photo, 200), stills.tiles(faces, names, side=_SIDE, room=INNER - 216))
    return Still("Activation maps", sub, f"{more} of {size(meta['full'])}, each with its largest value. {RUN}", body)


def occlusion(widget: Any) -> Still:
    """Draw the photo, and over it what hiding a part changes, as far as computed."""
    photo, name = _photo(widget)
    target = widget._classes[widget.target]
    sweep = widget.sweep
    sub = f"{target} · {name}"
    if photo is None or sweep is None or not sweep.done:
        return Still("Occlusion", sub, f"The image; a patch of {widget.patch} px is moved over it. {RUN}", _well(photo))
    found = (sweep.base()[widget.target] - sweep.map(widget.target)).astype(np.float32)
    most = float(np.nanmax(np.abs(found), initial=0)) or 1.0
    side = 320
    plain = stills.image(photo, side)
    grey = 60 + 0.66 * np.asarray(plain.convert("L"), np.float32)[..., None]
    veil = Image.fromarray(np.nan_to_num(found / most)).resize(plain.size, Image.Resampling.BILINEAR)
    level = np.asarray(veil)[..., None]
    hue = stills.colours(0.5 + level[..., 0] / 2, signed=True).astype(np.float32)
    alpha = 0.85 * np.abs(level) ** 0.8
    over = (grey * (1 - alpha) + hue * alpha).clip(0, 255).astype(np.uint8)
    at = np.unravel_index(np.nanargmax(found), found.shape)
    said = (f"Hiding a patch of {size(sweep.patch)} px changes {target} by up to {-found[at]:+.2f}; "
            f"orange lowers it, blue raises it. {count(sweep.done)} of {count(sweep.total)} positions.")
    return Still("Occlusion", sub, f"{said} {RUN}", stills.beside(plain, Image.fromarray(over)))


def patches(widget: Any) -> Still:
    """Draw the first rows of the board, as far as found."""
    table = widget._found()
    sub = f"{widget.layer}"
    if table is None or not len(table.values):
        return Still("Top patches", sub, f"The images that are searched. {RUN}", _strip(widget))
    kept = next((one for one in widget._saved_meta if one["what"] == "patches"), None)
    if kept is None:
        return Still("Top patches", sub, f"The images that are searched. {RUN}", _strip(widget))
    rows, side = kept["content"]["units"][:6], kept["content"]["cell"][0]
    sheet = Image.open(io.BytesIO(widget._saved[: kept["lengths"][0]])).convert("RGB")
    body = Image.new("RGB", (INNER, len(rows) * (side + 8) - 8), PAPER)
    draw = ImageDraw.Draw(body)
    for at, row in enumerate(rows):
        stills.text(draw, (0, at * (side + 8) + side / 2), _named(table, row), 13)
        for k in range(min(sheet.width // side, (INNER - 120) // (side + 8))):
            cut = sheet.crop((k * side, at * side, (k + 1) * side, (at + 1) * side))
            body.paste(cut, (120 + k * (side + 8), at * (side + 8)))
    done = f"{count(widget.index.images_seen)} of {count(widget.index.total)} images"
    return Still("Top patches", sub, f"What each unit likes best in {done}; {len(rows)} of {len(table.names)} units. "
                 f"{RUN}", body)


def _named(table: Any, row: int) -> str:
    return stills.shortened(f"unit {row}" if table.basis == "units" else table.names[row], 110, 13)


def embedding(widget: Any) -> Still:
    """Draw thumbnails where they lie, as far as known."""
    run = widget._atlas.runs.get(widget.layer)
    sub = f"{widget.layer} · {plural(widget._atlas.count, 'image')}"
    if run is None:
        return Still("Embedding map", sub, f"Images that the map will be made of. {RUN}", _strip(widget))
    spots = widget.positions
    known = np.flatnonzero(np.isfinite(spots[:, 0]))
    low, high = spots[known].min(0), spots[known].max(0)
    height, side = 420, 26
    body = Image.new("RGB", (INNER, height), PAPER)
    draw = ImageDraw.Draw(body)
    places = (spots - low) / np.where(high > low, high - low, 1) * [INNER - side, side - height] + [0, height - side]
    for k in known[:4000]:
        x, y = places[k] + side / 2
        draw.ellipse((x - 2, y - 2, x + 2, y + 2), fill=BAR)
    for k in known[:: max(1, len(known) // 120)]:
        body.paste(stills.image(_thumb(widget._images, k), side, side), tuple(int(v) for v in places[k]))
    kept = widget._says.get("kept") if widget._says else None
    said = f"{count(len(known))} images, laid out by what {widget.layer or 'the features'} says of them."
    said += f" Of their nearest neighbours {100 * kept:.0f} % are kept." if isinstance(kept, float) else ""
    return Still("Embedding map", sub, f"{said} {RUN}", body)


def confusion(widget: Any) -> Still:
    """Draw the matrix, as far as the images were seen."""
    table = widget._table
    if not table:
        return Still("Confusion matrix", "", f"Which classes are taken for which. {RUN}", _strip(widget))
    counts = np.asarray(table["counts"], float)
    side, left = max(12, min(36, 400 // max(counts.shape))), 160
    body = Image.new("RGB", (INNER, side * counts.shape[0]), PAPER)
    draw = ImageDraw.Draw(body)
    share = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    for (y, x), number in np.ndenumerate(counts):
        fill = tuple(int(255 - part * share[y, x]) for part in (224, 160, 47))
        draw.rectangle((left + x * side, y * side, left + (x + 1) * side - 2, (y + 1) * side - 2), fill=fill)
        if number and side >= 24:
            dark = PAPER if share[y, x] > 0.5 else stills.INK
            middle = (left + (x + 0.5) * side - 1, (y + 0.5) * side - 1)
            stills.text(draw, middle, f"{number:.0f}", 11, dark, anchor="m")
    for y, name in enumerate(table["names"][: len(counts)]):
        stills.text(draw, (left - 8, (y + 0.5) * side), stills.shortened(name, left - 10, 12), 12, QUIET, anchor="r")
    return Still("Confusion matrix", f"{count(table['done'])} of {plural(table['total'], 'image')}",
                 f"A row is a class, a column what the network says. {RUN}", body)


def live(widget: Any) -> Still:
    """Draw the picture that was looked at last, and its scores."""
    title = {"Sketchpad": "Sketchpad", "Webcam": "Webcam"}.get(type(widget).__name__, "Live")
    picture, glance = widget.image, widget._glance  # what is known: `glance` itself would compute
    if picture is None:
        return Still(title, widget.layer, f"Nothing was shown to the network yet. {RUN}", _well(None))
    shown = stills.image(np.asarray(picture.pixels), 200)
    ImageDraw.Draw(shown).rectangle((0, 0, shown.width - 1, shown.height - 1), outline=LINE)
    if glance is None or glance.scores is None:
        return Still(title, widget.layer, RUN, shown)
    best = glance.scores.top(7)
    rows = [(name, share, stills.share(share)) for name, share in best]
    room = INNER - shown.width - stills.PAD
    return Still(title, widget.layer, f"{best[0][0]} with {stills.share(best[0][1])}. {RUN}",
                 stills.beside(shown, _bars(rows, max(200, room))))


def separation(widget: Any) -> Still:
    """Draw the units that tell the chosen images from the rest best."""
    if not widget._rows:
        return Still("Separating units", widget.layer, f"Units that tell chosen images from the rest. {RUN}",
                     _strip(widget))
    rows = [(f"unit {row[0]}", abs(row[1]), f"{row[1]:+.2f}") for row in widget._rows[:10]]
    return Still("Separating units", widget.layer,
                 f"Effect size between {plural(widget._about['selected'], 'chosen image')} and "
                 f"{count(widget._about['others'])} others. {RUN}", _bars(rows, INNER))


def switches(widget: Any) -> Still:
    """Name the units that are off or held."""
    lines = [f"{layer}, unit {unit}: {'off' if not value else f'held at {value:g}'}"
             for layer, unit, value in widget.switches[:10]] or ["All units are as they were trained."]
    body = Image.new("RGB", (INNER, 24 * len(lines)), PAPER)
    for k, line in enumerate(lines):
        stills.text(ImageDraw.Draw(body), (0, 24 * k + 12), line, 13)
    return Still("Unit switches", plural(len(widget.switches), "unit"), RUN, body)


# ---------------------------------------------------------------- parts


def _bars(rows: list[tuple[str, float, str]], room: int) -> Image.Image:
    """Draw named bars of numbers from 0 on."""
    body = Image.new("RGB", (room, 28 * len(rows)), PAPER)
    draw = ImageDraw.Draw(body)
    most = max((value for _, value, _ in rows), default=0) or 1.0
    for k, (name, value, written) in enumerate(rows):
        y = 28 * k + 14
        stills.text(draw, (0, y), stills.shortened(name, 132, 12), 12)
        draw.rectangle((140, y - 5, 140 + (room - 210) * value / most, y + 5), fill=BAR)
        stills.text(draw, (room - 4, y), written, 12, QUIET, anchor="r")
    return body


def _photo(widget: Any) -> tuple[np.ndarray | None, str]:
    """Return the image as displayed (h, w, c), and its name."""
    if widget._images is None or not len(widget._images):
        return None, "no images"
    picture = widget._images[widget.image]
    return np.asarray(picture.pixels), picture.name


def _thumb(images: Any, index: int) -> np.ndarray:
    return np.asarray(images[int(index)].pixels)


def _fit(pixels: np.ndarray, side: int) -> Image.Image:
    return stills.image(pixels, max(1, round(side * min(1.0, pixels.shape[0] / pixels.shape[1]))), side)


def _well(photo: np.ndarray | None) -> Image.Image:
    body = Image.new("RGB", (INNER, 240), VOID)
    if photo is not None:
        one = stills.image(photo, 224)
        body.paste(one, ((INNER - one.width) // 2, 8))
    return body


def _strip(widget: Any) -> Image.Image:
    """Show the first images, few enough to be read at once."""
    images = widget._images
    if images is None:
        return Image.new("RGB", (INNER, 8), PAPER)
    faces = [stills.image(_thumb(images, k), 88, 88) for k in range(min(8, len(images)))]
    return stills.tiles(faces, side=88, gap=8)


def _stems(values: np.ndarray, room: int) -> Image.Image:
    body = Image.new("RGB", (room, 180), PAPER)
    draw = ImageDraw.Draw(body)
    most = float(np.abs(values).max(initial=0)) or 1.0
    zero = 170 if values.min(initial=0) >= 0 else 90
    draw.line((0, zero, room, zero), fill=LINE)
    wide = max(1.0, room / max(1, len(values)))
    for k, value in enumerate(values[: int(room / wide)]):
        tip = zero - value / most * (160 if zero > 90 else 80)
        draw.rectangle((k * wide, min(zero, tip), k * wide + max(1, 0.7 * wide), max(zero, tip)), fill=BAR)
    return body


def _unpacked(data: bytes, meta: dict[str, Any]) -> np.ndarray:
    """Return the tiles (C, h, w) uint8 of a sheet, as the page does."""
    channels, h, w = meta["shape"]
    if meta["codec"] == "raw":
        return np.frombuffer(data, np.uint8).reshape(channels, h, w)
    sheet = np.asarray(Image.open(io.BytesIO(data)))
    ch, cw = meta["cell"]
    cells = sheet.reshape(sheet.shape[0] // ch, ch, sheet.shape[1] // cw, cw).swapaxes(1, 2).reshape(-1, ch, cw)
    return cells[:channels, :h, :w]


VIEWS: dict[str, View] = {
    "LayerPicker": layers, "KernelGrid": kernels, "ActivationMaps": maps, "OcclusionMap": occlusion,
    "ConfusionMatrix": confusion, "TopPatches": patches, "SeparatingUnits": separation,
    "UnitSwitches": switches, "Sketchpad": live, "Webcam": live, "EmbeddingMap": embedding,
    "ExplorerBar": lambda _widget: None,
}
