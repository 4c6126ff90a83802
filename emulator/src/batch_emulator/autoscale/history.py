"""Samples of a pool's metrics: taken every 30 seconds, visible to formulas 30 seconds later."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

METRICS = frozenset(
    [
        "$CPUPercent",
        "$WallClockSeconds",
        "$MemoryBytes",
        "$DiskBytes",
        "$DiskReadBytes",
        "$DiskWriteBytes",
        "$DiskReadOps",
        "$DiskWriteOps",
        "$NetworkInBytes",
        "$NetworkOutBytes",
        "$SampleNodeCount",
        "$ActiveTasks",
        "$RunningTasks",
        "$PendingTasks",
        "$SucceededTasks",
        "$FailedTasks",
        "$CurrentDedicatedNodes",
        "$CurrentLowPriorityNodes",
        "$PreemptedNodeCount",
        "$UsableNodeCount",
        "$TaskSlotsPerNode",
    ]
)


DEFAULT_PERCENT = 70.0
"""Percent of the samples that `GetSample` of a window wants if the formula does not say.

Its article names no default; Batch's error does: https://github.com/Azure/batch-shipyard/issues/138.
"""


class InsufficientSampleDataError(ValueError):
    """There are fewer samples than the formula requires."""


@dataclass(slots=True)
class History:
    """Samples in order of time. `period`, `lag` and `keep`, the time that a sample is kept, are in seconds."""

    period: float = 30.0
    lag: float = 30.0
    keep: float = 7 * 86400.0
    _times: list[float] = field(default_factory=list)
    _samples: list[Mapping[str, float]] = field(default_factory=list)

    def record(self, at: datetime, sample: Mapping[str, float]) -> None:
        """Add a sample later than all others; metrics that it does not contain are missing. Names start with `$`."""
        self._times.append(at.timestamp())
        self._samples.append(dict(sample))
        old = bisect_left(self._times, at.timestamp() - self.keep)
        # In batches, so that a long run does not shift the lists at every sample.
        if old > 1000:
            del self._times[:old], self._samples[:old]

    def _visible(self, metric: str, now: datetime) -> Iterator[tuple[float, float]]:
        """The visible times and values, newest first."""
        for index in range(bisect_right(self._times, now.timestamp() - self.lag) - 1, -1, -1):
            if metric in self._samples[index]:
                yield self._times[index], self._samples[index][metric]

    def last(self, metric: str, count: int, now: datetime) -> tuple[float, ...]:
        """The newest `count` samples, newest first. Without any it is one zero, as on a new pool in Batch."""
        return tuple(value for _, value in islice(self._visible(metric, now), max(0, count))) or (0.0,)

    def between(
        self, metric: str, start: datetime, end: datetime, now: datetime, percent: float = DEFAULT_PERCENT
    ) -> tuple[float, ...]:
        """The samples of a window, newest first. Raises InsufficientSampleDataError below `percent`, or if none."""
        found = self._window(metric, start, end, now)
        share = self._percent_of_possible(len(found), start, end)
        if not found or share < percent:
            raise InsufficientSampleDataError(
                f"Insufficient data from data set: {metric} wanted {percent:g}%, received {share:g}%"
            )
        return tuple(reversed(found))

    def percent(self, metric: str, start: datetime, end: datetime, now: datetime) -> float:
        """The samples of a window in percent of those possible."""
        return self._percent_of_possible(len(self._window(metric, start, end, now)), start, end)

    def _window(self, metric: str, start: datetime, end: datetime, now: datetime) -> list[float]:
        visible = min(end.timestamp(), now.timestamp() - self.lag)
        # A sample describes the period before it, so one at the very start belongs to the window before.
        first, last = bisect_right(self._times, start.timestamp()), bisect_right(self._times, visible)
        return [sample[metric] for sample in self._samples[first:last] if metric in sample]

    def _percent_of_possible(self, count: int, start: datetime, end: datetime) -> float:
        possible = (end - start).total_seconds() / self.period
        return min(100.0, 100.0 * count / possible) if possible > 0 else 0.0

    def count(self, metric: str, now: datetime) -> int:
        """The number of samples."""
        return sum(1 for _ in self._visible(metric, now))

    def begins(self, metric: str, now: datetime) -> datetime:
        """The time of the oldest sample; `now` if there is none."""
        times = [at for at, _ in self._visible(metric, now)]
        return datetime.fromtimestamp(times[-1], UTC) if times else now
