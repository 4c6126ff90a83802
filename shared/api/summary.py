"""How many videos are in which state, and which are the newest: from the index, or for a prefix from the records."""

from __future__ import annotations

import asyncio
import heapq
from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING

from shared.api.list_query import MAX_LIMIT, MAX_LISTING_REQUESTS
from shared.cache import Cache
from shared.conversion import STATES, Conversion, State
from shared.services.storage.index_rows import row_order
from shared.services.storage.records import from_listing
from shared.timestamps import to_rfc3339, utc_now

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from shared.api.schemas import SummaryResponse
    from shared.services.services import Services

CACHE_SECONDS = 1.0


class Summaries:
    """Counts the videos and finds the newest, at most once a second, however many ask."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._counts: Cache[str, SummaryResponse] = Cache(seconds=CACHE_SECONDS, size=8)
        self._newest: Cache[tuple[State | None, int], list[Conversion]] = Cache(seconds=CACHE_SECONDS, size=8)
        self._scans: Cache[str, _Scan] = Cache(seconds=CACHE_SECONDS, size=8)

    async def summary(self, prefix: str) -> SummaryResponse | None:
        """The number of videos in each state, `None` for a prefix of too many to count. Raises `ServiceError`."""
        if prefix:
            scan = await self._scans.get(prefix, lambda: self._scan(prefix))
            return _summary(scan.counts, scan.as_of) if scan.complete else None
        return await self._counts.get("", self._count)

    async def newest(self, prefix: str, state: State | None, limit: int) -> list[Conversion]:
        """The newest videos, newest first; of a prefix of too many, among the first by name. Raises `ServiceError`."""
        if prefix:
            scan = await self._scans.get(prefix, lambda: self._scan(prefix))
            return _newest((scan.newest[each] for each in _states(state)), limit)
        return await self._newest.get((state, limit), lambda: self._read_newest(state, limit))

    async def _count(self) -> SummaryResponse:
        as_of = utc_now()
        return _summary(await self._services.index.counts(), as_of)

    async def _read_newest(self, state: State | None, limit: int) -> list[Conversion]:
        pages = await asyncio.gather(*(self._services.index.page(each, limit=limit) for each in _states(state)))
        return _newest((found for found, _ in pages), limit)

    async def _scan(self, prefix: str) -> _Scan:
        scan = _Scan(as_of=utc_now())
        marker: str | None = None
        container = self._services.settings.records_container
        for _ in range(MAX_LISTING_REQUESTS):
            page = await self._services.rest.list_page(container, prefix=prefix, marker=marker)
            scan.add([known for blob in page.blobs if (known := from_listing(blob))])
            marker = page.marker
            if marker is None:
                scan.complete = True
                break
        return scan


@dataclass(kw_only=True)
class _Scan:
    """The records under a prefix, as far as they were read."""

    as_of: datetime
    complete: bool = False
    counts: dict[State, int] = field(default_factory=lambda: dict.fromkeys(STATES, 0))
    newest: dict[State, list[Conversion]] = field(default_factory=lambda: {state: [] for state in STATES})

    def add(self, conversions: list[Conversion]) -> None:
        for state in STATES:
            found = [one for one in conversions if one.state == state]
            self.counts[state] += len(found)
            self.newest[state] = _newest((self.newest[state], found), MAX_LIMIT)


def _states(state: State | None) -> tuple[State, ...]:
    return STATES if state is None else (state,)


def _newest(lists: Iterable[list[Conversion]], limit: int) -> list[Conversion]:
    return heapq.nsmallest(limit, chain.from_iterable(lists), key=row_order)


def _summary(counts: Mapping[State, int], as_of: datetime) -> SummaryResponse:
    return {
        "queued": counts["queued"],
        "running": counts["running"],
        "succeeded": counts["succeeded"],
        "failed": counts["failed"],
        "total": sum(counts.values()),
        "as_of": to_rfc3339(as_of),
    }
