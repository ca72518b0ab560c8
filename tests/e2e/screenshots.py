"""Takes the README's pictures from the real tour in a real JupyterLab: `make screenshots`."""

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

PICTURES = jupyter.ROOT / "notebooks" / "pictures"
SCALE = 1.5


def picture(page, number: int, name: str, act=lambda maps: None) -> None:
    """Save the output that holds the n-th activation maps, after `act` has pointed at something in it."""
    maps = page.locator(".dvw[aria-label='Activation maps']").nth(number)
    maps.scroll_into_view_if_needed()
    page.wait_for_timeout(1200)
    act(maps)
    page.wait_for_timeout(800)
    area = maps.locator("xpath=ancestor::*[contains(@class, 'jp-OutputArea-output')][1]")
    pixels = Image.open(io.BytesIO(area.screenshot())).convert("RGB")
    pixels.save(PICTURES / f"{name}.webp", quality=90, method=6)


def point(x: float, y: float):
    """Return an action that points at a place of the enlarged map, as shares of its sides."""
    def act(maps):
        large = maps.locator(".am-pic canvas").nth(1)
        box = large.bounding_box()
        large.hover(position={"x": box["width"] * x, "y": box["height"] * y})
    return act


def main() -> None:
    """Open the tour, run it, and take the pictures."""
    PICTURES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        jupyter.copy_of_notebooks(Path(folder))
        with jupyter.running(Path(folder)) as lab:
            browser = playwright.chromium.launch(executable_path=chromium.install(), args=chromium.FLAGS)
            page = lab.open(browser, "notebooks/00-tour.ipynb", width=1400, height=1300, scale=SCALE)
            jupyter.run_all(page)
            picture(page, 0, "tour-light", point(0.355, 0.795))
            jupyter.set_theme(page, "JupyterLab Dark")
            jupyter.python(page, "scene_maps.layer = 'relu1'; scene_maps.channel = 0; scene_maps.wait()")
            picture(page, 2, "confounder-dark", point(0.83, 0.5))
            jupyter.set_theme(page, "JupyterLab Light")
            jupyter.python(page, "digit_maps.layer = 'fc'; digit_maps.channel = 7; digit_maps.wait()")
            picture(page, 1, "scores-light")
            browser.close()


if __name__ == "__main__":
    main()
