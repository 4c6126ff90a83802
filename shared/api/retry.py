"""`POST retry` and `POST retry/{video}`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from shared.api.errors import ApiError
from shared.api.operator import check_operator, check_rate, refusals
from shared.api.options import requested_options
from shared.api.parameters import checked_name
from shared.api.rate_limit import RateLimit
from shared.lifecycle.retry import retry, retry_all
from shared.representation import represent

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shared.api.schemas import RetriedResponse
    from shared.representation import VideoResponse
    from shared.services.services import Services


MAX_RETRIES_PER_MINUTE = 30
MAX_RETRIES_OF_ALL_PER_MINUTE = 6


class Retries:
    """Queues further attempts for callers who may, as often as they may: each costs time on nodes."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._single = RateLimit(count=MAX_RETRIES_PER_MINUTE, seconds=60)
        self._all = RateLimit(count=MAX_RETRIES_OF_ALL_PER_MINUTE, seconds=60)

    async def one(self, video: str, headers: Mapping[str, str], body: bytes = b"") -> VideoResponse:
        """Queue another attempt for a failed video, or with `options` in the body for any that has ended.

        Raises `ApiError` (`OperatorKeyRequired`, `TooManyRetries`, `InvalidName`, `InvalidBody`, `InvalidOption`,
        `UnknownVideo`, `VideoGone`, `NotFailed`, `TooManyAttempts`, `Changed`) and `ServiceError`.
        """
        check_operator(headers, self._services.settings, what="retry videos")
        name = checked_name(video)
        options = requested_options(body, self._services.settings)
        check_rate(self._single, "TooManyRetries", "retries")
        with refusals():
            return represent(await retry(name, self._services, options=options), self._services.settings)

    async def many(self, parameters: Mapping[str, str], headers: Mapping[str, str]) -> RetriedResponse:
        """Queue another attempt for all failed videos, or those with the error code `error`.

        Raises `ApiError` (`OperatorKeyRequired`, `TooManyRetries`, `InvalidError`) and `ServiceError`.
        """
        check_operator(headers, self._services.settings, what="retry videos")
        code = parameters.get("error") or None
        if code is not None and not re.fullmatch(r"[A-Za-z0-9]{1,64}", code):
            raise ApiError("InvalidError", "error must be an error code, such as ConverterFailed.")
        check_rate(self._all, "TooManyRetries", "retries")
        return {"retried": await retry_all(code, self._services)}
