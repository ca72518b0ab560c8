"""A browser, and each host once: its environment, its server, its page."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent), str(HERE.parent / "e2e")]

import chromium  # noqa: E402


@pytest.fixture(scope="session")
def browser():
    """A headless Chromium with a camera; its absence is a failure, not a skip."""
    with chromium.launched(*chromium.CAMERA) as browser:
        yield browser
