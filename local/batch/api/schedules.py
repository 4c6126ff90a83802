"""Job schedules."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from local.batch.api.jobs import JOBS
from local.batch.domain import schedule as schedules
from local.batch.errors import BatchError
from local.batch.schema import jobs as bodies
from local.batch.wire import listing
from local.batch.wire.call import done, show

if TYPE_CHECKING:
    from aiohttp import web

    from local.batch.domain.schedule import JobSchedule
    from local.batch.wire.call import Call

SCHEDULES = listing.kind(
    "jobschedules", bodies.replace_schedule.properties, "id displayName state stateTransitionTime creationTime"
)
_ENDING = {
    "terminating": "JobScheduleBeingTerminated",
    "deleting": "JobScheduleBeingDeleted",
    "completed": "JobScheduleCompleted",
}


def _open(schedule: JobSchedule) -> JobSchedule:
    if schedule.state in _ENDING:
        raise BatchError(_ENDING[schedule.state], f"The specified job schedule is {schedule.state}.")
    return schedule


async def create_job_schedule(call: Call) -> web.Response:
    schedule = schedules.add(call.account, await call.body(bodies.create_schedule))
    return done(201, schedule, location=schedule.doc["url"])


async def list_job_schedules(call: Call) -> web.Response:
    return listing.page(call, SCHEDULES, ((each.seq, each.doc) for each in call.account.schedules.values()))


async def get_job_schedule(call: Call) -> web.Response:
    schedule = call.schedule()
    return show(call, schedule, "jobschedules", listing.project(schedule.doc, listing.selected(call, SCHEDULES)))


async def job_schedule_exists(call: Call) -> web.Response:
    return done(200, call.schedule())


async def update_job_schedule(call: Call) -> web.Response:
    schedule = _open(call.schedule())
    return _changed(schedule, await call.body(bodies.update_schedule))


async def replace_job_schedule(call: Call) -> web.Response:
    schedule = _open(call.schedule())
    given = await call.body(bodies.replace_schedule)
    schedule.doc.pop("metadata", None)
    names = set(bodies.update_schedule.properties)
    return _changed(schedule, {"schedule": {}} | {name: value for name, value in given.items() if name in names})


def _changed(schedule: JobSchedule, changes: dict[str, object]) -> web.Response:
    if "schedule" in changes:
        schedules.check(changes["schedule"])  # type: ignore[arg-type]
    again = "schedule" in changes and changes["schedule"] != schedule.doc["schedule"]
    schedule.doc |= changes
    schedule.touch()
    if again:
        schedules.start(schedule)
    return done(200, schedule)


async def disable_job_schedule(call: Call) -> web.Response:
    schedule = _open(call.schedule())
    schedule.move_to("disabled")
    return done(204, schedule)


async def enable_job_schedule(call: Call) -> web.Response:
    schedule = _open(call.schedule())
    schedule.move_to("active")
    schedule.stirred.set()
    return done(204, schedule)


async def terminate_job_schedule(call: Call) -> web.Response:
    schedule = _open(call.schedule())
    schedule.move_to("terminating")
    call.account.keep(asyncio.create_task(schedules.terminate(schedule)))
    return done(202, schedule)


async def delete_job_schedule(call: Call) -> web.Response:
    schedule = call.schedule()
    if schedule.state == "deleting":
        raise BatchError("JobScheduleBeingDeleted", "The specified job schedule is being deleted.")
    schedule.move_to("deleting")
    call.account.keep(asyncio.create_task(schedules.delete(schedule)))
    return done(202)


async def list_jobs_from_schedule(call: Call) -> web.Response:
    return listing.page(call, JOBS, ((job.seq, job.doc) for job in call.schedule().jobs()))
