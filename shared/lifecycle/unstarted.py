"""Marks conversions whose task no Batch account accepted, so that the next sweep adds it within seconds.

A marker is an empty blob beside the records. It only saves time: the reconciliation finds the same conversions by their
records, some minutes later.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

from shared.services.errors import ConflictError, ServiceError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from shared.conversion import Conversion
    from shared.services.services import Services

log = logging.getLogger(__name__)

PREFIX = ".unstarted/"


async def mark_unstarted(conversion: Conversion, services: Services) -> None:
    """Mark a queued conversion. A failure is logged and ignored."""
    try:
        await services.rest.write(
            services.settings.records_container,
            f"{PREFIX}{conversion.id}",
            b"",
            content_type="text/plain",
            metadata={"video": quote(conversion.video)},
            expected_etag=None,
        )
    except ConflictError:
        return  # marked already
    except ServiceError as error:
        log.warning("%r is left to the reconciliation: %s", conversion.video, error)


async def unstarted_videos(services: Services) -> AsyncIterator[tuple[str, str]]:
    """The marked videos, each with its conversion's id. Raises `ServiceError`."""
    async for blob in services.rest.list_all(services.settings.records_container, prefix=PREFIX):
        if "video" in blob.metadata:  # not a record, whose video could be named like a marker
            yield unquote(blob.metadata["video"]), blob.name.removeprefix(PREFIX)


async def unmark(conversion_id: str, services: Services) -> None:
    """Delete a marker. Raises `ServiceError`."""
    await services.blobs.delete(services.settings.records_container, f"{PREFIX}{conversion_id}")
