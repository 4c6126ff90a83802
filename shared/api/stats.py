"""`GET stats`: how well gifdrop does, from what the index knows of the last day."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import timedelta
from math import ceil
from typing import TYPE_CHECKING

from shared.cache import Cache
from shared.representation import cost_of
from shared.timestamps import to_rfc3339, utc_now

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from shared.api.schemas import QuantilesResponse, StatsResponse
    from shared.conversion import Conversion, State
    from shared.services.services import Services
    from shared.settings import Settings

CACHE_SECONDS = 30.0
WINDOW = timedelta(hours=24)
RATE_WINDOW = timedelta(hours=1)
MAX_ROWS = 1000
"""Rows of each state that are read: one request."""
MAX_CODES = 20


class StatsReader:
    """Reads the index at most every 30 seconds, however many ask: three requests."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._cache: Cache[str, StatsResponse] = Cache(seconds=CACHE_SECONDS, size=1)

    async def current(self) -> StatsResponse:
        """The figures. Raises `ServiceError`."""
        return await self._cache.get("stats", self._read)

    async def _read(self) -> StatsResponse:
        index = self._services.index
        (succeeded, _), (failed, _), counts = await asyncio.gather(
            index.page("succeeded", limit=MAX_ROWS), index.page("failed", limit=MAX_ROWS), index.counts()
        )
        return stats_of(succeeded, failed, counts, now=utc_now(), settings=self._services.settings)


def stats_of(
    succeeded: Sequence[Conversion],
    failed: Sequence[Conversion],
    counts: Mapping[State, int],
    *,
    now: datetime,
    settings: Settings,
) -> StatsResponse:
    """The figures of the conversions that ended within `WINDOW`; both lists have the newest first."""
    made, not_made = (_ended_since(now - WINDOW, ended) for ended in (succeeded, failed))
    ended = [*made, *not_made]
    recent = len(_ended_since(now - RATE_WINDOW, ended))
    codes = Counter(one.error.code for one in not_made if one.error)
    backlog = counts["queued"] + counts["running"]
    left = backlog / recent * RATE_WINDOW.total_seconds() if recent else None
    seconds = sum(one.compute_seconds or 0.0 for one in ended)
    return {
        "hours": int(WINDOW / timedelta(hours=1)),
        "complete": all(_covers(now - WINDOW, rows) for rows in (succeeded, failed)),
        "succeeded": len(made),
        "failed": len(not_made),
        "last_hour": recent,
        "wait_seconds": _quantiles(
            [
                (one.started_at - one.queued_at).total_seconds()
                for one in ended
                # A retry keeps the time at which its video was first queued.
                if one.attempt == 1 and one.started_at and one.queued_at
            ]
        ),
        "compute_seconds": _quantiles([one.compute_seconds for one in made if one.compute_seconds is not None]),
        "errors": [{"code": code, "count": count} for code, count in codes.most_common(MAX_CODES)],
        "cost": cost_of(seconds, settings),
        "backlog": backlog,
        "backlog_ends_at": to_rfc3339(now + timedelta(seconds=left)) if backlog and left is not None else None,
        "as_of": to_rfc3339(now),
    }


def _ended_since(moment: datetime, conversions: Sequence[Conversion]) -> list[Conversion]:
    return [one for one in conversions if one.finished_at and one.finished_at >= moment]


def _covers(moment: datetime, rows: Sequence[Conversion]) -> bool:
    """Whether the rows reach back to a moment."""
    oldest = rows[-1].queued_at if rows else None
    return len(rows) < MAX_ROWS or (oldest is not None and oldest < moment)


def _quantiles(values: Sequence[float]) -> QuantilesResponse | None:
    """Median and 95th percentile, by nearest rank."""
    if not values:
        return None
    ordered = sorted(max(0.0, value) for value in values)
    median, p95 = (ordered[ceil(part * len(ordered)) - 1] for part in (0.5, 0.95))
    return {"median": round(median, 3), "p95": round(p95, 3)}
