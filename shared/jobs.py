"""Where tasks go: the day's job on the pool, in the first Batch account that takes them."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from shared.errors import code_of
from shared.names import job_id

if TYPE_CHECKING:
    from azure.batch.aio import BatchClient
    from azure.batch.models import BatchTaskCreateOptions

    from shared.clients import Clients

log = logging.getLogger(__name__)

GENERATIONS = 20
"""How many jobs of one day may be closed by hand before an account is given up for that day."""
TRUST = 30.0
"""Seconds for which a job found open is taken to be open, and an account found wanting is asked last."""

_CLOSED = {"JobCompleted", "JobBeingTerminated", "JobBeingDeleted", "JobDisabled", "JobNotActive"}


class NoJobError(Exception):
    """The account has no pool or no open job for the task; the message says which."""


@dataclass(frozen=True, kw_only=True)
class JobRef:
    """A job in one of the Batch accounts."""

    batch_url: str
    id: str


@dataclass(kw_only=True)
class JobCache:
    """What this process knows of jobs and accounts, each with the moment until which it is believed."""

    open: dict[str, tuple[JobRef, float]] = field(default_factory=dict)
    """By account and day."""
    avoided: dict[str, float] = field(default_factory=dict)
    """By account."""

    def forget(self, job: JobRef) -> None:
        """Believe no more that a job is open."""
        self.open = {key: entry for key, entry in self.open.items() if entry[0] != job}


async def add_task(task: BatchTaskCreateOptions, clients: Clients) -> JobRef:
    """Put a task into the day's job and give that job; a task that is there already counts as added.

    An account that cannot be reached, is over its quota or has no pool is passed over for the next one, and asked
    again first once `TRUST` has run out. Other trouble (429 above all) is raised, to be waited for.
    """
    from azure.core.exceptions import AzureError

    avoided = clients.jobs.avoided
    urls = sorted(clients.settings.batch_urls, key=lambda url: avoided.get(url, 0.0) > time.monotonic())
    for last, url in ((url is urls[-1], url) for url in urls):
        try:
            return await _add(task, url, clients)
        except (AzureError, NoJobError) as error:
            if last or not _elsewhere(error):
                raise
            log.warning("%s is passed over: %s", url, error)
            avoided[url] = time.monotonic() + TRUST
    raise NoJobError("no Batch account is configured")


def _elsewhere(error: Exception) -> bool:
    """Whether another account may do what this one did not."""
    from azure.core.exceptions import HttpResponseError, ServiceRequestError

    if isinstance(error, HttpResponseError):
        return (error.status_code or 0) >= 500 or code_of(error).endswith("QuotaReached")
    # Not ServiceResponseError: the task may have been added before the connection broke, so ask the same again.
    return isinstance(error, (ServiceRequestError, NoJobError))


async def _add(task: BatchTaskCreateOptions, url: str, clients: Clients) -> JobRef:
    from azure.core.exceptions import HttpResponseError

    batch = clients.batch_at(url)
    for again in (True, False):
        job = await _open_job(url, clients)
        try:
            await batch.create_task(job.id, task)
        except HttpResponseError as error:
            code = code_of(error)
            if code == "TaskExists":
                return job
            if not again or code not in _CLOSED | {"JobNotFound"}:
                raise
            clients.jobs.forget(job)
        else:
            return job
    raise NoJobError(f"{url}: every job closes as soon as it is opened")


async def _open_job(url: str, clients: Clients) -> JobRef:
    day = datetime.now(UTC).date()
    key = f"{url} {day}"
    known = clients.jobs.open.get(key)
    if known and known[1] > time.monotonic():
        return known[0]
    batch, pool = clients.batch_at(url), clients.settings.pool_id
    await _check_pool(batch, pool)
    for generation in range(1, GENERATIONS + 1):
        job = JobRef(batch_url=url, id=job_id(day, generation))
        if await _is_open(batch, job.id, pool=pool):
            clients.jobs.open = {key: (job, time.monotonic() + TRUST)} | {
                other: entry for other, entry in clients.jobs.open.items() if entry[1] > time.monotonic()
            }
            return job
    raise NoJobError(f"{url}: all jobs of {day} have been closed by hand")


async def _check_pool(batch: BatchClient, pool: str) -> None:
    from azure.core.exceptions import ResourceNotFoundError

    try:
        found = await batch.get_pool(pool, select=["id", "state"])
    except ResourceNotFoundError as error:
        raise NoJobError(f"there is no pool {pool!r}") from error
    if found.state == "deleting":
        raise NoJobError(f"the pool {pool!r} is being deleted")


async def _is_open(batch: BatchClient, job: str, *, pool: str) -> bool:
    """Whether a job takes tasks and runs them; one that is missing is made."""
    from azure.batch.models import BatchJobCreateOptions, BatchPoolInfo
    from azure.core.exceptions import HttpResponseError, ResourceNotFoundError

    try:
        return (await batch.get_job(job, select=["id", "state"])).state == "active"
    except ResourceNotFoundError:
        pass
    try:
        await batch.create_job(BatchJobCreateOptions(id=job, pool_info=BatchPoolInfo(pool_id=pool)))
    except HttpResponseError as error:
        if code_of(error) == "JobExists":
            return True  # somebody was quicker
        if code_of(error) in _CLOSED:
            return False
        raise
    return True
