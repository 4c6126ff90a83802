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
    check_quota(account)
    _check_special_ids(spec)
    info = spec["poolInfo"]
    check_pool_info(info)
    job = jobs.make(spec, account=account, url=f"{account.url}/jobs/{spec['id']}")
    job.schedule_id = schedule.key if schedule is not None else None
    manager = spec.get("jobManagerTask")
    if manager is not None:  # before anything exists: a refused job leaves nothing behind
        task_add.check(job, _manager_task(manager), slots=_slots(account, info))
    attach(job, info, schedule)
    account.jobs[job.key] = job
    account.job_changed(job)
    job_life.watch_wall_clock(job)
    if manager is not None:
        task_add.add(job, _manager_task(manager))
    return job


def check_pool_info(info: Doc) -> None:
    """Refuse a job's pool information that names no pool, or two."""
    own = info.get("autoPoolSpecification")
    if (info.get("poolId") is None) == (own is None):
        raise BatchError("InvalidPropertyValue", PropertyName="poolInfo", Reason="poolId or autoPoolSpecification")
    if own is not None and own.get("pool") is None:
        raise BatchError("MissingRequiredProperty", PropertyName="poolInfo.autoPoolSpecification.pool")


def _slots(account: Account, info: Doc) -> int:
    """The slots of a node of the pool that the job is going to have."""
    if "poolId" in info:
        return account.pool(info["poolId"]).slots
    return int(info["autoPoolSpecification"]["pool"].get("taskSlotsPerNode", 1))


def change_pool(job: Job, info: Doc) -> None:
    """Move a disabled job to another pool; what a client sends back unchanged is no move."""
    old = job.doc["poolInfo"]
    own, former = info.get("autoPoolSpecification"), old.get("autoPoolSpecification")
    if own is not None and former is not None and own | {"keepAlive": None} == former | {"keepAlive": None}:
        shared = job.schedule_id is not None and own["poolLifetimeOption"].lower() == "jobschedule"
        job.automatic_pool = not shared and not own.get("keepAlive", False)
        return
    check_pool_info(info)
    if info.get("poolId", "").lower() == old.get("poolId", "").lower() != "":
        return
    if job.state != "disabled":
        raise BatchError("OperationInvalidForCurrentState", "Only a disabled job can move to another pool.")
    if own is not None:
        raise BatchError(
            "InvalidPropertyValue", PropertyName="poolInfo.autoPoolSpecification", Reason="Only keepAlive can change"
        )
    pool_life.open_for_changes(job.account.pool(info["poolId"]))
    job.account.own_pool_ended(job)
    job.automatic_pool = False
    attach(job, info)


def check_quota(account: Account) -> None:
    """Refuse one more job or job schedule than the account may have active."""
    active = sum(each.state != "completed" for each in (*account.jobs.values(), *account.schedules.values()))
    if active >= account.limits.active_jobs:
        raise BatchError(
            "ActiveJobAndScheduleQuotaReached", "The quota of active jobs and job schedules of the account is reached."
        )


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
