"""All videos at a glance: how many are in which state and which came last, from a full scan that many share."""

from __future__ import annotations

import asyncio
import heapq
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from shared.blobs import all_blobs
from shared.cache import Cache
from shared.conversion import STATES, Conversion, State, timestamp
from shared.names import is_video
from shared.records import brief

if TYPE_CHECKING:
    from shared.answers import SummaryAnswer
    from shared.blobs import Blob
    from shared.clients import Clients

NEWEST = 1000
"""How many of the latest videos of each state a scan remembers."""
SHARE = 20
"""A scan that took one second is not made again for this many seconds, so scanning costs a twentieth at most."""
FRESH, OLD = 2.0, 300.0
"""Seconds: a younger scan is taken as it is; an older one is not shown, whatever making it anew costs."""
FIRST_PATIENCE, PATIENCE = 3.0, 0.5
"""Seconds that an answer waits for a scan if there is none to show yet, and if there is."""


@dataclass(kw_only=True)
class Scan:
    """What a scan of all records under a prefix found."""

    as_of: datetime
    began: float
    """On the monotonic clock, as is `ended`."""
    ended: float = 0.0
    counts: dict[State, int] = field(default_factory=lambda: dict.fromkeys(STATES, 0))
    newest: dict[State, list[tuple[str, str, Blob]]] = field(default_factory=lambda: {state: [] for state in STATES})
    """The latest of each state as a heap of (when it was queued, name, record)."""

    @property
    def fresh_for(self) -> float:
        """Seconds after its end for which it need not be made again."""
        return min(max(FRESH, (self.ended - self.began) * SHARE), OLD)

    def add(self, blob: Blob) -> None:
        """Count one record."""
        state = blob.metadata.get("state")
        if state not in self.counts or not is_video(blob.name):
            return
        self.counts[state] += 1
        at = blob.metadata.get("queued_at", "")
        heap = self.newest[state]
        if len(heap) < NEWEST:
            heapq.heappush(heap, (at, blob.name, blob))
        elif at > heap[0][0]:
            heapq.heapreplace(heap, (at, blob.name, blob))

    def summary(self) -> SummaryAnswer:
        """The counts as the API shows them."""
        counts = self.counts
        return {
            "queued": counts["queued"],
            "running": counts["running"],
            "succeeded": counts["succeeded"],
            "failed": counts["failed"],
            "total": sum(counts.values()),
            "as_of": timestamp(self.as_of),
        }

    def latest(self, state: State | None, limit: int) -> list[Conversion]:
        """The latest conversions, latest first."""
        states = STATES if state is None else (state,)
        entries = heapq.nlargest(limit, (entry for each in states for entry in self.newest[each]))
        return [conversion for _, _, blob in entries if (conversion := brief(blob))]


_scans: Cache[tuple[Clients, str], Scan] = Cache(seconds=OLD, size=8)


async def scan_of(prefix: str, clients: Clients) -> Scan | None:
    """The records under a prefix, counted. `None` if counting them for the first time takes long.

    A scan that is no longer fresh is made again by one for all who ask, and shown as it is to those for whom that
    takes too long.
    """
    key = (clients, prefix)
    known = _scans.peek(key)
    if known and time.monotonic() - known.ended <= known.fresh_for:
        return known
    try:
        async with asyncio.timeout(FIRST_PATIENCE if known is None else PATIENCE):
            return await _scans.renew(key, lambda: _scan(prefix, clients))
    except TimeoutError:
        return known


async def _scan(prefix: str, clients: Clients) -> Scan:
    scan = Scan(as_of=datetime.now(UTC), began=time.monotonic())
    async for blob in all_blobs(clients, clients.settings.records_container, prefix=prefix):
        scan.add(blob)
    scan.ended = time.monotonic()
    return scan
