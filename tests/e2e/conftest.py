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
    from playwright.sync_api import sync_playwright

    path = chromium.find()
    if path is None:
        pytest.fail(chromium.HELP)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=chromium.FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def lab(tmp_path_factory):
    """A JupyterLab that shows a copy of the notebooks."""
    folder = tmp_path_factory.mktemp("lab")
    jupyter.copy_of_notebooks(folder)
    with jupyter.running(folder) as running:
        yield running
