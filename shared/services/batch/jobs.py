"""Jobs: the day's job on the pool takes tasks, in the first Batch account that accepts them."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from azure.batch.models import BatchJobCreateOptions, BatchPoolInfo

from shared.conversion import JobRef
from shared.names import JOB_PREFIX, job_id
from shared.services.azure_errors import azure_errors
from shared.services.batch.task_spec import build_task
from shared.services.errors import NoJobError, NotFoundError, ServiceError, UnreachableError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from azure.batch.models import BatchTaskCreateOptions

    from shared.conversion import Conversion
    from shared.services.batch.accounts import Accounts
    from shared.settings import Settings

log = logging.getLogger(__name__)

MAX_JOBS_PER_DAY = 20
"""Jobs of one day that may be closed by hand before the account is passed over for that day."""
JOB_CACHE_SECONDS = 30.0
"""Seconds for which a job is assumed to be open, and for which a failing account is tried last."""

_CLOSED_CODES = {"JobCompleted", "JobBeingTerminated", "JobBeingDeleted", "JobDisabled", "JobNotActive"}


@dataclass(frozen=True, kw_only=True)
class Job:
    """A job as Batch lists it."""

    ref: JobRef
    state: str

    @property
    def disabled(self) -> bool:
        """Whether somebody disabled it: it keeps its tasks but starts none."""
        return self.state in ("disabling", "disabled")


class Jobs:
    """The jobs of gifdrop in all accounts, and what this process knows of them for a short while."""

    def __init__(self, accounts: Accounts, settings: Settings) -> None:
        self._accounts = accounts
        self._settings = settings
        self._open: dict[tuple[str, str], tuple[JobRef, float]] = {}
        """(account, day) -> an open job and when to check it again, on the monotonic clock."""
        self._failing: dict[str, float] = {}
        """Account -> until when it is tried last, on the monotonic clock."""

    async def add_task(self, conversion: Conversion) -> JobRef:
        """Add the task of a conversion's present attempt to the day's job and return that job.

        A task that exists already counts as added. An account that cannot be reached, is over its quota or has no
        pool is passed over for the next one. Raises `ServiceError` when no account accepts the task, or when one
        asks to wait (429).
        """
        spec = build_task(conversion, self._settings)
        now = time.monotonic()
        urls = sorted(self._settings.batch_urls, key=lambda url: self._failing.get(url, 0.0) > now)
        for url in urls:
            try:
                return await self._add(spec, url)
            except ServiceError as error:
                if url == urls[-1] or not _another_account_may_accept(error):
                    raise
                log.warning("%s is passed over: %s", url, error)
                self._failing[url] = time.monotonic() + JOB_CACHE_SECONDS
        raise NoJobError("no Batch account is configured")

    async def list(self, url: str) -> AsyncIterator[Job]:
        """The jobs of gifdrop in one account. Raises `ServiceError`."""
        client = self._accounts.client(url)
        with azure_errors():
            async for job in client.list_jobs(filter=f"startswith(id,'{JOB_PREFIX}')", select=["id", "state"]):
                yield Job(ref=JobRef(batch_url=url, id=job.id), state=job.state or "")

    async def count_active(self, url: str) -> int:
        """How many jobs, also those of others, are active in an account. Raises `ServiceError`."""
        with azure_errors():
            jobs = self._accounts.client(url).list_jobs(filter="state eq 'active'", select=["id"])
            return len([job async for job in jobs])

    async def delete(self, job: JobRef) -> None:
        """Start deleting a job with its tasks. Raises `ServiceError`."""
        with azure_errors():
            await self._accounts.client(job.batch_url).begin_delete_job(job.id)

    def forget(self, job: JobRef) -> None:
        """Check at the next use whether a job is open."""
        self._open = {key: entry for key, entry in self._open.items() if entry[0] != job}

    async def _add(self, spec: BatchTaskCreateOptions, url: str) -> JobRef:
        client = self._accounts.client(url)
        for last_try in (False, True):
            job = await self._open_job(url)
            try:
                with azure_errors():
                    await client.create_task(job.id, spec)
            except ServiceError as error:
                if error.code == "TaskExists":
                    return job
                if last_try or error.code not in _CLOSED_CODES | {"JobNotFound"}:
                    raise
                self.forget(job)
            else:
                return job
        raise NoJobError(f"{url}: every job is closed as soon as it is created")

    async def _open_job(self, url: str) -> JobRef:
        day = datetime.now(UTC).date()
        key = (url, day.isoformat())
        known = self._open.get(key)
        if known and known[1] > time.monotonic():
            return known[0]
        await self._check_pool(url)
        for generation in range(1, MAX_JOBS_PER_DAY + 1):
            job = JobRef(batch_url=url, id=job_id(day, generation))
            if await self._is_open(job):
                now = time.monotonic()
                self._open = {other: entry for other, entry in self._open.items() if entry[1] > now}
                self._open[key] = (job, now + JOB_CACHE_SECONDS)
                return job
        raise NoJobError(f"{url}: all jobs of {day} were closed by hand")

    async def _check_pool(self, url: str) -> None:
        pool_id = self._settings.pool_id
        try:
            with azure_errors():
                pool = await self._accounts.client(url).get_pool(pool_id, select=["id", "state"])
        except NotFoundError as error:
            raise NoJobError(f"{url}: there is no pool {pool_id!r}") from error
        if pool.state == "deleting":
            raise NoJobError(f"{url}: the pool {pool_id!r} is being deleted")

    async def _is_open(self, job: JobRef) -> bool:
        """Whether a job accepts tasks and runs them; one that does not exist is created."""
        client = self._accounts.client(job.batch_url)
        try:
            with azure_errors():
                return (await client.get_job(job.id, select=["id", "state"])).state == "active"
        except NotFoundError:
            pass
        options = BatchJobCreateOptions(id=job.id, pool_info=BatchPoolInfo(pool_id=self._settings.pool_id))
        try:
            with azure_errors():
                await client.create_job(options)
        except ServiceError as error:
            if error.code == "JobExists":
                return True  # another process created it
            if error.code in _CLOSED_CODES:
                return False
            raise
        return True


def _another_account_may_accept(error: ServiceError) -> bool:
    # Not a broken connection: the task may have been added before it broke, so the same account is asked again.
    if isinstance(error, (UnreachableError, NoJobError)):
        return True
    return (error.status or 0) >= 500 or error.code.endswith("QuotaReached")
