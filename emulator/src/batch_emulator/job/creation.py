"""Adds jobs: checks their quota, attaches their pool, adds their manager task."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from batch_emulator import clock, defaults
from batch_emulator.entity import created
from batch_emulator.errors import BatchError
from batch_emulator.job import lifecycle as job_lifecycle
from batch_emulator.job.model import Job
from batch_emulator.pool import creation as pool_creation
from batch_emulator.pool import lifecycle as pool_lifecycle
from batch_emulator.task import creation as task_creation

if TYPE_CHECKING:
    from batch_emulator.account import Account
    from batch_emulator.entity import Doc
    from batch_emulator.pool.model import Pool
    from batch_emulator.schedule.model import JobSchedule


def add(account: Account, spec: Doc, *, schedule: JobSchedule | None = None) -> Job:
    """Add a job from a checked body. Raises JobExists or ActiveJobAndScheduleQuotaReached.

    A job on a pool that does not exist waits for one with its id.
    """
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


def specification(spec: Doc) -> Doc:
    """A job specification with its defaults."""
    doc: Doc = {
        "priority": 0,
        "maxParallelTasks": -1,
        "allowTaskPreemption": False,
        "usesTaskDependencies": False,
        "onAllTasksComplete": "noaction",
        "onTaskFailure": "noaction",
    } | spec
    doc["constraints"] = {"maxWallClockTime": clock.UNLIMITED, "maxTaskRetryCount": 0} | spec.get("constraints", {})
    doc["poolInfo"] = pool_info(spec["poolInfo"])
    user = {"userIdentity": defaults.USER}
    for name, task_defaults in (
        ("jobManagerTask", user | {"killJobOnCompletion": True, "runExclusive": True, "requiredSlots": 1}),
        (
            "jobPreparationTask",
            user | {"id": "jobpreparation", "waitForSuccess": True, "rerunOnNodeRebootAfterSuccess": True},
        ),
        ("jobReleaseTask", user | {"id": "jobrelease", "maxWallClockTime": "PT15M", "retentionTime": "P7D"}),
    ):
        if name in doc:
            doc[name] = task_defaults | doc[name]
            if name != "jobReleaseTask":
                doc[name]["constraints"] = defaults.CONSTRAINTS | doc[name].get("constraints", {})
    return doc


def pool_info(info: Doc) -> Doc:
    """Pool information with the defaults of an automatic pool."""
    own = info.get("autoPoolSpecification")
    if own is None or "pool" not in own:
        return info
    own = {"keepAlive": False} | own | {"pool": pool_creation.specification(own["pool"])}
    return info | {"autoPoolSpecification": own}


def _create(spec: Doc, account: Account) -> Job:
    head = {"id": spec["id"], "url": f"{account.url}/jobs/{spec['id']}"}
    doc = created(head | specification(spec), state="active")
    doc["executionInfo"] = {"startTime": doc["creationTime"]}
    return Job(doc, account, on_change=account.save_job)


def check_pool_info(info: Doc) -> None:
    """Refuse pool information without a pool or with two."""
    own = info.get("autoPoolSpecification")
    if (info.get("poolId") is None) == (own is None):
        raise BatchError("InvalidPropertyValue", PropertyName="poolInfo", Reason="poolId or autoPoolSpecification")
    if own is not None and own.get("pool") is None:
        raise BatchError("MissingRequiredProperty", PropertyName="poolInfo.autoPoolSpecification.pool")


def _slots(account: Account, info: Doc) -> int | None:
    """The slots per node of the pool that the job will have; None if the pool does not exist yet."""
    if "poolId" in info:
        pool = account.pools.get(info["poolId"].lower())
        return pool.slots if pool is not None else None
    return int(info["autoPoolSpecification"]["pool"].get("taskSlotsPerNode", 1))


def change_pool(job: Job, info: Doc) -> None:
    """Move a disabled job to another pool. Unchanged pool information, sent back by a client, is accepted."""
    check_pool_info(info)
    old = job.doc["poolInfo"]
    own, former = info.get("autoPoolSpecification"), old.get("autoPoolSpecification")
    if own is not None and former is not None and own | {"keepAlive": None} == former | {"keepAlive": None}:
        shared = job.schedule_id is not None and own["poolLifetimeOption"].lower() == "jobschedule"
        job.has_auto_pool = not shared and not own.get("keepAlive", False)
        return
    if info.get("poolId", "").lower() == old.get("poolId", "").lower() != "":
        return
    if job.state != "disabled":
        raise BatchError("OperationInvalidForCurrentState", "Only a disabled job can move to another pool.")
    if own is not None:
        raise BatchError(
            "InvalidPropertyValue", PropertyName="poolInfo.autoPoolSpecification", Reason="Only keepAlive can change"
        )
    _check_usable(job.account.pools.get(info["poolId"].lower()))
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
    pool: Pool | None
    if "autoPoolSpecification" in info:
        pool = _auto_pool(job, info["autoPoolSpecification"], schedule)
    else:
        pool = account.pools.get(info["poolId"].lower())
    _check_usable(pool)
    if job.pool is not None:
        job.pool.jobs.pop(job.key, None)
    job.pool = pool
    job.info["poolId"] = pool.id if pool is not None else info["poolId"]
    if pool is not None:
        pool.jobs[job.key] = job
        pool.wake_scheduler()


def _check_usable(pool: Pool | None) -> None:
    """Refuse a pool that is being deleted. One that does not exist may come to exist."""
    if pool is not None:
        pool_lifecycle.check_changeable(pool)


def _auto_pool(job: Job, spec: Doc, schedule: JobSchedule | None) -> Pool:
    """The automatic pool of a job, or of all jobs of a schedule."""
    if schedule is not None and schedule.pool is not None:
        return schedule.pool
    name = f"{spec.get('autoPoolIdPrefix', '')}{uuid.uuid4()}".upper()
    pool = pool_creation.create(job.account, spec.get("pool", {}) | {"id": name})
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
