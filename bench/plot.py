"""Draws the plots of docs/performance.md as SVG: bars, dots along an axis, and lines over a logarithmic axis."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "plots"
COLOURS = ("#0969da", "#bc4c00", "#1a7f37", "#8250df", "#bf3989", "#57606a")
"""Each with a contrast of at least 4.5 to white."""
TEXT, GRID, GOAL = "#1f2328", "#d0d7de", "#cf222e"
WIDTH, MARGIN, LINE_HEIGHT, CHAR_WIDTH = 760.0, 16.0, 18.0, 6.6
BAR_HEIGHT, ROW_HEIGHT, LINES_HEIGHT = 20.0, 32.0, 260.0
MAX_TICKS = 6


def save(name: str, svg: str) -> None:
    """Write docs/plots/`name`.svg."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    (FOLDER / f"{name}.svg").write_text(svg, encoding="utf-8")


def bars(title: str, unit: str, rows: Mapping[str, Mapping[str, float]], *, goal: float | None = None) -> str:
    """A horizontal bar for each row, stacked from its parts, with a dashed line at the goal.

    rows: Label -> part -> value. The parts are named in a legend if there are several.
    """
    totals = {label: sum(parts.values()) for label, parts in rows.items()}
    names = list(dict.fromkeys(name for parts in rows.values() for name in parts))
    figure = _rows(title, unit, list(rows), max(*totals.values(), goal or 0.0), names if len(names) > 1 else [])
    for label, parts in rows.items():
        top, at = figure.tops[label], 0.0
        for name, value in parts.items():
            colour = COLOURS[names.index(name) % len(COLOURS)]
            figure.add(_rect(figure.x(at), top, figure.x(at + value) - figure.x(at), BAR_HEIGHT, fill=colour))
            at += value
        figure.text(figure.x(at) + 6, top + 15, _number(totals[label]))
    return figure.svg(goal)


def dots(title: str, unit: str, rows: Mapping[str, Sequence[float]], *, goal: float | None = None) -> str:
    """A dot for each value of a row, a stroke at its median, and a dashed line at the goal."""
    figure = _rows(title, unit, list(rows), max(goal or 0.0, *(max(values) for values in rows.values())), [])
    for label, values in rows.items():
        middle = figure.tops[label] + BAR_HEIGHT / 2
        for value in values:
            figure.add(
                f'<circle cx="{figure.x(value):.1f}" cy="{middle}" r="4" fill="{COLOURS[0]}" fill-opacity=".5"/>'
            )
        ordered = sorted(values)
        median = figure.x((ordered[(len(ordered) - 1) // 2] + ordered[len(ordered) // 2]) / 2)
        figure.add(_stroke(median, middle - 12, median, middle + 12, TEXT, width=2))
    return figure.svg(goal)


def lines(
    title: str,
    x_label: str,
    unit: str,
    series: Mapping[str, Sequence[tuple[float, float]]],
    *,
    goal: float | None = None,
    log_y: bool = False,
) -> str:
    """A line for each series of (x, y) over a logarithmic x axis.

    log_y: Whether the y axis is logarithmic too. Default False.
    """
    points = [point for values in series.values() for point in values]
    first, last = (pick(x for x, _ in points) for pick in (min, max))
    highest = max(goal or 0.0, *(y for _, y in points)) or 1.0
    lowest = min(y for _, y in points if y > 0) if log_y else 0.0
    ticks = _decades(lowest, highest) if log_y else _ticks(highest)
    left, right, top = 70.0, WIDTH - MARGIN, _header_height(len(series))
    bottom = top + LINES_HEIGHT
    decades = math.log10(last / first) or 1.0

    def x_of(value: float) -> float:
        return left + 10 + (right - left - 40) * math.log10(value / first) / decades

    def y_of(value: float) -> float:
        if log_y:
            share = math.log10(max(value, ticks[0]) / ticks[0]) / math.log10(ticks[-1] / ticks[0])
        else:
            share = value / ticks[-1]
        return bottom - LINES_HEIGHT * share

    figure = _Figure(title=f"{title} ({unit})", height=bottom + 46)
    figure.legend(list(series))
    for tick in ticks:
        figure.add(_stroke(left, y_of(tick), right, y_of(tick), GRID))
        figure.text(left - 6, y_of(tick) + 4, _number(tick), anchor="end")
    for value in _labels({x for x, _ in points}):
        figure.text(x_of(value), bottom + 18, _number(value), anchor="middle")
    figure.text((left + right) / 2, bottom + 38, x_label, anchor="middle")
    if goal is not None:
        figure.add(_stroke(left, y_of(goal), right, y_of(goal), GOAL, dashed=True))
        figure.text(right, y_of(goal) - 5, f"goal {_number(goal)}", anchor="end", fill=GOAL)
    for number, values in enumerate(series.values()):
        colour = COLOURS[number % len(COLOURS)]
        path = " ".join(f"{x_of(x):.1f},{y_of(y):.1f}" for x, y in values)
        figure.add(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        for x, y in values:
            figure.add(f'<circle cx="{x_of(x):.1f}" cy="{y_of(y):.1f}" r="3.5" fill="{colour}"/>')
    return figure.svg()


@dataclass(kw_only=True)
class _Figure:
    title: str
    height: float
    left: float = MARGIN
    scale: float = 1.0
    top: float = 0.0
    bottom: float = 0.0
    tops: dict[str, float] = field(default_factory=dict)
    """Row label -> top of its bar."""
    shapes: list[str] = field(default_factory=list)

    def x(self, value: float) -> float:
        return self.left + value * self.scale

    def add(self, shape: str) -> None:
        self.shapes.append(shape)

    def text(self, x: float, y: float, content: str, *, anchor: str = "start", fill: str = TEXT) -> None:
        self.add(f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{fill}">{escape(content)}</text>')

    def legend(self, names: Sequence[str]) -> None:
        for number, name in enumerate(names):
            top = MARGIN + LINE_HEIGHT * (number + 1)
            self.add(_rect(MARGIN, top + 2, 11, 11, fill=COLOURS[number % len(COLOURS)]))
            self.text(MARGIN + 18, top + 12, name)

    def svg(self, goal: float | None = None) -> str:
        if goal is not None:
            x = self.x(goal)
            self.add(_stroke(x, self.top - 4, x, self.bottom, GOAL, dashed=True))
            anchor = "end" if x > WIDTH - 80 else "middle"
            self.text(x, self.top - 8, f"goal {_number(goal)}", anchor=anchor, fill=GOAL)
        # A background of its own: a page in dark mode shows the picture as it is.
        background = _rect(0, 0, WIDTH, self.height, fill="#ffffff")
        size = f'viewBox="0 0 {WIDTH:g} {self.height:g}" width="{WIDTH:g}" height="{self.height:g}"'
        title = f'<text x="{MARGIN:g}" y="{MARGIN + 8:g}" font-size="14" font-weight="600" fill="{TEXT}">'
        lines = [
            f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="system-ui, sans-serif" font-size="12">',
            f"<title>{escape(self.title)}</title>",
            background,
            f"{title}{escape(self.title)}</text>",
            *self.shapes,
            "</svg>",
        ]
        return "\n".join(lines) + "\n"


def _rows(title: str, unit: str, labels: Sequence[str], highest: float, legend: Sequence[str]) -> _Figure:
    """A figure with a labelled row for each label, over a linear axis that begins at 0."""
    ticks = _ticks(highest or 1.0)
    top = _header_height(len(legend)) + LINE_HEIGHT
    bottom = top + ROW_HEIGHT * len(labels)
    left = MARGIN + CHAR_WIDTH * max(map(len, labels)) + 8
    figure = _Figure(title=f"{title} ({unit})", height=bottom + 26, left=left, top=top, bottom=bottom)
    figure.scale = (WIDTH - left - 60) / ticks[-1]
    figure.legend(legend)
    for tick in ticks:
        figure.add(_stroke(figure.x(tick), top, figure.x(tick), bottom, GRID))
        figure.text(figure.x(tick), bottom + 16, _number(tick), anchor="middle")
    for number, label in enumerate(labels):
        figure.tops[label] = top + ROW_HEIGHT * number + (ROW_HEIGHT - BAR_HEIGHT) / 2
        figure.text(left - 8, figure.tops[label] + 15, label, anchor="end")
    return figure


def _header_height(entries: int) -> float:
    return MARGIN + LINE_HEIGHT * (entries + 1) + 8


def _rect(x: float, y: float, width: float, height: float, *, fill: str) -> str:
    return f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" fill="{fill}"/>'


def _stroke(x1: float, y1: float, x2: float, y2: float, colour: str, *, width: float = 1, dashed: bool = False) -> str:
    dash = ' stroke-dasharray="5 4"' if dashed else ""
    place = f'x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"'
    return f'<line {place} stroke="{colour}" stroke-width="{width:g}"{dash}/>'


def _ticks(highest: float) -> list[float]:
    """Round numbers from 0 to at least `highest`."""
    step = 10 ** math.floor(math.log10(highest))
    step = next(step * factor for factor in (0.2, 0.5, 1, 2, 5) if highest / (step * factor) <= MAX_TICKS)
    return [number * step for number in range(math.ceil(highest / step - 1e-9) + 1)]


def _labels(values: set[float]) -> list[float]:
    """The values, or round numbers between them if they are too many to label."""
    if len(values) <= MAX_TICKS:
        return sorted(values)
    lowest, highest = min(values), max(values)
    exponents = range(math.floor(math.log10(lowest)), math.ceil(math.log10(highest)) + 1)
    rounded = (factor * 10.0**exponent for exponent in exponents for factor in (1, 2, 5))
    return [value for value in rounded if lowest <= value <= highest]


def _decades(lowest: float, highest: float) -> list[float]:
    first, last = math.floor(math.log10(lowest)), math.ceil(math.log10(highest))
    return [10.0**power for power in range(first, max(last, first + 1) + 1)]


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"
