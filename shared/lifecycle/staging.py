"""The staging container: what a node uploaded is read and verified. A lifecycle rule of the account deletes it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from shared.conversion import Problem
from shared.names import EXTRA_FILES, GIF_FILE, RESULT_FILE
from shared.services.errors import NotFoundError

if TYPE_CHECKING:
    from shared.lifecycle.outcome import Converted
    from shared.services.services import Services

MISSING_CODES = ("GifMissing", "FileMissing")
"""Codes of files that may still be uploaded."""


@dataclass(frozen=True, kw_only=True)
class _Format:
    """How a file of some format begins, and what its problems are called."""

    what: str
    code: str
    signature: re.Pattern[bytes]
    min_bytes: int
    """Less than its headers take."""


_GIF = _Format(what="GIF", code="Gif", signature=re.compile(rb"GIF89a"), min_bytes=14)
_FORMATS = {
    "poster": _Format(what="poster", code="File", signature=re.compile(rb"\xff\xd8\xff"), min_bytes=4),
    "webp": _Format(what="WebP", code="File", signature=re.compile(rb"RIFF....WEBP", re.DOTALL), min_bytes=20),
}
"""The formats of files beside the GIF, by kind."""
MAX_RESULT_BYTES = 64 * 1024
"""Bytes of a result.json that are read: it comes from a machine that handled a stranger's file."""


async def read_result(task_id: str, services: Services) -> bytes | None:
    """The result.json of a task, `None` if there is none. Raises `ServiceError`."""
    try:
        container = services.settings.staging_container
        return (await services.rest.read(container, f"{task_id}/{RESULT_FILE}", max_bytes=MAX_RESULT_BYTES)).body
    except NotFoundError:
        return None


async def verify(task_id: str, outcome: Converted, services: Services) -> dict[str, str] | Problem:
    """The ETags of a task's files by name if they are what the converter measured and wrote, or what is wrong.

    Only those versions of the blobs may be published. Raises `ServiceError`.
    """
    # Converters of earlier versions report no digest of the GIF.
    found = await _verify(f"{task_id}/{GIF_FILE}", _GIF, outcome.gif.bytes, outcome.sha256, services)
    if isinstance(found, Problem):
        return found
    etags = {GIF_FILE: found}
    for extra in outcome.gif.also:
        file, sha256 = EXTRA_FILES[extra.kind], outcome.extra_sha256[extra.kind]
        found = await _verify(f"{task_id}/{file}", _FORMATS[extra.kind], extra.bytes, sha256, services)
        if isinstance(found, Problem):
            return found
        etags[file] = found
    return etags


async def _verify(name: str, format_: _Format, size: int, sha256: str | None, services: Services) -> str | Problem:
    what, code = format_.what, format_.code
    if not format_.min_bytes <= size <= services.settings.max_gif_bytes:
        return Problem(code=f"{code}Damaged", message=f"The converter reported a {what} of {size} bytes.")
    try:
        found = await services.rest.fingerprint(services.settings.staging_container, name, max_bytes=size)
    except NotFoundError:
        return Problem(code=f"{code}Missing", message=f"The converter reported a {what} but left none.")
    if found.size != size:
        message = f"The {what} has {found.size} bytes, but {size} were measured."
        return Problem(code=f"{code}Damaged", message=message)
    if not format_.signature.match(found.head):
        return Problem(code=f"{code}Damaged", message=f"The converter's output is no {what}.")
    if sha256 is not None and found.sha256 != sha256:
        return Problem(code=f"{code}Damaged", message=f"The {what} is not the one that the converter measured.")
    return found.etag
