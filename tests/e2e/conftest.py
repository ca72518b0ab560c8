"""The browser and the JupyterLab that the browser tests share."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import chromium
import lab as jupyter


@pytest.fixture(scope="session")
def browser():
    """A headless Chromium; its absence is a failure, not a skip."""
    with chromium.launched() as browser:
        yield browser


@pytest.fixture(scope="session")
def lab(tmp_path_factory):
    """A JupyterLab that shows a copy of the notebooks."""
    folder = tmp_path_factory.mktemp("lab")
    jupyter.copy_of_notebooks(folder)
    with jupyter.running(folder) as running:
        yield running


@pytest.fixture(scope="session")
def everywhere(tmp_path_factory):
    """The path of a saved page that holds every widget."""
    import everything

    return everything.write(tmp_path_factory.mktemp("everything") / "everything.html")


@pytest.fixture
def show(browser):
    """Open pages of an embedding map, and close them with the test; a page that complained fails it."""
    import map_page

    pages = []

    def show(**how):
        pages.append(map_page.open_map(browser, **how))
        return pages[-1]

    yield show
    for page in pages:
        assert page.errors == []
        page.context.close()
