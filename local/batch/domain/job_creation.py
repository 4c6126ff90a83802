"""Adds jobs: checks their quota, attaches their pool, adds their manager task."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from local.batch import clock
from local.batch.domain import job_lifecycle, pool_lifecycle, task_creation
from local.batch.domain.model import Job
from local.batch.entity import created
from local.batch.errors import BatchError

if TYPE_CHECKING:
    from local.batch.domain.model import Account, JobSchedule, Pool
    from local.batch.entity import Doc


def add(account: Account, spec: Doc, *, schedule: JobSchedule | None = None) -> Job:
    """Add a job from a checked body. Raises JobExists, PoolNotFound or ActiveJobAndScheduleQuotaReached."""
    if spec["id"].lower() in account.jobs:
        raise BatchError("JobExists")
    check_quota(account)
    _check_preparation_and_release(spec)
    info = spec["poolInfo"]
    check_pool_info(info)
    job = _create(spec, account)
    job.schedule_id = schedule.key if schedule is not None else None
    manager = spec.get("jobManagerTask")
    if manager is not None:  # before anything is created: a refused job leaves nothing behind
        task_creation.check(job, _manager_task(manager), slots=_slots(account, info))
    _attach_pool(job, info, schedule)
    account.jobs[job.key] = job
    job.save()
    job_lifecycle.watch_wall_clock(job)
    if manager is not None:
        task_creation.add(job, _manager_task(manager))
    return job


def _create(spec: Doc, account: Account) -> Job:
    defaults: Doc = {
        "priority": 0,
        "maxParallelTasks": -1,
        "allowTaskPreemption": False,
        "usesTaskDependencies": False,
        "onAllTasksComplete": "noaction",
        "onTaskFailure": "noaction",
    }
    doc = created({"id": spec["id"], "url": f"{account.url}/jobs/{spec['id']}"} | defaults | spec, state="active")
    doc["constraints"] = {"maxWallClockTime": clock.UNLIMITED, "maxTaskRetryCount": 0} | spec.get("constraints", {})
    doc["executionInfo"] = {"startTime": doc["creationTime"]}
    for name, default in (("jobPreparationTask", "jobpreparation"), ("jobReleaseTask", "jobrelease")):
        if name in doc:
            doc[name] = {"id": default} | doc[name]
    if "jobPreparationTask" in doc:
        preparation = {"waitForSuccess": True, "rerunOnNodeRebootAfterSuccess": True}
        doc["jobPreparationTask"] = preparation | doc["jobPreparationTask"]
    return Job(doc, account, on_change=account.save_job)


def check_pool_info(info: Doc) -> None:
    """Refuse pool information without a pool or with two."""
    own = info.get("autoPoolSpecification")
    if (info.get("poolId") is None) == (own is None):
        raise BatchError("InvalidPropertyValue", PropertyName="poolInfo", Reason="poolId or autoPoolSpecification")
    if own is not None and own.get("pool") is None:
        raise BatchError("MissingRequiredProperty", PropertyName="poolInfo.autoPoolSpecification.pool")


def _slots(account: Account, info: Doc) -> int:
    """The slots per node of the pool that the job will have."""
    if "poolId" in info:
        return account.pool(info["poolId"]).slots
    return int(info["autoPoolSpecification"]["pool"].get("taskSlotsPerNode", 1))


def change_pool(job: Job, info: Doc) -> None:
    """Move a disabled job to another pool. Unchanged pool information, sent back by a client, is accepted."""
    old = job.doc["poolInfo"]
    own, former = info.get("autoPoolSpecification"), old.get("autoPoolSpecification")
    if own is not None and former is not None and own | {"keepAlive": None} == former | {"keepAlive": None}:
        shared = job.schedule_id is not None and own["poolLifetimeOption"].lower() == "jobschedule"
        job.has_auto_pool = not shared and not own.get("keepAlive", False)
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
    pool_lifecycle.check_changeable(job.account.pool(info["poolId"]))
    job_lifecycle.delete_auto_pool(job)
    job.has_auto_pool = False
    _attach_pool(job, info)


def check_quota(account: Account) -> None:
    """Refuse a job or job schedule beyond the quota of active ones."""
    active = sum(each.state != "completed" for each in (*account.jobs.values(), *account.schedules.values()))
    if active >= account.limits.active_jobs:
        raise BatchError(
            "ActiveJobAndScheduleQuotaReached", "The quota of active jobs and job schedules of the account is reached."
        )


def _attach_pool(job: Job, info: Doc, schedule: JobSchedule | None = None) -> None:
    """Attach the pool named in `info`, or an automatic one."""
    account = job.account
    if "autoPoolSpecification" in info:
        pool = _auto_pool(job, info["autoPoolSpecification"], schedule)
    else:
        pool = account.pool(info["poolId"])
    pool_lifecycle.check_changeable(pool)
    if job.pool is not None:
        job.pool.jobs.pop(job.key, None)
    job.pool = pool
    job.info["poolId"] = pool.id
    pool.jobs[job.key] = job
    pool.wake_scheduler()


def _auto_pool(job: Job, spec: Doc, schedule: JobSchedule | None) -> Pool:
    """The automatic pool of a job, or of all jobs of a schedule."""
    if schedule is not None and schedule.pool is not None:
        return schedule.pool
    name = f"{spec.get('autoPoolIdPrefix', '')}{uuid.uuid4()}".upper()
    pool = pool_lifecycle.create(job.account, spec.get("pool", {}) | {"id": name})
    keep = spec.get("keepAlive", False)
    if schedule is not None and spec["poolLifetimeOption"].lower() == "jobschedule":
        schedule.pool = pool
    else:
        job.has_auto_pool = not keep
    return pool


def _check_preparation_and_release(spec: Doc) -> None:
    named = [
        spec[name]["id"].lower() for name in ("jobPreparationTask", "jobReleaseTask") if spec.get(name, {}).get("id")
    ]
    if len(set(named)) < len(named):
        raise BatchError("InvalidPropertyValue", PropertyName="jobReleaseTask.id", Reason="The ids are the same")
    if "jobReleaseTask" in spec and "jobPreparationTask" not in spec:
        raise BatchError("JobPreparationTaskNotSpecified", "A release task needs a preparation task.", status=400)


def _manager_task(manager: Doc) -> Doc:
    job_only = ("killJobOnCompletion", "runExclusive", "allowLowPriorityNode")
    return {name: value for name, value in manager.items() if name not in job_only}
