"""Publishes CloudEvents to the custom Event Grid topic of results."""

from __future__ import annotations

from typing import TYPE_CHECKING

from azure.core.messaging import CloudEvent
from azure.eventgrid.aio import EventGridPublisherClient

from shared.services.azure_errors import azure_errors

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from azure.core.credentials_async import AsyncTokenCredential


class ResultsTopic:
    """One topic, by its endpoint."""

    def __init__(self, client: EventGridPublisherClient, *, source: str) -> None:
        self._client = client
        self._source = source

    @classmethod
    def connect(cls, url: str, credential: AsyncTokenCredential, *, source: str) -> ResultsTopic:
        """The topic with this endpoint; `source` is that of all events. Nothing is sent until the first call."""
        return cls(EventGridPublisherClient(url, credential), source=source)

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()

    async def publish(
        self, *, id_: str, type_: str, subject: str, time: datetime | None, data: Mapping[str, object]
    ) -> None:
        """Send one event. Raises `ServiceError`."""
        event = CloudEvent(
            id=id_,
            type=type_,
            source=self._source,
            subject=subject,
            time=time,
            data=data,
            datacontenttype="application/json",
        )
        with azure_errors():
            await self._client.send([event])
