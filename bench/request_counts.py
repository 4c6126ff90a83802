"""`python -m bench.request_counts VIDEO`: how many requests to storage and Batch one request of each route sends.

Calls the app's own code in a process of its own, in the environment of a stack that has the video, and prints JSON.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections import Counter
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import aiohttp

from shared.api.gifs import gif_response
from shared.api.health.health import health_response
from shared.application import Application
from shared.names import gif_name
from shared.services.services import Services
from shared.settings import read_settings

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from aiohttp.connector import Connection

sent: Counter[str] = Counter()
"""Requests by host and port."""


def count_requests() -> None:
    """Count the requests of this process from now on, by the connection that each acquires."""
    connect = aiohttp.BaseConnector.connect

    async def counted(self: aiohttp.BaseConnector, req: aiohttp.ClientRequest, **rest: Any) -> Connection:  # noqa: ANN401
        sent[req.url.authority] += 1
        return await connect(self, req, **rest)

    aiohttp.BaseConnector.connect = counted  # type: ignore[method-assign, assignment]


async def main(video: str) -> None:
    """Call each route once, in an app with empty caches."""
    count_requests()
    settings = read_settings(os.environ)
    storage, batch = (urlsplit(url).netloc for url in (settings.storage_url, settings.batch_url))
    gif = gif_name(video)
    routes: dict[str, Callable[[Application], Awaitable[object]]] = {
        "status/{video}, ended": lambda app: app.statuses.status(video),
        "status?sort=name": lambda app: app.videos.list_videos({"prefix": video}),
        "status?sort=newest": lambda app: app.videos.list_videos({"prefix": video, "sort": "newest"}),
        "the pool": lambda app: app.pool.current(),
        "gifs/{gif}": lambda app: gif_response(gif, {}, {}, app.services),
        "gifs/{gif}?via=app": lambda app: gif_response(gif, {"via": "app"}, {}, app.services),
        "health": lambda app: health_response(lambda: app.health),
    }
    counts: dict[str, dict[str, int]] = {}
    for route, call in routes.items():
        app = Application(Services(settings))
        sent.clear()
        await call(app)
        counts[route] = {"storage": sent[storage], "batch": sent[batch]}
        await app.services.close()
    print(json.dumps(counts))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
