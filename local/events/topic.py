"""`python -m local.events.topic`: a custom Event Grid topic that appends the CloudEvents it receives to a file.

Set GIFDROP_RESULTS_TOPIC_URL to this server's URL to publish to it. IDENTITY_TOKEN_KEY is the key that signs the tokens
of the publisher's stack: `token_key` in its `keys.json`.
https://learn.microsoft.com/azure/event-grid/cloud-event-schema
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import ssl
from pathlib import Path
from typing import Any

from aiohttp import web

from local.identity.tokens import KEY_VARIABLE, is_valid
from local.shutdown import stop_event

AUDIENCE = "https://eventgrid.azure.net"
MAX_REQUEST_BYTES = 1024**2
PATH = "/api/events"


class InvalidEventError(ValueError):
    """The request body is not a batch of CloudEvents 1.0."""


def application(events: Path, *, token_key: str) -> web.Application:
    """`POST /api/events`, with a bearer token for Event Grid, appends each event to `events` as a line of JSON.

    token_key: The key that signs the tokens.
    """

    async def publish(request: web.Request) -> web.Response:
        if not is_valid(request.headers.get("Authorization", ""), key=token_key, audience=AUDIENCE):
            return _error(401, "Unauthorized", "A bearer token for Event Grid is required.")
        if request.content_type != "application/cloudevents-batch+json":
            return _error(
                400,
                "BadRequest",
                f"The content type must be application/cloudevents-batch+json, not {request.content_type}.",
            )
        try:
            batch = parse_batch(await request.json())
        except web.HTTPRequestEntityTooLarge:
            return _error(413, "PayloadTooLarge", f"A request may have at most {MAX_REQUEST_BYTES} bytes.")
        except ValueError as error:
            return _error(400, "BadRequest", str(error))
        with events.open("a") as file:
            file.writelines(json.dumps(event) + "\n" for event in batch)
        return web.Response()

    app = web.Application(client_max_size=MAX_REQUEST_BYTES)
    app.router.add_post(PATH, publish)
    return app


def parse_batch(body: object) -> list[dict[str, Any]]:
    """The events of a batch; raises InvalidEventError."""
    if not isinstance(body, list):
        raise InvalidEventError("A batch must be an array.")
    for event in body:
        if not isinstance(event, dict):
            raise InvalidEventError("An event must be an object.")
        missing = [name for name in ("id", "source", "type", "specversion") if not isinstance(event.get(name), str)]
        if missing or event["specversion"] != "1.0":
            raise InvalidEventError(
                f"An event is not a CloudEvent 1.0: {', '.join(missing) or 'specversion'} is missing or wrong."
            )
    return body


def _error(status: int, code: str, message: str) -> web.Response:
    return web.json_response({"error": {"code": code, "message": message}}, status=status)


async def _serve(arguments: argparse.Namespace, *, token_key: str) -> None:
    stop = stop_event(exit_with_stdin=arguments.exit_with_stdin)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(arguments.tls_cert, arguments.tls_key)
    runner = web.AppRunner(application(arguments.events, token_key=token_key))
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", arguments.port, ssl_context=context).start()
        port = runner.addresses[0][1]
        print(json.dumps({"url": f"https://127.0.0.1:{port}{PATH}"}), flush=True)
        await stop.wait()
    finally:
        await runner.cleanup()


def main() -> None:
    """Serve until stopped."""
    parser = argparse.ArgumentParser(prog="python -m local.events.topic", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0 picks a free one")
    parser.add_argument("--tls-cert", type=Path, required=True)
    parser.add_argument("--tls-key", type=Path, required=True)
    parser.add_argument("--events", type=Path, required=True, help="file to append events to, one per line")
    parser.add_argument("--exit-with-stdin", action="store_true", help="stop when standard input ends")
    arguments = parser.parse_args()
    token_key = os.environ.get(KEY_VARIABLE)
    if not token_key:
        parser.error(f"{KEY_VARIABLE} is not set")
    asyncio.run(_serve(arguments, token_key=token_key))


if __name__ == "__main__":
    main()
