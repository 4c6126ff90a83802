"""The completion sweep: looks at every task that has started, and adds the tasks that were not accepted before."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from shared.lifecycle.completion import sync_task
from shared.lifecycle.protocol import HARMLESS, commit, read
from shared.lifecycle.unstarted import unmark, unstarted_videos
from shared.services.errors import NewerRecordError, NotFoundError, ServiceError
from shared.task_group import bounded_task_group

if TYPE_CHECKING:
    from datetime import datetime

    from shared.services.batch.tasks import Task
    from shared.services.services import Services
    from shared.task_group import StartSoon

log = logging.getLogger(__name__)

LIST_JOBS_TIMEOUT_SECONDS = 10.0
"""Seconds that an account has to list its jobs: a sweep lasts as long as its slowest account, and delays the next."""


class CompletionSweep:
    """Brings the records of all tasks that have started up to date, as often as `run` is called."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._running: dict[str, datetime | None] = {}
        """Running tasks whose records are up to date, with their start times: they need no look at the record."""

    async def run(self) -> None:
        """One sweep, of `sweep_seconds` at most. A failure with one task, job or account delays no other."""
        seconds = self._services.settings.sweep_seconds
        try:
            async with asyncio.timeout(seconds):
                await self._sweep()
        except TimeoutError:
            log.warning("the sweep was stopped after %d s; the next one continues", seconds)

    async def _sweep(self) -> None:
        running: dict[str, datetime | None] = {}
        async with bounded_task_group(expected=HARMLESS) as start_soon:
            # Side by side: an account that does not respond must not delay the others.
            await asyncio.gather(
                *(self._sweep_account(url, running, start_soon) for url in self._services.settings.batch_urls),
                start_unstarted(self._services),
            )
        self._running = running

    async def _sweep_account(self, url: str, running: dict[str, datetime | None], start_soon: StartSoon) -> None:
        services = self._services

        async def sync(task: Task) -> None:
            await sync_task(task, services)
            if task.state == "running":
                running[task.id] = task.started_at

        try:
            async with asyncio.timeout(LIST_JOBS_TIMEOUT_SECONDS):
                jobs = [job async for job in services.jobs.list_jobs(url) if not job.deleting]
        except (ServiceError, TimeoutError):
            log.exception("%s does not list its jobs", url)
            return
        for job in jobs:
            try:
                async for task in services.tasks.list_tasks(job.ref, include_active=False):
                    if task.state == "running" and self._running.get(task.id, "never") == task.started_at:
                        running[task.id] = task.started_at
                    else:
                        await start_soon(f"completion of task {task.id}", sync, task)
            except NotFoundError:
                continue  # the job has just been deleted, with its tasks
            except ServiceError:
                log.exception("job %s does not list its tasks", job.ref.id)


async def start_unstarted(services: Services) -> None:
    """Add the tasks that no Batch account accepted before. Stops at the first that is not accepted now, either."""
    try:
        async for video, conversion_id in unstarted_videos(services):
            try:
                snapshot = await read(video, services, outputs=False)
            except NewerRecordError:
                continue  # the newer version of gifdrop adds its task
            # Unmarked first: if the task is not accepted, it is marked again.
            await unmark(conversion_id, services)
            conversion = snapshot.conversion
            if conversion is None or conversion.id != conversion_id or conversion.state != "queued":
                continue
            if not await commit(conversion, snapshot, services):
                return
    except ServiceError as error:
        log.warning("unstarted conversions are left to the next sweep: %s", error)
