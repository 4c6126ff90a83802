"""The staging container: what a task's node uploaded is read, verified, and deleted when it is done with."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from shared.conversion import Gif, Problem
from shared.names import GIF_FILE, RESULT_FILE
from shared.services.errors import NotFoundError

if TYPE_CHECKING:
    from shared.services.services import Services

MIN_GIF_BYTES = 14
"""Header, screen descriptor and trailer: less is no GIF."""
MAX_RESULT_BYTES = 64 * 1024
"""Bytes of a result.json that are read: it comes from a machine that handled a stranger's file."""


async def read_result(task_id: str, services: Services) -> bytes | None:
    """The result.json of a task, `None` if there is none. Raises `ServiceError`."""
    return await _read(f"{task_id}/{RESULT_FILE}", services, length=MAX_RESULT_BYTES)


async def verify_gif(task_id: str, gif: Gif, services: Services) -> Problem | None:
    """What is wrong with the GIF of a task, compared with what the converter measured. Raises `ServiceError`."""
    name = f"{task_id}/{GIF_FILE}"
    try:
        found = (await services.blobs.properties(services.settings.staging_container, name)).bytes
    except NotFoundError:
        return Problem(code="GifMissing", message="The converter reported a GIF but left none.")
    if found == gif.bytes >= MIN_GIF_BYTES:
        head, tail = await asyncio.gather(
            _read(name, services, length=6), _read(name, services, offset=found - 1, length=1)
        )
        if head == b"GIF89a" and tail == b";":
            return None
    message = f"The GIF is damaged: {found} bytes where {gif.bytes} were measured, or no GIF at all."
    return Problem(code="GifDamaged", message=message)


async def clear(task_id: str, services: Services) -> None:
    """Delete the files of a task. Raises `ServiceError`."""
    container = services.settings.staging_container
    await asyncio.gather(
        services.blobs.delete(container, f"{task_id}/{GIF_FILE}"),
        services.blobs.delete(container, f"{task_id}/{RESULT_FILE}"),
    )


async def _read(name: str, services: Services, *, length: int, offset: int = 0) -> bytes | None:
    try:
        container = services.settings.staging_container
        return (await services.blobs.read(container, name, offset=offset, length=length)).body
    except NotFoundError:
        return None
