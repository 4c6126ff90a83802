"""From a completed task to a GIF: judge the task, commit the outcome, delete the task last."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import TYPE_CHECKING

from shared.conversion import Problem
from shared.lifecycle import staging
from shared.lifecycle.outcome import Converted, TransientFailure, apply_outcome, outcome_of
from shared.lifecycle.protocol import commit, finalize, read, terminate_task
from shared.lifecycle.submission import submit
from shared.names import gif_name, is_video
from shared.services.errors import ConflictError, ServiceError
from shared.timestamps import utc_now

if TYPE_CHECKING:
    from shared.conversion import Conversion
    from shared.lifecycle.outcome import Outcome
    from shared.lifecycle.protocol import Snapshot
    from shared.services.batch.tasks import Task
    from shared.services.services import Services

log = logging.getLogger(__name__)


async def sync_task(task: Task, services: Services) -> None:
    """Bring the record of a task's video in line with the task, and delete the task when that is complete.

    Safe to repeat, and to run twice at once. Raises `ServiceError`.
    """
    if not is_video(task.video):
        log.warning("task %s of job %s is not a conversion", task.id, task.job.id)
        return
    # Most videos are new, and have no GIF to look for; where that is wrong, it shows as a conflict.
    for gif in (False, True):
        try:
            await _sync(task, services, gif=gif)
        except ConflictError as error:
            # What was decided, and perhaps published, was based on a record of the past: decide again.
            log.info("task %s is looked at again: %s", task.id, error)
        else:
            return
    await _sync(task, services, gif=True)


async def _sync(task: Task, services: Services, *, gif: bool) -> None:
    completed = task.state == "completed"
    snapshot = await read(task.video, services, gif=gif)
    if snapshot.conversion is None:
        # The record was lost: it is written anew, and finds this task by its id if the video is still the same.
        await submit(task.video, services)
        snapshot = await read(task.video, services, gif=gif)
    conversion = snapshot.conversion
    if conversion is None or not conversion.owns_task(task.id):
        # A superseded task. It may have copied its GIF just before the present version failed.
        await finalize(snapshot, services)
        if conversion is None:
            await _delete_unrecorded_gif(task.video, services)
        await services.tasks.delete(task.job, task.id)
    elif conversion.final:
        if not completed:
            await terminate_task(task.job, task.id, services)  # deleted once it has completed
            return
        await finalize(snapshot, services)
        await services.tasks.delete(task.job, task.id)
    elif not completed:
        requeued = conversion.requeued(preempted=task.requeue_count)
        present = _running(conversion, task) if task.state == "running" else requeued
        if present != conversion:
            await commit(present, snapshot, services, task_exists=True)
    else:
        await _complete(conversion, task, snapshot, services)
        await services.tasks.delete(task.job, task.id)


async def _delete_unrecorded_gif(video: str, services: Services) -> None:
    """Delete a GIF that was published while its video and its record were being deleted."""
    snapshot = await read(video, services)
    if snapshot.record_etag is None and snapshot.gif_etag is not None:
        await services.blobs.delete_version(
            services.settings.output_container, gif_name(video), expected_etag=snapshot.gif_etag
        )


def _running(conversion: Conversion, task: Task) -> Conversion:
    return conversion.running(task.job, node_id=task.node_id, started_at=task.started_at, preempted=task.requeue_count)


async def _complete(conversion: Conversion, task: Task, snapshot: Snapshot, services: Services) -> None:
    started = _running(conversion, task).spent(task.seconds)
    try:
        outcome, staged_gif = await _outcome(task, services)
        await commit(apply_outcome(started, outcome, at=utc_now()), snapshot, services, staged_gif=staged_gif)
    except ServiceError as error:
        give_up_after = timedelta(seconds=services.settings.give_up_seconds)
        if not error.refused or not task.ended_at or utc_now() - task.ended_at < give_up_after:
            raise
        log.error("the outcome of task %s is given up: %s", task.id, error)  # noqa: TRY400  # said in full
        problem = Problem(code="PublishRefused", message=f"The GIF could not be stored: {error}")
        await commit(started.failed(problem, at=utc_now()), snapshot, services)


async def _outcome(task: Task, services: Services) -> tuple[Outcome, str | None]:
    """The outcome of a task, and the ETag of its verified GIF if it has one."""
    result = await staging.read_result(task.id, services)
    outcome = outcome_of(task, result, gif=gif_name(task.video), limit=services.settings.task_seconds)
    if not isinstance(outcome, Converted):
        return outcome, None
    found = await staging.verify_gif(task.id, outcome, services)
    return (outcome, found) if isinstance(found, str) else (TransientFailure(error=found), None)
