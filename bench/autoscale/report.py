"""Runs every policy over every workload: rows with goals, and a plot per workload."""

from __future__ import annotations

import re
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING

from bench.autoscale import clairvoyant
from bench.autoscale.gifdrop import formula_only, gifdrop
from bench.autoscale.plot import BOUND, OURS, Point, scatter
from bench.autoscale.policy import Conditions, percentile
from bench.autoscale.pool import simulate
from bench.autoscale.rivals import rivals
from bench.autoscale.workloads import DAY, HOUR, TYPICAL_SECONDS, Workload, empty_pool, workloads

if TYPE_CHECKING:
    from bench import Row

PLOTS = Path("docs/plots")
CONDITIONS = Conditions()
SAME = 1.01
"""Figures within one percent are taken as equal."""


@dataclass(frozen=True)
class Result:
    """What a policy cost over a workload and how long videos waited."""

    policy: str
    hours: float
    wait: float
    """p95 in seconds, from drop to start."""
    total: float
    """p95 in seconds, from drop to GIF."""
    requests: int

    def beats(self, other: Result) -> bool:
        """Better in one respect, at least as good in the other."""
        no_worse = self.hours <= other.hours and self.wait <= other.wait
        return no_worse and (self.hours * SAME < other.hours or self.wait * SAME < other.wait)


@dataclass(frozen=True)
class Comparison:
    """All policies over one workload; `bound` is the clairvoyant plan's node-hours at our p95 wait."""

    workload: str
    videos: int
    results: tuple[Result, ...]
    bound: float

    @property
    def ours(self) -> Result:
        return self.results[0]

    @property
    def rivals(self) -> list[Result]:
        return [each for each in self.results if not each.policy.startswith("gifdrop")]

    @property
    def best_wait(self) -> float:
        """The least p95 wait of the rivals that scale."""
        return min(each.wait for each in self.rivals if not each.policy.startswith("fixed"))

    @property
    def ratio(self) -> float:
        return self.ours.hours / self.bound


def compare(workload: Workload) -> Comparison:
    cap, slots = CONDITIONS.quota, CONDITIONS.task_slots
    results = []
    for policy in [gifdrop(cap, slots), formula_only(cap), *rivals(cap, slots)]:
        outcome = simulate(workload, policy, CONDITIONS)
        hours = outcome.node_seconds / HOUR
        wait, total = percentile(outcome.waits, 95), percentile(outcome.totals, 95)
        results.append(Result(policy.name, hours, wait, total, outcome.enables))
    bound = clairvoyant.node_seconds(workload.videos, results[0].wait, CONDITIONS) / HOUR
    return Comparison(workload.name, len(workload.videos), tuple(results), bound)


def run() -> list[Row]:
    # Forked: the main module of the benchmarks runs them when it is imported.
    with ProcessPoolExecutor(2, mp_context=get_context("fork")) as processes:
        *found, empty = processes.map(compare, [*workloads(), empty_pool()])
    PLOTS.mkdir(exist_ok=True)
    for each in found:
        (PLOTS / f"autoscale-{_slug(each.workload)}.svg").write_text(_plot(each), encoding="utf-8")
    return [
        *_first_gif(empty),
        *_daily(found),
        *(row for each in found for row in _goals(each)),
        _spot(),
        *_table(found),
    ]


def _slug(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower().replace(",", "")).strip("-")


def _plot(each: Comparison) -> str:
    points = [
        Point(result.policy, result.hours, result.wait, *([OURS] if result.policy == "gifdrop" else []))
        for result in each.results
    ]
    return scatter(each.workload, [*points, Point("clairvoyant", each.bound, each.ours.wait, BOUND)])


def _first_gif(empty: Comparison) -> list[Row]:
    """p95 from drop to GIF of a video that takes a typical time to convert, and of all videos."""
    value = empty.ours.wait + TYPICAL_SECONDS
    return [
        {
            "figure": f"first GIF from an empty pool, {TYPICAL_SECONDS} s of conversion, p95",
            "value": value,
            "unit": "s",
            "goal": "<= 240",
            "met": value <= 240,
        },
        {
            "figure": "first GIF from an empty pool, conversions of all lengths, p95",
            "value": empty.ours.total,
            "unit": "s",
        },
        {"figure": "first GIF, formula only, p95", "value": empty.results[1].wait + TYPICAL_SECONDS, "unit": "s"},
    ]


def _daily(found: list[Comparison]) -> list[Row]:
    """Node-minutes of each video of the workload with one a day."""
    ours = found[0].ours.hours * 60 / found[0].videos
    return [
        {
            "figure": "one video a day: node-minutes billed",
            "value": ours,
            "unit": "min",
            "goal": "<= 20",
            "met": ours <= 20,
        }
    ]


def _goals(each: Comparison) -> list[Row]:
    better = [result.policy for result in each.rivals if result.beats(each.ours)]
    return [
        {
            "figure": f"{each.workload}: rivals better in cost and wait",
            "value": len(better),
            "unit": ", ".join(better) or "rivals",
            "goal": "0",
            "met": not better,
        },
        {
            "figure": f"{each.workload}: node-hours over the clairvoyant's",
            "value": each.ratio,
            "unit": "x",
            "goal": f"<= 1.25 with p95 {each.ours.wait:.0f} <= {each.best_wait:.0f} s",
            "met": each.ratio <= 1.25 and each.ours.wait <= each.best_wait * SAME,
        },
    ]


def _spot() -> Row:
    """Spot nodes that last half an hour, and none for an hour at noon; four dedicated nodes stand in."""
    workload = next(each for each in workloads() if each.name == "day and night")
    noons = tuple((day * DAY + 12 * HOUR, day * DAY + 13 * HOUR) for day in range(3))
    conditions = replace(CONDITIONS, spot_lifetime=0.5 * HOUR, spot_outages=noons)
    outcome = simulate(workload, gifdrop(4, CONDITIONS.task_slots, spot=16), conditions)
    return {
        "figure": "day and night, spot nodes evicted: node-hours, of which spot",
        "value": outcome.node_seconds / HOUR,
        "unit": f"{outcome.spot_seconds / HOUR:.1f} node-hours",
        "p95_wait_seconds": percentile(outcome.waits, 95),
        "requests": outcome.enables,
    }


def _table(found: list[Comparison]) -> list[Row]:
    return [
        {
            "figure": f"{each.workload}: {result.policy}",
            "value": result.hours,
            "unit": "node-hours",
            "p95_wait_seconds": result.wait,
            "requests": result.requests,
        }
        for each in found
        for result in each.results
    ]
