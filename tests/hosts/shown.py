"""What is shown in every host: one cell a widget, finished in Python, so that all have the same pixels to show."""

from __future__ import annotations

import json
import re
from pathlib import Path

FIRST = """import numpy as np
import deepviz_widgets as dv
net, photos = dv.demo.scenes(n=24)
rng = np.random.default_rng(0)
positions = rng.normal(size=(24, 2)) + 4 * np.arange(24)[:, None] % 3"""
NAMES = ("np", "dv", "net", "photos", "positions", "picker", "kernels")  # what other cells use
CELLS = {
    "LayerPicker": "picker = dv.LayerPicker(net, layer='conv1')\npicker",
    "ActivationMaps": "maps = dv.ActivationMaps(net, photos, layer=picker)\nmaps.wait()\nmaps",
    "KernelGrid": "kernels = dv.KernelGrid(net, photos, layer='conv1')\nkernels.wait()\nkernels",
    "OcclusionMap": "occlusion = dv.OcclusionMap(net, photos, target='wheel', patch=16, stride=8)\nocclusion",
    "TopPatches": "patches = dv.TopPatches(net, photos, layer='conv2', layers=['conv2'], k=4)\npatches.wait()\npatches",
    "EmbeddingMap": "found = dv.EmbeddingMap(net, photos, positions=positions)\nfound.wait()\nfound",
    "ConfusionMatrix": "confusion = dv.ConfusionMatrix(net, photos)\nconfusion.wait()\nconfusion",
    "SeparatingUnits": "units = dv.SeparatingUnits(net, photos, selected=range(6))\nunits.wait()\nunits",
    "UnitSwitches": "switching = dv.UnitSwitches(net, photos, layer='conv2')\nswitching.wait()\nswitching",
    "Sketchpad": "pad = dv.Sketchpad(net, photos)\npad.image = photos[1]\npad.wait()\npad",
    "Webcam": "cam = dv.Webcam(net)\ncam.image = photos[0]\ncam.wait()\ncam",
    "ClassScores": "scores = dv.ClassScores(net, photos)\nscores",
    "row": "dv.row(dv.LayerPicker(net, layer='relu1'), kernels.histogram)",
    "Explorer": "explorer = dv.Explorer(net, photos, panels=['activations'])\nexplorer.wait()\nexplorer",
}


def write(folder: Path) -> None:
    """Write the notebook, as Jupyter reads it and as marimo does."""
    texts = [FIRST, *CELLS.values()]
    cells = [{"cell_type": "code", "id": f"c{k}", "metadata": {}, "execution_count": None, "outputs": [],
              "source": text} for k, text in enumerate(texts)]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    notebook = {"cells": cells, "metadata": kernel, "nbformat": 4, "nbformat_minor": 5}
    (folder / "hosts.ipynb").write_text(json.dumps(notebook))
    (folder / "hosts.py").write_text(_marimo(texts))


def _marimo(texts: list[str]) -> str:
    """Return one marimo cell for each text: what it uses are its parameters, what it makes it returns."""
    lines, known = ["import marimo", "app = marimo.App(width='full')", ""], []
    for text in texts:
        uses = [name for name in known if re.search(rf"\b{name}\b", text)]
        makes = r"^{0} =|, {0} =|^{0},.* =| as {0}$"
        new = [name for name in NAMES if re.search(makes.format(name), text, re.MULTILINE)]
        lines += ["@app.cell", f"def _({', '.join(uses)}):", *(f"    {line}" for line in text.splitlines()),
                  f"    return {', '.join(new)}{',' if len(new) == 1 else ''}".rstrip(), ""]
        known += new
    return "\n".join([*lines, "if __name__ == '__main__':", "    app.run()", ""])


def page(path: Path) -> Path:
    """Write all of it as one saved page."""
    from deepviz_widgets.widgets.export import write_html

    names: dict = {}
    exec(FIRST, names)
    widgets = []
    for text in CELLS.values():
        *before, last = text.splitlines()
        exec("\n".join(before), names)
        widgets.append(eval(last, names))
    return write_html(path, widgets, title="Every widget", layers=["conv1", "conv2"])
