"""Adds job schedules."""

from __future__ import annotations

from typing import TYPE_CHECKING

from batch_emulator import clock
from batch_emulator.entity import created
from batch_emulator.errors import BatchError
from batch_emulator.job import creation as job_creation
from batch_emulator.schedule import lifecycle as schedule_lifecycle
from batch_emulator.schedule.model import JobSchedule

if TYPE_CHECKING:
    from batch_emulator.account import Account
    from batch_emulator.entity import Doc


def add(account: Account, spec: Doc) -> JobSchedule:
    """Add a schedule from a checked body and start it."""
    if spec["id"].lower() in account.schedules:
        raise BatchError("JobScheduleExists")
    job_creation.check_quota(account)
    check_times(spec["schedule"])
    job_creation.check_pool_info(spec["jobSpecification"]["poolInfo"])
    spec = spec | {"jobSpecification": job_creation.specification(spec["jobSpecification"])}
    url = f"{account.url}/jobschedules/{spec['id']}"
    doc = created({"id": spec["id"], "url": url} | spec, state="active") | {"executionInfo": {}}
    schedule = JobSchedule(doc, account, on_change=account.save_schedule)
    account.schedules[schedule.key] = schedule
    schedule.save()
    schedule_lifecycle.start(schedule)
    return schedule


def check_times(times: Doc) -> None:
    """Refuse a doNotRunAfter that is not after doNotRunUntil."""
    first, last = times.get("doNotRunUntil"), times.get("doNotRunAfter")
    if first and last and clock.moment(first) >= clock.moment(last):
        raise BatchError("InvalidPropertyValue", PropertyName="schedule.doNotRunAfter", PropertyValue=last)
