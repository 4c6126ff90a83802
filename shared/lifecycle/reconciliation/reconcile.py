"""One reconciliation: tasks, then open conversions, then a part of everything else."""

from __future__ import annotations

import asyncio
import json
import logging
from dataclasses import asdict
from typing import TYPE_CHECKING

from shared.lifecycle.reconciliation.audit import audit
from shared.lifecycle.reconciliation.canary import check_canary
from shared.lifecycle.reconciliation.open_conversions import check_open
from shared.lifecycle.reconciliation.report import Report
from shared.lifecycle.reconciliation.tasks import survey_tasks
from shared.services.errors import ServiceError

if TYPE_CHECKING:
    from shared.services.services import Services

log = logging.getLogger(__name__)


async def reconcile(services: Services) -> Report:
    """Make inputs, records and tasks consistent, and log the report in one line.

    Takes `reconcile_seconds` at most; the next one continues where this one stopped.
    """
    report = Report()
    seconds = services.settings.reconcile_seconds
    try:
        async with asyncio.timeout(seconds):
            # Tasks before the index: a row written later is younger than the grace period, so its task is not missed.
            tasks = await survey_tasks(services, report)
            await check_open(services, tasks, report)
            await audit(services, report)
            await services.index.merge_counters()
            await _check_canary(services)
    except TimeoutError:
        report.stopped = True
        log.warning("the reconciliation was stopped after %d s; the next one continues", seconds)
    log.info("reconciled %s", json.dumps(asdict(report)))
    return report


async def _check_canary(services: Services) -> None:
    try:
        await check_canary(services)
    except ServiceError as error:
        log.warning("the canary was not uploaded: %s", error)
