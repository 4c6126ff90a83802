"""How many videos are in which state and which are the newest, from a full scan of the records that callers share."""

from __future__ import annotations

import asyncio
import heapq
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from shared.cache import Cache
from shared.conversion import STATES, Conversion, State
from shared.names import is_video
from shared.services.storage.records import from_listing
from shared.timestamps import to_rfc3339

if TYPE_CHECKING:
    from shared.api.schemas import SummaryResponse
    from shared.services.services import Services
    from shared.services.storage.blob import Blob

MAX_NEWEST = 1000
"""Newest videos of each state that a scan keeps."""
REST_PER_SCAN_SECOND = 20
"""Seconds for which a scan that took one second is not repeated: scanning takes a twentieth of the time at most."""
MIN_FRESH_SECONDS, MAX_AGE_SECONDS = 2.0, 300.0
"""A younger scan is never repeated; an older one is never shown."""
FIRST_SCAN_TIMEOUT_SECONDS, RESCAN_TIMEOUT_SECONDS = 3.0, 0.5
"""Seconds that a response waits for a scan when there is no earlier one to show, and when there is."""


@dataclass(kw_only=True)
class Scan:
    """The result of scanning all records under a prefix."""

    as_of: datetime
    began: float
    """On the monotonic clock, like `ended`."""
    ended: float = 0.0
    counts: dict[State, int] = field(default_factory=lambda: dict.fromkeys(STATES, 0))
    newest: dict[State, list[tuple[str, str, Blob]]] = field(default_factory=lambda: {state: [] for state in STATES})
    """The newest of each state as a heap of (queued at, name, record)."""

    @property
    def fresh_seconds(self) -> float:
        """Seconds after its end for which it is not repeated."""
        return min(max(MIN_FRESH_SECONDS, (self.ended - self.began) * REST_PER_SCAN_SECOND), MAX_AGE_SECONDS)

    def add(self, blob: Blob) -> None:
        """Count one record."""
        state = blob.metadata.get("state")
        if state not in self.counts or not is_video(blob.name):
            return
        self.counts[state] += 1
        at = blob.metadata.get("queued_at", "")
        heap = self.newest[state]
        if len(heap) < MAX_NEWEST:
            heapq.heappush(heap, (at, blob.name, blob))
        elif at > heap[0][0]:
            heapq.heapreplace(heap, (at, blob.name, blob))

    def summary(self) -> SummaryResponse:
        """The counts as the API shows them."""
        counts = self.counts
        return {
            "queued": counts["queued"],
            "running": counts["running"],
            "succeeded": counts["succeeded"],
            "failed": counts["failed"],
            "total": sum(counts.values()),
            "as_of": to_rfc3339(self.as_of),
        }

    def latest(self, state: State | None, limit: int) -> list[Conversion]:
        """The newest conversions, newest first."""
        states = STATES if state is None else (state,)
        entries = heapq.nlargest(limit, (entry for each in states for entry in self.newest[each]))
        return [conversion for _, _, blob in entries if (conversion := from_listing(blob))]


class Summaries:
    """Scans of the records by prefix."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._scans: Cache[str, Scan] = Cache(seconds=MAX_AGE_SECONDS, size=8)

    async def scan(self, prefix: str) -> Scan | None:
        """The records under a prefix, counted; `None` while they are being counted for the first time.

        One caller repeats a scan that is no longer fresh for all; those for whom that takes too long get the old one.
        Raises `ServiceError`.
        """
        known = self._scans.peek(prefix)
        if known and time.monotonic() - known.ended <= known.fresh_seconds:
            return known
        try:
            async with asyncio.timeout(FIRST_SCAN_TIMEOUT_SECONDS if known is None else RESCAN_TIMEOUT_SECONDS):
                return await self._scans.renew(prefix, lambda: self._scan(prefix))
        except TimeoutError:
            return known

    async def _scan(self, prefix: str) -> Scan:
        scan = Scan(as_of=datetime.now(UTC), began=time.monotonic())
        async for blob in self._services.rest.list_all(self._services.settings.records_container, prefix=prefix):
            scan.add(blob)
        scan.ended = time.monotonic()
        return scan
