"""Budgets: whether GIFs keep them, how much of them they use, and what it costs to make them.

Every clip and preset is converted for budgets from 64 KB to 20 MB. Each budgeted GIF is followed by a plain one of the
same width and frame rate, so that a busy machine affects both alike.
"""

import itertools
import json
import statistics
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from bench import Row, clips, goal_row
from bench.gif.methods import unpack_converter
from bench.score import Cost, run_measured
from bench.table import show

COMBINATIONS: Final = 200
PRESETS: Final = ("balanced", "best")
MIN_BUDGET, MAX_BUDGET = 64_000, 20_000_000
SECONDS: Final = 5
"""Of each clip."""


@dataclass(frozen=True, kw_only=True)
class Made:
    """One budgeted GIF, and what its conversion and a plain one of the same size cost."""

    name: str
    budget: int
    full_bytes: int
    """Of the GIF without a budget."""
    bytes: int | None
    encodes: int
    cost: Cost
    plain_cost: Cost
    notes: list[str]

    @property
    def used(self) -> float:
        """Share of the budget."""
        return (self.bytes or 0) / self.budget

    @property
    def time_ratio(self) -> float:
        """Time of the conversion to that of the plain one."""
        return self.cost.seconds / self.plain_cost.seconds


def run() -> list[Row]:
    """The figures of all combinations, and one row for each clip and preset."""
    made = measure()
    reduced = [one for one in made if one.full_bytes > one.budget]
    seconds = sum(one.cost.seconds for one in reduced) / sum(one.plain_cost.seconds for one in reduced)
    cpu_seconds = sum(one.cost.cpu_seconds for one in reduced) / sum(one.plain_cost.cpu_seconds for one in reduced)
    kept = sum(one.bytes is not None and one.bytes <= one.budget for one in made) / len(made)
    used = [one.used for one in reduced]
    return [
        goal_row(f"{len(made)} clips and budgets: GIFs under the budget", kept, "share", 1.0, at_least=True),
        goal_row(
            f"budget used by {len(reduced)} reduced GIFs, median", statistics.median(used), "share", 0.92, at_least=True
        ),
        goal_row("the same, worst", min(used), "share", 0.75, at_least=True),
        goal_row("encodes, mean", statistics.mean(one.encodes for one in made), "per GIF", 2.0),
        goal_row("encodes of reduced GIFs, mean", statistics.mean(one.encodes for one in reduced), "per GIF", 2.0),
        goal_row(
            "time of a reduced GIF to a plain one of its size, median",
            statistics.median(one.time_ratio for one in reduced),
            "ratio",
            1.6,
        ),
        goal_row("the same, sum to sum", seconds, "ratio", 1.6),
        goal_row("the same, in CPU time", cpu_seconds, "ratio", 1.6),
        *_by_clip(reduced),
    ]


def measure() -> list[Made]:
    """Convert every combination."""
    sources = list(itertools.product((clips.real_clips() | clips.synthetic_clips()).items(), PRESETS))
    steps = -(-COMBINATIONS // len(sources))
    budgets = [round(MIN_BUDGET * (MAX_BUDGET / MIN_BUDGET) ** (i / (steps - 1))) for i in range(steps)]
    made: list[Made] = []
    with tempfile.TemporaryDirectory(prefix="gifdrop-bench-") as scratch:
        converter = unpack_converter(Path(scratch) / "package")
        for (name, clip), preset in sources:
            flags = ["--preset", preset, "--duration", str(SECONDS)]
            full = _convert(converter, clip, *flags)[1]["gif"]["bytes"]
            made.extend(
                _budgeted(converter, clip, flags, name=f"{name}, {preset}", budget=budget, full_bytes=full)
                for budget in budgets[: COMBINATIONS - len(made)]
            )
    return made


def _budgeted(converter: Path, clip: Path, flags: list[str], *, name: str, budget: int, full_bytes: int) -> Made:
    cost, result = _convert(converter, clip, *flags, "--budget", str(budget))
    gif, plain_cost = result["gif"], cost
    if gif and full_bytes > budget:
        fps = max(1.0, gif["frames"] / gif["duration_seconds"])
        plain_cost, _ = _convert(converter, clip, *flags, "--width", str(max(16, gif["width"])), "--fps", f"{fps:.3f}")
    return Made(
        name=name,
        budget=budget,
        full_bytes=full_bytes,
        bytes=gif["bytes"] if gif else None,
        encodes=result["encodes"],
        cost=cost,
        plain_cost=plain_cost,
        notes=result["notes"],
    )


def _convert(converter: Path, clip: Path, *flags: str) -> tuple[Cost, dict[str, Any]]:
    """What one conversion costs, and its result.json."""
    with tempfile.TemporaryDirectory(dir=converter.parent) as work:
        cost = run_measured([sys.executable, "-I", str(converter), *flags, str(clip)], cwd=Path(work))
        return cost, json.loads((Path(work) / "result.json").read_text())


def _by_clip(reduced: list[Made]) -> list[Row]:
    return [
        {
            "figure": name,
            "reduced": len(group),
            "used, median": statistics.median(one.used for one in group),
            "used, worst": min(one.used for one in group),
            "encodes, mean": statistics.mean(one.encodes for one in group),
            "time ratio, median": statistics.median(one.time_ratio for one in group),
        }
        for name, group in ((name, list(group)) for name, group in itertools.groupby(reduced, lambda one: one.name))
    ]


if __name__ == "__main__":
    show("budget", run())
