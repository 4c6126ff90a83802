"""From a blob to a Batch task: read the blob, plan its conversion, commit it."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from typing import TYPE_CHECKING

from shared.conversion import Conversion, Problem, Source
from shared.lifecycle.events import EVENT_TIMEOUT_SECONDS, IgnoredEventError, blob_name
from shared.lifecycle.protocol import commit, nothing_stored, read
from shared.names import (
    MAX_BLOB_NAME_CHARS,
    InvalidNameError,
    check_blob_name,
    conversion_id,
    extra_name,
    gif_name,
    is_video,
    task_id,
)
from shared.options import InvalidOptionError, option_warnings, options_of
from shared.services.errors import ConflictError, NewerRecordError, NotFoundError
from shared.services.storage.blob import is_directory
from shared.timestamps import utc_now

if TYPE_CHECKING:
    from shared.lifecycle.events import Event
    from shared.options import Options
    from shared.services.services import Services
    from shared.services.storage.blob import Blob
    from shared.settings import Settings

log = logging.getLogger(__name__)


async def submit_event(event: Event, services: Services) -> None:
    """Convert the blob that a BlobCreated event names.

    An event that names no video is logged and accepted, because delivering it again would change nothing. Raises
    `ServiceError`, or `TimeoutError` after `EVENT_TIMEOUT_SECONDS`, upon which Event Grid delivers the event again.
    """
    try:
        video = blob_name(event, container=services.settings.input_container)
    except IgnoredEventError as reason:
        log.warning("event %s ignored: %s", event.id, reason)
        return
    if not is_video(video):
        log.info("%r ignored: not the name of a video", video)
        return
    async with asyncio.timeout(EVENT_TIMEOUT_SECONDS):
        await submit(video, services)


async def submit(video: str, services: Services) -> None:
    """Start converting the present version of a video, unless that was done already. Raises `ServiceError`.

    A video whose record a newer version of gifdrop wrote is left to that version.
    """
    try:
        check_blob_name(video)
    except InvalidNameError as reason:
        log.warning("%r ignored: %s", video, reason)
        return
    if await _submit_new(video, services):
        return
    while True:
        # The record before the blob: in the other order, a version that was read before somebody recorded a newer one
        # could be written over that. This way the record's ETag prevents it.
        try:
            snapshot = await read(video, services)
        except NewerRecordError as reason:
            log.warning("%r is left alone: %s", video, reason)
            return
        blob = await _read_blob(video, services)
        if blob is None:
            return
        decision, known = plan(blob, services.settings), snapshot.conversion
        if known and known.id == decision.id:
            if known.final and known.task_id is not None:
                return
            # Added, refused, or interrupted before that: only what is missing is done.
            decision = known
        try:
            await commit(decision, snapshot, services)
        except ConflictError:
            continue
        return


async def _submit_new(video: str, services: Services) -> bool:
    """Commit the conversion of a video without reading a record first; false if there is one."""
    blob = await _read_blob(video, services)
    if blob is None:
        return True
    try:
        await commit(plan(blob, services.settings), nothing_stored(), services)
    except ConflictError:
        return False
    return True


async def _read_blob(video: str, services: Services) -> Blob | None:
    """The properties of a video, `None` if there is nothing to convert."""
    try:
        blob = await services.rest.properties(services.settings.input_container, video)
    except NotFoundError:
        log.info("%r is gone: nothing to convert", video)
        return None
    if is_directory(blob):
        log.info("%r ignored: a directory", video)
        return None
    return blob


def plan(blob: Blob, settings: Settings, *, options: Options | None = None) -> Conversion:
    """The conversion of a blob; failed already if the blob's properties alone show that it cannot be converted.

    options: Instead of those in the blob's metadata.
    """
    id_ = conversion_id(settings.input_container, blob.name, blob.etag)
    at = utc_now()
    conversion = Conversion(
        video=blob.name,
        etag=blob.etag,
        id=id_,
        task_id=task_id(id_, 1),
        queued_at=at,
        source=Source(bytes=blob.bytes),
        warnings=option_warnings(blob.metadata),
    )
    if blob.bytes == 0:
        message = "The file is empty: the upload may have been cut short."
        return conversion.refused(Problem(code="EmptyFile", message=message), at=at)
    if len(gif_name(blob.name)) > MAX_BLOB_NAME_CHARS:
        return conversion.refused(_name_too_long("The GIF's name"), at=at)
    if blob.bytes > settings.max_video_bytes:
        limit = settings.max_video_bytes / 1024**2
        message = f"The file has {blob.bytes / 1024**2:,.0f} MiB; the limit is {limit:,.0f} MiB."
        return conversion.refused(Problem(code="TooLarge", message=message), at=at)
    if options is not None:
        conversion = replace(conversion, warnings=())
    else:
        try:
            options = options_of(blob.metadata, settings.defaults, max_seconds=settings.max_seconds)
        except InvalidOptionError as error:
            message = f"The video's metadata is not valid: {error}"
            return conversion.refused(Problem(code="InvalidOption", message=message), at=at)
    if any(len(extra_name(gif_name(blob.name), kind)) > MAX_BLOB_NAME_CHARS for kind in options.also):
        return conversion.refused(_name_too_long("The name of a file beside the GIF"), at=at)
    return conversion.with_options(options)


def _name_too_long(what: str) -> Problem:
    message = f"{what} would be longer than a blob's name may be. Upload the video with a shorter name."
    return Problem(code="NameTooLong", message=message)
