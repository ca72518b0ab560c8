"""Files of scikit-learn's sample data, found without importing scikit-learn, which takes longer than loading a demo."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path


def scikit_learn_file(*parts: str) -> Path:
    """Return the path of a file below scikit-learn's `datasets` folder."""
    found = find_spec("sklearn")
    if found is None or not found.submodule_search_locations:
        raise ModuleNotFoundError("The demo's pictures are scikit-learn's: pip install scikit-learn.")
    return Path(found.submodule_search_locations[0], "datasets", *parts)
