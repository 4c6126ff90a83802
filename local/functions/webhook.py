"""The Event Grid extension's webhook: the validation handshake, and one invocation per event."""

from __future__ import annotations

import asyncio
import json
import logging
from typing import TYPE_CHECKING

from aiohttp import web
from azure.functions.meta import Datum

from local.functions.keys import Keys, Level

if TYPE_CHECKING:
    from collections.abc import Mapping

    from local.functions.index import HostedFunction
    from local.functions.invoke import Invoker

logger = logging.getLogger("functions.webhook")


async def handle(
    request: web.Request, *, functions: Mapping[str, HostedFunction], keys: Keys, invoker: Invoker
) -> web.Response:
    """Handle a request by Event Grid; `functions` are those with an Event Grid trigger, by name."""
    if keys.level(request, system=True) < Level.SYSTEM:
        return web.Response(status=401)
    if request.method == "OPTIONS":
        return web.Response(headers={"Webhook-Allowed-Origin": request.headers.get("Webhook-Request-Origin", "*")})
    if request.method != "POST":
        return web.Response(status=404)
    name = request.query.get("functionName", "")
    function = functions.get(name)
    if function is None:
        return web.Response(status=404, text=f"cannot find function: '{name}'")

    kind = request.headers.get("aeg-event-type", "").lower()
    if kind == "unsubscribe":
        return web.Response(status=202)
    if kind not in ("subscriptionvalidation", "notification"):
        return web.Response(status=400)
    try:
        events = _events(await request.text())
        if kind == "subscriptionvalidation":
            return _handshake(name, events)
    except (ValueError, LookupError, TypeError) as error:
        logger.warning("Invalid request to the Event Grid webhook of '%s': %s", name, error)
        return web.Response(status=500)
    reason = "EventGrid trigger fired"
    outcomes = await asyncio.gather(
        *(invoker.invoke(function, data=Datum(json.dumps(event), "json"), reason=reason) for event in events)
    )
    for outcome in outcomes:
        if outcome.error is not None:
            return web.Response(status=500, text=str(outcome.error))
    return web.Response(status=202)


def _events(text: str) -> list[dict[str, object]]:
    body = json.loads(text)
    events = body if isinstance(body, list) else [body]
    if not all(isinstance(event, dict) for event in events):
        raise ValueError("the body must be an object or an array of objects")
    return events


def _handshake(name: str, events: list[dict[str, object]]) -> web.Response:
    data = events[0]["data"]
    if isinstance(data, str):
        data = json.loads(data)  # encoded twice in the CloudEvents schema
    if not isinstance(data, dict):
        raise TypeError("the validation event has no data")
    logger.info("perform handshake with eventGrid for function: %s", name)
    return web.json_response({"validationResponse": data["validationCode"]})
