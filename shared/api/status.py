"""`GET status/{video}`: a record that is not final is brought up to date from Batch on the spot."""

from __future__ import annotations

import asyncio
import logging
from math import ceil
from typing import TYPE_CHECKING

from shared.api.errors import ApiError
from shared.api.http import revalidated
from shared.api.parameters import checked_name, name_may_be_refused, video_endings
from shared.api.pool import waiting_for
from shared.cache import Cache
from shared.conversion import NO_PROGRESS
from shared.lifecycle.completion import sync_task
from shared.names import is_video
from shared.representation import represent
from shared.services.errors import ConflictError, NotFoundError, ServiceError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shared.api.http import Response
    from shared.api.pool import PoolReader
    from shared.conversion import Conversion, Progress
    from shared.representation import VideoResponse
    from shared.services.services import Services

log = logging.getLogger(__name__)

CACHE_SECONDS = 1.0
REFRESH_TIMEOUT_SECONDS = 2.0
"""Seconds that a response waits for Batch to bring a record up to date; the sweep does so, too."""
QUEUED_RETRY_SECONDS, MAX_RETRY_SECONDS = 2, 10
"""`Retry-After` of a queued video, and the longest of a running one."""
PROGRESS_TIMEOUT_SECONDS = 1.5
"""Seconds that a response waits for the progress from the node."""


class StatusReader:
    """Reads the status of one video; one that has not ended is read at most once a second, however many ask."""

    def __init__(self, services: Services, pool: PoolReader) -> None:
        self._services = services
        self._pool = pool
        self._cache: Cache[str, VideoResponse] = Cache(seconds=CACHE_SECONDS, size=1024)

    async def status(self, video: str) -> VideoResponse:
        """The status of one video.

        Raises `ApiError` (`InvalidName`, `UnsupportedName`, `UnknownVideo`, `NewerRecord`) and `ServiceError`.

        It costs at most three Batch calls, and for a completed task the calls that complete it.
        """
        checked_name(video)
        if not is_video(video):
            message = f"This file is not converted: its name does not end in {video_endings()}."
            raise ApiError("UnsupportedName", message)
        return await self._cache.get(
            video, lambda: self._read(video), keep=lambda seen: seen["state"] in ("queued", "running")
        )

    def recent(self, video: str) -> VideoResponse | None:
        """The status of a video that has not ended, if somebody asked within the last second."""
        return self._cache.peek(video)

    async def _read(self, video: str) -> VideoResponse:
        with name_may_be_refused():
            stored = await self._services.records.load(video)
        conversion = stored.conversion
        if stored.newer and conversion is None:
            raise ApiError("NewerRecord", "A newer version of gifdrop looks after this video.")
        if conversion is not None and not conversion.final and not stored.newer:
            conversion = await self._refreshed(conversion)
        if conversion is None:
            message = "There is no video of this name. A new upload may take a moment to appear."
            raise ApiError("UnknownVideo", message)
        progress = await self._progress(conversion) if conversion.state == "running" else NO_PROGRESS
        waiting = waiting_for(await self._pool.current()) if conversion.state == "queued" else None
        return represent(conversion, self._services.settings, progress=progress, waiting_for=waiting)

    async def _refreshed(self, conversion: Conversion) -> Conversion | None:
        if conversion.job is None or conversion.task_id is None:
            return conversion
        try:
            async with asyncio.timeout(REFRESH_TIMEOUT_SECONDS):
                task = await self._services.tasks.get(conversion.job, conversion.task_id)
                await sync_task(task, self._services)
        except (NotFoundError, ConflictError):
            pass  # a sweep was quicker, or the task is lost: the record is right
        except (ServiceError, TimeoutError):
            # The stored state is better than no response; the sweep keeps trying.
            log.warning("%r could not be refreshed", conversion.video, exc_info=True)
        return (await self._services.records.load(conversion.video)).conversion

    async def _progress(self, conversion: Conversion) -> Progress:
        if conversion.job is None or conversion.task_id is None:
            return NO_PROGRESS
        try:
            async with asyncio.timeout(PROGRESS_TIMEOUT_SECONDS):
                return await self._services.tasks.progress(conversion.job, conversion.task_id)
        except (ServiceError, TimeoutError):
            return NO_PROGRESS


async def status_response(reader: StatusReader, video: str, headers: Mapping[str, str]) -> Response:
    """The status with an ETag, and with `Retry-After` until it is final. Raises as `StatusReader.status` does."""
    seen = await reader.status(video)
    return revalidated(seen, headers, headers=_retry_after(seen))


def _retry_after(seen: VideoResponse) -> dict[str, str]:
    if seen["state"] == "queued":
        return {"Retry-After": str(QUEUED_RETRY_SECONDS)}
    if seen["state"] == "running":
        return {"Retry-After": str(max(1, min(MAX_RETRY_SECONDS, ceil(seen["seconds_left"] or 1))))}
    return {}
