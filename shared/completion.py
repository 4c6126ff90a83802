"""From a completed task to a GIF: judge it, move the GIF to the output, record it, delete the task last."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING

from shared.conversion import Conversion, Problem, as_stored, now
from shared.crew import crew
from shared.ending import settle
from shared.jobs import JobRef
from shared.names import JOB_PREFIX, gif_name, is_video, task_id
from shared.outcome import Converted, Interrupted, Outcome, Rejected, Trouble, outcome_of
from shared.publication import blob_etag, discard, publish, read_result
from shared.records import ConflictError, load, save
from shared.submission import start, submit, withdraw

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from datetime import datetime

    from azure.batch.models import BatchTask

    from shared.clients import Clients

log = logging.getLogger(__name__)

MOST_ATTEMPTS = 10
"""After so many a task that is ended by hand is not started again."""
TASK_FIELDS = ["id", "displayName", "state", "executionInfo", "nodeInfo"]
"""What is asked of a task: without a selection, a listing is twenty times as long."""


async def complete_all(clients: Clients) -> None:
    """Bring the records of all tasks that have begun up to date. Trouble with one keeps no other from completion."""
    from azure.core.exceptions import AzureError

    running: dict[str, datetime | None] = {}

    async def see_to(task: BatchTask, job: JobRef) -> None:
        await complete(task, job, clients)
        if task.state == "running":
            running[task.id] = _began(task)

    async with crew() as hand_over:
        async for job in jobs_of_ours(clients):
            tasks = clients.batch_at(job.batch_url).list_tasks(job.id, filter="state ne 'active'", select=TASK_FIELDS)
            try:
                async for task in tasks:
                    if task.state == "running" and clients.running.get(task.id, "never") == _began(task):
                        running[task.id] = _began(task)  # an earlier sweep has seen to its record
                    else:
                        await hand_over(f"task {task.id}", see_to(task, job))
            except AzureError:
                log.exception("job %s does not list its tasks", job.id)
    clients.running = running


def _began(task: BatchTask) -> datetime | None:
    return task.execution_info.start_time if task.execution_info else None


async def jobs_of_ours(clients: Clients) -> AsyncIterator[JobRef]:
    """The jobs of gifdrop in all accounts; an account that does not answer is left to the next sweep."""
    from azure.core.exceptions import AzureError

    for url in clients.settings.batch_urls:
        try:
            async for job in clients.batch_at(url).list_jobs(filter=f"startswith(id,'{JOB_PREFIX}')", select=["id"]):
                yield JobRef(batch_url=url, id=job.id)
        except AzureError:
            log.exception("%s does not list its jobs", url)


async def complete(task: BatchTask, job: JobRef, clients: Clients) -> None:
    """Bring the record of a task's video up to the task's state. Safe to repeat, and to run twice at once.

    Raises `ConflictError` when the record or the output was changed meanwhile.
    """
    video = task.display_name or ""
    if not is_video(video):
        log.warning("task %s of job %s is none of ours", task.id, job.id)
        return
    completed = task.state == "completed"
    # The output's version is read before the record: should a newer conversion publish between here and our copy,
    # the copy fails instead of putting the older GIF over the newer one.
    replacing = await blob_etag(clients.gifs, gif_name(video)) if completed else None
    stored = await load(clients.records, video)
    conversion = stored.conversion
    if conversion is None:
        # A task without a record: what it works on is recorded first, and the task found again by its id.
        await submit(video, clients)
        stored = await load(clients.records, video)
        conversion = stored.conversion
    if conversion is None or conversion.task_id != task.id or conversion.final:
        if conversion and conversion.final:
            if conversion.task_id == task.id and not completed:
                await withdraw(conversion, clients)  # what it leaves is cleared away once it is over
                return
            # A crash, or the topic, may have kept this end from being settled; or this task's GIF may have been
            # copied just before a newer version was refused.
            await settle(conversion, clients, replacing=replacing)
        await discard(task.id, job, clients)
        return
    if not completed or task.execution_info is None:
        present = as_running(conversion, task, job) if task.state == "running" else as_waiting(conversion, task)
        if present != conversion:
            await save(clients.records, present, over=stored.etag)
        return
    result = await read_result(task.id, clients)
    outcome = outcome_of(task.execution_info, result, gif=gif_name(video), limit=clients.settings.task_seconds)
    if isinstance(outcome, Converted):
        outcome = await publish(conversion, outcome, clients, replacing=replacing)
    ended = after(as_running(conversion, task, job), task, outcome)
    try:
        etag = await save(clients.records, ended, over=stored.etag)
    except ConflictError:
        # What was just published was decided on a record of the past: decide again on the present one.
        await complete(task, job, clients)
        return
    if ended.final:
        await settle(ended, clients, replacing=replacing)
    else:
        await start(ended, clients, over=etag)
    # Last, for as long as the task is there a sweep finds what a crash left undone.
    await discard(task.id, job, clients)


def as_running(conversion: Conversion, task: BatchTask, job: JobRef) -> Conversion:
    """The conversion as of the moment its task began to run."""
    execution = task.execution_info
    return replace(
        conversion,
        state="running",
        batch_url=job.batch_url,
        job_id=job.id,
        node_id=task.node_info.node_id if task.node_info else None,
        started_at=as_stored(execution.start_time) if execution and execution.start_time else None,
        preempted=(execution.requeue_count or 0) if execution else conversion.preempted,
    )


def as_waiting(conversion: Conversion, task: BatchTask) -> Conversion:
    """The conversion while its task waits: again, if it ran before and lost its node."""
    if conversion.state != "running":
        return conversion
    lost = (task.execution_info.requeue_count or 0) if task.execution_info else conversion.preempted
    return replace(conversion, state="queued", node_id=None, started_at=None, preempted=lost)


def after(conversion: Conversion, task: BatchTask, outcome: Outcome) -> Conversion:
    """The conversion after its task came to an outcome: ended, or queued for another attempt."""
    execution = task.execution_info
    spent = conversion.compute_seconds or 0.0
    if execution and execution.start_time and execution.end_time:
        spent += (execution.end_time - execution.start_time).total_seconds()
    conversion = replace(conversion, compute_seconds=round(spent, 3))
    match outcome:
        case Converted(gif=gif):
            return replace(conversion, state="succeeded", gif=gif, finished_at=now())
        case Rejected(error=error):
            return replace(conversion, state="failed", error=error, finished_at=now())
        case Interrupted(error=error) if conversion.attempt >= MOST_ATTEMPTS:
            return replace(conversion, state="failed", error=error, finished_at=now())
        case Interrupted():
            return next_attempt(conversion, retries_left=conversion.retries_left)
        case Trouble(error=error):
            return after_trouble(conversion, error)


def after_trouble(conversion: Conversion, error: Problem) -> Conversion:
    """The conversion after trouble that is not the video's: queued for another attempt, or failed after the last."""
    if not conversion.retries_left:
        return replace(conversion, state="failed", error=error, finished_at=now())
    return next_attempt(conversion, retries_left=conversion.retries_left - 1)


def next_attempt(conversion: Conversion, *, retries_left: int) -> Conversion:
    """The conversion queued for another attempt, which has a task of its own."""
    attempt = conversion.attempt + 1
    return replace(
        conversion,
        state="queued",
        attempt=attempt,
        retries_left=retries_left,
        task_id=task_id(conversion.id, attempt),
        batch_url=None,
        job_id=None,
        node_id=None,
        started_at=None,
        finished_at=None,
        error=None,
    )
