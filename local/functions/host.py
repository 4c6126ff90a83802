"""The host: an aiohttp application for the functions' HTTP endpoints, and their timers."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aiohttp import web

from local.functions import admin, http, routing, timers, webhook
from local.functions.index import HostedFunction, IndexingError
from local.functions.invoke import Invoker

if TYPE_CHECKING:
    from pathlib import Path

    from local.functions.keys import Keys
    from local.functions.settings import HostFile

logger = logging.getLogger("functions.host")
_GRACE_SECONDS = 5.0
_MAX_BODY_BYTES = 210_000_000  # Azure's FUNCTIONS_REQUEST_BODY_SIZE_LIMIT

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True)
class Host:
    """An indexed app with its configuration."""

    functions: Sequence[HostedFunction]
    host_file: HostFile
    keys: Keys
    data: Path | None = None


def application(host: Host, *, invoker: Invoker) -> web.Application:
    """The host's HTTP endpoints; raises IndexingError for a route that Azure rejects."""
    prefix = host.host_file.route_prefix
    try:
        table = http.routes(host.functions, prefix=prefix)
    except routing.InvalidRouteError as error:
        raise IndexingError(str(error)) from error
    for route, earlier in routing.shadowed(table):
        logger.warning(
            "'%s' (%s) is never reached: '%s' (%s) receives its requests because routes are tried by function name",
            route.name,
            route.template.text,
            earlier.name,
            earlier.template.text,
        )
    by_name = {function.name: function for function in host.functions}
    events = {function.name: function for function in _enabled(host, "eventGridTrigger")}

    async def entry(request: web.Request) -> web.StreamResponse:
        path = request.path.lower().rstrip("/")
        if path == "" and request.method in ("GET", "HEAD"):
            return web.Response(text="Your function app is up and running.")
        if path == "/runtime/webhooks/eventgrid":
            return await webhook.handle(request, functions=events, keys=host.keys, invoker=invoker)
        if path == "/admin" or path.startswith("/admin/"):
            return await admin.handle(request, functions=by_name, keys=host.keys, invoker=invoker, prefix=prefix)
        return await http.handle(request, table=table, keys=host.keys, invoker=invoker)

    app = web.Application(client_max_size=_MAX_BODY_BYTES)
    app.router.add_route("*", r"/{path:[\s\S]*}", entry)
    return app


def _enabled(host: Host, kind: str) -> list[HostedFunction]:
    return [function for function in host.functions if function.kind == kind and not function.disabled]


@asynccontextmanager
async def serve(host: Host, *, port: int) -> AsyncIterator[str]:
    """Serve on loopback while the context is open; yields the base URL.

    On exit, stops accepting requests, waits a few seconds for running invocations and cancels the rest.
    """
    invoker = Invoker(timeout=host.host_file.function_timeout)
    runner = web.AppRunner(application(host, invoker=invoker), access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    loops: list[asyncio.Task[None]] = []
    site = web.TCPSite(runner, "127.0.0.1", port)
    try:
        await site.start()
        loops += [
            asyncio.create_task(timers.run(function, invoker=invoker, data=host.data))
            for function in _enabled(host, "timerTrigger")
        ]
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        for loop in loops:
            loop.cancel()
        await site.stop()
        await asyncio.gather(*loops, return_exceptions=True)
        await invoker.drain(grace=_GRACE_SECONDS)
        await runner.cleanup()
