"""Staging and output: what a task left behind is read, verified, moved to where people look, and cleared away."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

from shared.conversion import Conversion, Problem
from shared.names import gif_name
from shared.outcome import Converted, Trouble
from shared.records import ConflictError, unchanged
from shared.task import GIF_FILE, RESULT_FILE

if TYPE_CHECKING:
    from azure.storage.blob.aio import ContainerClient

    from shared.clients import Clients
    from shared.jobs import JobRef

MINIMAL_GIF = 14
"""Bytes of the header, the screen descriptor and the trailer, without which nothing is a GIF."""
RESULT_LIMIT = 64 * 1024
"""Bytes of a result.json that are read: it comes from a machine that handled a stranger's file."""


async def blob_etag(container: ContainerClient, name: str) -> str | None:
    """The ETag of a blob, `None` if there is none."""
    from azure.core.exceptions import ResourceNotFoundError

    try:
        return (await container.get_blob_client(name).get_blob_properties()).etag
    except ResourceNotFoundError:
        return None


async def read_result(task: str, clients: Clients) -> bytes | None:
    """The result.json that a task left in staging, `None` if there is none."""
    return await _read(clients.staging, f"{task}/{RESULT_FILE}", length=RESULT_LIMIT)


async def publish(
    conversion: Conversion, outcome: Converted, clients: Clients, *, replacing: str | None
) -> Converted | Trouble:
    """Copy the GIF of a task from staging to the output, within the storage service, if it is what was measured.

    `replacing` is the ETag of the output that may be replaced. Raises `ConflictError` if there is another by now.
    """
    from azure.core.exceptions import ResourceExistsError, ResourceModifiedError

    source = clients.staging.get_blob_client(f"{conversion.task_id}/{GIF_FILE}")
    problem = await _check(clients.staging, source.blob_name, size=outcome.gif.bytes)
    if problem:
        return Trouble(error=problem)
    token = await clients.credential.get_token("https://storage.azure.com/.default")
    try:
        await clients.gifs.get_blob_client(outcome.gif.name).start_copy_from_url(
            source.url,
            requires_sync=True,
            source_authorization=f"Bearer {token.token}",
            metadata={"conversion_id": conversion.id},
            **unchanged(replacing),
        )
    except (ResourceExistsError, ResourceModifiedError) as error:
        raise ConflictError(outcome.gif.name) from error
    return outcome


async def unpublish(video: str, clients: Clients, *, replacing: str | None) -> None:
    """Remove the GIF of an earlier version of a video whose newest has failed.

    `replacing` is that GIF's ETag. Raises `ConflictError` if there is another by now.
    """
    from azure.core.exceptions import ResourceModifiedError, ResourceNotFoundError

    if replacing is None:
        return
    try:
        await clients.gifs.delete_blob(gif_name(video), **unchanged(replacing))
    except ResourceNotFoundError:
        return
    except ResourceModifiedError as error:
        raise ConflictError(gif_name(video)) from error


async def discard(task: str, job: JobRef, clients: Clients) -> None:
    """Clear away what a task left in staging, and then the task; a running one is killed."""
    from azure.core.exceptions import ResourceNotFoundError

    async def delete(name: str) -> None:
        with suppress(ResourceNotFoundError):
            await clients.staging.delete_blob(f"{task}/{name}")

    await asyncio.gather(delete(GIF_FILE), delete(RESULT_FILE))
    with suppress(ResourceNotFoundError):
        await clients.batch_at(job.batch_url).delete_task(job.id, task)


async def _check(container: ContainerClient, name: str, *, size: int) -> Problem | None:
    from azure.core.exceptions import ResourceNotFoundError

    try:
        found = (await container.get_blob_client(name).get_blob_properties()).size
    except ResourceNotFoundError:
        return Problem(code="GifMissing", message="The converter reported a GIF but left none.")
    if found == size >= MINIMAL_GIF:
        head, tail = await asyncio.gather(
            _read(container, name, length=6), _read(container, name, offset=size - 1, length=1)
        )
        if head == b"GIF89a" and tail == b";":
            return None
    message = f"The GIF is damaged: {found} bytes where {size} were measured, or no GIF at all."
    return Problem(code="GifDamaged", message=message)


async def _read(container: ContainerClient, name: str, *, length: int, offset: int = 0) -> bytes | None:
    from azure.core.exceptions import ResourceNotFoundError

    try:
        stream = await container.download_blob(name, offset=offset, length=length)
        return await stream.readall()
    except ResourceNotFoundError:
        return None
