"""The sender's control endpoint: its counts and its fault injection."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from aiohttp import web

from local.events.faults import Faults
from local.identity import header

if TYPE_CHECKING:
    from local.events.sender import Sender


def application(sender: Sender, *, secret: str) -> web.Application:
    """The control endpoint. Requests need `secret` as X-IDENTITY-HEADER.

    `GET /` returns the number of changes in progress and, by subscription, counts and faults. `PUT /faults` replaces
    the Faults of all subscriptions, `PUT /faults/{subscription}` those of one, as JSON.
    """
    channels = {channel.subscription.name: channel for channel in sender.channels}

    async def show(_: web.Request) -> web.Response:
        subscriptions: dict[str, Any] = {
            name: {"counts": channel.counts, "faults": asdict(channel.faults)} for name, channel in channels.items()
        }
        return web.json_response({"under_way": sender.checkpoint.pending, "subscriptions": subscriptions})

    async def set_faults(request: web.Request) -> web.Response:
        name = request.match_info.get("subscription")
        if name is not None and name not in channels:
            return web.json_response({"error": f"no subscription {name!r}"}, status=404)
        try:
            faults = Faults(**await request.json())
        except (ValueError, TypeError) as error:
            return web.json_response({"error": str(error)}, status=400)
        for channel in [channels[name]] if name is not None else channels.values():
            channel.faults = faults
        return web.json_response(asdict(faults))

    app = web.Application(middlewares=[header.required(secret)])
    app.router.add_get("/", show)
    app.router.add_put("/faults", set_faults)
    app.router.add_put("/faults/{subscription}", set_faults)
    return app
