"""Surveys all jobs and tasks, and repairs those that are stuck, lost or no longer needed."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from shared.lifecycle.completion import discard, sync_task
from shared.lifecycle.protocol import commit, read
from shared.names import is_video, job_day
from shared.services.errors import ConflictError, NewerRecordError, NotFoundError, ServiceError
from shared.task_group import bounded_task_group
from shared.timestamps import utc_now

if TYPE_CHECKING:
    from shared.lifecycle.reconciliation.report import Report
    from shared.services.batch.jobs import Job
    from shared.services.batch.tasks import Task
    from shared.services.services import Services
    from shared.task_group import StartSoon

log = logging.getLogger(__name__)

MAX_CLOCK_SKEW = timedelta(hours=1)
MAX_SURVEY_SHARE = 0.4
"""Share of a reconciliation's time budget in which an account must list its tasks."""


async def survey_tasks(services: Services, report: Report) -> set[str]:
    """The ids of all tasks. Accounts that do not list theirs are noted in `report.unreachable`."""
    surveyed: list[set[str]] = [set() for _ in services.settings.batch_urls]
    async with bounded_task_group(expected=(ConflictError, NewerRecordError)) as start_soon:
        # Side by side: an account that does not respond must not delay the others.
        await asyncio.gather(
            *(
                _survey_account(url, tasks, services, report, start_soon)
                for url, tasks in zip(services.settings.batch_urls, surveyed, strict=True)
            )
        )
    return set().union(*surveyed)


async def _survey_account(url: str, tasks: set[str], services: Services, report: Report, start_soon: StartSoon) -> None:
    try:
        async with asyncio.timeout(services.settings.reconcile_seconds * MAX_SURVEY_SHARE):
            async for job in services.jobs.list(url):
                if job.deleting:
                    continue  # Batch does not list its tasks any more
                before = len(tasks)
                with suppress(NotFoundError):  # the job has just been deleted, with its tasks
                    async for task in services.tasks.list(job.ref):
                        tasks.add(task.id)
                        await _repair(task, job, services, report, start_soon)
                if len(tasks) == before and _is_past(job):
                    await start_soon(f"deletion of job {job.ref.id}", _delete_job, job, services, report)
    except (ServiceError, TimeoutError):
        log.exception("%s cannot be surveyed", url)
        report.unreachable.append(url)


async def _repair(task: Task, job: Job, services: Services, report: Report, start_soon: StartSoon) -> None:
    if not is_video(task.video):
        return
    hung_after = timedelta(seconds=services.settings.hung_seconds)
    if task.state == "active" and job.disabled:
        await start_soon(f"move of task {task.id}", _move, task, services, report)
    elif task.state == "active" and task.requeue_count:
        await start_soon(f"requeue of task {task.id}", sync_task, task, services)
    elif task.state == "running" and task.started_at and datetime.now(UTC) - task.started_at > hung_after:
        await start_soon(f"check of task {task.id}", _restart_if_hung, task, services, report)


async def _move(task: Task, services: Services, report: Report) -> None:
    """Move a waiting task from a disabled job to an open one."""
    await sync_task(task, services)  # a superseded task is discarded, not moved
    snapshot = await read(task.video, services)
    conversion = snapshot.conversion
    if conversion is None or conversion.final or not conversion.owns_task(task.id):
        return
    services.jobs.forget(task.job)
    # Deleted first, so that a job that is enabled again does not run it beside its successor. A crash in between
    # leaves a record without a task, which the next reconciliation restarts.
    await services.tasks.delete(task.job, task.id)
    await commit(conversion.task_lost(), snapshot, services)
    report.moved += 1


async def _restart_if_hung(task: Task, services: Services, report: Report) -> None:
    """Give up a task that reported no progress for long, in favour of another attempt."""
    try:
        reported_at = await services.tasks.progress_reported_at(task.job, task.id)
        if datetime.now(UTC) - reported_at < timedelta(seconds=services.settings.hung_seconds):
            return
    except ServiceError as error:
        if error.status not in (404, 409):  # no file, or no node to read it from
            raise
        log.warning("task %s shows no progress: %s", task.id, error)
    snapshot = await read(task.video, services)
    conversion = snapshot.conversion
    if conversion is None or conversion.final or not conversion.owns_task(task.id):
        return
    # The record first: from then on the hung task is superseded, whatever it still does.
    await commit(conversion.hung(at=utc_now()), snapshot, services)
    await discard(task, services)
    report.hung += 1


async def _delete_job(job: Job, services: Services, report: Report) -> None:
    """Delete an empty job of an earlier day. A task that was added this instant is lost with it, then restarted."""
    await services.jobs.delete(job.ref)
    report.jobs_deleted += 1


def _is_past(job: Job) -> bool:
    day = job_day(job.ref.id)
    return day is not None and day < (datetime.now(UTC) - MAX_CLOCK_SKEW).date()
