"""The staging container: what a node uploaded is read and verified. A lifecycle rule of the account deletes it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.conversion import Gif, Problem
from shared.names import GIF_FILE, RESULT_FILE
from shared.services.errors import NotFoundError

if TYPE_CHECKING:
    from shared.services.services import Services

MIN_GIF_BYTES = 14
"""Header, screen descriptor and trailer: less is no GIF."""
GIF_SIGNATURE = b"GIF89a"
MAX_RESULT_BYTES = 64 * 1024
"""Bytes of a result.json that are read: it comes from a machine that handled a stranger's file."""


async def read_result(task_id: str, services: Services) -> bytes | None:
    """The result.json of a task, `None` if there is none. Raises `ServiceError`."""
    try:
        container = services.settings.staging_container
        return (await services.blobs.read(container, f"{task_id}/{RESULT_FILE}", length=MAX_RESULT_BYTES)).body
    except NotFoundError:
        return None


async def verify_gif(task_id: str, gif: Gif, services: Services) -> Problem | None:
    """What is wrong with the GIF of a task, compared with what the converter measured: one ranged read.

    The node uploads a file whole or not at all, so its size and signature tell. Raises `ServiceError`.
    """
    try:
        found = await services.blobs.read(
            services.settings.staging_container, f"{task_id}/{GIF_FILE}", length=len(GIF_SIGNATURE)
        )
    except NotFoundError:
        return Problem(code="GifMissing", message="The converter reported a GIF but left none.")
    if found.size == gif.bytes >= MIN_GIF_BYTES and found.body == GIF_SIGNATURE:
        return None
    message = f"The GIF is damaged: {found.size} bytes where {gif.bytes} were measured, or no GIF at all."
    return Problem(code="GifDamaged", message=message)
