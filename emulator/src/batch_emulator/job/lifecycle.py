"""Disabling, enabling, terminating, deleting and updating a job."""

from __future__ import annotations

import asyncio
import shutil
from typing import TYPE_CHECKING

from batch_emulator import clock
from batch_emulator.errors import BatchError
from batch_emulator.job import preparation as job_preparation
from batch_emulator.machine import command
from batch_emulator.pool import lifecycle as pool_lifecycle
from batch_emulator.task import lifecycle as task_lifecycle

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from batch_emulator.account import Account
    from batch_emulator.entity import Doc
    from batch_emulator.job.model import Job
    from batch_emulator.task.model import Task

_ENDING = {"terminating": "JobBeingTerminated", "deleting": "JobBeingDeleted", "completed": "JobCompleted"}
# The event loop refuses timers of many years.
_MAX_TIMER_SECONDS = 365 * 86400


def check_changeable(job: Job, *, completed_too: bool = False) -> None:
    """Refuse changes to a job that ends or has ended."""
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
    """Stop starting tasks. `tasks` applies to those that run: requeue, terminate or wait."""
    check_changeable(job)
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
    check_changeable(job)
    if job.state != "active":
        job.move_to("active")
        job.wake_scheduler()
        if job.tasks:  # the last of them may have ended meanwhile
            terminate_if_all_complete(job)


def start_terminate(job: Job, *, reason: str | None) -> asyncio.Task[None]:
    """Terminate the job and its tasks; it is completed when the last process is gone."""
    if job.state in ("completed", "deleting"):
        check_changeable(job)
    job.move_to("terminating")
    if reason:
        job.info["terminateReason"] = reason
    return _spawn(job, _terminate(job))


def resume_terminate(job: Job) -> None:
    """Continue a termination that a crash interrupted."""
    _spawn(job, _terminate(job))


def resume_delete(job: Job) -> None:
    """Continue a deletion that a crash interrupted."""
    _spawn(job, _delete(job))


async def _terminate(job: Job) -> None:
    await _end_tasks(job)
    if job.state == "terminating":
        job.info["endTime"] = clock.now()
        job.move_to("completed")
        _release_resources(job)


async def _end_tasks(job: Job) -> None:
    if job.timer is not None:
        job.timer.cancel()
    for task in list(job.tasks.values()):
        if task.state == "active" and task.run is None:
            task_lifecycle.complete(task, command.failed("TaskEnded", "The job was terminated."))
    await _interrupt(list(job.running), "terminate", "The job was terminated.")
    preparing = [each.work for each in job.preparations.values() if each.work is not None]
    for work in preparing:
        work.cancel()
    if preparing:
        await asyncio.wait(preparing)
    if "jobReleaseTask" in job.doc:
        waiting = [
            each for each in job.preparations.values() if each.release_info is None and each.node.pool is job.pool
        ]
        await asyncio.gather(*(job_preparation.release(each) for each in waiting))


def start_delete(job: Job) -> asyncio.Task[None]:
    """Terminate the job, then remove it with its tasks and their files."""
    if job.state == "deleting":
        raise BatchError("JobBeingDeleted", "The specified job is already being deleted.")
    job.move_to("deleting")
    return _spawn(job, _delete(job))


async def _delete(job: Job) -> None:
    await _end_tasks(job)
    if job.deletion_hold is not None:
        await job.deletion_hold.released.wait()
    if job.pool is not None:
        roots = [node.root / job.directory for node in job.pool.nodes.values()]
        await asyncio.gather(*(asyncio.to_thread(shutil.rmtree, root, ignore_errors=True) for root in roots))
    account = job.account
    account.jobs.pop(job.key, None)
    for task in job.tasks.values():
        account.remove_task(task)
    account.store.remove("job", job.key)
    if job.pool is not None:
        job.pool.jobs.pop(job.key, None)
    _release_resources(job)


def release_held_deletions(account: Account, fault: str | None = None) -> None:
    """Let held deletions continue: those that the fault with this key holds, by default all."""
    for job in account.jobs.values():
        hold = job.deletion_hold
        if hold is not None and fault in (None, hold.fault):
            account.due_times.remove("release deletion", job.key)
            release_held_deletion(account, job.key)


def release_held_deletion(account: Account, key: str) -> None:
    """Let the deletion of the job with this key continue."""
    job = account.jobs.get(key)
    if job is not None and job.deletion_hold is not None:
        job.deletion_hold.released.set()
        job.deletion_hold = None
        job.save()


def _release_resources(job: Job) -> None:
    """Let the schedule of a job that has ended continue, and delete the job's automatic pool."""
    schedule = job.account.schedules.get(job.schedule_id or "")
    if schedule is not None:
        schedule.wakeup.set()
    delete_auto_pool(job)


def delete_auto_pool(job: Job) -> None:
    """Delete the automatic pool of a job that does not need it any more, if it has one."""
    if job.has_auto_pool and job.pool is not None:
        pool_lifecycle.start_delete(job.pool)


def terminate_if_all_complete(job: Job) -> None:
    """Terminate a job whose tasks are all complete, if its onAllTasksComplete asks for it."""
    wanted = job.doc["onAllTasksComplete"].lower() == "terminatejob"
    counts = job.counts.tasks
    if wanted and job.state == "active" and not counts["active"] and not counts["running"]:
        start_terminate(job, reason="AllTasksComplete")


def watch_wall_clock(job: Job) -> None:
    """Terminate the job when its maximum wall-clock time has passed."""
    if job.timer is not None:
        job.timer.cancel()
        job.timer = None
    limit = clock.seconds(job.doc["constraints"]["maxWallClockTime"])
    age = clock.moment(clock.now()) - clock.moment(job.info["startTime"])
    if limit < _MAX_TIMER_SECONDS and job.state in ("active", "disabled", "disabling"):
        left = max(0.0, limit - age.total_seconds())
        job.timer = asyncio.get_running_loop().call_later(left, _on_wall_clock_expiry, job)


def _on_wall_clock_expiry(job: Job) -> None:
    job.timer = None
    if job.state not in _ENDING:
        start_terminate(job, reason="MaxWallClockTimeExpiry")


def apply(job: Job, changes: Doc) -> None:
    """Change settings of the job, already checked."""
    constraints = changes.pop("constraints", None)
    if constraints is not None:
        job.doc["constraints"] = {"maxWallClockTime": clock.UNLIMITED, "maxTaskRetryCount": 0} | constraints
    job.doc |= changes
    job.touch()
    watch_wall_clock(job)
    terminate_if_all_complete(job)
    job.wake_scheduler()
