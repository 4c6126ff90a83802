"""How the API answers: JSON bodies, and errors as `{"error": {"code", "message"}}`."""

from __future__ import annotations

import json
import logging
from inspect import isawaitable
from typing import TYPE_CHECKING

from azure.functions import HttpResponse

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

log = logging.getLogger(__name__)

HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}

ERRORS: dict[str, tuple[int, str]] = {
    "InvalidName": (400, "what is asked for cannot be a blob's name"),
    "InvalidState": (400, "`state` is none of the four states"),
    "InvalidLimit": (400, "`limit` is no whole number from 1 to 1000"),
    "InvalidSort": (400, "`sort` is neither `name` nor `newest`"),
    "InvalidPrefix": (400, "no blob's name can begin with `prefix`"),
    "InvalidCursor": (400, "`cursor` is not the `next` of an earlier answer"),
    "InvalidVia": (400, "`via` is not `app`"),
    "InvalidError": (400, "`error` is no error code"),
    "UnknownVideo": (404, "no video of this name has been seen"),
    "UnknownGif": (404, "there is no GIF of this name"),
    "UnknownFile": (404, "the page has no such file"),
    "VideoGone": (404, "the video was removed; upload it again"),
    "NotFailed": (409, "only a failed video can be tried again"),
    "Changed": (409, "the video's status changed this moment; look again"),
    "RangeNotSatisfiable": (416, "the GIF has no bytes there"),
    "Internal": (500, "gifdrop has a fault; its log tells more"),
    "Unavailable": (503, "storage or Batch does not answer; try again"),
    "NotConfigured": (503, "the app's settings are missing or wrong; `GET health` says which"),
}
"""Every code that an error of the API can have -> its status and when it is given."""


class ApiError(Exception):
    """An error that the caller is told of."""

    def __init__(self, status: int, code: str, message: str, *, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.headers = headers or {}


async def answer(ask: Callable[[], Awaitable[object] | object]) -> HttpResponse:
    """A response of what `ask` comes to; what goes wrong, from the settings on, is logged in full and told in brief."""
    from azure.core.exceptions import AzureError

    from shared.settings import SettingsError

    try:
        result = ask()
        if isawaitable(result):
            result = await result
    except ApiError as error:
        return _error(error.status, error.code, error.message, error.headers)
    except SettingsError:
        log.exception("the app is not configured")
        return _error(503, "NotConfigured", "The app's settings are missing or wrong.")
    except (AzureError, TimeoutError, OSError):
        log.exception("the request failed")
        return _error(503, "Unavailable", "Something gifdrop depends on does not answer. Try again in a moment.")
    except Exception:
        log.exception("the request failed")
        return _error(500, "Internal", "gifdrop could not answer this. Its log tells more.")
    return result if isinstance(result, HttpResponse) else to_json(200, result)


def to_json(status: int, body: object, headers: Mapping[str, str] | None = None) -> HttpResponse:
    """A response with a JSON body, which no cache keeps."""
    return HttpResponse(
        json.dumps(body, ensure_ascii=False),
        status_code=status,
        mimetype="application/json",
        headers=HEADERS | dict(headers or {}),
    )


def _error(status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> HttpResponse:
    return to_json(status, {"error": {"code": code, "message": message}}, headers)
