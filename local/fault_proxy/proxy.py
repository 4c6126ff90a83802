"""The proxy's HTTP application: forwards every request, but injects faults into those that match a rule."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

import aiohttp
from aiohttp import web

from local.fault_proxy.forwarding import abort, relay, remove_server_defaults
from local.fault_proxy.injection import inject
from local.fault_proxy.redaction import redacted
from local.fault_proxy.rules import InvalidRuleError, Rules
from local.identity import header

if TYPE_CHECKING:
    from local.fault_proxy.forwarding import Upstream
    from local.fault_proxy.injection import Service
    from local.fault_proxy.rules import Rule

logger = logging.getLogger("fault_proxy")


def application(upstream: Upstream, *, service: Service, secret: str) -> web.Application:
    """The proxy and its control endpoint, `/_control`, which has the paths and fields of the Batch emulator's.

    secret: What requests to the control endpoint must have as X-IDENTITY-HEADER.
    """
    rules = Rules()
    background: set[asyncio.Task[web.StreamResponse]] = set()

    async def list_faults(_request: web.Request) -> web.Response:
        return web.json_response({"faults": rules.as_json()})

    async def add_faults(request: web.Request) -> web.Response:
        try:
            body = await request.json()
            rules.add(body.get("faults") if isinstance(body, dict) else None)
        except (InvalidRuleError, ValueError) as error:
            return web.json_response({"error": str(error)}, status=400)
        return web.Response(status=204)

    async def lift_faults(request: web.Request) -> web.Response:
        rules.lift(request.match_info.get("name"))
        return web.Response(status=204)

    async def handle(request: web.Request) -> web.StreamResponse:
        path = request.raw_path.partition("?")[0]
        rule = rules.take(method=request.method, path=path, query=request.query, headers=request.headers)
        if rule is None:
            return await forward(request)
        logger.info("%s %s: %s", request.method, redacted(request.raw_path), rule)
        work = asyncio.create_task(forward(request, rule))
        if rule.silent:
            return await work
        # A delayed request takes effect even if its client has disconnected.
        background.add(work)
        work.add_done_callback(background.discard)
        return await asyncio.shield(work)

    async def forward(request: web.Request, rule: Rule | None = None) -> web.StreamResponse:
        try:
            if rule is not None:
                return await inject(rule, rules, request, upstream, service=service)
            async with upstream.response(request) as response:
                return await relay(request, response)
        except (aiohttp.ClientError, ConnectionError) as error:
            logger.warning("%s %s: connection closed: %r", request.method, redacted(request.raw_path), error)
            return abort(request)

    app = web.Application(middlewares=[header.required(secret, under="/_control")])
    app.on_response_prepare.append(remove_server_defaults)
    app.router.add_get("/_control", list_faults)
    app.router.add_post("/_control/faults", add_faults)
    app.router.add_delete("/_control/faults", lift_faults)
    app.router.add_delete("/_control/faults/{name}", lift_faults)
    app.router.add_route("*", r"/{path:[\s\S]*}", handle)
    return app
