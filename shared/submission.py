"""From a blob to a Batch task: read the blob, write the record, add the task."""

from __future__ import annotations

import logging
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from shared.conversion import Conversion, Problem, now
from shared.ending import settle
from shared.events import IgnoredEventError, blob_of, check_name
from shared.jobs import add_task
from shared.names import conversion_id, gif_name, is_video, task_id
from shared.options import InvalidOptionError, options_of
from shared.publication import blob_etag
from shared.records import ConflictError, load, save

if TYPE_CHECKING:
    from azure.functions import EventGridEvent
    from azure.storage.blob import BlobProperties

    from shared.clients import Clients
    from shared.settings import Settings

log = logging.getLogger(__name__)


async def submit_event(event: EventGridEvent, clients: Clients) -> None:
    """Convert the blob that an event tells of.

    An event that tells of no video is logged and accepted, since delivering it again would change nothing.
    Trouble with storage or Batch is raised, so that Event Grid delivers the event again.
    """
    try:
        video = blob_of(event, container=clients.settings.input_container)
    except IgnoredEventError as reason:
        log.warning("event %s ignored: %s", event.id, reason)
        return
    if not is_video(video):
        log.info("%r ignored: not an .mp4", video)
        return
    await submit(video, clients)


async def submit(video: str, clients: Clients) -> None:
    """See to it that the present version of a video is being converted. Safe to repeat at any time."""
    from azure.core.exceptions import ResourceNotFoundError

    try:
        check_name(video)
    except IgnoredEventError as reason:
        log.warning("%r ignored: %s", video, reason)
        return
    while True:
        replacing = await blob_etag(clients.gifs, gif_name(video))
        # The record before the blob: were it the other way round, a version read before somebody recorded a newer
        # one could be written over that. Like this, the ETag of the record tells.
        stored = await load(clients.records, video)
        try:
            blob = await clients.videos.get_blob_client(video).get_blob_properties()
        except ResourceNotFoundError:
            log.info("%r is gone: nothing to convert", video)
            return
        known, wanted, etag = stored.conversion, plan(blob, clients.settings), stored.etag
        if known and known.id == wanted.id:
            wanted = known
            break
        with suppress(ConflictError):
            # The record before the task: a crash in between leaves a record whose event is delivered again,
            # never a task that nobody knows of.
            etag = await save(clients.records, wanted, over=etag)
            break
    if known and known.id != wanted.id and not known.final:
        await withdraw(known, clients)
    if not wanted.final:
        await start(wanted, clients, over=etag)
    elif wanted.task_id is None:
        # Refused without a task that a sweep would find: whoever delivers the event again completes this.
        await settle(wanted, clients, replacing=replacing)


def plan(blob: BlobProperties, settings: Settings) -> Conversion:
    """The conversion that a blob asks for; one that can be refused from its properties alone is failed at once."""
    etag = blob.etag.strip('"')
    id_ = conversion_id(settings.input_container, blob.name, etag)
    conversion = Conversion(video=blob.name, etag=etag, id=id_, task_id=task_id(id_, 1), queued_at=now())

    def refused(code: str, message: str) -> Conversion:
        return replace(
            conversion,
            state="failed",
            finished_at=conversion.queued_at,
            task_id=None,
            error=Problem(code=code, message=message),
        )

    if blob.size == 0:
        return refused("EmptyFile", "The file is empty. The upload may have been cut short: upload it again.")
    if blob.size > settings.max_video_bytes:
        limit = settings.max_video_bytes / 1024**2
        return refused("TooLarge", f"The file has {blob.size / 1024**2:,.0f} MiB; at most {limit:,.0f} MiB are taken.")
    try:
        options = options_of(blob.metadata or {}, settings.defaults, max_seconds=settings.max_seconds)
    except InvalidOptionError as error:
        return refused("InvalidOption", f"The video's metadata asks for what is not possible: {error}")
    return replace(conversion, options=options)


async def start(conversion: Conversion, clients: Clients, *, over: str | None) -> None:
    """Add the task of a queued conversion, and note in its record (whose ETag is `over`) which job took it."""
    from shared.task import build_task

    job = await add_task(build_task(conversion, clients.settings), clients)
    log.info("%r is task %s of job %s", conversion.video, conversion.task_id, job.id)
    if (conversion.batch_url, conversion.job_id) == (job.batch_url, job.id):
        return
    try:
        await save(clients.records, replace(conversion, batch_url=job.batch_url, job_id=job.id), over=over)
    except ConflictError:
        # A sweep or a newer version got there first. Sweeps find tasks by listing jobs, not by this note.
        log.info("the record of %r moved on", conversion.video)


async def withdraw(conversion: Conversion, clients: Clients) -> None:
    """Terminate the task of a conversion that a newer one has taken the place of; a running one is killed.

    It only saves time on the nodes. Deleting the task is left to the sweep, which also clears away what it made.
    """
    from azure.core.exceptions import AzureError

    if not (conversion.batch_url and conversion.job_id and conversion.task_id):
        return
    try:
        await clients.batch_at(conversion.batch_url).terminate_task(conversion.job_id, conversion.task_id)
    except AzureError as error:
        log.info("task %s is left to the sweep: %s", conversion.task_id, error)
