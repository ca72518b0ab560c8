"""Memory of a kernel that holds a map of 100,000 images, read lazily, in a process of its own.

What importing torch takes depends on how it was built (the CPU wheel 200 MB, the CUDA wheel 500 MB and more), so that
the bar is for what the map adds to it.
"""

from __future__ import annotations

import subprocess
import sys

import pytest
from measure import report

pytestmark = pytest.mark.bench
LIMIT = 600  # MB, beside what is imported
WIRE = 6  # MB

SCRIPT = """
import resource, sys
import numpy as np
import deepviz_widgets as dv

class Lazy:
    targets = np.arange(100_000) % 10
    def __len__(self):
        return 100_000
    def __getitem__(self, row):
        rng = np.random.default_rng(row)
        return np.repeat(np.repeat(rng.integers(0, 255, (8, 8, 3), np.uint8), 8, 0), 8, 1), int(row % 10)

started = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
spots = np.random.default_rng(0).normal(size=(100_000, 2)).astype(np.float32)
shown = dv.EmbeddingMap(photos=dv.ImageSet(Lazy()), positions=spots, columns={"light": spots[:, 0]})
shown.wait()
key, sent, at = shown._points["key"], 0, 0

def ask(what, **content):
    reply, data = shown._answer(what, {"key": key, **content})
    return reply, sum(map(len, data))

while at < 100_000:  # the first full picture
    reply, size = ask("base", **{"from": at})
    at, sent = at + reply["count"], sent + size
sent += len(shown._xy) + sum(ask("column", name=name, **{"from": 0})[1] for name in ("label", "rank", "light"))
order = np.random.default_rng(1).permutation(100_000)
for start in range(0, 20_000, 64):  # a long walk over the map
    ask("thumbs", level=128, ids=order[start : start + 64].tolist())
shown.arrangement = "grid"
shown.wait()
shown.selected = range(50_000)
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(started, peak, sent / 1e6)
"""


def run(script: str) -> list[float]:
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=590)
    return [float(word) for word in found.stdout.split()]


def test_a_map_of_100_000_images_stays_small():
    started, peak, wire = run(SCRIPT)
    used = peak - started
    report(f"Memory of 100,000 images at given positions, MB beside {started:.0f} imported", f"{used:.0f}",
           f"< {LIMIT}", used < LIMIT)
    report("The first full picture of 100,000 images, MB on the wire", f"{wire:.1f}", f"<= {WIRE}", wire <= WIRE)


def test_a_map_of_100_000_images_with_their_features_stays_small():
    given = "features=np.random.default_rng(3).normal(size=(100_000, 128)).astype(np.float32), "
    started, peak, _ = run(SCRIPT.replace("positions=spots, ", "positions=spots, " + given))
    used = peak - started
    report("The same with 128 features an image and what the map kept of them", f"{used:.0f}", f"< {LIMIT}",
           used < LIMIT)
