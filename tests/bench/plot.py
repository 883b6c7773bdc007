"""The plot of the peers: bars on a logarithmic scale, readable on light and dark grounds."""

from __future__ import annotations

from html import escape
from math import floor, log10

from common import number
from peers import PHASES, middle

TITLES = {"first": "first run", "cold": "converged, no connection open", "warm": "converged, connections open"}
WIDTH, LEFT, RIGHT, BAR, GAP = 760, 200, 70, 18, 6
STYLE = """
    text { font: 13px system-ui, sans-serif; fill: #24292f }
    .title { font-weight: 600 }
    .tick { font-size: 11px; fill: #6e7781 }
    .rule { stroke: #8c959f; stroke-opacity: .35 }
    .bar { fill: #8c959f } .floor { fill: #57606a } .dtrctl { fill: #1a7f37 }
    @media (prefers-color-scheme: dark) {
      text { fill: #e6edf3 } .tick { fill: #9198a1 }
      .bar { fill: #6e7681 } .floor { fill: #9198a1 } .dtrctl { fill: #3fb950 }
    }
"""


def svg(found: dict) -> str:
    bars = {phase: bars_of(found, phase) for phase in PHASES}
    seconds = [value for rows in bars.values() for _, _, value in rows]
    low, high = floor(log10(min(seconds))), log10(max(seconds))

    def x(value: float) -> float:
        return LEFT + (log10(value) - low) / (high - low) * (WIDTH - LEFT - RIGHT)

    parts, y = [], 24
    for phase, rows in bars.items():
        if not rows:
            continue
        parts.append(f'<text class="title" x="0" y="{y}">{TITLES[phase]}</text>')
        y += 12
        bottom = y + len(rows) * (BAR + GAP)
        for power in range(low, floor(high) + 1):
            at = f"{x(10.0**power):.1f}"
            parts.append(f'<line class="rule" x1="{at}" x2="{at}" y1="{y}" y2="{bottom}"/>')
            parts.append(f'<text class="tick" x="{at}" y="{bottom + 13}" text-anchor="middle">{10.0**power:g} s</text>')
        for key, name, value in rows:
            style = "floor" if key == "floor" else "dtrctl" if key.startswith("dtrctl") else "bar"
            middle_of = y + BAR - 5
            parts.append(f'<text x="{LEFT - 8}" y="{middle_of}" text-anchor="end">{escape(name)}</text>')
            parts.append(f'<rect class="{style}" x="{LEFT}" y="{y}" width="{x(value) - LEFT:.1f}" height="{BAR}" rx="2"/>')
            parts.append(f'<text x="{x(value) + 6:.1f}" y="{middle_of}">{number(value)} s</text>')
            y += BAR + GAP
        y += 46
    title = f"Seconds for {found['hosts']} hosts, {found['forks']} at a time; logarithmic"
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {y - 20}" role="img" aria-label="{title}">',
            f"  <style>{STYLE}  </style>",
            *(f"  {part}" for part in parts),
            "</svg>\n",
        ]
    )


def bars_of(found: dict, phase: str) -> list[tuple[str, str, float]]:
    all_of = [(key, one["name"], middle(found, key, phase)) for key, one in found["contenders"].items()]
    return sorted(((key, name.split(":")[0], value) for key, name, value in all_of if value), key=lambda bar: bar[2])
