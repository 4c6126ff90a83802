"""The sender's control endpoint: its counts and its fault injection."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from aiohttp import web

from local.events.faults import Faults

if TYPE_CHECKING:
    from local.events.sender import Sender


def application(sender: Sender) -> web.Application:
    """`GET /` returns counts and the number of events in progress; `PUT /faults` replaces the Faults, as JSON."""

    async def show(_: web.Request) -> web.Response:
        return web.json_response(
            {"counts": sender.counts, "under_way": sender.checkpoint.pending, "faults": asdict(sender.faults)}
        )

    async def set_faults(request: web.Request) -> web.Response:
        try:
            sender.faults = Faults(**await request.json())
        except (ValueError, TypeError) as error:
            return web.json_response({"error": str(error)}, status=400)
        return web.json_response(asdict(sender.faults))

    app = web.Application()
    app.router.add_get("/", show)
    app.router.add_put("/faults", set_faults)
    return app
