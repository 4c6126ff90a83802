"""`POST retry` and `POST retry/{video}`."""

from __future__ import annotations

import hmac
import re
from hashlib import sha256
from math import ceil
from typing import TYPE_CHECKING

from shared.api.access import is_operator
from shared.api.errors import ApiError
from shared.api.parameters import checked_name
from shared.api.rate_limit import RateLimit
from shared.lifecycle.retry import RetryRefusedError, retry, retry_all
from shared.representation import represent
from shared.services.errors import NewerRecordError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shared.api.schemas import RetriedResponse
    from shared.representation import VideoResponse
    from shared.services.services import Services


MAX_RETRIES_PER_MINUTE = 30
MAX_RETRIES_OF_ALL_PER_MINUTE = 6
OPERATOR_HEADER = "x-gifdrop-operator-key"


class Retries:
    """Queues further attempts for callers who may, as often as they may: each costs time on nodes."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._single = RateLimit(count=MAX_RETRIES_PER_MINUTE, seconds=60)
        self._all = RateLimit(count=MAX_RETRIES_OF_ALL_PER_MINUTE, seconds=60)

    async def one(self, video: str, headers: Mapping[str, str]) -> VideoResponse:
        """Queue another attempt for a failed video.

        Raises `ApiError` (`OperatorKeyRequired`, `TooManyRetries`, `InvalidName`, `UnknownVideo`, `VideoGone`,
        `NotFailed`, `TooManyAttempts`, `Changed`) and `ServiceError`.
        """
        self._check_key(headers)
        name = checked_name(video)
        _take(self._single)
        try:
            return represent(await retry(name, self._services), self._services.settings)
        except RetryRefusedError as error:
            raise ApiError(error.code, str(error)) from error
        except NewerRecordError as error:
            raise ApiError("NewerRecord", "A newer version of gifdrop looks after this video.") from error

    async def many(self, parameters: Mapping[str, str], headers: Mapping[str, str]) -> RetriedResponse:
        """Queue another attempt for all failed videos, or those with the error code `error`.

        Raises `ApiError` (`OperatorKeyRequired`, `TooManyRetries`, `InvalidError`) and `ServiceError`.
        """
        self._check_key(headers)
        code = parameters.get("error") or None
        if code is not None and not re.fullmatch(r"[A-Za-z0-9]{1,64}", code):
            raise ApiError("InvalidError", "error must be an error code, such as ConverterFailed.")
        _take(self._all)
        return {"retried": await retry_all(code, self._services)}

    def _check_key(self, headers: Mapping[str, str]) -> None:
        expected = self._services.settings.operator_sha256
        found = sha256(headers.get(OPERATOR_HEADER, "").encode(errors="replace")).hexdigest()
        if expected and not is_operator() and not hmac.compare_digest(found, expected):
            raise ApiError("OperatorKeyRequired", "Only an operator can retry videos.")


def _take(limit: RateLimit) -> None:
    seconds = limit.take()
    if seconds:
        wait = ceil(seconds)
        message = f"Too many retries. Try again in {wait} second{'' if wait == 1 else 's'}."
        raise ApiError("TooManyRetries", message, headers={"Retry-After": str(wait)})
