"""A GIF for whoever has a function key: a link that works for a while, or the bytes themselves."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

from azure.functions import HttpResponse

from shared.api import HEADERS, ApiError
from shared.blobs import VERSION
from shared.cache import Cache
from shared.status import checked_name

if TYPE_CHECKING:
    from collections.abc import Mapping

    from azure.core.rest import AsyncHttpResponse
    from azure.storage.blob import UserDelegationKey

    from shared.clients import Clients

LINK_MINUTES = 15
CLOCK_SKEW = timedelta(minutes=5)
MOST = 8 * 1024**2
"""Bytes that one answer carries: the Functions host keeps an answer in memory whole."""

_keys: Cache[Clients, UserDelegationKey] = Cache(seconds=1800, size=8)


@dataclass(frozen=True, kw_only=True)
class Stored:
    """A GIF as storage tells of it, in the words of HTTP."""

    etag: str
    last_modified: str
    size: int


@dataclass(frozen=True, kw_only=True)
class Span:
    """Bytes `first` to `last`, both included."""

    first: int
    last: int


async def gif_of(
    name: str, parameters: Mapping[str, str], headers: Mapping[str, str], clients: Clients
) -> HttpResponse:
    """302 to a link for 15 minutes; with `via=app` the GIF itself, by ranges if it is large.

    Raises `ApiError`: 400 `InvalidName`, 400 `InvalidVia`, 404 `UnknownGif`, 416 `RangeNotSatisfiable`.
    """
    checked_name(name)
    via = parameters.get("via") or None
    if via not in (None, "app"):
        raise ApiError(400, "InvalidVia", "via must be app, or left out.")
    gif = await _look(name, clients)
    if via is None:
        return _redirect(await _link(name, clients))
    validators = {
        "ETag": gif.etag,
        "Last-Modified": gif.last_modified,
        # A GIF changes when its video does: ask again each time, which costs nothing but the question.
        "Cache-Control": "private, no-cache",
        "Accept-Ranges": "bytes",
    }
    if _matches(headers.get("if-none-match"), gif.etag):
        return HttpResponse(status_code=304, headers=HEADERS | validators)
    condition = headers.get("if-range")
    asked = headers.get("range") if condition in (None, gif.etag) else None
    span = span_of(asked, size=gif.size)
    if span is None and gif.size > MOST:
        return _redirect(await _link(name, clients))
    part = span or Span(first=0, last=gif.size - 1)
    body = await _read(name, part, gif, clients)
    if span:
        validators["Content-Range"] = f"bytes {span.first}-{span.last}/{gif.size}"
    return HttpResponse(body, status_code=206 if span else 200, mimetype="image/gif", headers=HEADERS | validators)


def span_of(header: str | None, *, size: int) -> Span | None:
    """The bytes that a Range header asks for, no more than `MOST` of them; `None` for all.

    Several ranges, or a unit other than bytes, count as none asked for, as RFC 9110 allows. Raises `ApiError` 416.
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
        raise ApiError(
            416, "RangeNotSatisfiable", f"The GIF has {size} bytes.", headers={"Content-Range": f"bytes */{size}"}
        )
    return Span(first=span.first, last=min(span.last, span.first + MOST - 1))


def _matches(header: str | None, etag: str) -> bool:
    asked = {tag.strip().removeprefix("W/") for tag in (header or "").split(",")}
    return etag in asked or "*" in asked


async def _look(name: str, clients: Clients) -> Stored:
    from azure.core.exceptions import HttpResponseError

    response = await _ask("HEAD", name, {}, clients)
    if response.status_code == 404:
        raise ApiError(404, "UnknownGif", "There is no GIF of this name.")
    if response.status_code == 400:
        raise ApiError(400, "InvalidName", "Storage takes this for no blob's name.")
    if response.status_code != 200:
        raise HttpResponseError(response=response)
    told = response.headers
    return Stored(etag=told["ETag"], last_modified=told["Last-Modified"], size=int(told["Content-Length"]))


async def _read(name: str, span: Span, gif: Stored, clients: Clients) -> bytes:
    from azure.core.exceptions import HttpResponseError

    headers = {"Range": f"bytes={span.first}-{span.last}", "If-Match": gif.etag}
    response = await _ask("GET", name, headers, clients)
    if response.status_code in (404, 412):
        raise ApiError(503, "Unavailable", "The GIF has just been replaced. Try again in a moment.")
    if response.status_code not in (200, 206):
        raise HttpResponseError(response=response)
    return response.content


async def _ask(method: str, name: str, headers: dict[str, str], clients: Clients) -> AsyncHttpResponse:
    from azure.core.rest import HttpRequest

    return await clients.rest.send_request(
        HttpRequest(method, _address(name, clients), headers={"x-ms-version": VERSION, **headers})
    )


def _address(name: str, clients: Clients) -> str:
    return f"{clients.settings.storage_url}/{clients.settings.output_container}/{quote(name)}"


async def _link(name: str, clients: Clients) -> str:
    """The GIF's address with a signature of the app's identity: read that one blob, until it expires."""
    from azure.storage.blob import BlobSasPermissions, generate_blob_sas

    key = await _keys.get(clients, lambda: delegation_key(clients))
    signature = generate_blob_sas(
        account_of(clients.settings.storage_url),
        clients.settings.output_container,
        name,
        user_delegation_key=key,
        permission=BlobSasPermissions(read=True),
        expiry=datetime.now(UTC) + timedelta(minutes=LINK_MINUTES),
        protocol=urlsplit(clients.settings.storage_url).scheme,
        content_type="image/gif",
    )
    return f"{_address(name, clients)}?{signature}"


async def delegation_key(clients: Clients) -> UserDelegationKey:
    """A key to sign links with, good for an hour and a bit."""
    start = datetime.now(UTC) - CLOCK_SKEW
    # An hour for the cache's half and the links' quarter, the skew on either side.
    return await clients.storage.get_user_delegation_key(start, start + timedelta(hours=1) + 2 * CLOCK_SKEW)


def account_of(storage_url: str) -> str:
    """The account's name: the first label of its host, or the path where the host is an address."""
    parts = urlsplit(storage_url)
    return parts.path.strip("/") or (parts.hostname or "").split(".")[0]


def _redirect(link: str) -> HttpResponse:
    headers = HEADERS | {"Location": link, "Referrer-Policy": "no-referrer"}
    return HttpResponse(status_code=302, headers=headers)
