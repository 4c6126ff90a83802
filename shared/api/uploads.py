"""`POST uploads`: a link that uploads one video straight to storage."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from shared.api.errors import ApiError
from shared.api.http import json_response
from shared.api.operator import check_operator, check_rate
from shared.api.options import option_texts, parse_object, parse_options
from shared.api.parameters import checked_name, name_may_be_refused, video_endings
from shared.api.rate_limit import RateLimit
from shared.names import VIDEO_ENDINGS, is_video, video_type
from shared.options import METADATA
from shared.representation import API
from shared.timestamps import to_rfc3339

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shared.api.http import Response
    from shared.services.services import Services
    from shared.settings import Settings

MAX_UPLOADS_PER_MINUTE = 120
LINK_MINUTES = 15
MAX_PUT_BLOB_BYTES = 5000 * 1024**2
"""Of one Put Blob request: https://learn.microsoft.com/rest/api/storageservices/put-blob#remarks"""
MEMBERS = {"name", "bytes", "options", "overwrite"}


class Uploads:
    """Signs links that upload videos, for callers who may, as often as they may: each upload costs time on nodes."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._limit = RateLimit(count=MAX_UPLOADS_PER_MINUTE, seconds=60)

    async def create(self, body: bytes, headers: Mapping[str, str]) -> Response:
        """201 with a link for the video in a JSON body: `name`, `bytes`, `options` and `overwrite`.

        Storage enforces the name, that nothing is overwritten unless `overwrite` asks for it, and when the link
        expires. It enforces neither the bytes nor the metadata: both are checked again when the video is submitted.

        Raises `ApiError` (`UploadsOff`, `OperatorKeyRequired`, `TooManyUploads`, `InvalidBody`, `InvalidName`,
        `InvalidOption`, `UploadTooLarge`, `NameTaken`) and `ServiceError`.
        """
        settings = self._services.settings
        check_changes(settings)
        check_operator(headers, settings, what="upload videos")
        check_rate(self._limit, "TooManyUploads", "uploads")
        request = _parse(body)
        name = _checked_video(request["name"])
        metadata = _metadata(request.get("options", {}), settings)
        max_bytes = min(settings.max_video_bytes, MAX_PUT_BLOB_BYTES)
        if request["bytes"] > max_bytes:
            message = f"The video has {request['bytes']:,} bytes; the limit is {max_bytes:,}."
            raise ApiError("UploadTooLarge", message)
        overwrite = request.get("overwrite", False)
        container = settings.input_container
        with name_may_be_refused():
            taken = not overwrite and await self._services.rest.etag(container, name) is not None
        if taken:
            raise ApiError("NameTaken", "There is a video of this name. Choose another name, or overwrite it.")
        link = await self._services.links.upload(container, name, overwrite=overwrite, minutes=LINK_MINUTES)
        response = {
            "video": name,
            "url": link.url,
            "method": "PUT",
            "headers": {
                "x-ms-blob-type": "BlockBlob",
                "content-type": video_type(name),
                **({} if overwrite else {"if-none-match": "*"}),
                **{f"x-ms-meta-{key}": value for key, value in metadata.items()},
            },
            "max_bytes": max_bytes,
            "expires_at": to_rfc3339(link.expires_at),
            "status": f"{API}/status/{quote(name)}",
        }
        return json_response(response, status=201)


def check_changes(settings: Settings) -> None:
    """Raise `ApiError` `UploadsOff` unless the API may upload and delete videos."""
    if settings.uploads != "on":
        raise ApiError("UploadsOff", "This deployment accepts no uploads and deletions through the API.")


def _metadata(options: object, settings: Settings) -> dict[str, str]:
    texts = option_texts(options)
    parse_options(texts, settings)
    return {METADATA[option]: text for option, text in texts.items() if text.strip()}


def _parse(body: bytes) -> dict[str, Any]:
    found = parse_object(body, members=MEMBERS)
    name, size = found.get("name"), found.get("bytes")
    if not isinstance(name, str):
        raise ApiError("InvalidBody", "name must be a text.")
    if not isinstance(size, int) or isinstance(size, bool) or size < 1:
        raise ApiError("InvalidBody", "bytes must be a whole number above 0.")
    if not isinstance(found.get("overwrite", False), bool):
        raise ApiError("InvalidBody", "overwrite must be true or false.")
    return found


def _checked_video(name: str) -> str:
    checked_name(name)
    if not is_video(name) or name.rpartition("/")[2].lower() in VIDEO_ENDINGS:
        raise ApiError("InvalidName", f"The name must end in {video_endings()}.")
    if any("\ud800" <= character <= "\udfff" for character in name):
        raise ApiError("InvalidName", "The name is not valid text.")
    return name
