"""Publishes a GIF as soon as its result.json is uploaded, without waiting for the task or the sweep.

What cannot be decided from the result alone is left to the sweep, which looks at the task itself.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from shared.conversion import Problem
from shared.lifecycle import staging
from shared.lifecycle.events import EVENT_TIMEOUT_SECONDS, IgnoredEventError, blob_name
from shared.lifecycle.outcome import (
    Asked,
    Converted,
    TransientFailure,
    apply_outcome,
    origin_of_result,
    outcome_of_result,
)
from shared.lifecycle.protocol import commit, read
from shared.names import RESULT_FILE, gif_name, is_video
from shared.services.errors import ConflictError, NewerRecordError, ServiceError
from shared.timestamps import utc_now

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shared.conversion import Conversion, JobRef
    from shared.lifecycle.events import Event
    from shared.lifecycle.outcome import Origin
    from shared.services.services import Services

log = logging.getLogger(__name__)

FILE_WAITS_SECONDS = (0.1, 0.3, 1.0)
"""Waits for files whose upload ends after that of their result.json."""


async def publish_event(event: Event, services: Services) -> None:
    """Publish the GIF whose result.json a BlobCreated event names.

    Events of anything else, of superseded attempts, and events that come too early, too late or twice change nothing.
    Raises `ServiceError` or `TimeoutError`, upon which Event Grid delivers the event again.
    """
    try:
        name = blob_name(event, container=services.settings.staging_container)
    except IgnoredEventError as reason:
        log.warning("event %s ignored: %s", event.id, reason)
        return
    task_id, _, file = name.partition("/")
    if file != RESULT_FILE:
        log.info("%r ignored: no result", name)
        return
    async with asyncio.timeout(EVENT_TIMEOUT_SECONDS):
        await publish_result_of(task_id, services)


async def publish_result_of(task_id: str, services: Services) -> None:
    """Complete the conversion of a task from its result.json. Safe to repeat. Raises `ServiceError`."""
    result = await staging.read_result(task_id, services)
    origin = origin_of_result(result) if result else None
    if result is None or origin is None or not is_video(origin.video):
        log.info("the result of task %s is left to the sweep", task_id)
        return
    # Most videos are new, and have no GIF to look for; where that is wrong, it shows as a conflict.
    for outputs in (False, True):
        try:
            await _publish(task_id, result, origin, services, outputs=outputs)
        except ConflictError as error:
            log.info("the result of task %s is looked at again: %s", task_id, error)
        except NewerRecordError as reason:
            log.info("the result of task %s is left alone: %s", task_id, reason)
            return
        else:
            return


async def _publish(task_id: str, result: bytes, origin: Origin, services: Services, *, outputs: bool) -> None:
    snapshot = await read(origin.video, services, outputs=outputs)
    conversion = snapshot.conversion
    if conversion is None or conversion.final or not conversion.owns_task(task_id):
        return  # a superseded attempt, or published already: the sweep deletes its task
    outcome = outcome_of_result(result, Asked(gif=gif_name(origin.video), also=conversion.options.also))
    staged: Mapping[str, str] | None = None
    if isinstance(outcome, Converted):
        found = await _wait_for_files(task_id, outcome, services)
        if isinstance(found, Problem):
            log.info("the files of task %s are left to the sweep: %s", task_id, found.message)
            return
        staged = found
    if isinstance(outcome, TransientFailure):
        return  # the sweep sees what Batch says of the task
    # The task may have ended before the record names the job that accepted it.
    known = origin.job is not None and origin.job.batch_url in services.settings.batch_urls
    job = origin.job if known else conversion.job
    ended = apply_outcome(started(conversion, origin, job), outcome, at=utc_now())
    await commit(ended, snapshot, services, staged=staged)
    if job and services.settings.logs != "always":
        await _delete_task(job, task_id, services)


async def _wait_for_files(task_id: str, outcome: Converted, services: Services) -> Mapping[str, str] | Problem:
    for seconds in (0.0, *FILE_WAITS_SECONDS):
        await asyncio.sleep(seconds)
        found = await staging.verify(task_id, outcome, services)
        if not (isinstance(found, Problem) and found.code in staging.MISSING_CODES):
            break
    return found


def started(conversion: Conversion, origin: Origin, job: JobRef | None) -> Conversion:
    """The conversion as its converter started it, in `job`: Batch's own times are not asked for."""
    now = utc_now()
    earliest = conversion.queued_at or now
    started_at = conversion.started_at or min(max(origin.started_at or now, earliest), now)
    running = (
        conversion
        if job is None
        else conversion.running(
            job,
            node_id=conversion.node_id or origin.node_id,
            started_at=started_at,
            preempted=conversion.preempted,
        )
    )
    return running.spent((now - started_at).total_seconds())


async def _delete_task(job: JobRef, task_id: str, services: Services) -> None:
    """Delete a task that has nothing left to upload; if that fails, the sweep does it."""
    try:
        await services.tasks.delete(job, task_id)
    except ServiceError as error:
        log.info("task %s is left to the sweep: %s", task_id, error)
