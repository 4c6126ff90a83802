"""Adds tasks to a job."""

from __future__ import annotations

from typing import TYPE_CHECKING

from batch_emulator import defaults
from batch_emulator.entity import created
from batch_emulator.errors import BatchError
from batch_emulator.task import dependencies
from batch_emulator.task.model import Task

if TYPE_CHECKING:
    from batch_emulator.entity import Doc
    from batch_emulator.job.model import Job


def add(job: Job, spec: Doc) -> Task:
    """Add a task from a checked body; it is queued unless it waits for other tasks."""
    check(job, spec, slots=job.pool.slots if job.pool is not None else None)
    task = _create(spec, job)
    job.tasks[task.key] = task
    task.save()
    dependencies.enqueue_when_satisfied(task)
    job.wake_scheduler()
    return task


def _create(spec: Doc, job: Job) -> Task:
    constraints = spec.get("constraints", {})
    url = f"{job.doc['url']}/tasks/{spec['id']}"
    doc = created({"id": spec["id"], "url": url} | spec, state="active")
    retries = {"maxTaskRetryCount": job.doc["constraints"]["maxTaskRetryCount"]}
    doc["constraints"] = defaults.CONSTRAINTS | retries | constraints
    doc.setdefault("requiredSlots", 1)
    doc.setdefault("userIdentity", defaults.USER)
    doc["executionInfo"] = {"retryCount": 0, "requeueCount": 0}
    task = Task(doc, job, int(doc["requiredSlots"]), on_change=job.account.save_task)
    task.count()
    return task


def check(job: Job, spec: Doc, *, slots: int | None) -> None:
    """Refuse a task that the job, or a pool with `slots` slots per node, cannot have."""
    key = spec["id"].lower()
    if key in job.tasks:
        raise BatchError("TaskExists")
    for name, code in (
        ("jobPreparationTask", "TaskIdSameAsJobPreparationTask"),
        ("jobReleaseTask", "TaskIdSameAsJobReleaseTask"),
    ):
        if job.doc.get(name, {}).get("id", "").lower() == key:
            raise BatchError(code, f"The task has the id of the {name}.")
    if "multiInstanceSettings" in spec:
        raise BatchError("OperationNotSupported", "Multi-instance tasks are not supported by the emulator.")
    refused = job.account.options.containers == "refuse"
    if refused and "containerSettings" in spec and job.pool is not None and job.pool.has_containers:
        raise BatchError("OperationNotSupported", "Container tasks are not supported; see --containers.")
    if slots is not None and spec.get("requiredSlots", 1) > slots:
        raise BatchError(
            "InvalidPropertyValue", PropertyName="requiredSlots", Reason="More than the pool's taskSlotsPerNode"
        )
    if "dependsOn" in spec and not job.doc["usesTaskDependencies"]:
        raise BatchError("TaskDependenciesNotSpecifiedOnJob", "The job does not have usesTaskDependencies set to true.")
    if job.doc["onTaskFailure"].lower() == "noaction" and _has_job_action(spec.get("exitConditions", {})):
        raise BatchError("InvalidPropertyValue", PropertyName="jobAction", Reason="The job's onTaskFailure is noaction")


def _has_job_action(conditions: object) -> bool:
    """Whether any of the exit options in `conditions` has a job action."""
    if isinstance(conditions, list):
        return any(map(_has_job_action, conditions))
    return isinstance(conditions, dict) and (
        conditions.get("jobAction") is not None or any(map(_has_job_action, conditions.values()))
    )
