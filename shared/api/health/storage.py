"""Checks the storage account, and whether its events arrive."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from shared.api.health.finding import Finding, finding_of
from shared.names import is_video
from shared.services.errors import ServiceError

if TYPE_CHECKING:
    from shared.services.services import Services
    from shared.services.storage.blob import Page

ROLE = "Storage Blob Data Contributor"
MAX_NAMES_SHOWN = 3
SANDBOX_PARTS = ("landlock", "seccomp")


async def check_containers(services: Services) -> list[Finding]:
    """Whether each container exists and may be read."""
    settings = services.settings
    names = (
        settings.input_container,
        settings.output_container,
        settings.staging_container,
        settings.records_container,
        settings.logs_container,
        settings.deadletter_container,
    )
    return list(await asyncio.gather(*(_check_container(name, services) for name in names)))


async def check_index(services: Services) -> list[Finding]:
    """Whether the index's table exists and may be read."""
    table = services.settings.index_table
    try:
        await services.table.check()
    except ServiceError as error:
        missing = f"Create the table {table!r}; the Bicep files do."
        return [finding_of("index", error, role="Storage Table Data Contributor", missing=missing)]
    return [Finding(name="index", message=f"The table {table!r} exists and may be read.")]


async def check_sandbox(services: Services) -> list[Finding]:
    """Whether the last conversion confined ffmpeg."""
    newest, _ = await services.index.page("succeeded", limit=1)
    if not newest or newest[0].sandbox is None:
        return [Finding(name="sandbox", message="No conversion has reported its sandbox yet.")]
    entered = newest[0].sandbox
    if all(part in entered.split() for part in SANDBOX_PARTS):
        return [Finding(name="sandbox", message=f"The last conversion was confined by {' and '.join(SANDBOX_PARTS)}.")]
    return [
        Finding(
            name="sandbox",
            message=f"The last conversion was confined by {entered or 'nothing'}: the node's kernel has no more.",
            what_to_do="Choose an image with Landlock and seccomp (Ubuntu 22.04 or later) and remove GIFDROP_SANDBOX.",
        )
    ]


async def check_links(services: Services) -> list[Finding]:
    """Whether the app may sign links to GIFs."""
    try:
        await services.links.fetch_key()
    except ServiceError as error:
        return [finding_of("links", error, role="Storage Blob Delegator")]
    return [Finding(name="links", message="Links to GIFs can be signed.")]


async def check_events(services: Services) -> list[Finding]:
    """Whether the events of videos arrive: of the first by name, none may be without a record for long."""
    settings = services.settings
    videos, records = await asyncio.gather(
        services.rest.list_page(settings.input_container), services.rest.list_page(settings.records_container)
    )
    before = datetime.now(UTC) - timedelta(seconds=settings.grace_seconds)
    missing = videos_without_record(videos, records, before=before)
    if missing:
        names = ", ".join(repr(name) for name in missing[:MAX_NAMES_SHOWN])
        names += " …" if len(missing) > MAX_NAMES_SHOWN else ""
        return [
            Finding(
                name="events",
                message=f"No event has arrived for {len(missing)} of the {len(videos.blobs)} blobs checked: {names}",
                what_to_do="Check the event subscription's delivery failures. The next reconciliation submits these"
                " videos.",
            )
        ]
    times = [at for blob in records.blobs if (at := blob.metadata.get("queued_at"))]
    last = f"The last of those checked was queued at {max(times)}." if times else "There are none yet."
    return [Finding(name="events", message=f"Every video has a record. {last}")]


def videos_without_record(videos: Page, records: Page, *, before: datetime) -> list[str]:
    """The videos uploaded `before` a moment that have no record, as far as both listings reach."""
    known = {blob.name for blob in records.blobs}
    end = records.blobs[-1].name if records.marker and records.blobs else None
    return [
        blob.name
        for blob in videos.blobs
        if is_video(blob.name)
        and blob.name not in known
        and blob.last_modified < before
        and (end is None or blob.name <= end)
    ]


async def check_dead_letters(services: Services) -> list[Finding]:
    """Whether Event Grid has given up on events."""
    container = services.settings.deadletter_container
    page = await services.rest.list_page(container)
    if not page.blobs:
        return [Finding(name="dead letters", message="Every event was delivered.")]
    count = f"{len(page.blobs)}" + (" or more" if page.marker else "")
    oldest = min(blob.last_modified for blob in page.blobs).astimezone(UTC)
    return [
        Finding(
            name="dead letters",
            message=f"{count} events could not be delivered, the first at {oldest:%Y-%m-%d %H:%M} UTC.",
            what_to_do=f"Read why in the container {container!r}, check that their videos have a status, and delete"
            " them.",
        )
    ]


async def _check_container(name: str, services: Services) -> Finding:
    check = f"container {name}"
    try:
        await services.blobs.check_container(name)
    except ServiceError as error:
        return finding_of(check, error, role=ROLE, missing=f"Create the container {name!r}; the Bicep files do.")
    return Finding(name=check, message="It exists and may be read.")
