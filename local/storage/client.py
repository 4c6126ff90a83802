"""A minimal blob client for the stack's own processes, which start faster without the SDK."""

from __future__ import annotations

import ssl
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import quote

import aiohttp
from yarl import URL

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from multidict import CIMultiDictProxy

API_VERSION = "2025-11-05"
_RENEW_BEFORE_EXPIRY_SECONDS = 300


@dataclass(kw_only=True)
class Storage:
    """A storage account and the identity that calls it. Calls raise aiohttp.ClientError on failure."""

    url: str
    """Its blob endpoint."""
    identity_url: str
    identity_header: str = field(repr=False)
    client_id: str
    table_url: str
    """Its table endpoint; empty where no table is created."""
    session: aiohttp.ClientSession
    _token: str = field(default="", repr=False)
    _expires: float = 0.0

    async def create_container(self, name: str) -> None:
        """Create a container unless it exists."""
        await self._request("PUT", f"{name}?restype=container", accept=(201, 409))

    async def create_table(self, name: str) -> None:
        """Create a table unless it exists."""
        url = URL(f"{self.table_url}/Tables")
        headers = {**await self._headers(), "Accept": "application/json;odata=nometadata"}
        async with self.session.post(url, json={"TableName": name}, headers=headers) as response:
            if response.status not in (201, 204, 409):
                response.raise_for_status()

    async def allow_origins(self, *origins: str) -> None:
        """Let pages of these origins upload blobs, as the rule of `infra/modules/storage.bicep` does."""
        rule = {
            "AllowedOrigins": ",".join(origins),
            "AllowedMethods": "PUT",
            "AllowedHeaders": "content-type,if-none-match,x-ms-blob-type,x-ms-meta-*,x-ms-version",
            "ExposedHeaders": "etag,x-ms-error-code,x-ms-request-id",
            "MaxAgeInSeconds": "3600",
        }
        elements = "".join(f"<{name}>{value}</{name}>" for name, value in rule.items())
        body = f"<StorageServiceProperties><Cors><CorsRule>{elements}</CorsRule></Cors></StorageServiceProperties>"
        await self._request("PUT", "?restype=service&comp=properties", accept=(202,), body=body.encode())

    async def properties(self, container: str, name: str) -> CIMultiDictProxy[str] | None:
        """The response headers with a blob's properties; None if it does not exist."""
        status, headers = await self._request("HEAD", f"{container}/{quote(name)}", accept=(200, 404))
        return headers if status == 200 else None

    async def put(self, container: str, name: str, body: bytes, *, content_type: str) -> None:
        """Write a block blob."""
        headers = {"x-ms-blob-type": "BlockBlob", "Content-Type": content_type}
        await self._request("PUT", f"{container}/{quote(name)}", accept=(201,), headers=headers, body=body)

    async def _request(
        self,
        method: str,
        path: str,
        *,
        accept: tuple[int, ...],
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
    ) -> tuple[int, CIMultiDictProxy[str]]:
        own = await self._headers()
        # The name is already quoted.
        url = URL(f"{self.url}/{path}", encoded=True)
        async with self.session.request(method, url, headers={**own, **(headers or {})}, data=body) as response:
            if response.status not in accept:
                response.raise_for_status()
            return response.status, response.headers

    async def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {await self._bearer()}", "x-ms-version": API_VERSION}

    async def _bearer(self) -> str:
        if time.time() > self._expires - _RENEW_BEFORE_EXPIRY_SECONDS:
            query = {
                "api-version": "2019-08-01",
                "resource": "https://storage.azure.com",
                "client_id": self.client_id,
            }
            headers = {"X-IDENTITY-HEADER": self.identity_header}
            async with self.session.get(self.identity_url, params=query, headers=headers) as response:
                response.raise_for_status()
                token = await response.json()
            self._token, self._expires = token["access_token"], float(token["expires_on"])
        return self._token


@asynccontextmanager
async def connect(
    url: str, *, identity_url: str, identity_header: str, client_id: str, bundle: str, table_url: str = ""
) -> AsyncIterator[Storage]:
    """A client that trusts the CA certificates in the file `bundle`."""
    connector = aiohttp.TCPConnector(ssl=ssl.create_default_context(cafile=bundle), limit=32)
    async with aiohttp.ClientSession(connector=connector) as session:
        yield Storage(
            url=url,
            identity_url=identity_url,
            identity_header=identity_header,
            client_id=client_id,
            table_url=table_url,
            session=session,
        )
