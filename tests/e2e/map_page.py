"""A page that shows the embedding map against a kernel that lives in the page (`map_kernel.js`)."""

from __future__ import annotations

from pathlib import Path

import numpy as np

HERE = Path(__file__).parent
STATIC = HERE.parents[1] / "deepviz_widgets" / "static"

PAGE = """<!doctype html><html lang="en" {html}><head><meta charset="utf-8"><title>map</title>
<style>body {{ margin: 16px; font-family: system-ui, sans-serif; {body} }} {css}</style></head>
<body {mark}><main><div id="a"></div></main></body></html>"""
DARK = {"html": 'theme="dark"', "body": "background: #111"}
CLASSES = ["temple", "lake", "garden", "bridge", "tower", "harbour", "meadow", "forest", "street", "beach"]


PLAIN = "{extra: {_columns: [], colour: ''}}"
NO_WEBGL = """(() => { const get = HTMLCanvasElement.prototype.getContext;
  HTMLCanvasElement.prototype.getContext = function (kind, ...more) {
    return kind === 'webgl2' ? null : get.call(this, kind, ...more); }; return 0; })()"""

# Counts the bytes of graphics memory that a page takes: textures, buffers, canvases (that of WebGL has two buffers).
COUNT = """(() => {
  const P = WebGL2RenderingContext.prototype;
  const [live, bound] = [new Map(), {}];
  const wrap = (name, before) => {
    const own = P[name];
    P[name] = function (...all) { before(...all); return own.apply(this, all); };
  };
  const put = (thing, bytes) => { live.set(thing, bytes); gpu.most = Math.max(gpu.most, gpu.now()); };
  window.gpu = {most: 0, now: () => {
    let sum = 0;
    for (const bytes of live.values()) sum += bytes;
    const shared = document[Symbol.for('deepviz_widgets.webgl')]?.canvas;
    if (shared) sum += shared.width * shared.height * 8;
    for (const c of document.querySelectorAll('.em-pic canvas')) sum += c.width * c.height * 4;
    return sum;
  }};
  for (const kind of ['Texture', 'Buffer']) {
    wrap(`bind${kind}`, (target, thing) => { bound[target] = thing; });
    wrap(`delete${kind}`, (thing) => live.delete(thing));
  }
  wrap('texStorage3D', (target, levels, format, w, h, d) =>
    put(bound[target], w * h * d * (format === P.RGB565 ? 2 : 4)));
  wrap('bufferData', (target, data) => put(bound[target], data.byteLength ?? data));
  return 0; })()"""


def open_map(browser, *, count=2000, image="flatImage", dark=False, width=1032, height=900, scale=1, options="{}",
             before="", touch=False, reduced=False):
    """Return a page with one map of `count` generated images; `options` is JavaScript, and may use `made`."""
    context = browser.new_context(viewport={"width": width, "height": height}, device_scale_factor=scale,
                                  has_touch=touch, reduced_motion="reduce" if reduced else "no-preference")
    page = context.new_page()
    page.errors = []
    page.on("pageerror", lambda error: page.errors.append(str(error)))
    page.on("console", lambda said: page.errors.append(said.text) if said.type == "error" else None)
    css = (STATIC / "embedding_map.css").read_text("utf-8")
    page.set_content(PAGE.format(css=css, mark="", **(DARK if dark else {"html": "", "body": ""})))
    if before:
        page.evaluate(before)
    page.evaluate(_START, {
        "map": (STATIC / "embedding_map.js").read_text("utf-8"), "host": (STATIC / "host.js").read_text("utf-8"),
        "kernel": (HERE / "map_kernel.js").read_text("utf-8"), "count": count, "image": image,
        "options": options, "classes": CLASSES,
    })
    return page


_START = """async ({map, host, kernel, count, image, options, classes}) => {
  const load = async (text) => {
    const url = URL.createObjectURL(new Blob([text], {type: 'text/javascript'}));
    return import(url);
  };
  const [page, made, front] = await Promise.all([load(map), load(kernel), load(host)]);
  const {xy, labels} = made.clusters(count, classes.length);
  const draw = image === 'sceneImage' ? made.sceneImage(labels) : made[image];
  const more = new Function('made', 'xy', 'labels', `return (${options})`)(made, xy, labels);
  const own = made.kernelOf({count, xy, labels, classes, draw, ...more});
  window.dvw = own;
  window.made = made;
  window.began = performance.now();
  own.show = async (at = '#a', state = own.state) => {
    const shown = await front.mount(document.querySelector(at), {esm: page, state, kernel: own.answer});
    own.model = shown.model;
    own.close = shown.close;
    return shown;
  };
  await own.show();
}"""


def settled(page, quiet: int = 400, limit: int = 20000) -> None:
    """Wait until nothing was asked for a while."""
    page.wait_for_function(
        """([quiet]) => { const last = dvw.log.at(-1); return last && performance.now() - last.at > quiet; }""",
        arg=[quiet], timeout=limit)


def still(page) -> None:
    """Wait until what was asked for is here and nothing moves."""
    page.wait_for_timeout(250)
    settled(page, quiet=250)
    page.wait_for_timeout(150)


def complete(page, limit: int = 120_000) -> None:
    """Wait until the smallest picture of every image has been sent, and nothing else is asked for."""
    page.wait_for_function("""() => {
      const sheets = dvw.log.filter((l) => l.what === 'base');
      return sheets.reduce((n, l) => n + l.count, 0) >= dvw.count; }""", timeout=limit)
    settled(page)


def pixel(page, x: float, y: float) -> np.ndarray:
    """Return the colour (3,) that the map itself shows at a place, CSS px; 255 is white paper."""
    rgba = page.evaluate("""([x, y]) => {
      const canvas = document.querySelector('.em-scene');
      const k = canvas.width / canvas.clientWidth;
      return [...canvas.getContext('2d').getImageData(Math.round(x * k), Math.round(y * k), 1, 1).data];
    }""", [x, y])
    return 255 + (np.asarray(rgba[:3], float) - 255) * rgba[3] / 255


def colour_of(page, image: int) -> np.ndarray:
    """Return the colour (3,) of a flat image."""
    return np.asarray(page.evaluate("(id) => made.colourOf(id)", image), float)


def places(page) -> np.ndarray:
    """Return where all images lie in the data, (N, 2) float."""
    q = np.asarray(page.evaluate("[...dvw.xy]"), float).reshape(-1, 2)
    return q / 65535 * 100 - 50


def place(page, image: int) -> list[float]:
    """Return where one image lies in the data, [x, y]."""
    q = page.evaluate("(id) => [dvw.xy[2 * id], dvw.xy[2 * id + 1]]", image)
    return [v / 65535 * 100 - 50 for v in q]


def canvas_size(page) -> tuple[float, float]:
    """Return width and height of the map, CSS px."""
    return tuple(page.evaluate("""() => {
      const canvas = document.querySelector('.em-scene');
      return [canvas.clientWidth, canvas.clientHeight];
    }"""))


def on_screen(page, view: list[float]) -> np.ndarray:
    """Return where all images lie on the canvas when `view` is seen, CSS px (N, 2)."""
    w, h = canvas_size(page)
    k = w / view[2]
    return (places(page) - view[:2]) * [k, -k] + [w / 2, h / 2]


def whole(page) -> np.ndarray:
    """Return where all images lie on the canvas when the whole map is seen, CSS px (N, 2)."""
    w, h = canvas_size(page)
    return places(page) / 100 * 0.93 * min(w, h) * [1, -1] + [w / 2, h / 2]


def trait(page, name: str):
    """Return a trait of the model."""
    return page.evaluate("(name) => dvw.model.get(name)", name)


def put(page, **traits) -> None:
    """Set traits as Python would."""
    page.evaluate("(all) => { for (const [k, v] of Object.entries(all)) dvw.model.set(k, v); }", traits)
