"""Workloads: when videos are dropped and how long each takes to convert."""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0
TYPICAL_SECONDS = 20
"""Median of a conversion."""
TRACES = Path(".local/traces")
"""Traces are read from here if there are any: no trace is part of the repository."""


@dataclass(frozen=True, slots=True, order=True)
class Video:
    """A video, dropped at `arrival`, whose conversion takes `seconds`."""

    arrival: float
    seconds: float


@dataclass(frozen=True, slots=True)
class Workload:
    """Videos in order of arrival. The pool is billed for at least `seconds` and until the last video ends."""

    name: str
    seconds: float
    videos: tuple[Video, ...]


def _typical(rng: Random) -> float:
    """Seconds of a conversion: a median of 20, nine of ten below 50."""
    return min(600.0, rng.lognormvariate(math.log(TYPICAL_SECONDS), 0.7))


def _heavy(rng: Random) -> float:
    """Seconds of a conversion: Pareto, a few long videos hold half of the work."""
    return min(HOUR, 8 * rng.paretovariate(1.3))


def _poisson(rng: Random, seconds: float, per_hour: Callable[[float], float], peak: float) -> Iterator[float]:
    """Arrivals of a Poisson process whose rate varies with time, by thinning one of the `peak` rate."""
    now = 0.0
    while (now := now + rng.expovariate(peak / HOUR)) < seconds:
        if rng.random() * peak < per_hour(now):
            yield now


def _videos(rng: Random, arrivals: Iterable[float], seconds: Callable[[Random], float] = _typical) -> tuple[Video, ...]:
    return tuple(sorted(Video(at, seconds(rng)) for at in arrivals))


def _office(at: float) -> float:
    hour = at % DAY / HOUR
    return 60.0 if at // DAY % 7 < 5 and 8 <= hour < 18 else 0.0


def _day_and_night(at: float) -> float:
    """From 10 an hour at midnight to 300 at noon."""
    return 155.0 - 145.0 * math.cos(2 * math.pi * at / DAY)


def _bursts(rng: Random, count: int, days: int) -> tuple[Video, ...]:
    """`count` videos at 100 a second, once a day at an arbitrary time."""
    starts = [day * DAY + rng.uniform(0, DAY / 2) for day in range(days)]
    return _videos(rng, (start + number / 100 for start in starts for number in range(count)))


def _clustered(rng: Random, seconds: float) -> Iterator[float]:
    """Uploads of folders: pauses and sizes both have heavy tails."""
    now = 0.0
    while (now := now + 10 * MINUTE * rng.paretovariate(1.2)) < seconds:
        for number in range(min(2000, int(rng.paretovariate(0.9)))):
            yield now + number * 0.5


def workloads(seed: int = 1) -> list[Workload]:
    """All workloads: synthetic ones, then traces if there are any."""

    def rng(name: str) -> Random:
        return Random(f"{seed} {name}")  # noqa: S311 - not a secret

    day, office = rng("one a day"), rng("office")
    varying, tails = rng("day and night"), rng("heavy tails")
    found = [
        Workload(
            "one video a day",
            30 * DAY,
            _videos(day, (number * DAY + day.uniform(0, DAY / 2) for number in range(30))),
        ),
        Workload("office hours", 7 * DAY, _videos(office, _poisson(office, 7 * DAY, _office, 60))),
        Workload("day and night", 3 * DAY, _videos(varying, _poisson(varying, 3 * DAY, _day_and_night, 300))),
        *(
            Workload(f"burst of {count:,}", days * DAY, _bursts(rng(f"burst {count}"), count, days))
            for count, days in ((10, 30), (1000, 5), (10_000, 1))
        ),
        Workload("heavy tails", 3 * DAY, _videos(tails, _clustered(tails, 3 * DAY), _heavy)),
    ]
    return found + [_trace(path) for path in sorted(TRACES.glob("*.swf")) + sorted(TRACES.glob("*.csv"))]


def empty_pool(seed: int = 1) -> Workload:
    """A video every two hours or so: the pool is empty each time."""
    rng = Random(f"{seed} empty pool")  # noqa: S311 - not a secret
    return Workload("empty pool", 300 * 2 * HOUR, _videos(rng, ((n + rng.random() / 2) * 2 * HOUR for n in range(300))))


def _trace(path: Path) -> Workload:
    """The first week of a trace."""
    read = _standard_workload_format if path.suffix == ".swf" else _azure_inference
    with path.open(encoding="utf-8", errors="replace") as lines:
        videos = sorted(read(lines))
    first = videos[0].arrival
    kept = tuple(Video(each.arrival - first, each.seconds) for each in videos if each.arrival - first < 7 * DAY)
    return Workload(f"trace {path.stem}", kept[-1].arrival + HOUR, kept)


def _standard_workload_format(lines: Iterable[str]) -> Iterator[Video]:
    """The Parallel Workloads Archive: https://www.cs.huji.ac.il/labs/parallel/workload/swf.html.

    A job becomes a video of its run time, up to an hour; its processors are ignored.
    """
    for line in lines:
        fields = line.split()
        if fields and not fields[0].startswith(";") and float(fields[3]) > 0:
            yield Video(float(fields[1]), min(HOUR, float(fields[3])))


def _azure_inference(lines: Iterable[str]) -> Iterator[Video]:
    """Azure's inference traces: https://github.com/Azure/AzurePublicDataset.

    The traced hour is stretched to a day; each generated token becomes a second of conversion.
    """
    for row in csv.DictReader(lines):
        at = datetime.fromisoformat(row["TIMESTAMP"][:26]).replace(tzinfo=UTC).timestamp()
        yield Video(24 * at, max(1.0, float(row["GeneratedTokens"])))
