"""Forwards a request to the service and relays its response, streaming both bodies."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import aiohttp
from aiohttp import web
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

_HOP_BY_HOP = (
    "Connection",
    "Keep-Alive",
    "Proxy-Connection",
    "TE",
    "Trailer",
    "Transfer-Encoding",
    "Upgrade",
    "Expect",
)
_CLIENT_DEFAULTS = ("Accept", "Accept-Encoding", "Content-Type", "User-Agent")
_SERVER_DEFAULTS = ("Content-Type", "Date", "Server")
_UPSTREAM = web.ResponseKey("upstream", CIMultiDictProxy[str])


@dataclass(frozen=True)
class Upstream:
    """The service behind the proxy."""

    origin: str
    session: aiohttp.ClientSession

    @asynccontextmanager
    async def response(
        self, request: web.Request, *, body: bytes | None = None
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """Forward the request with its original Host; yields the response when its headers have arrived.

        body: The request's body if it has been read already.
        Raises aiohttp.ClientError.
        """
        async with self.session.request(
            request.method,
            # The path as sent: decoding and encoding again would change blob names.
            URL(self.origin + request.raw_path, encoded=True),
            headers=end_to_end(request.headers.items()),
            data=body or (request.content if request.can_read_body else None),
            skip_auto_headers=_CLIENT_DEFAULTS,
            allow_redirects=False,
        ) as response:
            yield response


def end_to_end(headers: Iterable[tuple[str, str]]) -> CIMultiDict[str]:
    """The headers without those that concern only one connection."""
    kept: CIMultiDict[str] = CIMultiDict(headers)
    for name in _HOP_BY_HOP:
        kept.popall(name, None)
    return kept


async def relay(request: web.Request, upstream: aiohttp.ClientResponse) -> web.StreamResponse:
    """Send the service's response to the client."""
    headers = end_to_end(upstream.headers.items())
    response = web.StreamResponse(status=upstream.status, reason=upstream.reason, headers=headers)
    response[_UPSTREAM] = upstream.headers
    await response.prepare(request)
    async for chunk in upstream.content.iter_any():
        await response.write(chunk)
    await response.write_eof()
    return response


async def remove_server_defaults(_request: web.Request, response: web.StreamResponse) -> None:
    """Remove headers that aiohttp has added to a relayed response; a handler for `on_response_prepare`."""
    if _UPSTREAM in response:
        for name in _SERVER_DEFAULTS:
            if name not in response[_UPSTREAM]:
                response.headers.popall(name, None)


def abort(request: web.Request) -> web.Response:
    """Close the client's connection without a response."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response()
