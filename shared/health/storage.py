"""The checks of the storage account, and of what ought to come from it: events."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from shared.blobs import list_page
from shared.gifs import delegation_key
from shared.health.finding import Finding, explained
from shared.names import is_video

if TYPE_CHECKING:
    from shared.blobs import Page
    from shared.clients import Clients

ROLE = "Storage Blob Data Contributor"
SHOWN = 3


async def check_containers(clients: Clients) -> list[Finding]:
    """Each container: reachable, permitted, there."""
    settings = clients.settings
    names = (
        settings.input_container,
        settings.output_container,
        settings.staging_container,
        settings.records_container,
        settings.logs_container,
        settings.deadletter_container,
    )
    return list(await asyncio.gather(*(_container(name, clients) for name in names)))


async def check_links(clients: Clients) -> list[Finding]:
    """Whether the app may sign links to GIFs."""
    from azure.core.exceptions import AzureError

    try:
        await delegation_key(clients)
    except AzureError as error:
        return [explained("links", error, role="Storage Blob Delegator")]
    return [Finding(name="links", message="Links to GIFs can be signed.")]


async def check_events(clients: Clients) -> list[Finding]:
    """Whether videos come to the app's knowledge: of those first by name, none may be without a record for long."""
    grace = timedelta(seconds=clients.settings.grace_seconds)
    videos, records = await asyncio.gather(
        list_page(clients, clients.settings.input_container),
        list_page(clients, clients.settings.records_container),
    )
    missed = unheard(videos, records, before=datetime.now(UTC) - grace)
    if missed:
        names = ", ".join(repr(name) for name in missed[:SHOWN]) + (" …" if len(missed) > SHOWN else "")
        return [
            Finding(
                name="events",
                message=f"No event has come for {len(missed)} of the {len(videos.blobs)} blobs looked at: {names}",
                what_to_do="Look at the event subscription's delivery failures; the reconciliation picks such videos"
                " up when it next runs.",
            )
        ]
    times = [at for blob in records.blobs if (at := blob.metadata.get("queued_at"))]
    last = f"The last of those looked at was queued at {max(times)}." if times else "None has come yet."
    return [Finding(name="events", message=f"Every video has been heard of. {last}")]


def unheard(videos: Page, records: Page, *, before: datetime) -> list[str]:
    """The videos put there `before` a moment that have no record, as far as both listings reach."""
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


async def check_dead_letters(clients: Clients) -> list[Finding]:
    """Whether events have been given up."""
    page = await list_page(clients, clients.settings.deadletter_container)
    if not page.blobs:
        return [Finding(name="dead letters", message="No event has been given up.")]
    count = f"{len(page.blobs)}" + (" and more" if page.marker else "")
    oldest = min(blob.last_modified for blob in page.blobs).astimezone(UTC)
    return [
        Finding(
            name="dead letters",
            message=f"{count} events were given up, the first at {oldest:%Y-%m-%d %H:%M} UTC.",
            what_to_do=f"Read why in the container {clients.settings.deadletter_container!r}, see that their videos"
            " have a status, and delete them.",
        )
    ]


async def _container(name: str, clients: Clients) -> Finding:
    from azure.core.exceptions import AzureError

    check = f"container {name}"
    try:
        await clients.storage.get_container_client(name).get_container_properties()
    except AzureError as error:
        return explained(check, error, role=ROLE, missing=f"Make the container {name!r}; the Bicep files do.")
    return Finding(name=check, message="It is there and may be read.")
