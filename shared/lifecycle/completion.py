"""From a completed task to a GIF: judge the task, commit the outcome, delete the task last."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import TYPE_CHECKING

from shared.conversion import Problem
from shared.lifecycle import staging
from shared.lifecycle.outcome import Asked, Converted, TransientFailure, apply_outcome, outcome_of
from shared.lifecycle.protocol import commit, delete_outputs, discard, finalize, read, terminate_task
from shared.lifecycle.submission import submit
from shared.names import gif_name, is_video
from shared.services.errors import ConflictError, ServiceError
from shared.timestamps import utc_now

if TYPE_CHECKING:
    from collections.abc import Mapping

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
    for outputs in (False, True):
        try:
            await _sync(task, services, outputs=outputs)
        except ConflictError as error:
            # What was decided, and perhaps published, was based on a record of the past: decide again.
            log.info("task %s is looked at again: %s", task.id, error)
        else:
            return
    await _sync(task, services, outputs=True)


async def _sync(task: Task, services: Services, *, outputs: bool) -> None:
    completed = task.state == "completed"
    snapshot = await read(task.video, services, outputs=outputs)
    if snapshot.conversion is None:
        # The record was lost: it is written anew, and finds this task by its id if the video is still the same.
        await submit(task.video, services)
        snapshot = await read(task.video, services, outputs=outputs)
    conversion = snapshot.conversion
    if conversion is None or not conversion.owns_task(task.id):
        # A superseded task. It may have copied its files just before the present version ended.
        if snapshot.extras:
            await discard(task.id, snapshot, services)
            snapshot = await read(task.video, services)
        await finalize(snapshot, services)
        if conversion is None:
            await _delete_unrecorded_outputs(task.video, services)
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


async def _delete_unrecorded_outputs(video: str, services: Services) -> None:
    """Delete files that were published while their video and its record were being deleted."""
    snapshot = await read(video, services)
    if snapshot.record_etag is None:
        await delete_outputs(snapshot, services)


def _running(conversion: Conversion, task: Task) -> Conversion:
    return conversion.running(task.job, node_id=task.node_id, started_at=task.started_at, preempted=task.requeue_count)


async def _complete(conversion: Conversion, task: Task, snapshot: Snapshot, services: Services) -> None:
    started = _running(conversion, task).spent(task.seconds)
    try:
        outcome, staged = await _outcome(conversion, task, services)
        await commit(apply_outcome(started, outcome, at=utc_now()), snapshot, services, staged=staged)
    except ServiceError as error:
        give_up_after = timedelta(seconds=services.settings.give_up_seconds)
        if not error.refused or not task.ended_at or utc_now() - task.ended_at < give_up_after:
            raise
        log.error("the outcome of task %s is given up: %s", task.id, error)  # noqa: TRY400  # said in full
        problem = Problem(code="PublishRefused", message=f"The GIF could not be stored: {error}")
        await commit(started.failed(problem, at=utc_now()), snapshot, services)


async def _outcome(conversion: Conversion, task: Task, services: Services) -> tuple[Outcome, Mapping[str, str] | None]:
    """The outcome of a task, and the ETags of its verified files if it has a GIF."""
    result = await staging.read_result(task.id, services)
    asked = Asked(gif=gif_name(task.video), also=conversion.options.also)
    outcome = outcome_of(task, result, asked, limit=services.settings.task_seconds)
    if not isinstance(outcome, Converted):
        return outcome, None
    found = await staging.verify(task.id, outcome, services)
    return (TransientFailure(error=found), None) if isinstance(found, Problem) else (outcome, found)
