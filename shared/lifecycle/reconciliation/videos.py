"""Compares the input container with the records: submits videos whose event was lost, restarts lost tasks."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from shared.lifecycle.protocol import commit, commit_gone, read
from shared.lifecycle.submission import submit
from shared.merge import merged
from shared.names import is_video
from shared.services.errors import ConflictError, NotFoundError
from shared.services.storage.records import from_listing
from shared.task_group import bounded_task_group

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from shared.lifecycle.reconciliation.report import Report
    from shared.services.services import Services
    from shared.services.storage.blob import Blob


async def compare_videos(services: Services, tasks: set[str], report: Report) -> None:
    """Repair every video whose record is missing or outdated, or whose task is not among `tasks`.

    Nothing younger than the grace period is touched.
    """
    settings = services.settings
    videos, records = _videos(services, settings.input_container), _videos(services, settings.records_container)
    async with bounded_task_group(expected=ConflictError) as start_soon:
        async for name, video, record in merged(videos, records, key=lambda blob: blob.name):
            report.videos += video is not None
            known = from_listing(record) if record else None
            if video and _age(video) > settings.grace_seconds and (known is None or known.etag != video.etag):
                await start_soon(f"submission of {name!r}", _submit, name, services, report)
            elif (
                known
                and record
                and not known.final
                and known.task_id not in tasks
                and known.batch_url not in report.unreachable  # such an account may still have the task
                and _age(record) > settings.grace_seconds
            ):
                await start_soon(f"restart of {name!r}", _restart, name, known.task_id, services, report)


async def _videos(services: Services, container: str) -> AsyncIterator[Blob]:
    async for blob in services.rest.list_all(container):
        if is_video(blob.name):
            yield blob


async def _submit(video: str, services: Services, report: Report) -> None:
    await submit(video, services)
    report.submitted += 1


async def _restart(video: str, task_id: str | None, services: Services, report: Report) -> None:
    """Add the lost task of a conversion again, or fail the conversion if its video was deleted."""
    snapshot = await read(video, services)
    conversion = snapshot.conversion
    if conversion is None or conversion.final or conversion.task_id != task_id:
        return
    try:
        await services.blobs.properties(services.settings.input_container, video)
    except NotFoundError:
        await commit_gone(snapshot, services)
        report.gone += 1
        return
    await commit(conversion.task_lost(), snapshot, services)
    report.restarted += 1


def _age(blob: Blob) -> float:
    return (datetime.now(UTC) - blob.last_modified).total_seconds()
