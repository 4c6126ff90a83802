"""`GET gifs/{gif}`: a link that works for a while, or the bytes themselves."""

from __future__ import annotations

import re
from dataclasses import dataclass
from email.utils import format_datetime
from typing import TYPE_CHECKING

from shared.api.errors import ApiError
from shared.api.http import Response, content_disposition, etag_matches
from shared.api.parameters import checked_name, name_may_be_refused, whole_number
from shared.api.routes import DEFAULT_LINK_MINUTES, MAX_LINK_MINUTES
from shared.names import content_type, is_video
from shared.services.errors import NotFoundError, ServiceError
from shared.timestamps import to_rfc3339

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shared.api.schemas import LinkResponse
    from shared.services.services import Services
    from shared.services.storage.blob import Blob

MAX_RESPONSE_BYTES = 8 * 1024**2
"""Bytes of one response: the Functions host keeps a response in memory whole."""


@dataclass(frozen=True, kw_only=True)
class Span:
    """Bytes `first` to `last`, both included."""

    first: int
    last: int


async def gif_response(
    name: str, parameters: Mapping[str, str], headers: Mapping[str, str], services: Services
) -> Response:
    """302 to a link that works for 15 minutes; with `via=app` the GIF itself, in ranges if it is large.

    Raises `ApiError` (`InvalidName`, `InvalidVia`, `InvalidDownload`, `UnknownGif`,
    `RangeNotSatisfiable`) and `ServiceError`.
    """
    checked_name(name)
    via = parameters.get("via") or None
    if via not in (None, "app"):
        raise ApiError("InvalidVia", "via must be app, or left out.")
    download = parameters.get("download") or None
    if download not in (None, "1"):
        raise ApiError("InvalidDownload", "download must be 1, or left out.")
    disposition = content_disposition(name, download=download is not None)
    gif = await _properties(name, services)
    if via is None:
        return await _redirect(name, disposition, services)
    etag = f'"{gif.etag}"'
    validators = {
        "ETag": etag,
        "Last-Modified": format_datetime(gif.last_modified, usegmt=True),
        # A GIF changes with its video, so browsers must revalidate.
        "Cache-Control": "private, no-cache",
        "Accept-Ranges": "bytes",
        "Content-Disposition": disposition,
    }
    if etag_matches(headers.get("if-none-match"), etag):
        return Response(status=304, headers=validators)
    requested = headers.get("range") if headers.get("if-range") in (None, etag) else None
    span = parse_range(requested, size=gif.bytes)
    if span is None and gif.bytes > MAX_RESPONSE_BYTES:
        return await _redirect(name, disposition, services)
    body = await _read(name, span or Span(first=0, last=gif.bytes - 1), gif, services)
    if span:
        validators["Content-Range"] = f"bytes {span.first}-{span.last}/{gif.bytes}"
    return Response(status=206 if span else 200, body=body, content_type=content_type(name), headers=validators)


def parse_range(header: str | None, *, size: int) -> Span | None:
    """The bytes in a Range header, `MAX_RESPONSE_BYTES` of them at most; `None` for all.

    Several ranges, and units other than bytes, are ignored, as RFC 9110 allows. Raises `ApiError`
    `RangeNotSatisfiable`.
    """
    found = re.fullmatch(r"bytes=([0-9]{0,18})-([0-9]{0,18})", (header or "").strip())
    if not found or found[0] == "bytes=-":
        return None
    first, last = found[1], found[2]
    if not first:
        span = Span(first=max(size - int(last), 0), last=size - 1)
    else:
        span = Span(first=int(first), last=min(int(last), size - 1) if last else size - 1)
        if last and int(last) < int(first):
            return None
    if span.first > span.last:
        content_range = {"Content-Range": f"bytes */{size}"}
        raise ApiError("RangeNotSatisfiable", f"The GIF has {size} bytes.", headers=content_range)
    return Span(first=span.first, last=min(span.last, span.first + MAX_RESPONSE_BYTES - 1))


async def _properties(name: str, services: Services) -> Blob:
    try:
        with name_may_be_refused():
            return await services.rest.properties(services.settings.output_container, name)
    except NotFoundError:
        raise ApiError("UnknownGif", "There is no GIF of this name.") from None


async def _read(name: str, span: Span, gif: Blob, services: Services) -> bytes:
    container = services.settings.output_container
    try:
        return await services.rest.read_range(container, name, first=span.first, last=span.last, etag=gif.etag)
    except ServiceError as error:
        if error.status in (404, 412):
            raise ApiError("Unavailable", "The GIF has just been replaced. Try again.") from error
        raise


async def _redirect(name: str, disposition: str, services: Services) -> Response:
    link = await services.links.read(services.settings.output_container, name, disposition=disposition)
    return Response(status=302, headers={"Location": link.url, "Referrer-Policy": "no-referrer"})


async def gif_link(name: str, parameters: Mapping[str, str], services: Services) -> LinkResponse:
    """A link to a GIF for somebody without a key, for so many minutes.

    Raises `ApiError` (`InvalidName`, `InvalidMinutes`, `UnknownGif`) and `ServiceError`.
    """
    checked_name(name)
    minutes = whole_number(parameters, "minutes", "InvalidMinutes", maximum=MAX_LINK_MINUTES) or DEFAULT_LINK_MINUTES
    await _properties(name, services)
    link = await services.links.read(
        services.settings.output_container, name, disposition=content_disposition(name), minutes=minutes
    )
    return {"url": link.url, "expires_at": to_rfc3339(link.expires_at)}


async def video_link(name: str, services: Services) -> LinkResponse:
    """A link to an original, for players, which cannot send a key.

    Raises `ApiError` (`InvalidName`, `UnknownVideo`) and `ServiceError`.
    """
    checked_name(name)
    container = services.settings.input_container
    with name_may_be_refused():
        exists = is_video(name) and await services.rest.etag(container, name) is not None
    if not exists:
        raise ApiError("UnknownVideo", "There is no video of this name.")
    link = await services.links.read(container, name, disposition=content_disposition(name))
    return {"url": link.url, "expires_at": to_rfc3339(link.expires_at)}
