"""A notebook that was run and saved shows a picture of every widget where no JavaScript runs."""

from __future__ import annotations

import base64
import io
import json
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

CELLS = [
    "import deepviz_widgets as dv\nnet, photos = dv.demo.digits('test')\npicker = dv.LayerPicker(net, layer='conv1')",
    "maps = dv.ActivationMaps(net, photos[:9], layer=picker)\nmaps.wait()\nmaps",
    "dv.row(picker, dv.ClassScores(net, photos[:9]))",
    "dv.Explorer(net, photos[:9])",
]


@pytest.mark.slow
def test_nbconvert_keeps_a_picture_beside_each_widget(tmp_path):
    cells = [{"cell_type": "code", "id": f"c{k}", "metadata": {}, "execution_count": None, "outputs": [],
              "source": text} for k, text in enumerate(CELLS)]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    path = tmp_path / "small.ipynb"
    path.write_text(json.dumps({"cells": cells, "metadata": kernel, "nbformat": 4, "nbformat_minor": 5}))
    command = [sys.executable, "-m", "nbconvert", "--execute", "--to", "notebook", "--inplace", path]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    for cell in json.loads(path.read_text())["cells"][1:]:
        (data,) = (output["data"] for output in cell["outputs"] if "data" in output)
        assert "application/vnd.jupyter.widget-view+json" in data
        picture = np.asarray(Image.open(io.BytesIO(base64.b64decode(data["image/png"]))).convert("RGB"))
        assert picture.shape[1] == 800 and len(np.unique(picture.reshape(-1, 3), axis=0)) > 16
