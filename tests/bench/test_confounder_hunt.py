"""How often the hunt finds what was planted, and how often it cries wolf: `make bench`, about a minute."""

from __future__ import annotations

import sys
from collections import deque
from pathlib import Path

import numpy as np
import pytest
from measure import report

from deepviz_widgets.methods.confounders import find_confounders

sys.path.insert(0, str(Path(__file__).parent.parent / "methods"))
from confounder_runs import LOOKS, as_set, run

pytestmark = pytest.mark.bench
SEEDS = 12  # each a network with something planted, the classes and the looks in turn, and a clean one


def on_the_mark(card, scenes) -> bool:
    """Whether most examples of a card show a good part of what was planted."""
    marks = scenes.sticker
    shares = [
        marks[p.image][p.box[0] : p.box[2], p.box[1] : p.box[3]].sum() / max(1, marks[p.image].sum())
        for p in card.examples
    ]
    return float(np.mean(np.array(shares) > 0.3)) > 0.5


def test_what_is_planted_ranks_first_and_clean_networks_raise_no_alarm():
    first = alarmed = 0
    for seed in range(SEEDS):
        look = list(LOOKS)[seed % len(LOOKS)]
        net, scenes, target = run(seed, look)
        (hunt,) = deque(find_confounders(net, as_set(scenes), per_class=12), maxlen=1)
        top = hunt.cards[0]
        first += top.target == target and on_the_mark(top, scenes)
        net, scenes, _ = run(seed, None)
        (hunt,) = deque(find_confounders(net, as_set(scenes), per_class=12), maxlen=1)
        alarmed += bool(hunt.alarms)
    found = first / SEEDS
    report(f"what was planted ranks first, in {SEEDS} networks", f"{found:.0%}", ">= 95 %", found >= 0.95)
    report(f"{SEEDS} clean networks that raise an alarm", f"{alarmed / SEEDS:.0%}", "< 5 %", alarmed < 0.05 * SEEDS)
