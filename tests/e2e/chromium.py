"""Finds a Chromium for the browser tests, and installs one where that is allowed: `python tests/e2e/chromium.py`.

A Chromium on the PATH, else Playwright's own, else the system's package, else a clear error; never a silent skip.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
FLAGS = [
    "--no-sandbox", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--use-gl=angle", "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
]
CAMERA = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]  # a camera that needs no consent
HELP = (
    "The browser tests need Chromium, and none was found or could be installed. Install one so that `chromium` or "
    "`google-chrome` is on the PATH (Debian: apt install chromium), or run `.venv/bin/playwright install chromium`."
)


def find() -> str | None:
    """Return the path of a Chromium that is there."""
    named = os.environ.get("CHROMIUM")
    if named and Path(named).exists():
        return named
    return next((path for name in NAMES if (path := shutil.which(name))), None) or _playwrights_own()


def install() -> str:
    """Return the path of a Chromium, installing it if need be; raise RuntimeError with what would help."""
    attempts = [[sys.executable, "-m", "playwright", "install", "chromium"]]
    if hasattr(os, "geteuid") and os.geteuid() == 0 and shutil.which("apt-get"):
        attempts[0].append("--with-deps")
        attempts.append(["sh", "-c", "apt-get update -q && apt-get install -q -y --no-install-recommends chromium"])
    for command in attempts:
        found = find()
        if found:
            return found
        subprocess.run(command, check=False, timeout=600, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    found = find()
    if not found:
        raise RuntimeError(HELP)
    return found


@contextmanager
def launched(*flags: str) -> Iterator:
    """Launch a headless Chromium with more flags; its absence is a failure, not a skip."""
    from playwright.sync_api import sync_playwright

    path = find()
    if path is None:
        raise RuntimeError(HELP)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=[*FLAGS, *flags])
        yield browser
        browser.close()


def _playwrights_own() -> str | None:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        path = playwright.chromium.executable_path
    return path if path and Path(path).exists() else None


if __name__ == "__main__":
    try:
        install()
    except RuntimeError as error:
        sys.exit(str(error))
