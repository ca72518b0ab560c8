"""One saved page that holds every widget, for the tests that look at all of them: `EVIL` is a class and an image."""

from __future__ import annotations

from pathlib import Path

import ipywidgets

import deepviz_widgets as dv

ROOT = Path(__file__).parent.parent.parent
AXE = ROOT / "js" / "node_modules" / "axe-core" / "axe.min.js"
EVIL = "</script><img src=x onerror=\"document.title='owned'\">"
LABELS = {"LayerPicker": "Layers", "ActivationMaps": "Activation maps", "KernelGrid": "Kernels",
          "OcclusionMap": "Occlusion", "TopPatches": "Top patches", "EmbeddingMap": "Embedding map",
          "ConfusionMatrix": "Confusion matrix", "SeparatingUnits": "Separating units", "UnitSwitches": "Unit switches",
          "Sketchpad": "Sketchpad", "Webcam": "Webcam", "Explorer": "Explorer"}
COUNT = len(LABELS) + 1  # the explorer shows a panel
LAYERS = ["conv1", "conv2"]
# What a widget shows, as a text: its words, the pixels of its canvases, how much of it is chosen.
STATE = """el => {
  let hash = 7;
  for (const canvas of el.querySelectorAll('canvas')) {
    const context = canvas.width && canvas.height && canvas.getContext('2d');
    if (!context) continue;
    const { data } = context.getImageData(0, 0, canvas.width, canvas.height);
    for (let i = 0; i < data.length; i += 7) hash = (Math.imul(hash, 31) + data[i]) | 0;
  }
  const chosen = [...el.querySelectorAll('[aria-selected=true]')].map((e) => e.id || e.textContent);
  return `${el.innerText} ${hash} ${chosen}`;
}"""


def everything() -> ipywidgets.Box:
    """Every widget, linked, on a network whose first class is a piece of HTML."""
    net, photos = dv.demo.scenes(n=24)
    net = dv.Network(net.model, transform=net.transform, classes=[EVIL, *net.classes[1:]], name=net.name,
                     input_size=net.input_size)
    photos = dv.ImageSet([photos[k] for k in range(24)], labels=[k % 6 for k in range(24)], classes=net.classes,
                         names=[EVIL, *(f"scene {k}.png" for k in range(1, 24))])
    picker = dv.LayerPicker(net, layer="conv1")
    maps = dv.ActivationMaps(net, photos, layer=picker)
    kernels = dv.KernelGrid(net, photos, layer=picker)
    occlusion = dv.OcclusionMap(net, photos, target=0, patch=16, stride=8)
    patches = dv.TopPatches(net, photos, layer="conv2", layers=["conv2"], k=4)
    found = dv.EmbeddingMap(net, photos, iterations=100)
    scores = dv.ClassScores(net, photos)
    confusion = dv.ConfusionMatrix(net, photos)
    units = dv.SeparatingUnits(net, photos, selected=range(6))
    switching = dv.UnitSwitches(net, photos, layer="conv2", switches={"conv2": range(3)})
    pad, cam = dv.Sketchpad(net, photos), dv.Webcam(net)
    pad.image, cam.image = photos[1], photos[0]
    explorer = dv.Explorer(net, photos, panels=("kernels",))
    return ipywidgets.VBox([dv.row(picker, maps), kernels, occlusion, patches, found,
                            dv.row(scores, kernels.histogram, patches.histogram), dv.row(confusion, units, switching),
                            pad, cam, explorer])


def write(path: Path) -> Path:
    """Write the page."""
    from deepviz_widgets.widgets.export import write_html

    return write_html(path, [everything()], title=f"Everything {EVIL}", layers=LAYERS)


def opened_page(browser, path: Path, **options):
    """Open a page with the network cut; `page.asked` lists what it asked for, `page.problems` what went wrong."""
    context = browser.new_context(**options)
    page = context.new_page()
    page.asked, page.problems = [], []
    context.route("**/*", lambda route: route.continue_() if route.request.url.startswith("file:") else route.abort())
    page.on("request", lambda request: page.asked.append(request.url))
    page.on("pageerror", lambda error: page.problems.append(str(error)))
    page.on("console", lambda said: page.problems.append(said.text) if said.type in ("error", "warning") else None)
    page.goto(path.as_uri())
    page.wait_for_function("() => document.querySelector('.dvw')")
    return page


def opened(browser, path: Path, *, dark: bool = False, width: int = 1064, height: int = 1400, **more):
    """Open the page of everything, and wait until all of it is drawn."""
    page = opened_page(browser, path, viewport={"width": width, "height": height},
                       color_scheme="dark" if dark else "light", **more)
    page.wait_for_function("n => document.querySelectorAll('.dvw').length >= n", arg=COUNT)
    page.wait_for_timeout(900)  # pictures are decoded after the first frame
    return page
