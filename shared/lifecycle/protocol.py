"""The commit protocol: the one order in which conversions change, safe to interrupt anywhere and to repeat.

1. Read a snapshot: the ETags of the published files, which are the GIF and what is beside it, then the record and its
   ETag.
2. Decide on the next `Conversion`, purely; that is the caller's part.
3. Commit the decision over the snapshot:
   a. copy the files of a conversion that succeeded to the output, the GIF last, over their ETags and those of the
      staged files that were verified;
   b. save the record, over the record's ETag; an open conversion is entered into the index before that;
   c. terminate the task of a conversion that the decision supersedes;
   d. finalize an ended conversion: delete the files of an older version that it did not replace, enter it into the
      index, publish the result event;
      or start a queued one: add its task to the job that the record names.
4. Delete the Batch task, if there is one; that is the caller's last step, because as long as the task exists a sweep
   finds what a crash left undone. Before that, `discard` a task that the record does not name any more: no process can
   publish its files then.

What may be beside a GIF is in the record before it is there: the record of a queued conversion has the kinds that were
asked for, and those of the conversions before it as `leftovers`. Videos that never had any cost no request for them.

Of two processes that commit over the same snapshot, one raises `ConflictError`, having changed no record.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from shared.lifecycle.notification import publish_result
from shared.lifecycle.transitions import log_transition
from shared.lifecycle.unstarted import mark_unstarted
from shared.names import EXTRA_FILES, GIF_FILE, MAX_BLOB_NAME_CHARS, extra_name, gif_name
from shared.services.errors import ConflictError, NewerRecordError, NotFoundError, ServiceError
from shared.timestamps import utc_now

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from shared.conversion import Conversion, Gif, JobRef
    from shared.services.services import Services
    from shared.services.storage.records import StoredRecord

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

    conversion: Conversion | None
    """`None` where there is no record, or none that can be read."""
    record_etag: str | None
    """`None` where there is no record."""
    output_etags: Mapping[str, str] | None
    """ETags of the GIF and the files beside it, by name. `None` if they were not read: it is assumed that there are
    none, and the ETag conditions check that."""
    extras: tuple[str, ...] = ()
    """Kinds of files that may be beside the GIF, as far as the record says."""
    unknown: Mapping[str, object] = field(default_factory=dict)
    """Fields of the record that a newer version of gifdrop added, to be kept."""

    def etag(self, name: str) -> str | None:
        """The ETag of a file in the output container, `None` where there is none, or none was looked for."""
        return (self.output_etags or {}).get(name)


def nothing_stored() -> Snapshot:
    """The snapshot of a video that is assumed to be new: a commit over it fails if there is a record or a GIF."""
    return Snapshot(conversion=None, record_etag=None, output_etags=None)


async def read(video: str, services: Services, *, outputs: bool = True) -> Snapshot:
    """The state of a video. Without `outputs` it is assumed to have no GIF yet: a commit that depends on it fails.

    Raises `NewerRecordError` for a record that this version must not change, and other `ServiceError`s.
    """
    # The files before the record: should a newer conversion publish in between, our copy fails on its ETag instead of
    # replacing the newer file by an older one.
    gif = gif_name(video)
    etags = await _etags([gif], services) if outputs else None
    stored = await services.records.load(video)
    while etags is not None and (extras := _extras(stored, etags)):
        # Only the record says which files to look for, so it is read before and after that.
        before, etags = stored, await _etags([gif, *(extra_name(gif, kind) for kind in extras)], services)
        stored = await services.records.load(video)
        if stored.etag == before.etag:
            break
    if stored.newer:
        raise NewerRecordError(f"the record of {video!r} was written by a newer version of gifdrop")
    return Snapshot(
        conversion=stored.conversion,
        record_etag=stored.etag,
        output_etags=etags,
        extras=_extras(stored, etags),
        unknown=stored.unknown,
    )


async def commit(
    decision: Conversion,
    snapshot: Snapshot,
    services: Services,
    *,
    task_exists: bool = False,
    staged: Mapping[str, str] | None = None,
) -> bool:
    """Carry out a decision that was made on a snapshot. A decision equal to the snapshot's conversion is not saved
    again, but its consequences are repeated.

    `task_exists`: Batch has the task of a queued conversion. `staged`: ETags of the verified files in staging by name,
    if the conversion succeeded.

    Returns false if no Batch account accepts the task now; the next sweep adds it. Raises `ConflictError` when the
    record or the GIF was changed since the snapshot, and other `ServiceError`s.
    """
    start = decision.state == "queued" and not task_exists
    decision = decision.with_leftovers(snapshot.extras)
    _check_outputs_looked_for(decision, snapshot)
    if start and decision.job is None:
        decision = await _assign(decision, services)
    record_etag = snapshot.record_etag
    if decision != snapshot.conversion:
        if decision.gif and staged:
            await _publish(decision, decision.gif, staged, snapshot, services)
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

    Raises `ConflictError` if the snapshot does not say which files there are to delete.
    """
    if snapshot.conversion and snapshot.conversion.final:
        _check_outputs_looked_for(snapshot.conversion, snapshot)
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
    await _delete_replaced(gone, snapshot, services)
    await _index_ended(gone, snapshot, services)


async def discard(task_id: str, snapshot: Snapshot, services: Services) -> None:
    """Delete the staged files of a task that the record does not name any more, other than its GIF.

    A process that still believes in the task cannot copy them to the output any more, which nobody would notice after
    the task is deleted. Copies that came before are found by whoever reads the snapshot after this.
    """
    for kind in snapshot.extras:
        if kind in EXTRA_FILES:
            await services.blobs.delete(services.settings.staging_container, f"{task_id}/{EXTRA_FILES[kind]}")


async def terminate_task(job: JobRef, task_id: str, services: Services) -> None:
    """Terminate a task whose outcome no longer matters; the sweep deletes it later.

    This only saves time on the nodes, so a failure is logged and ignored.
    """
    try:
        async with asyncio.timeout(TERMINATE_TIMEOUT_SECONDS):
            await services.tasks.terminate(job, task_id)
    except (ServiceError, TimeoutError) as error:
        log.info("task %s is left to the sweep: %s", task_id, error or "no response")


async def delete_outputs(snapshot: Snapshot, services: Services, *, kept: Collection[str] = ()) -> None:
    """Delete the published files of a snapshot, other than those to be kept. Raises `ConflictError`."""
    for name, etag in (snapshot.output_etags or {}).items():
        if name not in kept:
            await services.blobs.delete_version(services.settings.output_container, name, expected_etag=etag)


def _check_outputs_looked_for(decision: Conversion, snapshot: Snapshot) -> None:
    if snapshot.output_etags is not None or snapshot.conversion is None:
        return
    if decision.state == "failed" or (decision.state == "succeeded" and decision.leftovers):
        raise ConflictError("older files may have to be deleted, which were not looked for")


def _extras(stored: StoredRecord, etags: Mapping[str, str] | None) -> tuple[str, ...]:
    """Kinds of files that may be beside a video's GIF: all of them where no record says so."""
    if stored.conversion is None:
        return tuple(sorted(EXTRA_FILES)) if etags is not None or stored.etag else ()
    return tuple(kind for kind in stored.conversion.extras if kind in EXTRA_FILES)


async def _etags(names: Sequence[str], services: Services) -> dict[str, str]:
    """The ETags of files in the output container that exist."""
    container = services.settings.output_container
    possible = [name for name in names if len(name) <= MAX_BLOB_NAME_CHARS]
    etags = await asyncio.gather(*(services.rest.etag(container, name) for name in possible))
    return {name: etag for name, etag in zip(possible, etags, strict=True) if etag is not None}


async def _save(decision: Conversion, snapshot: Snapshot, record_etag: str | None, services: Services) -> str:
    same = snapshot.conversion is not None and snapshot.conversion.id == decision.id
    unknown = snapshot.unknown if same else None
    if not decision.final:
        # Before the record, so that the index never misses an open conversion.
        await services.index.put(decision, previous=snapshot.conversion)
    etag = await services.records.save(decision, expected_etag=record_etag, unknown=unknown)
    log_transition(decision)
    return etag


async def _publish(
    decision: Conversion, gif: Gif, staged: Mapping[str, str], snapshot: Snapshot, services: Services
) -> None:
    """Copy the files to the output. The GIF comes last: where it is new, the others are there."""
    targets = {EXTRA_FILES[extra.kind]: extra.name for extra in gif.also} | {GIF_FILE: gif.name}
    for file, name in targets.items():
        await _copy(f"{decision.task_id}/{file}", name, staged[file], decision, snapshot, services)


async def _copy(
    source: str, name: str, source_etag: str, decision: Conversion, snapshot: Snapshot, services: Services
) -> None:
    settings = services.settings
    try:
        await services.blobs.copy(
            (settings.staging_container, source),
            (settings.output_container, name),
            metadata={"conversion_id": decision.id},
            source_etag=source_etag,
            expected_etag=snapshot.etag(name),
        )
    except NotFoundError as error:
        if error.code not in MISSING_SOURCE_CODES:
            raise
        raise ConflictError(f"another completion has cleared the staging files of {decision.task_id}") from error


async def _finalize(ended: Conversion, snapshot: Snapshot, services: Services) -> None:
    # Only after the record is saved: a file deleted before could be one that another process has just recorded.
    await _delete_replaced(ended, snapshot, services)
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


async def _delete_replaced(ended: Conversion, snapshot: Snapshot, services: Services) -> None:
    """Delete what older versions and attempts left in the output, other than what the conversion has published."""
    kept = (ended.gif.name, *(extra.name for extra in ended.gif.also)) if ended.gif else ()
    await delete_outputs(snapshot, services, kept=kept)


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
