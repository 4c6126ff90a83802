"""Compares inputs, records and index by name: submits videos whose event was lost, corrects the index.

A run compares a bounded number of names, and the next one continues there. This is also how the records of a gifdrop
that had no index get into it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from shared.lifecycle.protocol import HARMLESS
from shared.lifecycle.reconciliation.cursor import Cursor, load_cursor, save_cursor
from shared.lifecycle.submission import submit
from shared.merge import merged
from shared.names import is_video
from shared.services.storage.blob import is_directory
from shared.services.storage.record_format import is_newer
from shared.services.storage.records import from_listing
from shared.task_group import bounded_task_group
from shared.timestamps import seconds_since

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from shared.conversion import Conversion
    from shared.lifecycle.reconciliation.report import Report
    from shared.services.services import Services
    from shared.services.storage.blob import Blob
    from shared.services.storage.index_rows import Pointer
    from shared.task_group import StartSoon

NAMES_PER_INDEX_QUERY = 1000
MAX_CONCURRENT = 64
"""Repairs at a time: enough that additions to the index share transactions."""


async def audit(services: Services, report: Report) -> None:
    """Compare up to `audit_names` names, from where the last audit stopped.

    Nothing younger than the grace period is touched.
    """
    settings = services.settings
    cursor = await load_cursor(services)
    videos = _Listing(services, settings.input_container, cursor.videos, after=cursor.after)
    records = _Listing(services, settings.records_container, cursor.records, after=cursor.after)
    previous = checked = cursor.after
    recorded: dict[str, Conversion | None] = {}
    reached = Cursor()
    async with bounded_task_group(limit=MAX_CONCURRENT, expected=HARMLESS) as start_soon:
        async for name, video, record in merged(videos, records, key=lambda blob: blob.name):
            here = Cursor(videos=videos.marker, records=records.marker, after=cursor.after)
            if report.audited == settings.audit_names:
                reached = replace(here, after=previous)
                break
            if cursor != here:
                # First what the cursor leaves behind, which the next run skips if this one is stopped.
                if previous != checked:
                    await _compare_index(checked, previous, recorded, services, report, start_soon)
                    checked, recorded = previous, {}
                cursor = replace(here, after=previous)
                await save_cursor(cursor, services)
            previous = name
            report.audited += 1
            newer = record is not None and is_newer(record.metadata)  # a newer version of gifdrop looks after it
            known = from_listing(record) if record and not newer else None
            if video and not newer and (known is None or known.etag != video.etag):
                await _submit_if_old(video, services, report, start_soon)
            if record:
                recorded[name] = known if seconds_since(record.last_modified) > settings.grace_seconds else None
            if len(recorded) == NAMES_PER_INDEX_QUERY:
                await _compare_index(checked, name, recorded, services, report, start_soon)
                checked, recorded = name, {}
        # At the end of both listings, up to the last entry: its record may have been deleted.
        if previous != checked or reached == Cursor():
            until = None if reached == Cursor() else previous
            await _compare_index(checked, until, recorded, services, report, start_soon)
    if cursor != reached:
        await save_cursor(reached, services)


async def _submit_if_old(video: Blob, services: Services, report: Report, start_soon: StartSoon) -> None:
    if seconds_since(video.last_modified) > services.settings.grace_seconds:
        await start_soon(f"submission of {video.name!r}", _submit, video.name, services, report)


async def _submit(video: str, services: Services, report: Report) -> None:
    await submit(video, services)
    report.submitted += 1


async def _compare_index(
    after: str,
    until: str | None,
    recorded: Mapping[str, Conversion | None],
    services: Services,
    report: Report,
    start_soon: StartSoon,
) -> None:
    """Correct the index between two names. `recorded` are the records there; those with `None` are left alone."""
    missing = dict(recorded)
    async for pointer in services.index.pointers(after=after, until=until):
        video = pointer.video
        missing.pop(video, None)
        known = recorded.get(video)
        wrong = not pointer.agrees_with(known) if known else video not in recorded
        if wrong and seconds_since(pointer.modified) > services.settings.grace_seconds:
            await start_soon(f"index entry of {video!r}", _correct, pointer, services, report)
    for video, conversion in missing.items():
        if conversion:
            await start_soon(f"index entry of {video!r}", _add, conversion, services, report)


async def _add(conversion: Conversion, services: Services, report: Report) -> None:
    await services.index.correct(conversion.video, conversion, row=None)
    report.indexed += 1


async def _correct(pointer: Pointer, services: Services, report: Report) -> None:
    # The listing may be older than the pointer.
    stored = await services.records.load(pointer.video)
    known = stored.conversion
    if not stored.newer and not (known and pointer.agrees_with(known)):
        await services.index.correct(pointer.video, known, row=pointer.row)
        report.indexed += 1


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
            self.marker = page.marker or self.marker  # the last page, not the first one again
