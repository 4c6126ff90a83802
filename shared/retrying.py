"""What the API makes of a wish to try again."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from shared.api import ApiError
from shared.retry import retry, retry_all
from shared.status import checked_name
from shared.view import view

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shared.answers import RetriedAnswer, VideoAnswer
    from shared.clients import Clients


async def retry_one(video: str, clients: Clients) -> VideoAnswer:
    """Another attempt for a failed video. Raises `ApiError`: 400 `InvalidName`, and what `retry` raises."""
    return view(await retry(checked_name(video), clients), clients)


async def retry_many(parameters: Mapping[str, str], clients: Clients) -> RetriedAnswer:
    """Another attempt for all failed videos, or those with the error code `error`. Raises `ApiError` 400."""
    code = parameters.get("error") or None
    if code is not None and not re.fullmatch(r"[A-Za-z0-9]{1,64}", code):
        raise ApiError(400, "InvalidError", "error must be an error code, such as ConverterFailed.")
    return {"retried": await retry_all(code, clients)}
