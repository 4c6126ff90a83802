"""Tasks: read, listed, terminated and deleted, and the progress that the converter writes on the node."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from shared.conversion import NO_PROGRESS, JobRef, Progress
from shared.services.azure_errors import azure_errors
from shared.services.batch.open_tasks import OpenTasks
from shared.services.errors import NotFoundError
from shared.timestamps import to_milliseconds

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from datetime import datetime

    from azure.batch.models import BatchTask, BatchTaskFailureInfo

    from shared.services.batch.accounts import Accounts

PROGRESS_FILE = "wd/progress.json"
"""Path of the converter's progress file, relative to the task's directory."""
MAX_PROGRESS_BYTES = 4096
"""Bytes of a progress.json that are read: it comes from a machine that handles a stranger's file."""
_SELECT = ["id", "displayName", "state", "executionInfo", "nodeInfo"]
"""Without a selection, a listing is twenty times as long."""


@dataclass(frozen=True, kw_only=True)
class TaskFailure:
    """Why Batch counts a task as failed."""

    code: str
    message: str
    details: tuple[tuple[str, str], ...] = ()
    """Name and value of each."""


@dataclass(frozen=True, kw_only=True)
class Task:
    """A task as Batch shows it."""

    job: JobRef
    id: str
    video: str
    """The task's display name; empty for a task that is not gifdrop's."""
    state: str
    """`active`, `preparing`, `running` or `completed`."""
    started_at: datetime | None = None
    ended_at: datetime | None = None
    exit_code: int | None = None
    failure: TaskFailure | None = None
    requeue_count: int = 0
    """Times that Batch queued it again after it lost its node."""
    node_id: str | None = None

    @property
    def seconds(self) -> float:
        """Time on the node; 0 until the task has ended."""
        return (self.ended_at - self.started_at).total_seconds() if self.started_at and self.ended_at else 0.0


class Tasks:
    """The tasks of the jobs in all accounts. Every method raises `ServiceError`, `NotFoundError` for no such task."""

    def __init__(self, accounts: Accounts) -> None:
        self._accounts = accounts

    async def get(self, job: JobRef, task_id: str) -> Task:
        """One task."""
        with azure_errors():
            return _task(await self._accounts.client(job.batch_url).get_task(job.id, task_id, select=_SELECT), job)

    async def list_tasks(self, job: JobRef, *, include_active: bool = True) -> AsyncIterator[Task]:
        """The tasks of a job; without `include_active` only those that a node has taken."""
        client = self._accounts.client(job.batch_url)
        with azure_errors():
            wanted = None if include_active else "state ne 'active'"
            async for task in client.list_tasks(job.id, filter=wanted, select=_SELECT):
                yield _task(task, job)

    async def terminate(self, job: JobRef, task_id: str) -> None:
        """Stop a task, and kill it if it runs."""
        with azure_errors():
            await self._accounts.client(job.batch_url).terminate_task(job.id, task_id)

    async def delete(self, job: JobRef, task_id: str) -> None:
        """Delete a task, and kill it if it runs; one that does not exist counts as deleted."""
        with suppress(NotFoundError), azure_errors():
            await self._accounts.client(job.batch_url).delete_task(job.id, task_id)

    async def progress(self, job: JobRef, task_id: str) -> Progress:
        """The progress that the converter reports on its node."""
        with azure_errors():
            stream = await self._accounts.client(job.batch_url).download_task_file(
                job.id, task_id, PROGRESS_FILE, ocp_range=f"bytes=0-{MAX_PROGRESS_BYTES - 1}"
            )
            return parse_progress(b"".join([chunk async for chunk in stream]))

    async def progress_reported_at(self, job: JobRef, task_id: str) -> datetime:
        """When the converter last reported progress."""
        with azure_errors():
            client = self._accounts.client(job.batch_url)
            return (await client.get_task_file_properties(job.id, task_id, PROGRESS_FILE)).last_modified

    async def count_open(self, job: JobRef) -> OpenTasks:
        """How many tasks of a job wait and run. Raises `ServiceError`."""
        with azure_errors():
            result = await self._accounts.client(job.batch_url).get_job_task_counts(job.id)
        tasks, slots = result.task_counts, result.task_slot_counts
        return OpenTasks(waiting=tasks.active, running=tasks.running, waiting_slots=slots.active)


def parse_progress(body: bytes) -> Progress:
    """The progress in a progress.json, which comes from a machine that is not trusted."""
    try:
        values = json.loads(body)
        fraction, left = float(values["fraction"]), values.get("seconds_left")
        return Progress(
            fraction=min(max(fraction, 0.0), 1.0) if fraction == fraction else None,  # NaN
            seconds_left=round(float(left), 1) if left is not None and 0 <= float(left) < 1e6 else None,
        )
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError):
        return NO_PROGRESS


def _task(task: BatchTask, job: JobRef) -> Task:
    execution, node = task.execution_info, task.node_info
    return Task(
        job=job,
        id=task.id or "",
        video=task.display_name or "",
        state=task.state or "",
        started_at=to_milliseconds(execution.start_time) if execution and execution.start_time else None,
        ended_at=to_milliseconds(execution.end_time) if execution and execution.end_time else None,
        exit_code=execution.exit_code if execution else None,
        failure=_failure(execution.failure_info) if execution and execution.failure_info else None,
        requeue_count=(execution.requeue_count or 0) if execution else 0,
        node_id=node.node_id if node else None,
    )


def _failure(failure: BatchTaskFailureInfo) -> TaskFailure:
    return TaskFailure(
        code=failure.code or "UnknownFailure",
        message=failure.message or failure.code or "UnknownFailure",
        details=tuple((detail.name or "", detail.value or "") for detail in failure.details or ()),
    )
