"""Checks every conversion that the index has as open: one without a task is started again, or failed, or has ended."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.lifecycle.protocol import HARMLESS, commit, commit_gone, read
from shared.services.errors import NewerRecordError, NotFoundError
from shared.task_group import bounded_task_group
from shared.timestamps import seconds_since

if TYPE_CHECKING:
    from shared.conversion import State
    from shared.lifecycle.reconciliation.report import Report
    from shared.services.services import Services
    from shared.services.storage.index import IndexedRow

OPEN_STATES: tuple[State, ...] = ("queued", "running")


async def check_open(services: Services, tasks: set[str], report: Report) -> None:
    """Look at the record of every open conversion whose task is not among `tasks`.

    Nothing younger than the grace period is touched, and nothing that an account which did not respond may still have.
    """
    async with bounded_task_group(expected=HARMLESS) as start_soon:
        for state in OPEN_STATES:
            async for row in services.index.rows(state):
                conversion = row.conversion
                if (
                    conversion.task_id not in tasks
                    and conversion.batch_url not in report.unreachable
                    and seconds_since(row.modified) > services.settings.grace_seconds
                ):
                    await start_soon(f"check of {conversion.video!r}", _check, row, services, report)


async def _check(row: IndexedRow, services: Services, report: Report) -> None:
    video = row.conversion.video
    try:
        snapshot = await read(video, services)
    except NewerRecordError:
        return  # a newer version of gifdrop looks after it
    conversion = snapshot.conversion
    if conversion is None or conversion.final or conversion.task_id != row.conversion.task_id:
        await services.index.correct(video, conversion, row=row.key)
        report.indexed += 1
        return
    # The task is lost.
    try:
        await services.rest.properties(services.settings.input_container, video)
    except NotFoundError:
        await commit_gone(snapshot, services)
        report.gone += 1
        return
    await commit(conversion.task_lost(), snapshot, services)
    report.restarted += 1
