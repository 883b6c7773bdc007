"""docs/performance.md: its words stand there, and the figures between markers are put in from here."""

from __future__ import annotations

import re
from types import ModuleType

import plot
from common import ROOT, targets_table

PAGE = ROOT / "docs" / "performance.md"


def write(found: dict, sections: dict[str, ModuleType]) -> None:
    text = PAGE.read_text()
    missed = []
    for name, section in sections.items():
        targets = section.targets(found[name])
        missed += [f"- {target.what}: {target.row()[1]}, target {target.row()[2]}" for target in targets if not target.met]
        tables = [*section.tables(found[name]), targets_table(targets)]
        text = put(text, name, "\n\n".join(table.text() for table in tables))
    text = put(text, "machine", f"{found['machine']}; {found['versions']}.")
    text = put(text, "missed", "\n".join(missed) or "None.")
    PAGE.write_text(text)
    if "peers" in found:
        (ROOT / "docs" / "performance.svg").write_text(plot.svg(found["peers"]))


def put(text: str, name: str, figures: str) -> str:
    """The page with other figures between the markers of this name."""
    begin, end = f"<!-- figures: {name} -->\n", f"\n<!-- end of {name} -->"
    pattern = re.compile(re.escape(begin) + ".*?" + re.escape(end), re.DOTALL)
    if not pattern.search(text):
        raise SystemExit(f"{PAGE} has no place for the figures of {name}")
    return pattern.sub(lambda _: begin + figures + end, text)
