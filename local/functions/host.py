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
    import socket
    from pathlib import Path

    from local.functions.keys import Keys
    from local.functions.settings import HostFile
    from local.functions.sign_in import SignIn

logger = logging.getLogger("functions.host")
_GRACE_SECONDS = 5.0
_RECORD_SECONDS = 0.05
_MAX_BODY_BYTES = 210_000_000  # Azure's FUNCTIONS_REQUEST_BODY_SIZE_LIMIT

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True)
class RunningHost:
    """A host that serves; when `timed_out` is done, the process must be restarted."""

    url: str
    timed_out: asyncio.Future[None]


@dataclass(frozen=True)
class Host:
    """An indexed app with its configuration."""

    functions: Sequence[HostedFunction]
    host_file: HostFile
    keys: Keys
    data: Path | None = None
    sign_in: SignIn | None = None
    """App Service authentication; `None` where it is off."""


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
        if host.sign_in is not None:
            if path.startswith("/.auth/"):
                return await host.sign_in.handle(request)
            authenticated = host.sign_in.authenticate(request)
            if authenticated is None:
                return web.Response(status=401)
            request = authenticated
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
async def serve(host: Host, *, listener: socket.socket, restarted: bool = False) -> AsyncIterator[RunningHost]:
    """Serve on `listener` while the context is open.

    On exit, stops accepting requests, waits a few seconds for running invocations and cancels the rest. After a timeout
    it sends their responses and leaves the functions as they are.

    restarted: The worker has been restarted, so timers with `run_on_startup` do not run.
    """
    invoker = Invoker(timeout=host.host_file.function_timeout)
    runner = web.AppRunner(application(host, invoker=invoker), access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    loops: list[asyncio.Task[None]] = []
    site = web.SockSite(runner, listener)
    stopping: list[asyncio.Task[None]] = []
    # At once, so that new connections wait for the restarted worker.
    invoker.timed_out.add_done_callback(lambda _: stopping.append(asyncio.create_task(site.stop())))
    try:
        await site.start()
        loops += [
            asyncio.create_task(timers.run(function, invoker=invoker, data=host.data, restarted=restarted))
            for function in _enabled(host, "timerTrigger")
        ]
        yield RunningHost(url=f"http://127.0.0.1:{runner.addresses[0][1]}", timed_out=invoker.timed_out)
    finally:
        if invoker.timed_out.done():
            await invoker.finish()
            # For the timers to record this run.
            await asyncio.sleep(_RECORD_SECONDS)
        for loop in loops:
            loop.cancel()
        if not stopping:
            await site.stop()
        await asyncio.gather(*loops, return_exceptions=True)
        if not invoker.timed_out.done():
            await invoker.drain(grace=_GRACE_SECONDS)
        await runner.cleanup()
