"""A webhook that records the events it receives."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web


@dataclass
class Webhook:
    """Answers the validation handshake and records events.

    `statuses` are the status codes of the first responses; later ones are 200.
    """

    url: str = ""
    statuses: list[int] = field(default_factory=list)
    received: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    arrived: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def handle(self, request: web.Request) -> web.Response:
        body = await request.json()
        if request.headers["aeg-event-type"] == "SubscriptionValidation":
            return web.json_response({"validationResponse": body[0]["data"]["validationCode"]})
        assert len(body) == 1
        async with self.arrived:
            self.received.append(body[0])
            self.headers.append(dict(request.headers))
            self.arrived.notify_all()
        return web.Response(status=self.statuses.pop(0) if self.statuses else 200)

    async def wait_for(self, count: int) -> list[dict[str, Any]]:
        """The first `count` events, once they have arrived."""
        async with asyncio.timeout(30), self.arrived:
            await self.arrived.wait_for(lambda: len(self.received) >= count)
        return self.received[:count]

    def subjects(self) -> list[str]:
        prefix = "/blobServices/default/containers/videos/blobs/"
        return [event["subject"].removeprefix(prefix) for event in self.received]


@asynccontextmanager
async def running_webhook() -> AsyncIterator[Webhook]:
    """A webhook on loopback."""
    webhook = Webhook()
    app = web.Application()
    app.router.add_post("/hook", webhook.handle)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        webhook.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
        yield webhook
    finally:
        await runner.cleanup()
