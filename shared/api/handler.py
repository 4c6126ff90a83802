"""Turns a route's result, or its exception, into an HTTP response."""

from __future__ import annotations

import asyncio
import logging
from inspect import isawaitable
from typing import TYPE_CHECKING

from shared.api.errors import ApiError
from shared.api.http import Response, json_response
from shared.services.errors import ServiceError
from shared.settings import SettingsError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from shared.api.http import AzureResponse

log = logging.getLogger(__name__)

DEFAULT_TIMEOUT_SECONDS = 30.0


async def handle(
    route: Callable[[], Awaitable[object] | object], *, within: float = DEFAULT_TIMEOUT_SECONDS
) -> AzureResponse:
    """The response to a request: what `route` returns within so many seconds, as JSON unless it is a `Response`.

    An `ApiError` becomes its own response; every other exception is logged and becomes a 500 or 503.
    """
    try:
        result = route()
        if isawaitable(result):
            async with asyncio.timeout(within):
                result = await result
        response = result if isinstance(result, Response) else json_response(result)
    except ApiError as error:
        response = _error(error)
    except SettingsError:
        log.exception("the app is not configured")
        response = _error(ApiError("NotConfigured", "App settings are missing or invalid; GET health says which."))
    except (ServiceError, TimeoutError, OSError):
        log.exception("a service failed during the request")
        response = _error(ApiError("Unavailable", "A service that gifdrop depends on does not respond. Try again."))
    except Exception:
        log.exception("the request failed")
        response = _error(ApiError("Internal", "Internal error; see the logs."))
    return response.to_azure()


def _error(error: ApiError) -> Response:
    body = {"error": {"code": error.code, "message": error.message}}
    return json_response(body, status=error.status, headers=error.headers)
