"""Train the first layers that the tests of the diagnosis judge, and store them: `python tests/methods/trained/make.py`.

Five seeds each of: the demo's digits and scenes as they are (healthy), scenes with a sensor's pattern, and scenes with
a learning rate thirty times too high. Takes about six minutes on two cores. Weights are stored in half precision.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from deepviz_widgets.demo import fit
from deepviz_widgets.demo.recipes import RECIPES, scene_examples
from deepviz_widgets.demo.scene_images import Planted

SEEDS = (1, 2, 3, 4, 5)
STORE = Path(__file__).parent / "first_layers.npz"
KILLING_RATE = 3.0


def killed(seed, scenes=1200, epochs=8):
    """Train on healthy scenes with a learning rate far too high."""
    recipe = RECIPES["scenes"]
    schedule = replace(recipe.schedule, rate=KILLING_RATE, epochs=epochs)
    examples = [scene_examples(scenes, Planted(), seed=seed)]
    return fit.fit(recipe.untrained(seed), examples, schedule, mean=recipe.mean, std=recipe.std, seed=seed)


def short(name, seed, scenes=1200, epochs=8):
    """Train one of the recipes for scenes on fewer of them."""
    recipe = RECIPES[name]
    planted = Planted(cameras="train") if name == "scenes-sensor" else Planted()
    schedule = replace(recipe.schedule, epochs=epochs)
    examples = [scene_examples(scenes, planted, seed=seed)]
    return fit.fit(recipe.untrained(seed), examples, schedule, mean=recipe.mean, std=recipe.std, seed=seed)


def first_layer(model):
    """What the tests need of a network: conv1 and the normalisation after it."""
    state = model.state_dict()
    found = {"conv": state["conv1.weight"].half().numpy()}
    for part in ("weight", "bias", "running_mean", "running_var"):
        found[part] = state[f"bn1.{part}"].float().numpy()
    return found


def train_all():
    """Yield (name, seed, model)."""
    for seed in SEEDS:
        for name in ("digits", "scenes", "scenes-sensor"):
            yield name, seed, RECIPES[name].train(seed)
        yield "killed", seed, killed(seed)


def store(models):
    """Write the first layers of (name, seed, model)."""
    arrays = {f"{name}/{seed}/{part}": values for name, seed, model in models
              for part, values in first_layer(model).items()}
    np.savez_compressed(STORE, **arrays)


if __name__ == "__main__":
    torch.set_num_threads(2)
    store(train_all())
