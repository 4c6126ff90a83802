"""Job schedules: create jobs at their times."""

from __future__ import annotations

import asyncio
import contextlib
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from batch_emulator import clock
from batch_emulator.errors import BatchError
from batch_emulator.job import creation as job_creation
from batch_emulator.job import lifecycle as job_lifecycle
from batch_emulator.pool import lifecycle as pool_lifecycle

if TYPE_CHECKING:
    from batch_emulator.schedule.model import JobSchedule

_FOREVER = datetime.max.replace(tzinfo=UTC)


def start(schedule: JobSchedule) -> None:
    """Start it, or start it again with other times."""
    first = schedule.doc["schedule"].get("doNotRunUntil")
    now = datetime.now(UTC)
    _run_from(schedule, max(now, clock.moment(first)) if first else now)


def resume(schedule: JobSchedule) -> None:
    """Continue after a restart of the emulator: the next run keeps its time."""
    due = schedule.info.get("nextRunTime")
    if due is not None:
        _run_from(schedule, clock.moment(due))
    elif schedule.jobs_created:
        _run_from(schedule, None)
    else:
        start(schedule)


def _run_from(schedule: JobSchedule, due: datetime | None) -> None:
    if schedule.work is not None:
        schedule.work.cancel()
    schedule.work = asyncio.get_running_loop().create_task(_run(schedule, due))


async def _run(schedule: JobSchedule, due: datetime | None) -> None:
    while due is not None:
        times = schedule.doc["schedule"]
        last = clock.moment(times["doNotRunAfter"]) if "doNotRunAfter" in times else _FOREVER
        if due > last:
            break
        schedule.info["nextRunTime"] = clock.timestamp(due)
        schedule.save()
        await _sleep_until(due)
        while schedule.state != "active" or schedule.active_job() is not None:
            await _wait_for_wakeup(schedule)
        now = datetime.now(UTC)
        step = clock.seconds(times["recurrenceInterval"]) if "recurrenceInterval" in times else None
        if step is not None:
            # Intervals that passed meanwhile are skipped.
            due = _add_seconds(due, step * max(0.0, (now - due).total_seconds() // step))
        latest = _add_seconds(due, clock.seconds(times["startWindow"])) if "startWindow" in times else last
        if now <= min(last, latest):
            _create_job(schedule)
        due = _add_seconds(due, step) if step is not None else None
    schedule.info.pop("nextRunTime", None)
    schedule.save()
    while schedule.active_job() is not None:
        await _wait_for_wakeup(schedule)
    complete(schedule)


def _add_seconds(moment: datetime, seconds: float) -> datetime:
    try:
        return moment + timedelta(seconds=seconds)
    except OverflowError:
        return _FOREVER


async def _sleep_until(moment: datetime) -> None:
    while (left := (moment - datetime.now(UTC)).total_seconds()) > 0:
        await asyncio.sleep(min(left, 3600))


async def _wait_for_wakeup(schedule: JobSchedule) -> None:
    await schedule.wakeup.wait()
    schedule.wakeup.clear()


def _create_job(schedule: JobSchedule) -> None:
    schedule.jobs_created += 1
    name = f"{schedule.id}:job-{schedule.jobs_created}"
    try:
        job = job_creation.add(schedule.account, {"id": name} | schedule.doc["jobSpecification"], schedule=schedule)
    except BatchError as error:
        schedule.info["recentJob"] = {"id": name, "error": error.code}
    else:
        schedule.info["recentJob"] = {"id": job.id, "url": job.doc["url"]}
    schedule.save()


def complete(schedule: JobSchedule) -> None:
    """Mark it completed: it creates no more jobs."""
    if schedule.state != "completed":
        schedule.info["endTime"] = clock.now()
        schedule.move_to("completed")
        _delete_auto_pool(schedule)


async def terminate(schedule: JobSchedule) -> None:
    """Terminate it and its active job."""
    await _stop(schedule)
    job = schedule.active_job()
    if job is not None and job.state in ("terminating", "deleting") and job.closing is not None:
        await asyncio.wait([job.closing])
    elif job is not None:
        await job_lifecycle.start_terminate(job, reason="TerminateJobSchedule")
    complete(schedule)


async def delete(schedule: JobSchedule) -> None:
    """Delete it with its jobs."""
    await _stop(schedule)
    await asyncio.gather(*(job_lifecycle.start_delete(job) for job in schedule.jobs() if job.state != "deleting"))
    schedule.account.schedules.pop(schedule.key, None)
    schedule.account.store.remove("schedule", schedule.key)
    _delete_auto_pool(schedule)


def _delete_auto_pool(schedule: JobSchedule) -> None:
    """Delete the pool that its jobs share, unless keepAlive is set."""
    auto_pool = schedule.doc["jobSpecification"]["poolInfo"].get("autoPoolSpecification", {})
    if schedule.pool is not None and not auto_pool.get("keepAlive"):
        pool_lifecycle.start_delete(schedule.pool)


async def _stop(schedule: JobSchedule) -> None:
    if schedule.work is not None:
        schedule.work.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await schedule.work
