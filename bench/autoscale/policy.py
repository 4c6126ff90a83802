"""Ways to scale a pool, the conditions they meet, and what comes of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

EPOCH = datetime(2026, 1, 5, tzinfo=UTC)
"""The start of every simulation, a Monday."""


@dataclass(frozen=True, kw_only=True)
class Conditions:
    """What the pool cannot choose. Times in seconds."""

    boot: float = 150.0
    boot_spread: float = 60.0
    """Boots take `boot` plus or minus this, uniformly, from the request to the start task."""
    start_task: float = 3.0
    allocation_share: float = 0.5
    """The part of a boot for which the pool is resizing."""
    task_slots: int = 2
    quota: int = 20
    """Nodes the account may have."""
    submission: float = 1.0
    """From the drop to the task."""
    spot_lifetime: float | None = None
    """Mean time until a spot node is evicted; None: never."""
    spot_outages: tuple[tuple[float, float], ...] = ()
    """Periods in which there are no spot nodes."""
    lag: float = 30.0
    """Age at which a formula sees a sample."""
    settle: float = 3.0
    """From a task to the app's request for nodes, so that one request covers a burst."""

    def spot_available(self, now: float) -> bool:
        return not any(start <= now < end for start, end in self.spot_outages)


@dataclass(frozen=True)
class State:
    """What a controller outside Batch sees."""

    now: float
    waiting: int
    running: int
    target: int
    """Nodes requested: dedicated and spot."""
    idle_since: float | None
    """When the last task ended; None while there are tasks."""
    hinted_at: float
    """When the app last had the formula evaluated."""

    @property
    def open(self) -> int:
        return self.waiting + self.running


@dataclass(frozen=True)
class Hint:
    """A request of the app to evaluate the formula now, knowing of this many tasks."""

    tasks: int


@dataclass(frozen=True, kw_only=True)
class Policy:
    """A way to scale: a formula text on Batch's schedule, or a target that follows from a state at each poll."""

    name: str
    source: str = ""
    formula: str = ""
    interval: float = 300.0
    hint: Callable[[State], Hint | None] | None = None
    """What the app asks for when a video is queued and at each run of its timer."""
    hinted: Callable[[str, datetime, int], str] | None = None
    """Writes a hint into the formula."""
    target: Callable[[State], int] | None = None
    poll: float = 30.0


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """Waits from drop to start and times from drop to end, per video in order of arrival; billed node-seconds."""

    waits: tuple[float, ...]
    totals: tuple[float, ...]
    node_seconds: float
    spot_seconds: float
    enables: int


def percentile(values: tuple[float, ...], percent: float) -> float:
    """The smallest value that at least `percent` of the values do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, -int(-len(ordered) * percent // 100) - 1)]
