"""HTTP-triggered functions: routing and authorization, and conversion of requests and responses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aiohttp import web
from azure.functions.meta import Datum
from multidict import CIMultiDict

from local.functions import routing
from local.functions.index import HostedFunction
from local.functions.keys import Keys, Level

if TYPE_CHECKING:
    from collections.abc import Sequence

    from local.functions.invoke import Invoker

_LEVELS = {"anonymous": Level.ANONYMOUS, "function": Level.FUNCTION, "admin": Level.ADMIN}
# The server sets these itself.
_OWN_HEADERS = frozenset({"content-length", "transfer-encoding", "connection", "date", "server"})
RESERVED = frozenset({"admin", "runtime"})

FunctionRoute = routing.Route[HostedFunction]


def routes(functions: Sequence[HostedFunction], *, prefix: str) -> list[FunctionRoute]:
    """The routes of the HTTP functions, in the order the host tries them; raises InvalidRouteError."""
    found = []
    for function in functions:
        if function.kind != "httpTrigger":
            continue
        template = routing.parse("/".join(filter(None, (prefix, function.trigger["route"]))))
        if template.text.split("/")[0].lower() in RESERVED:
            raise routing.InvalidRouteError(f"the route {template.text!r} of '{function.name}' is reserved by the host")
        methods = function.trigger.get("methods")
        found.append(
            routing.Route(
                name=function.name,
                template=template,
                methods=None if methods is None else frozenset(str(getattr(m, "value", m)).upper() for m in methods),
                target=function,
            )
        )
    return routing.in_order(found)


async def handle(request: web.Request, *, table: Sequence[FunctionRoute], keys: Keys, invoker: Invoker) -> web.Response:
    """Handle one request: 404 without a matching route, 401 without the key, 500 if the function fails.

    A disabled function can be called only with the master key.
    """
    path = routing.decode_path(request.rel_url.raw_path)
    if "\0" in path:
        return web.Response(status=400)
    found = routing.find(table, method=request.method, path=path)
    if found is None:
        return web.Response(status=404)
    function, values = found
    required = str(getattr(function.trigger.get("authLevel"), "value", "function"))
    level = keys.level(request)
    if level < _LEVELS[required]:
        return web.Response(status=401)
    if function.disabled and level < Level.ADMIN:
        return web.Response(status=404)
    data = await _datum(request, values)
    outcome = await invoker.invoke(function, data=data, reason=f"{request.method} {request.rel_url.raw_path}")
    if outcome.error is not None or outcome.result is None:
        return web.Response(status=500)
    return _response(outcome.result)


async def _datum(request: web.Request, values: dict[str, str]) -> Datum:
    headers: dict[str, str] = {}
    for name, value in request.headers.items():
        key = name.lower()
        headers[key] = f"{headers[key]},{value}" if key in headers else value
    query: dict[str, str] = {}
    for name, value in request.query.items():
        query[name] = f"{query[name]},{value}" if name in query else value
    path_and_query = request.rel_url.raw_path_qs
    return Datum(
        type="http",
        value={
            "method": Datum(request.method, "string"),
            "url": Datum(f"{request.scheme}://{request.host}{path_and_query}", "string"),
            "headers": {name: Datum(value, "string") for name, value in headers.items()},
            # The host does not send empty values to the Python worker.
            "query": {name: Datum(value, "string") for name, value in query.items() if value},
            "params": {name: Datum(value, "string") for name, value in values.items()},
            "body": Datum(await request.read(), "bytes"),
        },
    )


def _response(result: Datum) -> web.Response:
    if result.type == "string":
        return web.Response(text=result.value)
    value: dict[str, Any] = result.value
    headers: CIMultiDict[str] = CIMultiDict()
    for name, header in value["headers"].items():
        if name.lower() not in _OWN_HEADERS:
            headers.add(name, header.value)
    for cookie in value["cookies"] or ():
        for morsel in cookie.values():
            headers.add("Set-Cookie", morsel.OutputString())
    return web.Response(status=int(value["status_code"].value), headers=headers, body=value["body"].value)
