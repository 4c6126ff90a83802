"""Job schedules: jobs made again and again."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from local.batch import clock
from local.batch.domain import job_add, job_life
from local.batch.domain.entity import Doc, Entity, born
from local.batch.errors import BatchError

if TYPE_CHECKING:
    from local.batch.domain.account import Account
    from local.batch.domain.job import Job
    from local.batch.domain.pool import Pool

_FOREVER = datetime.max.replace(tzinfo=UTC)


@dataclass(slots=True, eq=False)
class JobSchedule(Entity):
    """A job schedule; `pool` is the automatic one that its jobs share, if they do."""

    account: Account
    made: int = 0
    pool: Pool | None = None
    work: asyncio.Task[None] | None = None
    stirred: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def key(self) -> str:
        return self.id.lower()

    @property
    def info(self) -> Doc:
        info: Doc = self.doc["executionInfo"]
        return info

    def kept(self) -> Doc:
        return self.doc | {"jobsMade": self.made, "poolKey": self.pool.key if self.pool is not None else None}

    def jobs(self) -> list[Job]:
        """Its jobs, the oldest first."""
        return [job for job in self.account.jobs.values() if job.schedule_id == self.key]

    def active_job(self) -> Job | None:
        """The one job that is not over yet."""
        return next((job for job in self.jobs() if job.state != "completed"), None)


def add(account: Account, spec: Doc) -> JobSchedule:
    """A new schedule from a checked body."""
    if spec["id"].lower() in account.schedules:
        raise BatchError("JobScheduleExists")
    job_add.check_quota(account)
    check(spec["schedule"])
    url = f"{account.url}/jobschedules/{spec['id']}"
    doc = born({"id": spec["id"], "url": url} | spec, state="active") | {"executionInfo": {}}
    schedule = JobSchedule(doc, account, changed=account.schedule_changed)
    account.schedules[schedule.key] = schedule
    account.schedule_changed(schedule)
    start(schedule)
    return schedule


def check(times: Doc) -> None:
    """Refuse times that exclude each other."""
    first, last = times.get("doNotRunUntil"), times.get("doNotRunAfter")
    if first and last and clock.moment(first) >= clock.moment(last):
        raise BatchError("InvalidPropertyValue", PropertyName="schedule.doNotRunAfter", PropertyValue=last)


def start(schedule: JobSchedule) -> None:
    """Begin, or begin again with other times."""
    first = schedule.doc["schedule"].get("doNotRunUntil")
    now = datetime.now(UTC)
    _begin(schedule, max(now, clock.moment(first)) if first else now)


def resume(schedule: JobSchedule) -> None:
    """Go on after a restart: what was due next still is."""
    due = schedule.info.get("nextRunTime")
    if due is not None:
        _begin(schedule, clock.moment(due))
    elif schedule.made:
        _begin(schedule, None)
    else:
        start(schedule)


def _begin(schedule: JobSchedule, due: datetime | None) -> None:
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
        schedule.changed(schedule)
        await _sleep_until(due)
        while schedule.state != "active" or schedule.active_job() is not None:
            await _stir(schedule)
        now = datetime.now(UTC)
        step = clock.seconds(times["recurrenceInterval"]) if "recurrenceInterval" in times else None
        if step is not None:
            # Intervals that passed meanwhile are lost.
            due = _later(due, step * max(0.0, (now - due).total_seconds() // step))
        latest = _later(due, clock.seconds(times["startWindow"])) if "startWindow" in times else last
        if now <= min(last, latest):
            _make_job(schedule)
        due = _later(due, step) if step is not None else None
    schedule.info.pop("nextRunTime", None)
    schedule.changed(schedule)
    while schedule.active_job() is not None:
        await _stir(schedule)
    complete(schedule)


def _later(moment: datetime, seconds: float) -> datetime:
    try:
        return moment + timedelta(seconds=seconds)
    except OverflowError:
        return _FOREVER


async def _sleep_until(moment: datetime) -> None:
    while (left := (moment - datetime.now(UTC)).total_seconds()) > 0:
        await asyncio.sleep(min(left, 3600))


async def _stir(schedule: JobSchedule) -> None:
    await schedule.stirred.wait()
    schedule.stirred.clear()


def _make_job(schedule: JobSchedule) -> None:
    schedule.made += 1
    name = f"{schedule.id}:job-{schedule.made}"
    try:
        job = job_add.add(schedule.account, {"id": name} | schedule.doc["jobSpecification"], schedule=schedule)
    except BatchError as error:
        schedule.info["recentJob"] = {"id": name, "error": error.code}
    else:
        schedule.info["recentJob"] = {"id": job.id, "url": job.doc["url"]}
    schedule.changed(schedule)


def complete(schedule: JobSchedule) -> None:
    """It makes no more jobs."""
    if schedule.state != "completed":
        schedule.info["endTime"] = clock.now()
        schedule.move_to("completed")
        schedule.account.schedule_ended(schedule)


async def terminate(schedule: JobSchedule) -> None:
    """End it and its active job."""
    await _halt(schedule)
    job = schedule.active_job()
    if job is not None and job.state in ("terminating", "deleting") and job.closing is not None:
        await asyncio.wait([job.closing])
    elif job is not None:
        await job_life.start_terminate(job, reason="TerminateJobSchedule")
    complete(schedule)


async def delete(schedule: JobSchedule) -> None:
    """Remove it with its jobs."""
    await _halt(schedule)
    await asyncio.gather(*(job_life.start_delete(job) for job in schedule.jobs() if job.state != "deleting"))
    schedule.account.schedule_removed(schedule)


async def _halt(schedule: JobSchedule) -> None:
    if schedule.work is not None:
        schedule.work.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await schedule.work
