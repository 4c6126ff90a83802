"""`python -m local.events.topic`: a custom Event Grid topic that writes the CloudEvents it is sent to a file.

An app whose GIFDROP_RESULTS_TOPIC_URL is this server's address publishes to it as it would to Azure's.
https://learn.microsoft.com/azure/event-grid/cloud-event-schema
"""

from __future__ import annotations

import argparse
import asyncio
import json
import ssl
from pathlib import Path
from typing import Any

import jwt
from aiohttp import web

from local.shutdown import stop_event

AUDIENCE = "https://eventgrid.azure.net"
MOST = 1024**2
"""Bytes that one request may have."""
PATH = "/api/events"


class InvalidEventError(ValueError):
    """What was sent is no batch of CloudEvents 1.0."""


def application(events: Path) -> web.Application:
    """`POST /api/events` with a bearer token for Event Grid: 200, and each event is a line of JSON in `events`."""

    async def publish(request: web.Request) -> web.Response:
        if not _may_publish(request.headers.get("Authorization", "")):
            return _refused(401, "Unauthorized", "A bearer token for Event Grid is wanted.")
        if request.content_type != "application/cloudevents-batch+json":
            return _refused(400, "BadRequest", f"This topic takes batches of CloudEvents, not {request.content_type}.")
        try:
            batch = checked(await request.json())
        except web.HTTPRequestEntityTooLarge:
            return _refused(413, "PayloadTooLarge", f"A request has at most {MOST} bytes.")
        except ValueError as error:
            return _refused(400, "BadRequest", str(error))
        with events.open("a") as file:
            file.writelines(json.dumps(event) + "\n" for event in batch)
        return web.Response()

    app = web.Application(client_max_size=MOST)
    app.router.add_post(PATH, publish)
    return app


def checked(body: object) -> list[dict[str, Any]]:
    """The events of a batch. Raises InvalidEventError."""
    if not isinstance(body, list):
        raise InvalidEventError("a batch is an array")
    for event in body:
        if not isinstance(event, dict):
            raise InvalidEventError("an event is an object")
        missing = [name for name in ("id", "source", "type", "specversion") if not isinstance(event.get(name), str)]
        if missing or event["specversion"] != "1.0":
            raise InvalidEventError(f"this is no CloudEvent 1.0: {', '.join(missing) or 'specversion'}")
    return body


def _may_publish(authorization: str) -> bool:
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "bearer":
        return False
    try:
        # The stack's identity endpoint keeps its key to itself; who reaches it may have a token anyway.
        claims = jwt.decode(token, options={"verify_signature": False, "verify_exp": True, "require": ["exp", "aud"]})
    except jwt.PyJWTError:
        return False
    return str(claims["aud"]).rstrip("/") == AUDIENCE


def _refused(status: int, code: str, message: str) -> web.Response:
    return web.json_response({"error": {"code": code, "message": message}}, status=status)


async def _serve(arguments: argparse.Namespace) -> None:
    stop = stop_event(exit_with_stdin=arguments.exit_with_stdin)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(arguments.tls_cert, arguments.tls_key)
    runner = web.AppRunner(application(arguments.events))
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", arguments.port, ssl_context=context).start()
        port = runner.addresses[0][1]
        print(json.dumps({"url": f"https://127.0.0.1:{port}{PATH}"}), flush=True)
        await stop.wait()
    finally:
        await runner.cleanup()


def main() -> None:
    """Serve until told to stop."""
    parser = argparse.ArgumentParser(prog="python -m local.events.topic", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0 picks a free one")
    parser.add_argument("--tls-cert", type=Path, required=True)
    parser.add_argument("--tls-key", type=Path, required=True)
    parser.add_argument("--events", type=Path, required=True, help="file that events are added to, one on each line")
    parser.add_argument("--exit-with-stdin", action="store_true", help="stop when standard input ends")
    asyncio.run(_serve(parser.parse_args()))


if __name__ == "__main__":
    main()
