"""Delivers the events of one subscription."""

from __future__ import annotations

import asyncio
import json
import logging
import uuid
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from local.events.delivery import dead_letter, deliver
from local.events.faults import Faults
from local.events.storage_retry import retry_forever

if TYPE_CHECKING:
    from collections.abc import Sequence

    import aiohttp

    from local.events.schema import Event
    from local.events.subscription import Subscription
    from local.storage.client import Storage

logger = logging.getLogger("events.channel")
_DEAD_LETTER_DELAY_SECONDS = 300.0


@dataclass(kw_only=True)
class Channel:
    """Delivers events to one subscription, with its own faults, retries, dead letters and counts.

    time_scale: Factor for delays, for tests. Default 1.
    """

    subscription: Subscription
    storage: Storage
    session: aiohttp.ClientSession
    time_scale: float = 1.0
    faults: Faults = field(default_factory=Faults)
    counts: Counter[str] = field(default_factory=Counter)
    _occurrences: Counter[str] = field(default_factory=Counter, repr=False)

    def copies(self, subject: str) -> int:
        """How often to send the next event of a subject, 0 to 2, as the faults decide; counts it."""
        self._occurrences[subject] += 1
        copies = self.faults.copies(subject, occurrence=self._occurrences[subject])
        self.counts.update(events=1, dropped=copies == 0, doubled=copies == 2)
        return copies

    async def send(self, events: Sequence[Event], *, copies: int) -> None:
        """Deliver those of the events, in order, that the subscription accepts."""
        for event in events:
            if self.subscription.accepts(event):
                await asyncio.gather(*(self._deliver(event) for _ in range(copies)))

    async def _deliver(self, event: Event) -> None:
        undelivered = await deliver(event, self.subscription, session=self.session, time_scale=self.time_scale)
        if undelivered is None:
            self.counts["delivered"] += 1
            return
        container = self.subscription.dead_letter_container
        if container is None:
            logger.error("%s: dropped: %s", event["subject"], undelivered.reason)
            self.counts["lost"] += 1
            return
        await asyncio.sleep(_DEAD_LETTER_DELAY_SECONDS * self.time_scale)
        body = json.dumps([dead_letter(event, undelivered)]).encode()
        now = datetime.now(UTC)
        folder = f"{self.subscription.name.upper()}/{now.year}/{now.month}/{now.day}/{now.hour}"
        name = f"{folder}/{uuid.uuid4()}.json"
        await retry_forever(lambda: self.storage.put(container, name, body, content_type="application/json"))
        logger.error("%s: %s; dead letter: %s/%s", event["subject"], undelivered.reason, container, name)
        self.counts["dead_lettered"] += 1
