"""The staging container: what a node uploaded is read and verified. A lifecycle rule of the account deletes it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.conversion import Problem
from shared.names import GIF_FILE, RESULT_FILE
from shared.services.errors import NotFoundError

if TYPE_CHECKING:
    from shared.lifecycle.outcome import Converted
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
        return (await services.rest.read(container, f"{task_id}/{RESULT_FILE}", max_bytes=MAX_RESULT_BYTES)).body
    except NotFoundError:
        return None


async def verify_gif(task_id: str, outcome: Converted, services: Services) -> str | Problem:
    """The ETag of a task's GIF if it is what the converter measured and wrote, or what is wrong with it.

    Only that version of the blob may be published. Raises `ServiceError`.
    """
    expected, limit = outcome.gif.bytes, services.settings.max_gif_bytes
    if not MIN_GIF_BYTES <= expected <= limit:
        return Problem(code="GifDamaged", message=f"The converter reported a GIF of {expected} bytes.")
    try:
        found = await services.rest.fingerprint(
            services.settings.staging_container, f"{task_id}/{GIF_FILE}", max_bytes=expected
        )
    except NotFoundError:
        return Problem(code="GifMissing", message="The converter reported a GIF but left none.")
    if found.size != expected:
        return Problem(code="GifDamaged", message=f"The GIF has {found.size} bytes, but {expected} were measured.")
    if not found.head.startswith(GIF_SIGNATURE):
        return Problem(code="GifDamaged", message="The converter's output is no GIF.")
    # Converters of earlier versions report no digest.
    if outcome.sha256 is not None and found.sha256 != outcome.sha256:
        return Problem(code="GifDamaged", message="The GIF is not the one that the converter measured.")
    return found.etag
