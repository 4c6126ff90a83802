"""A new attempt at a conversion that has ended, requested by a person."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from shared.lifecycle.protocol import commit, read
from shared.lifecycle.refusal import RefusedError
from shared.lifecycle.submission import plan
from shared.names import is_video
from shared.services.errors import ConflictError, NotFoundError
from shared.task_group import bounded_task_group

if TYPE_CHECKING:
    from shared.conversion import Conversion
    from shared.options import Options
    from shared.services.services import Services


MAX_RETRIED_ATTEMPTS = 30
"""Attempts after which a version of a video is not retried any more."""


async def retry(video: str, services: Services, *, options: Options | None = None) -> Conversion:
    """Queue another attempt at the present version of a failed video and return the new conversion.

    With `options`, which are used instead of those in the video's metadata, also one that has succeeded: its GIF stays
    until the attempt ends, which replaces it, or deletes it if the attempt fails.

    Raises `RefusedError` (`UnknownVideo`, `VideoGone`, `NotFailed`, `TooManyAttempts`, `Changed`) and `ServiceError`.
    """
    unknown = RefusedError("UnknownVideo", "There is no video of this name.")
    if not is_video(video):
        raise unknown
    snapshot = await read(video, services)
    ended = snapshot.conversion
    if ended is None:
        raise unknown
    if not ended.final:
        raise RefusedError("NotFailed", "This video is being converted. Wait until that has ended.")
    if ended.state != "failed" and options is None:
        raise RefusedError("NotFailed", "This video is already converted.")
    try:
        blob = await services.rest.properties(services.settings.input_container, video)
    except NotFoundError:
        raise RefusedError("VideoGone", "The video was deleted; upload it again.") from None
    decision = plan(blob, services.settings, options=options)
    if decision.id == ended.id and ended.attempt >= MAX_RETRIED_ATTEMPTS:
        raise RefusedError("TooManyAttempts", f"The video was tried {ended.attempt} times. Upload it again.")
    if decision.id == ended.id and not decision.final:
        # A new attempt number, so that no output of an earlier attempt is mistaken for this one's.
        decision = ended.again(decision)
    try:
        await commit(decision, snapshot, services)
    except ConflictError:
        raise RefusedError("Changed", "The video's status has just changed; check it again.") from None
    return decision


async def retry_all(code: str | None, services: Services) -> int:
    """Queue another attempt for all failed videos, or those with this error code, and return their number.

    Raises `ServiceError` when the failed ones cannot be listed.
    """
    count = 0

    async def retry_one(video: str) -> None:
        nonlocal count
        with suppress(RefusedError):  # deleted, or retried by somebody else
            await retry(video, services)
            count += 1

    async with bounded_task_group() as start_soon:
        async for row in services.index.rows("failed"):
            failed = row.conversion
            if failed.error and code in (None, failed.error.code):
                await start_soon(f"retry of {failed.video!r}", retry_one, failed.video)
    return count
