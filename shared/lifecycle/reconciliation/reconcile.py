"""One reconciliation: tasks, then staging, then videos."""

from __future__ import annotations

import asyncio
import json
import logging
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from shared.lifecycle.reconciliation.report import Report
from shared.lifecycle.reconciliation.tasks import survey_tasks
from shared.lifecycle.reconciliation.videos import compare_videos
from shared.task_group import bounded_task_group

if TYPE_CHECKING:
    from shared.services.services import Services

log = logging.getLogger(__name__)


async def reconcile(services: Services) -> Report:
    """Make inputs, records, tasks and staging consistent, and log the report in one line.

    Takes `reconcile_seconds` at most; the next one continues where this one stopped.
    """
    report = Report()
    seconds = services.settings.reconcile_seconds
    try:
        async with asyncio.timeout(seconds):
            # Tasks before records: a record written later is younger than the grace period, so its task is not missed.
            tasks = await survey_tasks(services, report)
            if not report.unreachable:  # otherwise staging may hold files of tasks that were not seen
                await _clear_orphans(services, tasks, report)
            await compare_videos(services, tasks, report)
    except TimeoutError:
        report.stopped = True
        log.warning("the reconciliation was stopped after %d s; the next one continues", seconds)
    log.info("reconciled %s", json.dumps(asdict(report)))
    return report


async def _clear_orphans(services: Services, tasks: set[str], report: Report) -> None:
    """Delete old staging files that no task owns."""
    settings = services.settings
    async with bounded_task_group() as start_soon:
        async for blob in services.rest.list_all(settings.staging_container):
            age = (datetime.now(UTC) - blob.last_modified).total_seconds()
            if blob.name.split("/")[0] not in tasks and age > settings.orphan_seconds:
                await start_soon(
                    f"deletion of {blob.name}", services.blobs.delete, settings.staging_container, blob.name
                )
                report.orphans += 1
