"""How a job ends, pauses and goes on."""

from __future__ import annotations

import asyncio
import shutil
from typing import TYPE_CHECKING

from local.batch import clock
from local.batch.domain import execution, scheduler, special
from local.batch.errors import BatchError
from local.batch.node import program

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from local.batch.domain.entity import Doc
    from local.batch.domain.job import Job
    from local.batch.domain.task import Task

_ENDING = {"terminating": "JobBeingTerminated", "deleting": "JobBeingDeleted", "completed": "JobCompleted"}


def open_for_changes(job: Job, *, completed_too: bool = False) -> None:
    """Refuse what a job near or past its end does not allow."""
    code = _ENDING.get(job.state)
    if code is not None and not (completed_too and code == "JobCompleted"):
        raise BatchError(code, f"The specified job is {job.state}.")


def _spawn(job: Job, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
    job.closing = asyncio.get_running_loop().create_task(work)
    return job.closing


async def _interrupt(tasks: list[Task], how: str, message: str = "") -> None:
    runs = [task.run for task in tasks if task.run is not None]
    if how == "requeue":
        await asyncio.gather(*(run.interrupt("requeue", message) for run in runs))
    else:
        await asyncio.gather(*(run.interrupt("terminate", message) for run in runs))


def start_disable(job: Job, *, tasks: str) -> asyncio.Task[None]:
    """Stop starting tasks; `tasks` says what becomes of those that run: requeue, terminate or wait."""
    open_for_changes(job)
    if job.state != "disabled":
        job.move_to("disabling")
    return _spawn(job, _disable(job, tasks.lower()))


async def _disable(job: Job, how: str) -> None:
    if how == "wait":
        while job.running:
            await asyncio.wait([task.run.work for task in job.running if task.run and task.run.work])
    else:
        await _interrupt(list(job.running), how)
    if job.state == "disabling":
        job.move_to("disabled")


def enable(job: Job) -> None:
    """Let tasks start again."""
    open_for_changes(job)
    if job.state != "active":
        job.move_to("active")
        scheduler.wake(job.pool)
        if job.tasks:  # the last of them may have ended meanwhile
            execution.end_if_all_done(job)


def start_terminate(job: Job, *, reason: str | None) -> asyncio.Task[None]:
    """End the job and its tasks; the state says completed when the last process is gone."""
    if job.state in ("completed", "deleting"):
        open_for_changes(job)
    job.move_to("terminating")
    if reason:
        job.info["terminateReason"] = reason
    return _spawn(job, _terminate(job))


def resume_terminate(job: Job) -> None:
    """Go on with an end that a crash interrupted."""
    _spawn(job, _terminate(job))


def resume_delete(job: Job) -> None:
    """Go on with a removal that a crash interrupted."""
    _spawn(job, _delete(job))


async def _terminate(job: Job) -> None:
    await _end_tasks(job)
    if job.state == "terminating":
        job.info["endTime"] = clock.now()
        job.move_to("completed")
        job.account.job_ended(job)


async def _end_tasks(job: Job) -> None:
    if job.timer is not None:
        job.timer.cancel()
    for task in list(job.tasks.values()):
        if task.state == "active" and task.run is None:
            task.finished(program.failed("TaskEnded", "The job was terminated."))
    await _interrupt(list(job.running), "terminate", "The job was terminated.")
    preparing = [part.work for part in job.parts.values() if part.work is not None]
    for work in preparing:
        work.cancel()
    if preparing:
        await asyncio.wait(preparing)
    if "jobReleaseTask" in job.doc:
        waiting = [part for part in job.parts.values() if part.release is None and part.node.pool is job.pool]
        await asyncio.gather(*(special.release(part) for part in waiting))


def start_delete(job: Job) -> asyncio.Task[None]:
    """End the job, then remove it with its tasks and their files."""
    if job.state == "deleting":
        raise BatchError("JobBeingDeleted", "The specified job is already being deleted.")
    job.move_to("deleting")
    return _spawn(job, _delete(job))


async def _delete(job: Job) -> None:
    await _end_tasks(job)
    if job.pool is not None:
        roots = [node.root / job.directory for node in job.pool.nodes.values()]
        await asyncio.gather(*(asyncio.to_thread(shutil.rmtree, root, ignore_errors=True) for root in roots))
    job.account.job_removed(job)


def watch_wall_clock(job: Job) -> None:
    """End the job when its time is up."""
    if job.timer is not None:
        job.timer.cancel()
        job.timer = None
    limit = clock.seconds(job.doc["constraints"]["maxWallClockTime"])
    age = clock.moment(clock.now()) - clock.moment(job.info["startTime"])
    # The event loop cannot count further than a few years.
    if limit < 365 * 86400 and job.state in ("active", "disabled", "disabling"):
        left = max(0.0, limit - age.total_seconds())
        job.timer = asyncio.get_running_loop().call_later(left, _time_is_up, job)


def _time_is_up(job: Job) -> None:
    job.timer = None
    if job.state not in _ENDING:
        start_terminate(job, reason="MaxWallClockTimeExpiry")


def apply(job: Job, changes: Doc) -> None:
    """Give the job new settings, already checked."""
    constraints = changes.pop("constraints", None)
    if constraints is not None:
        job.doc["constraints"] = {"maxWallClockTime": clock.UNLIMITED, "maxTaskRetryCount": 0} | constraints
    job.doc |= changes
    job.touch()
    watch_wall_clock(job)
    execution.end_if_all_done(job)
    scheduler.wake(job.pool)
