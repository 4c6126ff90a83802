"""From a completed task to a GIF: judge the task, commit the outcome, delete the task last."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from shared.lifecycle import staging
from shared.lifecycle.outcome import Converted, TransientFailure, apply_outcome, outcome_of
from shared.lifecycle.protocol import commit, finalize, read, terminate_task
from shared.lifecycle.submission import submit
from shared.names import gif_name, is_video
from shared.services.errors import ConflictError, ServiceError
from shared.task_group import bounded_task_group
from shared.timestamps import utc_now

if TYPE_CHECKING:
    from datetime import datetime

    from shared.conversion import Conversion
    from shared.services.batch.tasks import Task
    from shared.services.services import Services

log = logging.getLogger(__name__)

MAX_DECISIONS = 3
"""Times that a task is looked at again because its record changed at the same time."""


class CompletionSweep:
    """Brings the records of all tasks that have started up to date, as often as `run` is called."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._running: dict[str, datetime | None] = {}
        """Running tasks whose records are up to date, with their start times: they need no look at the record."""

    async def run(self) -> None:
        """One sweep. A failure with one task, job or account keeps no other from completion."""
        services = self._services
        running: dict[str, datetime | None] = {}

        async def sync(task: Task) -> None:
            await sync_task(task, services)
            if task.state == "running":
                running[task.id] = task.started_at

        async with bounded_task_group(expected=ConflictError) as start_soon:
            for url in services.settings.batch_urls:
                try:
                    jobs = [job async for job in services.jobs.list(url)]
                except ServiceError:
                    log.exception("%s does not list its jobs", url)
                    continue
                for job in jobs:
                    try:
                        async for task in services.tasks.list(job.ref, include_active=False):
                            if task.state == "running" and self._running.get(task.id, "never") == task.started_at:
                                running[task.id] = task.started_at
                            else:
                                await start_soon(f"completion of task {task.id}", sync, task)
                    except ServiceError:
                        log.exception("job %s does not list its tasks", job.ref.id)
        self._running = running


async def sync_task(task: Task, services: Services) -> None:
    """Bring the record of a task's video in line with the task, and delete the task when that is complete.

    Safe to repeat, and to run twice at once. Raises `ServiceError`.
    """
    if not is_video(task.video):
        log.warning("task %s of job %s is not a conversion", task.id, task.job.id)
        return
    for _ in range(MAX_DECISIONS - 1):
        try:
            await _sync(task, services)
        except ConflictError as error:
            # What was decided, and perhaps published, was based on a record of the past: decide again.
            log.info("task %s is looked at again: %s", task.id, error)
        else:
            return
    await _sync(task, services)


async def discard(task: Task, services: Services) -> None:
    """Delete what a task left in staging, and then the task; a running one is killed. Raises `ServiceError`."""
    await staging.clear(task.id, services)
    await services.tasks.delete(task.job, task.id)


async def _sync(task: Task, services: Services) -> None:
    completed = task.state == "completed"
    snapshot = await read(task.video, services, gif=completed)
    if snapshot.conversion is None:
        # The record was lost: it is written anew, and finds this task by its id if the video is still the same.
        await submit(task.video, services)
        snapshot = await read(task.video, services, gif=completed)
    conversion = snapshot.conversion
    if conversion is None or not conversion.owns_task(task.id):
        # A superseded task. It may have copied its GIF just before the present version failed.
        await finalize(snapshot, services)
        await discard(task, services)
    elif conversion.final:
        if not completed:
            await terminate_task(task.job, task.id, services)  # discarded once it has completed
            return
        await finalize(snapshot, services)
        await discard(task, services)
    elif not completed:
        present = (
            _started(conversion, task) if task.state == "running" else conversion.requeued(preempted=task.requeue_count)
        )
        if present != conversion:
            await commit(present, snapshot, services)
    else:
        await commit(await _completed(conversion, task, services), snapshot, services)
        await discard(task, services)


def _started(conversion: Conversion, task: Task) -> Conversion:
    return conversion.running(task.job, node_id=task.node_id, started_at=task.started_at, preempted=task.requeue_count)


async def _completed(conversion: Conversion, task: Task, services: Services) -> Conversion:
    result = await staging.read_result(task.id, services)
    limit = services.settings.task_seconds
    outcome = outcome_of(task, result, gif=gif_name(task.video), limit=limit)
    if isinstance(outcome, Converted):
        problem = await staging.verify_gif(task.id, outcome.gif, services)
        if problem:
            outcome = TransientFailure(error=problem)
    return apply_outcome(_started(conversion, task).spent(task.seconds), outcome, at=utc_now())
