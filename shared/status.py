"""How one video is doing, fresh: a record that is not final is brought up to date from Batch on the spot."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from shared.api import ApiError
from shared.cache import Cache
from shared.completion import TASK_FIELDS, complete
from shared.events import IgnoredEventError, check_name
from shared.jobs import JobRef
from shared.pool import pool_status, waiting_for
from shared.records import ConflictError, load
from shared.task import PROGRESS_FILE
from shared.view import UNKNOWN, Progress, progress_from, view

if TYPE_CHECKING:
    from shared.answers import VideoAnswer
    from shared.clients import Clients
    from shared.conversion import Conversion

log = logging.getLogger(__name__)

PROGRESS_PATIENCE = 3
"""Seconds that an answer waits for the node to tell the progress."""
PROGRESS_LIMIT = 4096
"""Bytes of a progress.json that are read: it comes from a machine that handles a stranger's file."""

_cache: Cache[tuple[Clients, str], VideoAnswer] = Cache(seconds=1, size=1024)


async def status_of(video: str, clients: Clients) -> VideoAnswer:
    """The status of one video. Raises `ApiError`: 400 `InvalidName`, 404 `UnknownVideo`.

    All who ask at once share one look, and one that has not ended is looked at once a second, however many ask. A
    look costs at most three Batch calls, and for a completed task what moving its GIF costs.
    """
    checked_name(video)
    return await _cache.get((clients, video), lambda: _look(video, clients), keep=lambda seen: seen["state"] in LIVE)


LIVE = ("queued", "running")


def last_seen(video: str, clients: Clients) -> VideoAnswer | None:
    """What was seen of a video that has not ended, if somebody asked within the last second."""
    return _cache.peek((clients, video))


def checked_name(name: str) -> str:
    """`name`, if it can be a blob's. Raises `ApiError` 400 `InvalidName`."""
    try:
        check_name(name)
    except IgnoredEventError as error:
        raise ApiError(400, "InvalidName", f"{error}.".capitalize()) from error
    if any(ord(character) < 32 or 0x7F <= ord(character) < 0xA0 for character in name):
        raise ApiError(400, "InvalidName", "A blob's name has no control characters.")
    return name


async def _look(video: str, clients: Clients) -> VideoAnswer:
    from azure.core.exceptions import HttpResponseError

    try:
        conversion = (await load(clients.records, video)).conversion
    except HttpResponseError as error:
        if error.status_code == 400:
            raise ApiError(400, "InvalidName", "Storage takes this for no blob's name.") from error
        raise
    if conversion is not None and not conversion.final:
        conversion = await _refreshed(conversion, clients)
    if conversion is None:
        raise ApiError(
            404, "UnknownVideo", "No video of this name has been seen. It may take a moment after an upload."
        )
    progress = await _progress(conversion, clients) if conversion.state == "running" else UNKNOWN
    waits = waiting_for(await pool_status(clients)) if conversion.state == "queued" else None
    return view(conversion, clients, progress=progress, waits=waits)


async def _refreshed(conversion: Conversion, clients: Clients) -> Conversion | None:
    from azure.core.exceptions import AzureError, ResourceNotFoundError

    if not (conversion.batch_url and conversion.job_id and conversion.task_id):
        return conversion
    job = JobRef(batch_url=conversion.batch_url, id=conversion.job_id)
    try:
        task = await clients.batch_at(job.batch_url).get_task(job.id, conversion.task_id, select=TASK_FIELDS)
        await complete(task, job, clients)
    except ResourceNotFoundError:
        pass  # a sweep was quicker, or the task is lost: the record tells
    except ConflictError:
        pass  # somebody else brought the record up to date
    except AzureError:
        # What is known is better than no answer; the sweep goes on trying.
        log.warning("%r could not be refreshed", conversion.video, exc_info=True)
    return (await load(clients.records, conversion.video)).conversion


async def _progress(conversion: Conversion, clients: Clients) -> Progress:
    from azure.core.exceptions import AzureError

    if not (conversion.batch_url and conversion.job_id and conversion.task_id):
        return UNKNOWN
    try:
        async with asyncio.timeout(PROGRESS_PATIENCE):
            stream = await clients.batch_at(conversion.batch_url).download_task_file(
                conversion.job_id, conversion.task_id, PROGRESS_FILE, ocp_range=f"bytes=0-{PROGRESS_LIMIT - 1}"
            )
            return progress_from(b"".join([chunk async for chunk in stream]))
    except (AzureError, TimeoutError):
        return UNKNOWN
