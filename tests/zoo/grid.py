"""Writes the README's grid of classifiers from results: `python tests/zoo/grid.py results.xml`."""

from __future__ import annotations

import sys
from pathlib import Path
from xml.etree import ElementTree

README = Path(__file__).parent.parent.parent / "README.md"
BEGIN, END = "<!-- zoo: written by make test-zoo -->", "<!-- /zoo -->"


def rows(results: Path) -> list[str]:
    """Return one line of the table per family, with what passed and what failed."""
    families: dict[str, list[tuple[str, bool, int]]] = {}
    for case in ElementTree.parse(results).getroot().iter("testcase"):
        found = {item.get("name"): item.get("value") for item in case.iter("property")}
        if "classifier" in found:
            passed = case.find("failure") is None and case.find("error") is None
            entry = (found["classifier"], passed, int(found.get("layers", 0)))
            families.setdefault(found["family"], []).append(entry)
    lines = ["| family | passed | classifiers | layers |", "|---|---|---|---|"]
    for family, entries in sorted(families.items()):
        names = ", ".join(f"`{name}`" if passed else f"**{name} fails**" for name, passed, _ in sorted(entries))
        layers = sorted(number for _, passed, number in entries if passed) or [0]
        span = f"{layers[0]}" if layers[0] == layers[-1] else f"{layers[0]} to {layers[-1]}"
        lines.append(f"| {family} | {sum(ok for _, ok, _ in entries)} of {len(entries)} | {names} | {span} |")
    return lines


if __name__ == "__main__":
    text = README.read_text(encoding="utf-8")
    before, rest = text.split(BEGIN)
    table = "\n".join(rows(Path(sys.argv[1])))
    README.write_text(f"{before}{BEGIN}\n{table}\n{END}{rest.split(END)[1]}", encoding="utf-8")
