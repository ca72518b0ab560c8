"""Writes the README's table of hosts from results: `python tests/hosts/table.py results.xml`."""

from __future__ import annotations

import sys
from pathlib import Path
from xml.etree import ElementTree

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

import hosts  # noqa: E402

README = HERE.parent.parent / "README.md"
BEGIN, END = "<!-- hosts: written by make test-hosts -->", "<!-- /hosts -->"


def rows(results: Path) -> list[str]:
    """Return one line of the table per widget, with what each host did."""
    titles = {**{name: host.title for name, host in hosts.HOSTS.items()}, "html": "exported HTML"}
    cells: dict[str, dict[str, str]] = {}
    for case in ElementTree.parse(results).getroot().iter("testcase"):
        found = {item.get("name"): item.get("value") for item in case.iter("property")}
        if "host" in found:
            passed = case.find("failure") is None and case.find("error") is None
            word = found.get("note", "works") if passed else "**fails**"
            cells.setdefault(found["widget"], {})[found["host"]] = word
    lines = [f"| widget | {' | '.join(titles.values())} |", "|---" * (len(titles) + 1) + "|"]
    for widget, hosted in cells.items():
        name = widget if " " in widget else f"`{widget}`"
        lines.append(f"| {name} | {' | '.join(hosted.get(host, 'not tested') for host in titles)} |")
    return lines


if __name__ == "__main__":
    text = README.read_text(encoding="utf-8")
    before, rest = text.split(BEGIN)
    table = "\n".join(rows(Path(sys.argv[1])))
    README.write_text(f"{before}{BEGIN}\n{table}\n{END}{rest.split(END)[1]}", encoding="utf-8")
