"""`OPTIONS`: the methods of a route."""

from __future__ import annotations

from shared.api.errors import ApiError
from shared.api.http import Response
from shared.api.routes import matching


def methods_response(path: str) -> Response:
    """204 with `Allow`. Raises `ApiError` `UnknownRoute`."""
    methods = {route.method for route, _ in matching(path)}
    if not methods:
        raise ApiError("UnknownRoute", "The API has no such route; GET openapi.json lists them.")
    if "GET" in methods:
        methods.add("HEAD")
    return Response(status=204, headers={"Allow": ", ".join(sorted({*methods, "OPTIONS"}))})
