"""A schedule made with knowledge of every video and every boot: what nodes cost at least for a given wait."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bench.autoscale.policy import Conditions, percentile

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.autoscale.workloads import Video

LIMITS = (1.0, 1.5, 2.0, 4.0)
"""Longest waits of the plans, in units of the p95 wait."""
SHARES = (0.0, 0.5, 1.0)


@dataclass(slots=True)
class _Lane:
    """A node from boot to removal: when each slot is free, and when the last one is."""

    start: float
    free: list[float] = field(default_factory=list)

    @property
    def end(self) -> float:
        return max(self.free)


def node_seconds(videos: Sequence[Video], wait: float, conditions: Conditions) -> float:
    """Node-seconds of the best plan found whose p95 wait is at most `wait`.

    Each video goes where it adds the least: onto a node that is there, or onto one that was booted in time. Plans
    differ in the longest wait that they accept, and in how much of it a new node lets pass to collect more videos.
    The cheapest is near the optimum, which is hard to compute; it is no proof of it.
    """
    plans = [_plan(videos, limit * wait, share, conditions) for limit in LIMITS for share in SHARES]
    return min(cost for cost, p95 in plans if p95 <= wait + 1)


def _plan(videos: Sequence[Video], limit: float, share: float, conditions: Conditions) -> tuple[float, float]:
    """Node-seconds and p95 wait of one plan."""
    boot = conditions.boot + conditions.start_task
    lanes: list[_Lane] = []
    waits: list[float] = []
    billed = 0.0
    for video in videos:
        for lane in [lane for lane in lanes if lane.end + boot < video.arrival]:
            # A boot is cheaper than the pause.
            lanes.remove(lane)
            billed += boot + lane.end - lane.start
        best: tuple[float, float, _Lane, int] | None = None
        earliest: tuple[float, float, _Lane, int] | None = None
        for lane in lanes:
            slot = min(range(len(lane.free)), key=lane.free.__getitem__)
            begin = max(video.arrival, lane.free[slot])
            added = max(0.0, begin + video.seconds - lane.end)
            if begin <= video.arrival + limit and (best is None or (added, begin) < best[:2]):
                best = added, begin, lane, slot
            if earliest is None or begin < earliest[1]:
                earliest = added, begin, lane, slot
        if (best is None or best[0] > boot + video.seconds) and len(lanes) < conditions.quota:
            begin = video.arrival + share * limit
            lane = _Lane(begin, [begin] * conditions.task_slots)
            lanes.append(lane)
            best = 0.0, begin, lane, 0
        chosen = best or earliest
        assert chosen is not None
        _, begin, lane, slot = chosen
        lane.free[slot] = begin + video.seconds
        waits.append(begin - video.arrival)
    return billed + sum(boot + lane.end - lane.start for lane in lanes), percentile(tuple(waits), 95)
