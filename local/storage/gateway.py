"""Storage over plain HTTP, for browsers: these do not trust the stack's own CA.

It passes requests on as they are, so storage checks their signatures as ever, and CORS applies.
"""

from __future__ import annotations

import ssl
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import aiohttp
from aiohttp import web

from local.fault_proxy.forwarding import Upstream, abort, relay, remove_server_defaults

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

_KEEP_ALIVE_SECONDS = 2.0
"""Less than the 5 s after which Node.js closes an idle connection."""
_MAX_BODY_BYTES = 6 * 1024**3


@asynccontextmanager
async def gateway(origin: str, *, port: int, bundle: str) -> AsyncIterator[None]:
    """Serve the storage account at `origin` on a port of 127.0.0.1. `bundle` is the file with its CA."""
    context = ssl.create_default_context(cafile=bundle)
    connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=_KEEP_ALIVE_SECONDS, ssl=context)
    async with aiohttp.ClientSession(
        connector=connector,
        auto_decompress=False,
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=None),
    ) as session:
        upstream = Upstream(origin, session)

        async def forward(request: web.Request) -> web.StreamResponse:
            try:
                async with upstream.response(request) as response:
                    return await relay(request, response)
            except aiohttp.ClientError:
                return abort(request)

        app = web.Application(client_max_size=_MAX_BODY_BYTES)
        app.router.add_route("*", "/{path:.*}", forward)
        app.on_response_prepare.append(remove_server_defaults)
        runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0.5)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", port).start()
            yield
        finally:
            await runner.cleanup()
