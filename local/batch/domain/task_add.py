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
    if "containerSettings" in spec:
        raise BatchError("OperationNotSupported", "Container tasks are not supported by the emulator.")
    if job.pool is not None and spec.get("requiredSlots", 1) > job.pool.slots:
        raise BatchError(
            "InvalidPropertyValue", PropertyName="requiredSlots", Reason="More than the pool's taskSlotsPerNode"
        )
    if "dependsOn" in spec and not job.doc["usesTaskDependencies"]:
        raise BatchError("TaskDependenciesNotSpecifiedOnJob", "The job does not have usesTaskDependencies set to true.")
    task = tasks.make(spec, job=job)
    job.tasks[task.key] = task
    job.account.task_changed(task)
    await_others(task)
    scheduler.wake(job.pool)
    return task


def await_others(task: Task) -> None:
    """Queue `task`, or note which tasks it waits for; one that is not there yet counts as not done."""
    job = task.job
    task.waits_for = {key for key in task.waits_for if not ((other := job.tasks.get(key)) and other.satisfied)}
    for key in task.waits_for:
        job.dependents.setdefault(key, set()).add(task.key)
    if not task.waits_for:
        job.enqueue(task)
