"""A new attempt for a failed conversion, asked for by a person."""

from __future__ import annotations

import logging
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from shared.api import ApiError
from shared.blobs import all_blobs
from shared.completion import next_attempt
from shared.crew import crew
from shared.ending import settle
from shared.jobs import NoJobError
from shared.names import gif_name, is_video
from shared.publication import blob_etag
from shared.records import ConflictError, brief, load, save
from shared.submission import plan, start

if TYPE_CHECKING:
    from shared.clients import Clients
    from shared.conversion import Conversion

log = logging.getLogger(__name__)


async def retry(video: str, clients: Clients) -> Conversion:
    """Queue another attempt at the present version of a failed video, and give its record.

    Raises `ApiError`: 404 `UnknownVideo`, 404 `VideoGone`, 409 `NotFailed`, 409 `Changed`.
    """
    from azure.core.exceptions import AzureError, ResourceNotFoundError

    replacing = await blob_etag(clients.gifs, gif_name(video)) if is_video(video) else None
    stored = await load(clients.records, video)
    failed = stored.conversion
    if failed is None:
        raise ApiError(404, "UnknownVideo", "No video of this name has been seen.")
    if failed.state != "failed":
        raise ApiError(409, "NotFailed", f"The video is {failed.state}; only a failed one can be tried again.")
    try:
        blob = await clients.videos.get_blob_client(video).get_blob_properties()
    except ResourceNotFoundError:
        raise ApiError(404, "VideoGone", "The video was removed; upload it again.") from None
    wanted = plan(blob, clients.settings)
    if wanted.id == failed.id and not wanted.final:
        # A number never used before, so that nothing of an earlier attempt can be taken for this one's.
        wanted = replace(next_attempt(failed, retries_left=wanted.retries_left), options=wanted.options)
    try:
        etag = await save(clients.records, wanted, over=stored.etag)
    except ConflictError:
        raise ApiError(409, "Changed", "The video's status has just changed; look again.") from None
    if wanted.final:
        await settle(wanted, clients, replacing=replacing)
        return wanted
    try:
        await start(wanted, clients, over=etag)
    except (AzureError, NoJobError):
        log.warning("the reconciliation will start %r: Batch does not take its task now", video, exc_info=True)
    return wanted


async def retry_all(code: str | None, clients: Clients) -> int:
    """Queue another attempt for all failed videos, or those with this error code, and give their number."""
    count = 0

    async def one(video: str) -> None:
        nonlocal count
        with suppress(ApiError):  # removed, or ended otherwise meanwhile
            await retry(video, clients)
            count += 1

    async with crew() as hand_over:
        async for record in all_blobs(clients, clients.settings.records_container):
            known = brief(record)
            if known and known.state == "failed" and known.error and code in (None, known.error.code):
                await hand_over(repr(record.name), one(record.name))
    return count
