"""Jobs: the day's job on the pool takes tasks, in the first Batch account that accepts them."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import OrderedDict
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import partial
from typing import TYPE_CHECKING, NamedTuple, Protocol

from azure.batch.models import BatchJobCreateOptions, BatchPoolInfo

from shared.cache import Cache
from shared.conversion import JobRef
from shared.names import JOB_PREFIX, job_id
from shared.services.azure_errors import azure_errors
from shared.services.batch.task_adder import GATHER_SECONDS, TaskAdder
from shared.services.batch.task_spec import build_task
from shared.services.errors import NoJobError, NoNodesError, NotFoundError, ServiceError, UnreachableError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from azure.batch.models import BatchTaskCreateOptions

    from shared.conversion import Conversion
    from shared.services.batch.accounts import Accounts
    from shared.services.batch.pool import Pool
    from shared.settings import Settings

log = logging.getLogger(__name__)

MAX_JOBS_PER_DAY = 20
"""Jobs of one day that may be closed by hand before the account is passed over for that day."""
JOB_CACHE_SECONDS = 30.0
"""Seconds for which a job is assumed to be open, and for which a failing account is tried last."""
ADD_TIMEOUT_SECONDS = 8.0
"""Seconds that one account has to accept a task before the next one is tried."""

USABLE_NODE_STATES = {"creating", "starting", "waitingForStartTask", "idle", "running", "rebooting", "reimaging"}
"""States of nodes that run tasks, or soon will, as Batch counts them."""

CLOSED_CODES = {
    "JobBeingDeleted",
    "JobBeingTerminated",
    "JobCompleted",
    "JobDisabled",
    "JobNotActive",
    "JobNotFound",
}
"""Codes of a job that accepts no tasks."""
MAX_ADDERS = 16
"""Jobs to which this process adds tasks side by side."""


@dataclass(frozen=True, kw_only=True)
class Job:
    """A job as Batch lists it."""

    ref: JobRef
    state: str

    @property
    def disabled(self) -> bool:
        """Whether somebody disabled it: it keeps its tasks but starts none."""
        return self.state in ("disabling", "disabled")

    @property
    def deleting(self) -> bool:
        """Whether it is being deleted, which may take long: Batch does not list its tasks any more."""
        return self.state == "deleting"


class _OpenJobKey(NamedTuple):
    url: str
    day: date
    need_nodes: bool


class _Attempt(Protocol):
    async def __call__(self, url: str, *, need_nodes: bool) -> JobRef: ...


class Jobs:
    """The jobs of gifdrop in all accounts, and what this process knows of them for a short while."""

    def __init__(
        self, accounts: Accounts, pool: Pool, settings: Settings, *, gather_seconds: float = GATHER_SECONDS
    ) -> None:
        self._gather_seconds = gather_seconds
        self._accounts = accounts
        self._pool = pool
        self._settings = settings
        self._open: Cache[_OpenJobKey, JobRef] = Cache(seconds=JOB_CACHE_SECONDS, size=16)
        self._adders: OrderedDict[JobRef, TaskAdder] = OrderedDict()
        self._failing: dict[str, float] = {}
        """Account -> until when it is tried last, on the monotonic clock."""

    async def choose(self) -> JobRef:
        """The open job that the next task goes to. Raises `ServiceError` when no account has one."""

        async def find(url: str, *, need_nodes: bool) -> JobRef:
            async with self._time_limit():
                return await self._open_job(url, need_nodes=need_nodes)

        return await self._first_account(find)

    async def add_task(self, conversion: Conversion) -> JobRef:
        """Add the task of a conversion's present attempt and return the job that has it.

        The conversion's own job is tried first, then the day's job of each account. A task that exists already counts
        as added. Raises `ServiceError` when no account accepts the task, or when one asks to wait (429).
        """
        spec = build_task(conversion, self._settings)
        if conversion.job:
            try:
                async with self._time_limit():
                    return await self._add_to(conversion.job, spec)
            except ServiceError as error:
                if not _another_job_may_accept(error):
                    raise
                self._pass_over(conversion.job.batch_url, error)
        return await self._first_account(partial(self._add, spec))

    async def _first_account(self, attempt: _Attempt) -> JobRef:
        """The result of `attempt` with the first account for which it succeeds.

        An account that cannot be reached, does not respond in time, is over its quota, has no pool or gets no nodes is
        passed over for the next one.
        """
        urls = self._in_order()
        without_nodes: list[str] = []
        failure = ServiceError("no Batch account is configured")
        for url in urls:
            try:
                return await attempt(url, need_nodes=len(urls) > 1)
            except ServiceError as error:
                if not _another_job_may_accept(error):
                    raise
                failure = error
            if isinstance(failure, NoNodesError):
                without_nodes.append(url)
            self._pass_over(url, failure)
        # A pool that gets no nodes now is still better than none.
        for url in without_nodes:
            return await attempt(url, need_nodes=False)
        raise failure

    async def list_jobs(self, url: str) -> AsyncIterator[Job]:
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
        for need_nodes in (True, False):
            self._open.drop(_OpenJobKey(job.batch_url, _today(), need_nodes))

    def _in_order(self) -> list[str]:
        """The accounts in the order in which they are tried; those to avoid and those that failed come last."""
        avoided, now = self._settings.avoided_batch_urls, time.monotonic()
        return sorted(self._settings.batch_urls, key=lambda url: (url in avoided, self._failing.get(url, 0.0) > now))

    def _pass_over(self, url: str, error: ServiceError) -> None:
        if error.code not in CLOSED_CODES:
            log.warning("%s is passed over: %s", url, error)
            self._failing[url] = time.monotonic() + JOB_CACHE_SECONDS

    @asynccontextmanager
    async def _time_limit(self) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(ADD_TIMEOUT_SECONDS):
                yield
        except TimeoutError as error:
            # The task may have been added all the same; a second one of the same id does the same work.
            raise UnreachableError(f"no response within {ADD_TIMEOUT_SECONDS:g} s") from error

    async def _add(self, spec: BatchTaskCreateOptions, url: str, *, need_nodes: bool) -> JobRef:
        async with self._time_limit():
            for last_try in (False, True):
                job = await self._open_job(url, need_nodes=need_nodes)
                try:
                    return await self._add_to(job, spec)
                except ServiceError as error:
                    if last_try or error.code not in CLOSED_CODES:
                        raise
            raise NoJobError(f"{url}: every job is closed as soon as it is created")

    async def _add_to(self, job: JobRef, spec: BatchTaskCreateOptions) -> JobRef:
        """Add a task to this job; one that is closed counts as accepting a task that it has already."""
        if job not in self._adders:
            self._adders[job] = TaskAdder(
                self._accounts.client(job.batch_url), job.id, gather_seconds=self._gather_seconds
            )
            while len(self._adders) > MAX_ADDERS:
                self._adders.popitem(last=False)
        try:
            await self._adders[job].add(spec)
        except ServiceError as error:
            if error.code not in CLOSED_CODES:
                raise
            self.forget(job)
            if not await self._has_task(job, spec.id):
                raise
        return job

    async def _has_task(self, job: JobRef, task_id: str) -> bool:
        try:
            with azure_errors():
                await self._accounts.client(job.batch_url).get_task(job.id, task_id, select=["id"])
        except NotFoundError:
            return False
        return True

    async def _open_job(self, url: str, *, need_nodes: bool) -> JobRef:
        key = _OpenJobKey(url, _today(), need_nodes)
        return await self._open.get(key, lambda: self._find_open_job(url, need_nodes=need_nodes))

    async def _find_open_job(self, url: str, *, need_nodes: bool) -> JobRef:
        await self._check_pool(url, need_nodes=need_nodes)
        day = _today()
        for generation in range(1, MAX_JOBS_PER_DAY + 1):
            job = JobRef(batch_url=url, id=job_id(day, generation))
            if await self._is_open(job):
                return job
        raise NoJobError(f"{url}: all jobs of {day} were closed by hand")

    async def _check_pool(self, url: str, *, need_nodes: bool) -> None:
        pool_id = self._settings.pool_id
        try:
            pool = await self._pool.state(url)
        except NotFoundError as error:
            raise NoJobError(f"{url}: there is no pool {pool_id!r}") from error
        if pool.state == "deleting":
            raise NoJobError(f"{url}: the pool {pool_id!r} is being deleted")
        if need_nodes and pool.present_errors:
            states = await self._pool.node_states(url)
            if not USABLE_NODE_STATES & states.keys():
                raise NoNodesError(f"{url}: the pool {pool_id!r} gets no nodes: {pool.present_errors[0].message}")

    async def _is_open(self, job: JobRef) -> bool:
        """Whether a job accepts tasks and runs them on our pool; one that does not exist is created."""
        client, pool_id = self._accounts.client(job.batch_url), self._settings.pool_id
        try:
            with azure_errors():
                found = await client.get_job(job.id, select=["id", "state", "poolInfo"])
            # A job keeps the pool it was created on, also when that is gone and the settings name another.
            return found.state == "active" and bool(found.pool_info and found.pool_info.pool_id == pool_id)
        except NotFoundError:
            pass
        options = BatchJobCreateOptions(id=job.id, pool_info=BatchPoolInfo(pool_id=pool_id))
        try:
            with azure_errors():
                await client.create_job(options)
        except ServiceError as error:
            if error.code == "JobExists":
                return True  # another process created it
            if error.code in CLOSED_CODES:
                return False
            raise
        return True


def _another_job_may_accept(error: ServiceError) -> bool:
    # Not a broken connection: the task may have been added before it broke, so the same account is asked again.
    if isinstance(error, (UnreachableError, NoJobError)):
        return True
    return (error.status or 0) >= 500 or error.code.endswith("QuotaReached") or error.code in CLOSED_CODES


def _today() -> date:
    return datetime.now(UTC).date()
