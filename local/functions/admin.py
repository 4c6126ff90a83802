"""The host's admin endpoints: list functions, show the host's status, run a function manually."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from enum import Enum
from typing import TYPE_CHECKING, Any

from aiohttp import web
from azure.functions.meta import Datum

from local.functions.keys import Keys, Level

if TYPE_CHECKING:
    from local.functions.index import HostedFunction
    from local.functions.invoke import Invoker

_STARTED = time.monotonic()


async def handle(
    request: web.Request, *, functions: Mapping[str, HostedFunction], keys: Keys, invoker: Invoker, prefix: str
) -> web.Response:
    """Handle `/admin/...`: 401 without the master key, 404 for anything unknown."""
    path = request.path.removeprefix("/admin/").strip("/")
    if path == "host/ping" and request.method in ("GET", "POST"):
        return web.Response()
    if keys.level(request) < Level.ADMIN:
        return web.Response(status=401)
    section, _, name = path.partition("/")
    if path == "host/status" and request.method == "GET":
        return web.json_response(
            {"state": "Running", "version": "4", "processUptime": round((time.monotonic() - _STARTED) * 1000)}
        )
    if section != "functions" or request.method not in ("GET", "POST"):
        return web.Response(status=404)
    base = str(request.url.origin())
    if request.method == "GET" and not name:
        return web.json_response([_describe(function, base=base, prefix=prefix) for function in functions.values()])
    function = {key.lower(): value for key, value in functions.items()}.get(name.lower())
    if function is None:
        return web.Response(status=404)
    if request.method == "GET":
        return web.json_response(_describe(function, base=base, prefix=prefix))
    return await _invoke(request, function, invoker=invoker)


async def _invoke(request: web.Request, function: HostedFunction, *, invoker: Invoker) -> web.Response:
    """Start a function that is not HTTP-triggered with the body's `input`; returns 202 without waiting."""
    if function.kind == "httpTrigger":
        return web.Response(status=404)
    if request.content_type != "application/json":
        return web.Response(status=415)
    try:
        body = json.loads(await request.text())
        given = body.get("input") if isinstance(body, dict) else None
        data = _trigger_data(function, "" if given is None else str(given))
    except ValueError as error:
        return web.Response(status=400, text=str(error))
    invoker.start(function, data=data, reason="This function was programmatically called via the host APIs.")
    return web.Response(status=202)


def _trigger_data(function: HostedFunction, given: str) -> Datum:
    if function.kind == "timerTrigger":
        return Datum(json.dumps({"Schedule": {"AdjustForDST": True}, "IsPastDue": False}), "json")
    if not given.lstrip().startswith("{"):
        raise ValueError("input must be one event, as JSON in a string")
    json.loads(given)
    return Datum(given, "json")


def _describe(function: HostedFunction, *, base: str, prefix: str) -> dict[str, Any]:
    route = function.trigger.get("route")
    template = None if route is None else "/".join(filter(None, (base, prefix, route)))
    return {
        "name": function.name,
        "script_root_path_href": None,
        "href": f"{base}/admin/functions/{function.name}",
        "invoke_url_template": template,
        "language": "python",
        "isDisabled": function.disabled,
        "isDirect": True,
        "isProxy": False,
        "config": {"bindings": [_plain(binding) for binding in function.raw_bindings]},
    }


def _plain(value: object) -> object:
    if isinstance(value, Enum):
        return value.name if isinstance(value.value, int) else value.value
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(item) for item in value]
    return value
