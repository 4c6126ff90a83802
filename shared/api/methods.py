"""`OPTIONS`: the methods of a route."""

from __future__ import annotations

import re

from shared.api.errors import ApiError
from shared.api.http import Response
from shared.api.routes import ROUTES

_PATTERNS = tuple(
    (re.compile(re.sub(r"\\{\w+\\}", ".+", re.escape(route.path)), re.DOTALL), route.method) for route in ROUTES
)


def methods_response(path: str) -> Response:
    """204 with `Allow`. Raises `ApiError` `UnknownRoute`."""
    methods = {method for pattern, method in _PATTERNS if pattern.fullmatch(path)}
    if not methods:
        raise ApiError("UnknownRoute", "The API has no such route; GET openapi.json lists them.")
    if "GET" in methods:
        methods.add("HEAD")
    return Response(status=204, headers={"Allow": ", ".join(sorted({*methods, "OPTIONS"}))})
