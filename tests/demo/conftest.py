import functools

import pytest
import torch

from deepviz_widgets.demo import stored
from deepviz_widgets.demo.recipes import RECIPES


@pytest.fixture(autouse=True, scope="session")
def two_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(min(2, before))
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def shipped():
    """shipped(name) -> (recipe, model with the weights in the package)."""
    return functools.cache(lambda name: (RECIPES[name], stored.load(RECIPES[name].model, name)))
