"""A scatter plot as SVG: cost against wait, a numbered point per policy, both axes logarithmic."""

from __future__ import annotations

import math
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

WIDTH, HEIGHT = 860, 420
LEFT, RIGHT, TOP, BOTTOM = 60, 300, 50, 50
LINE = 20
OURS, THEIRS, BOUND = "#0a7d33", "#4a5a6a", "#b25000"


@dataclass(frozen=True)
class Point:
    """A policy's node-hours and its p95 wait in seconds."""

    name: str
    hours: float
    wait: float
    colour: str = THEIRS


def _scale(values: Sequence[float], start: float, end: float) -> tuple[float, float, float, float]:
    """Decades around the values, and the pixels to which they are mapped."""
    low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values) * 1.01))
    return low, max(high, low + 1), start, end


def _place(value: float, scale: tuple[float, float, float, float]) -> float:
    low, high, start, end = scale
    return start + (math.log10(value) - low) / (high - low) * (end - start)


def frontier(points: Sequence[Point]) -> list[Point]:
    """The points than which none is better in one respect and as good in the other, by cost."""
    kept: list[Point] = []
    for point in sorted(points, key=lambda each: (each.hours, each.wait)):
        if not kept or point.wait < kept[-1].wait:
            kept.append(point)
    return kept


def scatter(title: str, points: Sequence[Point]) -> str:
    """The SVG. The line is the frontier of all points but the bound's."""
    points = [Point(each.name, each.hours, max(1.0, each.wait), each.colour) for each in points]
    across = _scale([point.hours for point in points], LEFT, WIDTH - RIGHT)
    down = _scale([point.wait for point in points], HEIGHT - BOTTOM, TOP)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}">',
        "<style>text { font: 12px sans-serif }</style>",
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>',
        f'<text x="{LEFT}" y="20">{escape(title)}</text>',
        f'<text x="{WIDTH - RIGHT}" y="{HEIGHT - 12}" text-anchor="end">node-hours billed</text>',
        f'<text x="{LEFT}" y="{TOP - 8}" text-anchor="middle">p95 wait, s</text>',
    ]
    for decade in range(int(across[0]), int(across[1]) + 1):
        x = _place(10.0**decade, across)
        parts.append(f'<path d="M{x:.1f} {TOP}V{HEIGHT - BOTTOM}" stroke="#ddd"/>')
        parts.append(f'<text x="{x:.1f}" y="{HEIGHT - BOTTOM + 16}" text-anchor="middle">{10.0**decade:g}</text>')
    for decade in range(int(down[0]), int(down[1]) + 1):
        y = _place(10.0**decade, down)
        parts.append(f'<path d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}" stroke="#ddd"/>')
        parts.append(f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{10.0**decade:g}</text>')
    line = frontier([point for point in points if point.colour != BOUND])
    route = "L".join(f"{_place(each.hours, across):.1f} {_place(each.wait, down):.1f}" for each in line)
    parts.append(f'<path d="M{route}" fill="none" stroke="{OURS}" stroke-dasharray="4 3"/>')
    for number, point in enumerate(sorted(points, key=lambda each: each.hours), 1):
        x, y = _place(point.hours, across), _place(point.wait, down)
        legend = TOP + LINE * number
        parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4.5" fill="{point.colour}"/>')
        parts.append(f'<text x="{x + 6:.1f}" y="{y - 6:.1f}" fill="{point.colour}">{number}</text>')
        label = f"{number}  {escape(point.name)}: {point.hours:,.1f} h, {point.wait:,.0f} s"
        parts.append(f'<text x="{WIDTH - RIGHT + 24}" y="{legend}" fill="{point.colour}">{label}</text>')
    return "\n".join([*parts, "</svg>", ""])
