"""Operations on job schedules."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from batch_emulator.api.jobs import JOBS
from batch_emulator.errors import BatchError
from batch_emulator.job import creation as job_creation
from batch_emulator.schedule import creation as schedule_creation
from batch_emulator.schedule import lifecycle as schedule_lifecycle
from batch_emulator.schema import jobs as bodies
from batch_emulator.wire import listing
from batch_emulator.wire.call import empty_response, entity_response

if TYPE_CHECKING:
    from aiohttp import web

    from batch_emulator.entity import Doc
    from batch_emulator.schedule.model import JobSchedule
    from batch_emulator.wire.call import Call

SCHEDULES = listing.kind(
    "jobschedules", bodies.replace_schedule.properties, "id displayName state stateTransitionTime creationTime"
)
_ENDING = {
    "terminating": "JobScheduleBeingTerminated",
    "deleting": "JobScheduleBeingDeleted",
    "completed": "JobScheduleCompleted",
}


def _changeable(schedule: JobSchedule) -> JobSchedule:
    if schedule.state in _ENDING:
        raise BatchError(_ENDING[schedule.state], f"The specified job schedule is {schedule.state}.")
    return schedule


async def create_job_schedule(call: Call) -> web.Response:
    schedule = schedule_creation.add(call.account, await call.body(bodies.create_schedule))
    return empty_response(201, schedule, location=schedule.doc["url"])


async def list_job_schedules(call: Call) -> web.Response:
    return listing.page(call, SCHEDULES, ((each.seq, each.doc) for each in call.account.schedules.values()))


async def get_job_schedule(call: Call) -> web.Response:
    schedule = call.schedule()
    return entity_response(
        call, schedule, "jobschedules", listing.project(schedule.doc, listing.selected(call, SCHEDULES))
    )


async def job_schedule_exists(call: Call) -> web.Response:
    return empty_response(200, call.schedule())


async def update_job_schedule(call: Call) -> web.Response:
    schedule = _changeable(call.schedule())
    return _update(schedule, await call.body(bodies.update_schedule))


async def replace_job_schedule(call: Call) -> web.Response:
    schedule = _changeable(call.schedule())
    given = await call.body(bodies.replace_schedule)
    schedule.doc.pop("metadata", None)
    names = set(bodies.update_schedule.properties)
    return _update(schedule, {"schedule": {}} | {name: value for name, value in given.items() if name in names})


def _update(schedule: JobSchedule, changes: Doc) -> web.Response:
    if "schedule" in changes:
        schedule_creation.check_times(changes["schedule"])
    if "jobSpecification" in changes:
        job_creation.check_pool_info(changes["jobSpecification"]["poolInfo"])
        changes["jobSpecification"] = job_creation.specification(changes["jobSpecification"])
    restart = "schedule" in changes and changes["schedule"] != schedule.doc["schedule"]
    schedule.doc |= changes
    schedule.touch()
    if restart:
        schedule_lifecycle.start(schedule)
    return empty_response(200, schedule)


async def disable_job_schedule(call: Call) -> web.Response:
    schedule = _changeable(call.schedule())
    schedule.move_to("disabled")
    return empty_response(204, schedule)


async def enable_job_schedule(call: Call) -> web.Response:
    schedule = _changeable(call.schedule())
    schedule.move_to("active")
    schedule.wakeup.set()
    return empty_response(204, schedule)


async def terminate_job_schedule(call: Call) -> web.Response:
    schedule = _changeable(call.schedule())
    schedule.move_to("terminating")
    call.account.run_in_background(asyncio.create_task(schedule_lifecycle.terminate(schedule)))
    return empty_response(202, schedule)


async def delete_job_schedule(call: Call) -> web.Response:
    schedule = call.schedule()
    if schedule.state == "deleting":
        raise BatchError("JobScheduleBeingDeleted", "The specified job schedule is being deleted.")
    schedule.move_to("deleting")
    call.account.run_in_background(asyncio.create_task(schedule_lifecycle.delete(schedule)))
    return empty_response(202)


async def list_jobs_from_schedule(call: Call) -> web.Response:
    return listing.page(call, JOBS, ((job.seq, job.doc) for job in call.schedule().jobs()))
