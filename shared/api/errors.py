"""The API's errors: every code, its HTTP status and its meaning."""

from collections.abc import Mapping

ERRORS: dict[str, tuple[int, str]] = {
    "InvalidName": (400, "the text cannot be a blob's name"),
    "InvalidState": (400, "`state` is not one of the four states"),
    "InvalidLimit": (400, "`limit` is not a whole number from 1 to 1000"),
    "InvalidSort": (400, "`sort` is neither `name` nor `newest`"),
    "InvalidPrefix": (400, "no blob's name can begin with `prefix`"),
    "InvalidCursor": (400, "`cursor` is not the `next` of an earlier response"),
    "InvalidVia": (400, "`via` is not `app`"),
    "InvalidError": (400, "`error` is not an error code"),
    "UnknownParameter": (400, "the route has no query parameter of this name"),
    "OperatorKeyRequired": (403, "retrying needs the operator's key, in the header `x-gifdrop-operator-key`"),
    "UnsupportedName": (404, "the name does not end like a video's, so the blob is not converted"),
    "UnknownVideo": (404, "there is no video of this name"),
    "UnknownGif": (404, "there is no GIF of this name"),
    "UnknownRoute": (404, "`OPTIONS` of a path that is not a route"),
    "UnknownFile": (404, "the page has no such file"),
    "VideoGone": (404, "the video was deleted; upload it again"),
    "NotFailed": (409, "only a failed video can be retried"),
    "TooManyAttempts": (409, "the video was tried too often; upload it again"),
    "Changed": (409, "the video's status has just changed; check it again"),
    "RangeNotSatisfiable": (416, "the range is beyond the end of the GIF"),
    "TooManyRetries": (429, "too many retries in the last minute; `Retry-After` says when to try again"),
    "Internal": (500, "internal error; the log has the `request_id`"),
    "Unavailable": (503, "storage or Batch does not respond; try again"),
    "NewerRecord": (503, "a newer version of gifdrop wrote the video's record"),
    "NotConfigured": (503, "app settings are missing or invalid; `GET health` says which"),
}
"""Error code -> its HTTP status and its meaning."""


class ApiError(Exception):
    """An error that is returned to the caller, with the status of its code in `ERRORS`."""

    def __init__(self, code: str, message: str, *, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.status = ERRORS[code][0]
        self.message = message
        self.headers = headers or {}
