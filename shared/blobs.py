"""A container's listing, page by page. The SDK takes 0.5 ms of CPU for a blob with metadata; this takes 0.03."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING
from urllib.parse import unquote
from xml.etree import ElementTree as ET

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from datetime import datetime
    from xml.etree.ElementTree import Element

    from shared.clients import Clients

PAGE = 5000
"""Blobs that one listing request gives; the service gives no more."""
SMALL = 50_000
"""Bytes of a listing that are parsed sooner than a thread takes them over."""
VERSION = "2025-11-05"
"""Of the Blob service's REST API."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Blob:
    """One entry of a listing."""

    name: str
    etag: str
    """Without quotes."""
    last_modified: datetime
    bytes: int
    metadata: dict[str, str]


@dataclass(frozen=True, kw_only=True)
class Page:
    """Entries in the order of their names; `marker` leads to the next page and is `None` on the last."""

    blobs: list[Blob]
    marker: str | None


async def list_page(
    clients: Clients, container: str, *, prefix: str = "", marker: str | None = None, limit: int = PAGE
) -> Page:
    """One page of a container's blobs with their metadata. Raises azure-core's errors."""
    from azure.core.exceptions import HttpResponseError, map_error
    from azure.core.rest import HttpRequest

    parameters = {"restype": "container", "comp": "list", "include": "metadata", "maxresults": str(limit)}
    if prefix:
        parameters["prefix"] = prefix
    if marker:
        parameters["marker"] = marker
    url = f"{clients.settings.storage_url}/{container}"
    request = HttpRequest("GET", url, params=parameters, headers={"x-ms-version": VERSION})
    response = await clients.rest.send_request(request)
    if response.status_code != 200:
        map_error(response.status_code, response, _errors())
        raise HttpResponseError(response=response)
    if len(response.content) < SMALL:
        return parse_page(response.content)
    # 5,000 entries take a fifth of a second to parse, too long for everybody else on the event loop.
    return await asyncio.to_thread(parse_page, response.content)


async def all_blobs(clients: Clients, container: str, *, prefix: str = "") -> AsyncIterator[Blob]:
    """A container's blobs in the order of their names. Raises azure-core's errors."""
    marker = None
    while True:
        page = await list_page(clients, container, prefix=prefix, marker=marker)
        for blob in page.blobs:
            yield blob
        marker = page.marker
        if not marker:
            return


def parse_page(body: bytes) -> Page:
    """The page of a List Blobs answer.

    https://learn.microsoft.com/rest/api/storageservices/list-blobs#response-body
    """
    # From the storage account itself, and expat of today withstands entity bombs.
    root = ET.fromstring(body)  # noqa: S314
    return Page(blobs=[_blob(element) for element in root.iter("Blob")], marker=root.findtext("NextMarker") or None)


def _blob(element: Element) -> Blob:
    name = element.find("Name")
    properties = element.find("Properties")
    metadata = element.find("Metadata")
    if name is None or properties is None:
        raise ValueError("a listing without names or properties")
    text = name.text or ""
    return Blob(
        # A name that XML cannot hold comes percent-encoded.
        name=unquote(text) if name.get("Encoded") == "true" else text,
        etag=(properties.findtext("Etag") or "").strip('"'),
        last_modified=parsedate_to_datetime(properties.findtext("Last-Modified") or ""),
        bytes=int(properties.findtext("Content-Length") or 0),
        metadata={} if metadata is None else {entry.tag: entry.text or "" for entry in metadata},
    )


def _errors() -> dict[int, type]:
    from azure.core.exceptions import ClientAuthenticationError, ResourceNotFoundError

    return {401: ClientAuthenticationError, 404: ResourceNotFoundError}
