"""Adding a task to a job."""

from __future__ import annotations

from typing import TYPE_CHECKING

from local.batch.domain import scheduler
from local.batch.domain import task as tasks
from local.batch.errors import BatchError

if TYPE_CHECKING:
    from local.batch.domain.entity import Doc
    from local.batch.domain.job import Job
    from local.batch.domain.task import Task


def add(job: Job, spec: Doc) -> Task:
    """A new task from a checked body, waiting for a node unless it waits for other tasks."""
    check(job, spec, slots=job.pool.slots if job.pool is not None else None)
    task = tasks.make(spec, job=job)
    job.tasks[task.key] = task
    job.account.task_changed(task)
    await_others(task)
    scheduler.wake(job.pool)
    return task


def check(job: Job, spec: Doc, *, slots: int | None) -> None:
    """Refuse a task that the job, or a pool with so many slots on a node, cannot have."""
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
    if slots is not None and spec.get("requiredSlots", 1) > slots:
        raise BatchError(
            "InvalidPropertyValue", PropertyName="requiredSlots", Reason="More than the pool's taskSlotsPerNode"
        )
    if "dependsOn" in spec and not job.doc["usesTaskDependencies"]:
        raise BatchError("TaskDependenciesNotSpecifiedOnJob", "The job does not have usesTaskDependencies set to true.")
    if job.doc["onTaskFailure"].lower() == "noaction" and _has_job_action(spec.get("exitConditions", {})):
        raise BatchError("InvalidPropertyValue", PropertyName="jobAction", Reason="The job's onTaskFailure is noaction")


def _has_job_action(conditions: object) -> bool:
    """Whether exit options anywhere in `conditions` say what becomes of the job."""
    if isinstance(conditions, list):
        return any(map(_has_job_action, conditions))
    return isinstance(conditions, dict) and (
        conditions.get("jobAction") is not None or any(map(_has_job_action, conditions.values()))
    )


def await_others(task: Task) -> None:
    """Queue `task`, unless a task that it depends on is not done."""
    task.others = tasks.dependencies(task.doc.get("dependsOn", {}))
    task.await_others()
