"""Retrain the networks of the demos: `python -m deepviz_widgets.demo.train [name ...] [--out FOLDER] [--seed N]`."""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from pathlib import Path

from . import stored
from .recipes import RECIPES


def retrain(name: str, folder: Path = stored.FOLDER, seed: int = 0) -> tuple[Path, float]:
    """Train one network from a seed and write its weights; return (path, accuracy of the written weights)."""
    recipe = RECIPES[name]
    path = stored.save(recipe.train(seed), name, folder)
    return path, recipe.accuracy(stored.load(recipe.model, name, folder))


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command; arguments are those of the command line where not given."""
    parser = argparse.ArgumentParser(prog="python -m deepviz_widgets.demo.train", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="name", help=f"any of {', '.join(RECIPES)}; all if none is given")
    parser.add_argument("--out", type=Path, default=stored.FOLDER, help="folder to write to (the package's own)")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    unknown = [name for name in options.names if name not in RECIPES]
    if unknown:
        parser.error(f"there is no network {unknown[0]!r}; it may be {', '.join(RECIPES)}")
    for name in options.names or RECIPES:
        start = time.perf_counter()
        path, accuracy = retrain(name, options.out, options.seed)
        print(f"{name}: {accuracy:.1%} of held-out pictures named rightly, {time.perf_counter() - start:.0f} s, {path}")


if __name__ == "__main__":
    main()
