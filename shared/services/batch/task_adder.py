"""Adds tasks to one job: those that arrive while a request is under way share the next one."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from azure.batch.models import BatchTaskGroup

from shared.services.azure_errors import azure_errors
from shared.services.errors import ServiceError

if TYPE_CHECKING:
    from azure.batch.aio import BatchClient
    from azure.batch.models import BatchTaskCreateOptions, BatchTaskCreateResult

MAX_TASKS_PER_REQUEST = 100
"""https://learn.microsoft.com/rest/api/batchservice/tasks/create-task-collection"""
GATHER_SECONDS = 0.08
"""How long a request of a burst waits for more tasks."""
BURST_SECONDS = 1.0
"""How long after a collection a burst is assumed to go on. Tasks that arrive one after the other never wait."""


class TaskAdder:
    """Sends one request at a time: a single task by itself, several as a collection."""

    def __init__(self, client: BatchClient, job_id: str, *, gather_seconds: float) -> None:
        self._gather_seconds = gather_seconds
        self._client = client
        self._job_id = job_id
        self._waiting: list[tuple[BatchTaskCreateOptions, asyncio.Future[None]]] = []
        self._sender: asyncio.Task[None] | None = None
        self._last_collection = float("-inf")

    async def add(self, spec: BatchTaskCreateOptions) -> None:
        """Add a task; one that exists already counts as added. Raises `ServiceError` of this task alone."""
        added: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((spec, added))
        if self._sender is None or self._sender.done():
            self._sender = asyncio.create_task(self._send_all())
        await added

    async def _send_all(self) -> None:
        while self._waiting:
            in_burst = time.monotonic() - self._last_collection < BURST_SECONDS
            if in_burst and len(self._waiting) < MAX_TASKS_PER_REQUEST:
                await asyncio.sleep(self._gather_seconds)
            sending, self._waiting = (
                self._waiting[:MAX_TASKS_PER_REQUEST],
                self._waiting[MAX_TASKS_PER_REQUEST:],
            )
            errors: list[Exception | None]
            try:
                errors = await self._send([spec for spec, _ in sending])
            except Exception as error:  # every caller gets it, whatever it is
                errors = [error] * len(sending)
            if len(sending) > 1:
                self._last_collection = time.monotonic()
            for (_, added), failure in zip(sending, errors, strict=True):
                if added.done():
                    continue  # its caller was cancelled
                if failure:
                    added.set_exception(failure)
                else:
                    added.set_result(None)

    async def _send(self, specs: list[BatchTaskCreateOptions]) -> list[Exception | None]:
        """The error of each task, `None` for those that were added."""
        if len(specs) == 1:
            return [await self._send_one(specs[0])]
        try:
            with azure_errors():
                group = BatchTaskGroup(task_values=specs)
                response = await self._client.create_task_collection(self._job_id, group)
        except ServiceError as error:
            if not error.refused:
                return [error] * len(specs)  # throttled, or out of reach: one error for all
            # Too large, or one task that Batch cannot read: each task gets an answer of its own.
            return [await self._send_one(spec) for spec in specs]
        errors = {result.task_id: _error(result) for result in response.result_values or ()}
        missing = ServiceError("Batch did not say whether the task was added")
        return [errors.get(spec.id, missing) for spec in specs]

    async def _send_one(self, spec: BatchTaskCreateOptions) -> ServiceError | None:
        try:
            with azure_errors():
                await self._client.create_task(self._job_id, spec)
        except ServiceError as error:
            return None if error.code == "TaskExists" else error
        return None


def _error(result: BatchTaskCreateResult) -> ServiceError | None:
    code = (result.error.code if result.error else None) or ""
    if result.status == "success" or code == "TaskExists":
        return None
    message = (result.error.message.value if result.error and result.error.message else None) or code
    return ServiceError(message, status=400 if result.status == "clienterror" else 503, code=code)
