"""Turns lines of the access log into delivered events and dead letters."""

from __future__ import annotations

import asyncio
import json
import logging
import uuid
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypeVar

import aiohttp

from local.events.access_log import blob_change
from local.events.delivery import dead_letter, deliver
from local.events.faults import Faults
from local.events.schema import CREATED, DELETED, DIRECTORY_CREATED, event_type, events_of, garbled, subject
from local.events.tail import tail

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from local.events.access_log import BlobChange
    from local.events.checkpoint import Checkpoint
    from local.events.schema import Event, Interface
    from local.events.subscription import Subscription
    from local.storage.client import Storage

T = TypeVar("T")
logger = logging.getLogger("events.sender")
_SAVE_SECONDS = 0.5
_STORAGE_RETRY_SECONDS = 1.0
_DEAD_LETTER_DELAY_SECONDS = 300.0


@dataclass(kw_only=True)
class Sender:
    """Sends the changes of one storage account to one subscription. `time_scale` multiplies delays, for tests."""

    subscription: Subscription
    storage: Storage
    session: aiohttp.ClientSession
    checkpoint: Checkpoint
    topic: str
    storage_url: str
    interface: Interface = "blob"
    garble_supplementary: bool = False
    dead_letter_container: str | None = None
    time_scale: float = 1.0
    faults: Faults = field(default_factory=Faults)
    counts: Counter[str] = field(default_factory=Counter)

    async def run(self, log: Path) -> None:
        """Send the events of a log until cancelled."""
        occurrences: Counter[str] = Counter()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._save_checkpoints())
            async for line in tail(log, start=self.checkpoint.saved):
                change = blob_change(line.text)
                if change is not None and self._matches(change):
                    name = subject(change.container, change.name)
                    occurrences[name] += 1
                    copies = self.faults.copies(name, occurrence=occurrences[name])
                    self.counts.update(events=1, dropped=copies == 0, doubled=copies == 2)
                    if copies:
                        self.checkpoint.begin(line.start)
                        group.create_task(self._send(change, copies=copies, start=line.start))
                self.checkpoint.advance(line.end)

    def _matches(self, change: BlobChange) -> bool:
        kinds = (DELETED,) if event_type(change) == DELETED else (CREATED, DIRECTORY_CREATED)
        name = subject(change.container, change.name)
        return any(self.subscription.matches(event_type=kind, subject=name) for kind in kinds)

    async def _send(self, change: BlobChange, *, copies: int, start: int) -> None:
        properties = None
        if event_type(change) != DELETED:
            properties = await _retry_forever(lambda: self.storage.properties(change.container, change.name))
            if properties is None:
                logger.info("%s/%s has been deleted since: no event", change.container, change.name)
        if properties is not None or event_type(change) == DELETED:
            for event in events_of(
                change,
                properties,
                interface=self.interface,
                topic=self.topic,
                storage_url=self.storage_url,
                sequence=start,
            ):
                if self.garble_supplementary:
                    event["subject"] = garbled(event["subject"])
                if self.subscription.accepts(event):
                    await asyncio.gather(*(self._deliver(event) for _ in range(copies)))
        self.checkpoint.end(start)

    async def _deliver(self, event: Event) -> None:
        undelivered = await deliver(event, self.subscription, session=self.session, time_scale=self.time_scale)
        if undelivered is None:
            self.counts["delivered"] += 1
            return
        container = self.dead_letter_container
        if container is None:
            logger.error("%s: dropped: %s", event["subject"], undelivered.reason)
            self.counts["lost"] += 1
            return
        await asyncio.sleep(_DEAD_LETTER_DELAY_SECONDS * self.time_scale)
        body = json.dumps([dead_letter(event, undelivered)]).encode()
        now = datetime.now(UTC)
        folder = f"{self.subscription.name.upper()}/{now.year}/{now.month}/{now.day}/{now.hour}"
        name = f"{folder}/{uuid.uuid4()}.json"
        await _retry_forever(lambda: self.storage.put(container, name, body, content_type="application/json"))
        logger.error("%s: %s; dead letter: %s/%s", event["subject"], undelivered.reason, container, name)
        self.counts["dead_lettered"] += 1

    async def _save_checkpoints(self) -> None:
        while True:
            await asyncio.sleep(_SAVE_SECONDS)
            self.checkpoint.save()


async def _retry_forever(call: Callable[[], Awaitable[T]]) -> T:
    while True:
        try:
            return await call()
        except (aiohttp.ClientError, TimeoutError) as error:
            logger.warning("storage request failed, retrying: %s", error)
            await asyncio.sleep(_STORAGE_RETRY_SECONDS)
