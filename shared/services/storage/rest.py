"""Reads, writes and listings of blobs by REST.

The storage SDK takes 0.15 s to import, and twice the processor time for each request; for a listing, 0.5 ms for each
blob. What is rare or signs links is left to it, in `blobs.py`.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from hashlib import sha256
from typing import TYPE_CHECKING
from urllib.parse import quote

from azure.core import AsyncPipelineClient
from azure.core.pipeline.policies import AsyncBearerTokenCredentialPolicy, AsyncRetryPolicy
from azure.core.rest import HttpRequest

from shared.services.azure_errors import azure_errors, error_of_status
from shared.services.errors import NotFoundError
from shared.services.storage.blob import MAX_PAGE_BLOBS, Blob, Page
from shared.services.storage.listing import parse_page
from shared.services.transport import RETRIES, TIMEOUTS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from azure.core.credentials_async import AsyncTokenCredential
    from azure.core.rest import AsyncHttpResponse

    from shared.settings import Settings

    Pipeline = AsyncPipelineClient[HttpRequest, AsyncHttpResponse]

STORAGE_SCOPE = "https://storage.azure.com/.default"
API_VERSION = "2025-11-05"
"""Version of the Blob service's REST API."""
MAX_INLINE_PARSE_BYTES = 50_000
"""Bytes of a listing that are parsed on the event loop; more are parsed in a thread."""


@dataclass(frozen=True, kw_only=True)
class Content:
    """What was read of a blob, and the ETag it had."""

    body: bytes
    etag: str
    """Without quotes."""


@dataclass(frozen=True, kw_only=True)
class Fingerprint:
    """What a blob holds, and the ETag of the version that was read."""

    etag: str
    """Without quotes."""
    size: int
    head: bytes
    """The first `HEAD_BYTES` bytes."""
    sha256: str
    """In hex; empty where the blob was too large to be read."""


HEAD_BYTES = 16
METADATA_PREFIX = "x-ms-meta-"


class StorageRest:
    """The blobs of one storage account. Containers and blobs are given by name.

    Every method raises `ServiceError`; `NotFoundError` where the blob or its container is missing.
    """

    def __init__(self, url: str, pipeline: Pipeline) -> None:
        self._url = url
        self._pipeline = pipeline

    @classmethod
    def connect(cls, settings: Settings, credential: AsyncTokenCredential) -> StorageRest:
        """The configured account. Nothing is sent until the first call."""
        token = AsyncBearerTokenCredentialPolicy(credential, STORAGE_SCOPE)
        policies = [AsyncRetryPolicy(**RETRIES), token]
        pipeline: Pipeline = AsyncPipelineClient(settings.storage_url, policies=policies, **TIMEOUTS)
        return cls(settings.storage_url, pipeline)

    async def close(self) -> None:
        """Close the connections."""
        await self._pipeline.close()

    async def list_page(
        self, container: str, *, prefix: str = "", marker: str | None = None, limit: int = MAX_PAGE_BLOBS
    ) -> Page:
        """At most `limit` blobs with their metadata, from `marker` (of the page before) on."""
        parameters = {"restype": "container", "comp": "list", "include": "metadata", "maxresults": str(limit)}
        if prefix:
            parameters["prefix"] = prefix
        if marker:
            parameters["marker"] = marker
        body = (await self._send(HttpRequest("GET", f"{self._url}/{container}", params=parameters))).content
        if len(body) < MAX_INLINE_PARSE_BYTES:
            return parse_page(body)
        # 5,000 entries take a fifth of a second to parse, too long for the event loop.
        return await asyncio.to_thread(parse_page, body)

    async def list_all(self, container: str, *, prefix: str = "") -> AsyncIterator[Blob]:
        """All blobs of a container in the order of their names, one page in memory at a time."""
        async for page in self.list_pages(container, prefix=prefix):
            for blob in page.blobs:
                yield blob

    async def list_pages(self, container: str, *, prefix: str = "", marker: str | None = None) -> AsyncIterator[Page]:
        """The pages of a container from `marker` on; `Page.marker` leads to the page after."""
        while True:
            page = await self.list_page(container, prefix=prefix, marker=marker)
            yield page
            marker = page.marker
            if not marker:
                return

    async def properties(self, container: str, name: str) -> Blob:
        """A blob's properties."""
        headers = (await self._send(HttpRequest("HEAD", self.blob_url(container, name)))).headers
        return Blob(
            name=name,
            etag=headers["ETag"].strip('"'),
            last_modified=parsedate_to_datetime(headers["Last-Modified"]),
            bytes=int(headers["Content-Length"]),
            metadata={
                key[len(METADATA_PREFIX) :]: value
                for key, value in headers.items()
                if key.lower().startswith(METADATA_PREFIX)
            },
        )

    async def etag(self, container: str, name: str) -> str | None:
        """A blob's ETag, `None` if it does not exist."""
        try:
            return (await self.properties(container, name)).etag
        except NotFoundError:
            return None

    async def read(self, container: str, name: str, *, max_bytes: int | None = None) -> Content:
        """A blob, or its first `max_bytes` bytes."""
        headers = {} if max_bytes is None else {"Range": f"bytes=0-{max_bytes - 1}"}
        response = await self._send(HttpRequest("GET", self.blob_url(container, name), headers=headers))
        return Content(body=response.content, etag=response.headers["ETag"].strip('"'))

    async def write(
        self,
        container: str,
        name: str,
        body: bytes,
        *,
        content_type: str,
        metadata: Mapping[str, str],
        expected_etag: str | None,
    ) -> str:
        """Write a whole blob and return its new ETag.

        `expected_etag` is the ETag that it must still have, or `None` if it must not exist; where this does not hold,
        `ConflictError` is raised and nothing is changed.
        https://learn.microsoft.com/rest/api/storageservices/put-blob
        """
        headers = {
            "x-ms-blob-type": "BlockBlob",
            "Content-Type": content_type,
            **{f"{METADATA_PREFIX}{key}": value for key, value in metadata.items()},
            **({"If-None-Match": "*"} if expected_etag is None else {"If-Match": f'"{expected_etag}"'}),
        }
        request = HttpRequest("PUT", self.blob_url(container, name), headers=headers, content=body)
        return (await self._send(request)).headers["ETag"].strip('"')

    async def read_range(self, container: str, name: str, *, first: int, last: int, etag: str) -> bytes:
        """Bytes `first` to `last`, both included, of a blob that still has this `etag`."""
        headers = {"Range": f"bytes={first}-{last}", "If-Match": f'"{etag}"'}
        return (await self._send(HttpRequest("GET", self.blob_url(container, name), headers=headers))).content

    async def fingerprint(self, container: str, name: str, *, max_bytes: int) -> Fingerprint:
        """The size, beginning and digest of a blob, read piece by piece; one above `max_bytes` is not read."""
        response = await self._send(HttpRequest("GET", self.blob_url(container, name)), stream=True)
        try:
            etag, size = response.headers["ETag"].strip('"'), int(response.headers["Content-Length"])
            if size > max_bytes:
                return Fingerprint(etag=etag, size=size, head=b"", sha256="")
            digest, head = sha256(), b""
            with azure_errors():
                async for piece in response.iter_bytes():
                    digest.update(piece)
                    head = (head + piece)[:HEAD_BYTES] if len(head) < HEAD_BYTES else head
            return Fingerprint(etag=etag, size=size, head=head, sha256=digest.hexdigest())
        finally:
            await response.close()

    def blob_url(self, container: str, name: str) -> str:
        """A blob's address, without a signature."""
        return f"{self._url}/{container}/{quote(name)}"

    async def _send(self, request: HttpRequest, *, stream: bool = False) -> AsyncHttpResponse:
        request.headers["x-ms-version"] = API_VERSION
        with azure_errors():
            response = await self._pipeline.send_request(request, stream=stream)
        if response.status_code not in (200, 201, 206):
            await response.close()
            message = f"{request.method} answered {response.status_code} {response.reason}"
            raise error_of_status(response.status_code, response.headers.get("x-ms-error-code", ""), message)
        return response
