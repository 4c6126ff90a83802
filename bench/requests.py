"""`python -m bench.requests NAME`: what one request of each route costs in requests to storage and Batch, as JSON.

Runs the app's own use cases in a process of its own, in the environment of a stack that knows the video NAME, and
counts what leaves it.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections import Counter
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import aiohttp
from shared.clients import Clients
from shared.gifs import gif_of
from shared.health import health
from shared.listing import list_statuses
from shared.pool import pool_status
from shared.status import status_of

from shared.names import gif_name
from shared.settings import settings

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from aiohttp.connector import Connection

sent: Counter[str] = Counter()


def count_requests() -> None:
    """From now on, count the requests that this process sends by host and port: each asks for a connection."""
    connect = aiohttp.BaseConnector.connect

    async def counted(self: aiohttp.BaseConnector, req: aiohttp.ClientRequest, **rest: Any) -> Connection:  # noqa: ANN401
        sent[req.url.authority] += 1
        return await connect(self, req, **rest)

    aiohttp.BaseConnector.connect = counted  # type: ignore[method-assign, assignment]


async def main(video: str) -> None:
    """Ask for everything once, in an app that has answered nothing yet but has its tokens."""
    count_requests()
    routes: dict[str, Callable[[Clients], Awaitable[object]]] = {
        "status/{video}, ended": lambda clients: status_of(video, clients),
        "status?sort=name": lambda clients: list_statuses({"prefix": video}, clients),
        "status?sort=newest": lambda clients: list_statuses({"prefix": video, "sort": "newest"}, clients),
        "the pool": pool_status,
        "gifs/{gif}": lambda clients: gif_of(gif_name(video), {}, {}, clients),
        "gifs/{gif}?via=app": lambda clients: gif_of(gif_name(video), {"via": "app"}, {}, clients),
        "health": lambda clients: health(lambda: clients),
    }
    costs: dict[str, dict[str, int]] = {}
    for route, ask in routes.items():
        clients = Clients(settings())
        await clients.gifs.exists()
        async for _ in clients.batch.list_jobs(max_results=1):
            break
        sent.clear()
        await ask(clients)
        storage, batch = (urlsplit(url).netloc for url in (clients.settings.storage_url, clients.settings.batch_url))
        costs[route] = {"storage": sent[storage], "batch": sent[batch]}
        await clients.close()
    print(json.dumps(costs))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
