"""Compares the input container with the records: submits videos whose event was lost, restarts lost tasks."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from shared.lifecycle.protocol import HARMLESS, commit, commit_gone, read
from shared.lifecycle.reconciliation.cursor import Cursor, load_cursor, save_cursor
from shared.lifecycle.submission import submit
from shared.merge import merged
from shared.names import is_video
from shared.services.errors import NotFoundError
from shared.services.storage.blob import is_directory
from shared.services.storage.record_format import is_newer
from shared.services.storage.records import from_listing
from shared.task_group import bounded_task_group

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from shared.lifecycle.reconciliation.report import Report
    from shared.services.services import Services
    from shared.services.storage.blob import Blob
    from shared.task_group import StartSoon


async def compare_videos(services: Services, tasks: set[str], report: Report) -> None:
    """Repair every video whose record is missing or outdated, or whose task is not among `tasks`.

    Continues where the last comparison stopped. Nothing younger than the grace period is touched.
    """
    settings = services.settings
    cursor = await load_cursor(services)
    videos = _Listing(services, settings.input_container, cursor.videos, after=cursor.after)
    records = _Listing(services, settings.records_container, cursor.records, after=cursor.after)
    previous = ""
    async with bounded_task_group(expected=HARMLESS) as start_soon:
        async for name, video, record in merged(videos, records, key=lambda blob: blob.name):
            if cursor != (here := Cursor(videos=videos.marker, records=records.marker, after=cursor.after)):
                cursor = replace(here, after=previous)
                await save_cursor(cursor, services)
            previous = name
            report.videos += video is not None
            await _compare(name, video, record, services, tasks, report, start_soon)
    if cursor != Cursor():
        await save_cursor(Cursor(), services)


async def _compare(
    name: str,
    video: Blob | None,
    record: Blob | None,
    services: Services,
    tasks: set[str],
    report: Report,
    start_soon: StartSoon,
) -> None:
    grace = services.settings.grace_seconds
    if record and is_newer(record.metadata):
        return  # a newer version of gifdrop looks after it
    known = from_listing(record) if record else None
    if video and _age(video) > grace and (known is None or known.etag != video.etag):
        await start_soon(f"submission of {name!r}", _submit, name, services, report)
    elif (
        known
        and record
        and not known.final
        and known.task_id not in tasks
        and known.batch_url not in report.unreachable  # such an account may still have the task
        and _age(record) > grace
    ):
        await start_soon(f"restart of {name!r}", _restart, name, known.task_id, services, report)


class _Listing:
    """The videos, or records of videos, of a container behind a place in its listing."""

    def __init__(self, services: Services, container: str, marker: str | None, *, after: str) -> None:
        self.marker = marker
        """Leads back to the page of the blob that was returned last."""
        self._services = services
        self._container = container
        self._after = after

    async def __aiter__(self) -> AsyncIterator[Blob]:
        async for page in self._services.rest.list_pages(self._container, marker=self.marker):
            for blob in page.blobs:
                if is_video(blob.name) and not is_directory(blob) and blob.name > self._after:
                    yield blob
            self.marker = page.marker


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
