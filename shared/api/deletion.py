"""`DELETE videos/{video}`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.api.http import Response
from shared.api.operator import check_operator, check_rate, refusals
from shared.api.parameters import checked_name
from shared.api.rate_limit import RateLimit
from shared.api.uploads import check_changes
from shared.lifecycle.deletion import delete_video

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shared.services.services import Services

MAX_DELETIONS_PER_MINUTE = 60


class Deletions:
    """Deletes videos for callers who may, as often as they may."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._limit = RateLimit(count=MAX_DELETIONS_PER_MINUTE, seconds=60)

    async def delete(self, video: str, headers: Mapping[str, str]) -> Response:
        """204 when the video, its GIF and its record are deleted.

        Raises `ApiError` (`UploadsOff`, `OperatorKeyRequired`, `TooManyDeletions`, `InvalidName`, `UnknownVideo`,
        `Changed`, `NewerRecord`) and `ServiceError`.
        """
        check_changes(self._services.settings)
        check_operator(headers, self._services.settings, what="delete videos")
        name = checked_name(video)
        check_rate(self._limit, "TooManyDeletions", "deletions")
        with refusals():
            await delete_video(name, self._services)
        return Response(status=204)
