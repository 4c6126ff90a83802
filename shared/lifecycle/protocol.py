"""The commit protocol: the one order in which conversions change, safe to interrupt anywhere and to repeat.

1. Read a snapshot: the published GIF's ETag, then the record and its ETag.
2. Decide on the next `Conversion`, purely; that is the caller's part.
3. Commit the decision over the snapshot:
   a. copy the GIF of a conversion that succeeded to the output, over the GIF's ETag and that of the staged GIF that was
      verified;
   b. save the record, over the record's ETag; an open conversion is entered into the index before that;
   c. terminate the task of a conversion that the decision supersedes;
   d. finalize an ended conversion: delete an older version's GIF if it failed, enter it into the index, publish the
      result event;
      or start a queued one: add its task to the job that the record names.
4. Delete the Batch task, if there is one; that is the caller's last step, because as long as the task exists a sweep
   finds what a crash left undone.

Of two processes that commit over the same snapshot, one raises `ConflictError`, having changed no record.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from shared.lifecycle.notification import publish_result
from shared.lifecycle.transitions import log_transition
from shared.lifecycle.unstarted import mark_unstarted
from shared.names import GIF_FILE, gif_name
from shared.services.errors import ConflictError, NewerRecordError, NotFoundError, ServiceError
from shared.timestamps import utc_now

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shared.conversion import Conversion, Gif, JobRef
    from shared.services.services import Services

log = logging.getLogger(__name__)

HARMLESS = (ConflictError, NewerRecordError)
"""What a sweep logs in one line: somebody else looks after the video."""
TERMINATE_TIMEOUT_SECONDS = 5.0
"""Seconds that a superseded task's account has to terminate it: the event of the newer version waits for that."""
MISSING_SOURCE_CODES = {"BlobNotFound", "CannotVerifyCopySource", "ResourceNotFound"}
"""Codes of a 404 that mean the source of a copy does not exist."""


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """What is stored of a video, with the ETags on which changing it depends."""

    video: str
    conversion: Conversion | None
    """`None` where there is no record, or none that can be read."""
    record_etag: str | None
    """`None` where there is no record."""
    gif_etag: str | None
    """`None` where there is no GIF, or none was looked for."""
    gif_looked_for: bool
    """Whether `gif_etag` was read; otherwise it is an assumption that the ETag conditions check."""
    unknown: Mapping[str, object]
    """Fields of the record that a newer version of gifdrop added, to be kept."""


def nothing_stored(video: str) -> Snapshot:
    """The snapshot of a video that is assumed to be new: a commit over it fails if there is a record or a GIF."""
    return Snapshot(video=video, conversion=None, record_etag=None, gif_etag=None, gif_looked_for=False, unknown={})


async def read(video: str, services: Services, *, gif: bool = True) -> Snapshot:
    """The state of a video. Without `gif` it is assumed to have no GIF yet: a commit that depends on it fails.

    Raises `NewerRecordError` for a record that this version must not change, and other `ServiceError`s.
    """
    settings = services.settings
    # The GIF before the record: should a newer conversion publish in between, our copy fails on its ETag instead of
    # replacing the newer GIF by an older one.
    gif_etag = await services.rest.etag(settings.output_container, gif_name(video)) if gif else None
    stored = await services.records.load(video)
    if stored.newer:
        raise NewerRecordError(f"the record of {video!r} was written by a newer version of gifdrop")
    return Snapshot(
        video=video,
        conversion=stored.conversion,
        record_etag=stored.etag,
        gif_etag=gif_etag,
        gif_looked_for=gif,
        unknown=stored.unknown,
    )


async def commit(
    decision: Conversion,
    snapshot: Snapshot,
    services: Services,
    *,
    task_exists: bool = False,
    staged_gif: str | None = None,
) -> bool:
    """Carry out a decision that was made on a snapshot. A decision equal to the snapshot's conversion is not saved
    again, but its consequences are repeated.

    `task_exists`: Batch has the task of a queued conversion. `staged_gif`: ETag of the verified GIF in staging, if the
    conversion succeeded.

    Returns false if no Batch account accepts the task now; the next sweep adds it. Raises `ConflictError` when the
    record or the GIF was changed since the snapshot, and other `ServiceError`s.
    """
    start = decision.state == "queued" and not task_exists
    _check_gif_looked_for(decision, snapshot)
    if start and decision.job is None:
        decision = await _assign(decision, services)
    record_etag = snapshot.record_etag
    if decision != snapshot.conversion:
        if decision.gif and staged_gif:
            await _publish_gif(decision, decision.gif, staged_gif, snapshot, services)
        # The record before the task: a crash in between leaves a record whose event is delivered again, never a task
        # that no record knows.
        record_etag = await _save(decision, snapshot, record_etag, services)
    if snapshot.conversion and decision.supersedes(snapshot.conversion):
        await _terminate_superseded(snapshot.conversion, services)
    if decision.final:
        await _finalize(decision, snapshot, services)
    elif start:
        return await _start(decision, snapshot, record_etag, services)
    return True


async def finalize(snapshot: Snapshot, services: Services) -> None:
    """Repeat what follows the end of a conversion: a crash, or the topic, may have prevented it.

    Raises `ConflictError` if the snapshot does not say whether there is a GIF to delete.
    """
    if snapshot.conversion and snapshot.conversion.final:
        _check_gif_looked_for(snapshot.conversion, snapshot)
        await _finalize(snapshot.conversion, snapshot, services)


async def commit_gone(snapshot: Snapshot, services: Services) -> None:
    """Fail a conversion that has no task and whose video was deleted.

    The one exception to the order: the event comes before the record, because no event and no task leads anybody back
    to this conversion once its record is final.
    """
    if snapshot.conversion is None:
        return
    gone = snapshot.conversion.gone(at=utc_now())
    await publish_result(gone, services)
    await _save(gone, snapshot, snapshot.record_etag, services)
    await delete_outputs(snapshot, services)
    await _index_ended(gone, snapshot, services)


async def delete_outputs(snapshot: Snapshot, services: Services) -> None:
    """Delete what is published of a video, over its ETags. Raises `ConflictError` if it was published again since."""
    if snapshot.gif_etag is not None:
        await services.blobs.delete_version(
            services.settings.output_container, gif_name(snapshot.video), expected_etag=snapshot.gif_etag
        )


async def terminate_task(job: JobRef, task_id: str, services: Services) -> None:
    """Terminate a task whose outcome no longer matters; the sweep deletes it later.

    This only saves time on the nodes, so a failure is logged and ignored.
    """
    try:
        async with asyncio.timeout(TERMINATE_TIMEOUT_SECONDS):
            await services.tasks.terminate(job, task_id)
    except (ServiceError, TimeoutError) as error:
        log.info("task %s is left to the sweep: %s", task_id, error or "no response")


def _check_gif_looked_for(decision: Conversion, snapshot: Snapshot) -> None:
    if decision.state == "failed" and snapshot.conversion and not snapshot.gif_looked_for:
        raise ConflictError("a failure may have to delete an older GIF, which was not looked for")


async def _save(decision: Conversion, snapshot: Snapshot, record_etag: str | None, services: Services) -> str:
    same = snapshot.conversion is not None and snapshot.conversion.id == decision.id
    unknown = snapshot.unknown if same else None
    if not decision.final:
        # Before the record, so that the index never misses an open conversion.
        await services.index.put(decision, previous=snapshot.conversion)
    etag = await services.records.save(decision, expected_etag=record_etag, unknown=unknown)
    log_transition(decision)
    return etag


async def _publish_gif(decision: Conversion, gif: Gif, staged_gif: str, snapshot: Snapshot, services: Services) -> None:
    settings = services.settings
    try:
        await services.blobs.copy(
            (settings.staging_container, f"{decision.task_id}/{GIF_FILE}"),
            (settings.output_container, gif.name),
            metadata={"conversion_id": decision.id},
            source_etag=staged_gif,
            expected_etag=snapshot.gif_etag,
        )
    except NotFoundError as error:
        if error.code not in MISSING_SOURCE_CODES:
            raise
        raise ConflictError(f"another completion has cleared the staging files of {decision.task_id}") from error


async def _finalize(ended: Conversion, snapshot: Snapshot, services: Services) -> None:
    # Only after the record is saved: a GIF deleted before could be one that another process has just recorded.
    if ended.state == "failed":
        await delete_outputs(snapshot, services)
    await _index_ended(ended, snapshot, services)
    await publish_result(ended, services)


async def _index_ended(ended: Conversion, snapshot: Snapshot, services: Services) -> None:
    """Enter an ended conversion into the index. If that fails, it stays among the open ones, which the reconciliation
    looks at."""
    try:
        if ended == snapshot.conversion:
            await services.index.refresh(ended)
        else:
            await services.index.put(ended, previous=snapshot.conversion)
    except ServiceError as error:
        log.warning("the index entry of %r is left to the reconciliation: %s", ended.video, error)


async def _terminate_superseded(conversion: Conversion, services: Services) -> None:
    if conversion.job and conversion.task_id:
        await terminate_task(conversion.job, conversion.task_id, services)


async def _assign(conversion: Conversion, services: Services) -> Conversion:
    """Note the job before the task is added to it: one save of the record is enough then."""
    try:
        return conversion.assigned_to(await services.jobs.choose())
    except ServiceError as error:
        log.warning("no job for task %s: %s", conversion.task_id, error)
        return conversion


async def _start(conversion: Conversion, snapshot: Snapshot, record_etag: str | None, services: Services) -> bool:
    try:
        job = await services.jobs.add_task(conversion)
    except ServiceError as error:
        # The record is saved, so nothing is lost: raising would only make Event Grid delay the events that follow.
        log.warning("task %s is left to the next sweep: %s", conversion.task_id, error)
        await mark_unstarted(conversion, services)
        return False
    if job == conversion.job:
        return True
    try:
        await _save(conversion.assigned_to(job), snapshot, record_etag, services)
    except ConflictError:
        # Sweeps find tasks by listing jobs, not by this note.
        log.info("the record of %r was changed meanwhile", conversion.video)
    return True
