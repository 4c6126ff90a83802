"""Turns a route's result, or its exception, into an HTTP response."""

from __future__ import annotations

import asyncio
import logging
import secrets
from dataclasses import replace
from functools import cache
from inspect import isawaitable
from typing import TYPE_CHECKING

from shared.api.errors import ERRORS, ApiError
from shared.api.http import Response, json_response
from shared.api.routes import ROUTES
from shared.services.errors import ServiceError
from shared.settings import SettingsError
from shared.suggestion import MAX_NAME_CHARS, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from shared.api.http import AzureRequest, AzureResponse

log = logging.getLogger(__name__)

DEFAULT_TIMEOUT_SECONDS = 30.0
REQUEST_ID_HEADER = "X-Request-Id"
PROBLEM_TYPE = "application/problem+json"
KEY_PARAMETERS = ("code", "clientId")
"""Query parameters of the Functions host, which every route accepts: a key and its name."""


async def handle(
    route: Callable[[], Awaitable[object] | object],
    *,
    request: AzureRequest | None = None,
    operation: str = "",
    within: float = DEFAULT_TIMEOUT_SECONDS,
) -> AzureResponse:
    """The response to a request: what `route` returns within so many seconds, as JSON unless it is a `Response`.

    An `ApiError` becomes its own response; every other exception is logged and becomes a 500 or 503. Every response has
    a request id, which is in the log of a request that failed.

    request: Its query is checked against the parameters of `operation`, and a HEAD request gets no body.
    operation: The function's name, as in `ROUTES`.
    """
    request_id = secrets.token_hex(8)
    try:
        if request is not None:
            check_query(request, operation)
        result = route()
        if isawaitable(result):
            async with asyncio.timeout(within):
                result = await result
        response = result if isinstance(result, Response) else json_response(result)
    except ApiError as error:
        log.info("request %s is refused: %s", request_id, error.code)
        response = _problem(error, request_id)
    except SettingsError:
        log.exception("request %s failed: the app is not configured", request_id)
        message = "App settings are missing or invalid; GET health says which."
        response = _problem(ApiError("NotConfigured", message), request_id)
    except (ServiceError, TimeoutError, OSError):
        log.exception("request %s failed: a service did not respond as expected", request_id)
        message = "A service that gifdrop depends on does not respond. Try again."
        response = _problem(ApiError("Unavailable", message), request_id)
    except Exception:
        log.exception("request %s failed", request_id)
        message = f"Internal error. Quote request id {request_id} when you report it."
        response = _problem(ApiError("Internal", message), request_id)
    if request is not None and request.method == "HEAD":
        response = replace(response, body=b"")
    return replace(response, headers={REQUEST_ID_HEADER: request_id, **response.headers}).to_azure()


def check_query(request: AzureRequest, operation: str) -> None:
    """Raise `ApiError` `UnknownParameter` for a query parameter that the operation does not have."""
    known = query_parameters(operation)
    if known is None:
        return
    for name in request.params:
        if name not in known and name not in KEY_PARAMETERS:
            hint = did_you_mean(name, known)
            raise ApiError("UnknownParameter", f"There is no query parameter {name[:MAX_NAME_CHARS]!r}.{hint}")


@cache
def query_parameters(operation: str) -> frozenset[str] | None:
    """The names of an operation's query parameters; `None` for a public route, which accepts any."""
    route = next(route for route in ROUTES if route.operation == operation)
    if route.public:
        return None
    return frozenset(parameter.name for parameter in route.parameters if parameter.where == "query")


def _problem(error: ApiError, request_id: str) -> Response:
    """Problem details (RFC 9457). `error` repeats code and message for clients of earlier versions."""
    body = {
        "type": f"urn:gifdrop:error:{error.code}",
        "title": ERRORS[error.code][1],
        "status": error.status,
        "detail": error.message,
        "code": error.code,
        "request_id": request_id,
        "error": {"code": error.code, "message": error.message},
    }
    return json_response(body, status=error.status, headers=error.headers, content_type=PROBLEM_TYPE)
