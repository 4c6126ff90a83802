"""Turns lines of the access log into events for the subscriptions."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from local.events.access_log import blob_change
from local.events.schema import CREATED, DELETED, DIRECTORY_CREATED, event_type, events_of, garbled, subject
from local.events.storage_retry import retry_forever
from local.events.tail import tail

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from local.events.access_log import BlobChange
    from local.events.channel import Channel
    from local.events.checkpoint import Checkpoint
    from local.events.schema import Event, Interface
    from local.events.subscription import Subscription
    from local.storage.client import Storage

logger = logging.getLogger("events.sender")
_SAVE_SECONDS = 0.5


@dataclass(kw_only=True)
class Sender:
    """Sends the changes of one storage account to the subscriptions whose filters they pass."""

    channels: Sequence[Channel]
    storage: Storage
    checkpoint: Checkpoint
    topic: str
    storage_url: str
    interface: Interface = "blob"
    garble_supplementary: bool = False

    async def run(self, log: Path) -> None:
        """Send the events of a log until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._save_checkpoints())
            async for line in tail(log, start=self.checkpoint.saved):
                change = blob_change(line.text)
                if change is not None:
                    name = subject(change.container, change.name)
                    matching = [channel for channel in self.channels if _matches(channel.subscription, change)]
                    planned = [(channel, copies) for channel in matching if (copies := channel.copies(name))]
                    if planned:
                        self.checkpoint.begin(line.start)
                        group.create_task(self._send(change, planned, start=line.start))
                self.checkpoint.advance(line.end)

    async def _send(self, change: BlobChange, planned: Sequence[tuple[Channel, int]], *, start: int) -> None:
        """Send a change to each channel as often as planned. The channels do not wait for each other."""
        events = await self._events(change, sequence=start)
        await asyncio.gather(*(channel.send(events, copies=copies) for channel, copies in planned))
        self.checkpoint.end(start)

    async def _events(self, change: BlobChange, *, sequence: int) -> list[Event]:
        properties = None
        if event_type(change) != DELETED:
            properties = await retry_forever(lambda: self.storage.properties(change.container, change.name))
            if properties is None:
                logger.info("%s/%s has been deleted since: no event", change.container, change.name)
                return []
        events = events_of(
            change,
            properties,
            interface=self.interface,
            topic=self.topic,
            storage_url=self.storage_url,
            sequence=sequence,
        )
        if self.garble_supplementary:
            events = [event | {"subject": garbled(event["subject"])} for event in events]
        return events

    async def _save_checkpoints(self) -> None:
        while True:
            await asyncio.sleep(_SAVE_SECONDS)
            self.checkpoint.save()


def _matches(subscription: Subscription, change: BlobChange) -> bool:
    kinds = (DELETED,) if event_type(change) == DELETED else (CREATED, DIRECTORY_CREATED)
    name = subject(change.container, change.name)
    return any(subscription.matches(event_type=kind, subject=name) for kind in kinds)
