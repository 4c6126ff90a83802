"""`GET logs/{video}`: what the converter of a failed task wrote, as its node uploaded it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from shared.api.errors import ApiError
from shared.api.http import Response
from shared.api.parameters import checked_name, whole_number
from shared.api.routes import MAX_ATTEMPT
from shared.names import is_video, task_id
from shared.services.errors import NotFoundError, ServiceError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shared.services.services import Services

FILES = ("stderr.txt", "stdout.txt")
MAX_TAIL_BYTES = 64 * 1024
"""Bytes of each file that are returned, from its end."""


async def log_response(video: str, parameters: Mapping[str, str], services: Services) -> Response:
    """The ends of both files as plain text, of the last attempt unless `attempt` names another.

    Raises `ApiError` (`InvalidName`, `InvalidAttempt`, `UnknownVideo`, `UnknownLog`) and `ServiceError`.
    """
    checked_name(video)
    requested = whole_number(parameters, "attempt", "InvalidAttempt", maximum=MAX_ATTEMPT)
    conversion = (await services.records.load(video)).conversion if is_video(video) else None
    if conversion is None:
        raise ApiError("UnknownVideo", "There is no video of this name.")
    attempt = requested or conversion.attempt
    folder = task_id(conversion.id, attempt)
    tails = await asyncio.gather(*(_tail(f"{folder}/{file}", services) for file in FILES))
    parts = [f"== {file} ==\n{text}" for file, text in zip(FILES, tails, strict=True) if text is not None]
    if not parts:
        message = f"Attempt {attempt} has left no log: logs are uploaded if a task fails, and kept for some days."
        raise ApiError("UnknownLog", message)
    return Response(body="\n".join(parts).encode(), content_type="text/plain; charset=utf-8")


async def _tail(name: str, services: Services) -> str | None:
    container = services.settings.logs_container
    try:
        blob = await services.rest.properties(container, name)
        if blob.bytes == 0:
            return ""
        first = max(0, blob.bytes - MAX_TAIL_BYTES)
        body = await services.rest.read_range(container, name, first=first, last=blob.bytes - 1, etag=blob.etag)
    except NotFoundError:
        return None
    except ServiceError as error:
        if error.status == 412:
            raise ApiError("Changed", "The log is being written. Try again.") from error
        raise
    return printable(body.decode(errors="replace"))


def printable(text: str) -> str:
    """The text without control characters, which could change what a terminal shows: ffmpeg repeats names and tags of
    the file."""
    return "".join(character for character in text if character.isprintable() or character in "\n\t")
