"""Takes the README's pictures from the real notebooks in a real JupyterLab: `make screenshots`."""

from __future__ import annotations

import io
import sys
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

sys.path.insert(0, str(Path(__file__).parent))

import chromium
import lab as jupyter
import strokes

PICTURES = jupyter.ROOT / "notebooks" / "pictures"
SCALE = 1.5


def picture(page, number: int, name: str, act=lambda widget: None, *, of: str = "Activation maps") -> None:
    """Save the output that holds the n-th widget of a kind, after `act` has pointed at something in it."""
    widget = page.locator(f".dvw[aria-label='{of}']").nth(number)
    widget.scroll_into_view_if_needed()
    page.wait_for_timeout(1200)
    act(widget)
    page.wait_for_timeout(2500)  # what is averaged over images has come
    area = widget.locator("xpath=ancestor::*[contains(@class, 'jp-OutputArea-output')][1]")
    save(area, name)


def save(area, name: str) -> None:
    """Save what an element shows."""
    pixels = Image.open(io.BytesIO(area.screenshot())).convert("RGB")
    pixels.save(PICTURES / f"{name}.webp", quality=90, method=6)


def point(x: float, y: float):
    """Return an action that points at a place of the enlarged map, as shares of its sides."""
    def act(maps):
        large = maps.locator(".am-pic canvas").nth(1)
        box = large.bounding_box()
        large.hover(position={"x": box["width"] * x, "y": box["height"] * y})
    return act


def slide(x: float, y: float):
    """Return an action that slides the kernel to a place of the picture, as shares of its sides."""
    def act(grid):
        shown = grid.locator(".kg-answer .kg-fig canvas").first
        box = shown.bounding_box()
        shown.hover(position={"x": box["width"] * x, "y": box["height"] * y})
    return act


def tour(page) -> None:
    """Take the pictures of the tour."""
    picture(page, 0, "tour-light", point(0.355, 0.795))
    jupyter.set_theme(page, "JupyterLab Dark")
    jupyter.python(page, "scene_maps.layer = 'relu1'; scene_maps.channel = 0; scene_maps.wait()")
    picture(page, 2, "confounder-dark", point(0.83, 0.5))
    jupyter.set_theme(page, "JupyterLab Light")
    jupyter.python(page, "digit_maps.layer = 'fc'; digit_maps.channel = 7; digit_maps.wait()")
    picture(page, 1, "scores-light")


def kernels(page) -> None:
    """Take the pictures of the lesson on kernels."""
    jupyter.python(page, "both.channel = 5; both.wait()")
    picture(page, 1, "kernels-light", slide(0.4, 0.3), of="Kernels")
    picture(page, 2, "forming-light", of="Kernels")
    jupyter.set_theme(page, "JupyterLab Dark")
    jupyter.python(page, "grid.order = 'orientation'; grid.channel = 20; grid.wait()")
    picture(page, 0, "kernels-dark", slide(0.45, 0.4), of="Kernels")
    jupyter.set_theme(page, "JupyterLab Light")


def activations(page) -> None:
    """Take the pictures of the lesson on activations."""
    jupyter.python(page, "picker.layer = 'conv3'; maps.channel = 9; maps.wait()")
    picture(page, 0, "field-light", point(0.5, 0.5))


def hide(x: float, y: float):
    """Return an action that hides a place of the picture, as shares of its sides."""
    def act(widget):
        shown = widget.locator(".oc-pic canvas").first
        box = shown.bounding_box()
        shown.hover(position={"x": box["width"] * x, "y": box["height"] * y})
    return act


def occlusion(page) -> None:
    """Take the pictures of the lesson on occlusion."""
    jupyter.python(page, "three.wait(); wrong.wait(); right.wait()")
    picture(page, 1, "occlusion-light", hide(0.78, 0.5), of="Occlusion")
    jupyter.set_theme(page, "JupyterLab Dark")
    picture(page, 0, "occlusion-dark", hide(0.6, 0.25), of="Occlusion")
    jupyter.set_theme(page, "JupyterLab Light")


LIVE = """import deepviz_widgets as dv
net, images = dv.demo.digits()
pad = dv.Sketchpad(net, layer="conv2", channel=5)
pad"""
EXPLORER = """import deepviz_widgets as dv
net, photos = dv.demo.scenes(confounder=True, n=240)
x = dv.Explorer(net, photos, layer="conv2", panels=("picker", "activations", "scores", "map", "units"))
x"""
CHOSEN = """import numpy as np
x.wait(); x.map.wait(); x.confusion.wait()
errors = np.array(x.confusion._table["counts"]) * (1 - np.eye(6, dtype=int))
x.confusion.cell = [int(at) for at in np.unravel_index(errors.argmax(), errors.shape)]
x.units.wait(); x.channel = 5; x.wait()"""


def explorer(page) -> None:
    """Take the picture of the explorer."""
    page.evaluate("window.jupyterapp.commands.execute('application:toggle-left-area')")
    page.set_viewport_size({"width": 1400, "height": 2200})
    jupyter.python(page, CHOSEN)
    picture(page, 0, "explorer-light", of="Explorer")


MAP = """import numpy as np
import deepviz_widgets as dv
net, digits = dv.demo.digits()
digit_map = dv.EmbeddingMap(net, digits, layer="flatten")
digit_map"""
# an image whose true neighbours lie far apart on the map
TORN = """digit_map.wait()
wide = [np.ptp(digit_map.positions[digit_map.neighbours(k)[0]], axis=0).max() for k in range(400)]
digit_map.hovered = int(np.argmax(wide))"""


def embedding(page) -> None:
    """Take the pictures of the embedding map."""
    page.evaluate("window.jupyterapp.commands.execute('application:toggle-left-area')")
    jupyter.python(page, TORN)
    picture(page, 0, "map-light", of="Embedding map")
    jupyter.set_theme(page, "JupyterLab Dark")
    jupyter.python(page, "digit_map.hovered = -1; digit_map.arrangement = 'grid'; digit_map.wait()")
    picture(page, 0, "map-dark", lambda widget: widget.locator(".em-pic").hover(), of="Embedding map")
    jupyter.set_theme(page, "JupyterLab Light")


def enlarge(rank: int, over: str):
    """Return an action that enlarges a patch of the chosen row of a board and points at another of that row."""
    def act(board):
        row = board.locator(".tp-row[aria-selected='true']")
        row.locator(".tp-tile").nth(rank).click()
        row.locator(over).first.hover()
    return act


def patches(page) -> None:
    """Take the pictures of the lesson on top patches."""
    jupyter.python(page, "board.wait(); wrong.wait(); wrong.channel = max(every, key=stickers)")
    picture(page, 1, "patches-light", enlarge(1, ".tp-tile[data-rank='3']"), of="Top patches")
    jupyter.python(page, "board.sort = 'friends'; board.channel = int(np.nanargmax(friends.score))")
    chart = page.locator(".bqplot").first
    chart.scroll_into_view_if_needed()
    page.wait_for_timeout(1200)
    save(chart, "patches-answers")
    jupyter.set_theme(page, "JupyterLab Dark")
    picture(page, 0, "patches-dark", enlarge(0, ".tp-odd"), of="Top patches")
    jupyter.set_theme(page, "JupyterLab Light")


def live(page) -> None:
    """Draw a three and take the picture of the sketchpad."""
    picture(page, 0, "sketchpad-light", lambda pad: strokes.draw(page, pad.locator(".sk-pad"), 3), of="Sketchpad")


def main() -> None:
    """Open each notebook, run it, and take its pictures."""
    PICTURES.mkdir(exist_ok=True)
    shown = {"00-tour": tour, "01-kernels": kernels, "02-activations": activations, "03-occlusion": occlusion,
             "04-patches": patches, "map": embedding, "explorer": explorer, "live": live}
    chosen = sys.argv[1:] or list(shown)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        jupyter.copy_of_notebooks(Path(folder))
        jupyter.new_notebook(Path(folder) / "notebooks" / "explorer.ipynb", EXPLORER)
        jupyter.new_notebook(Path(folder) / "notebooks" / "live.ipynb", LIVE)
        jupyter.new_notebook(Path(folder) / "notebooks" / "map.ipynb", MAP)
        with jupyter.running(Path(folder)) as lab:
            browser = playwright.chromium.launch(executable_path=chromium.install(), args=chromium.FLAGS)
            for name in chosen:
                page = lab.open(browser, f"notebooks/{name}.ipynb", width=1400, height=1500, scale=SCALE)
                jupyter.run_all(page, 300)
                shown[name](page)
                page.context.close()
            browser.close()


if __name__ == "__main__":
    main()
