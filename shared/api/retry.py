"""`POST retry` and `POST retry/{video}`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from shared.api.errors import ApiError
from shared.api.parameters import checked_name
from shared.lifecycle.retry import RetryRefusedError, retry, retry_all
from shared.representation import represent
from shared.services.errors import NewerRecordError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shared.api.schemas import RetriedResponse
    from shared.representation import VideoResponse
    from shared.services.services import Services


async def retry_one(video: str, services: Services) -> VideoResponse:
    """Queue another attempt for a failed video.

    Raises `ApiError` (`InvalidName`, `UnknownVideo`, `VideoGone`, `NotFailed`, `Changed`) and `ServiceError`.
    """
    try:
        return represent(await retry(checked_name(video), services), services.settings)
    except RetryRefusedError as error:
        raise ApiError(error.code, str(error)) from error
    except NewerRecordError as error:
        raise ApiError("NewerRecord", "A newer version of gifdrop looks after this video.") from error


async def retry_many(parameters: Mapping[str, str], services: Services) -> RetriedResponse:
    """Queue another attempt for all failed videos, or those with the error code `error`.

    Raises `ApiError` `InvalidError` and `ServiceError`.
    """
    code = parameters.get("error") or None
    if code is not None and not re.fullmatch(r"[A-Za-z0-9]{1,64}", code):
        raise ApiError("InvalidError", "error must be an error code, such as ConverterFailed.")
    return {"retried": await retry_all(code, services)}
