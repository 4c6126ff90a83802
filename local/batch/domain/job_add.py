"""Adding a job: its quota, its pool, its manager task."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from local.batch.domain import job as jobs
from local.batch.domain import job_life, pool_life, scheduler, task_add
from local.batch.errors import BatchError

if TYPE_CHECKING:
    from local.batch.domain.account import Account
    from local.batch.domain.entity import Doc
    from local.batch.domain.job import Job
    from local.batch.domain.pool import Pool
    from local.batch.domain.schedule import JobSchedule


def add(account: Account, spec: Doc, *, schedule: JobSchedule | None = None) -> Job:
    """A new job from a checked body. Raises JobExists, PoolNotFound or the quota's error."""
    if spec["id"].lower() in account.jobs:
        raise BatchError("JobExists")
    active = sum(job.state != "completed" for job in account.jobs.values())
    if active + len(account.schedules) >= account.limits.active_jobs:
        raise BatchError(
            "ActiveJobAndScheduleQuotaReached", "The quota of active jobs and job schedules of the account is reached."
        )
    _check_special_ids(spec)
    info = spec["poolInfo"]
    if ("poolId" in info) == ("autoPoolSpecification" in info):
        raise BatchError("InvalidPropertyValue", PropertyName="poolInfo", Reason="poolId or autoPoolSpecification")
    job = jobs.make(spec, account=account, url=f"{account.url}/jobs/{spec['id']}")
    job.schedule_id = schedule.key if schedule is not None else None
    attach(job, info, schedule)
    account.jobs[job.key] = job
    account.job_changed(job)
    job_life.watch_wall_clock(job)
    manager = spec.get("jobManagerTask")
    if manager is not None:
        task_add.add(job, _manager_task(manager))
    return job


def attach(job: Job, info: Doc, schedule: JobSchedule | None = None) -> None:
    """Give the job its pool: the one named, or one of its own."""
    account = job.account
    if "autoPoolSpecification" in info:
        pool = _automatic(job, info["autoPoolSpecification"], schedule)
    else:
        pool = account.pool(info["poolId"])
    pool_life.open_for_changes(pool)
    if job.pool is not None:
        job.pool.jobs.pop(job.key, None)
    job.pool = pool
    job.info["poolId"] = pool.id
    pool.jobs[job.key] = job
    scheduler.wake(pool)


def _automatic(job: Job, spec: Doc, schedule: JobSchedule | None) -> Pool:
    """The pool that Batch makes for a job, or for all jobs of a schedule."""
    if schedule is not None and schedule.pool is not None:
        return schedule.pool
    name = f"{spec.get('autoPoolIdPrefix', '')}{uuid.uuid4()}".upper()
    pool = pool_life.create(job.account, spec.get("pool", {}) | {"id": name})
    keep = spec.get("keepAlive", False)
    if schedule is not None and spec["poolLifetimeOption"].lower() == "jobschedule":
        schedule.pool = pool
    else:
        job.automatic_pool = not keep
    return pool


def _check_special_ids(spec: Doc) -> None:
    named = [
        spec[name]["id"].lower() for name in ("jobPreparationTask", "jobReleaseTask") if spec.get(name, {}).get("id")
    ]
    if len(set(named)) < len(named):
        raise BatchError("InvalidPropertyValue", PropertyName="jobReleaseTask.id", Reason="The ids are the same")
    if "jobReleaseTask" in spec and "jobPreparationTask" not in spec:
        raise BatchError("JobPreparationTaskNotSpecified", "A release task needs a preparation task.", status=400)


def _manager_task(manager: Doc) -> Doc:
    left_out = ("killJobOnCompletion", "runExclusive", "allowLowPriorityNode")
    return {name: value for name, value in manager.items() if name not in left_out}
