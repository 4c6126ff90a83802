"""The secret in X-IDENTITY-HEADER, which App Service gives to an app's processes only."""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING

from aiohttp import web

if TYPE_CHECKING:
    from aiohttp.typedefs import Handler, Middleware

HEADER = "X-IDENTITY-HEADER"
VARIABLE = "IDENTITY_HEADER"
"""Environment variable with the secret."""


def has_secret(request: web.Request, secret: str) -> bool:
    """Whether the request has the secret in its header."""
    given = request.headers.get(HEADER, "")
    return hmac.compare_digest(given.encode(errors="surrogateescape"), secret.encode())


def required(secret: str, *, under: str = "/") -> Middleware:
    """A middleware that answers requests to paths beginning with `under` with 401 if they lack the secret."""

    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path.startswith(under) and not has_secret(request, secret):
            return web.json_response({"error": f"The {HEADER} header is missing or wrong."}, status=401)
        return await handler(request)

    return check
