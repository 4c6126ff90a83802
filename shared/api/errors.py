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
    "InvalidDownload": (400, "`download` is not `1`"),
    "InvalidInclude": (400, "`include` has another word than `videos`, `summary` and `pool`"),
    "InvalidMinutes": (400, "`minutes` is not a whole number from 1 to 1440"),
    "InvalidAttempt": (400, "`attempt` is not a whole number from 1 to 9999"),
    "InvalidError": (400, "`error` is not an error code"),
    "UnknownParameter": (400, "the route has no query parameter of this name"),
    "InvalidBody": (400, "the request's body is not what the route takes"),
    "InvalidOption": (400, "an option of a GIF is unknown, or out of its bounds"),
    "OperatorKeyRequired": (403, "changes need the operator's key, in the header `x-gifdrop-operator-key`"),
    "SignInRequired": (401, "nobody has signed in; sign in at `/.auth/login/aad`, or use a function key"),
    "RoleRequired": (403, "the signed-in person lacks the app role that the route needs"),
    "HeaderRequired": (403, "a request of a signed-in person needs the header `x-requested-with`"),
    "SignInOff": (404, "the deployment has no sign-in; use a function key"),
    "UploadsOff": (403, "this deployment accepts no uploads and deletions through the API"),
    "UnsupportedName": (404, "the name does not end like a video's, so the blob is not converted"),
    "UnknownVideo": (404, "there is no video of this name"),
    "UnknownGif": (404, "there is no GIF of this name"),
    "UnknownLog": (404, "the attempt has left no log"),
    "UnknownRoute": (404, "there is no such route: of `OPTIONS`, and below `user/`"),
    "UnknownFile": (404, "the page has no such file"),
    "VideoGone": (404, "the video was deleted; upload it again"),
    "NotFailed": (409, "only a failed video can be retried, and with other options one that has ended"),
    "TooManyAttempts": (409, "the video was tried too often; upload it again"),
    "Changed": (409, "the video's status has just changed; check it again"),
    "NameTaken": (409, "there is a video of this name; choose another, or overwrite it"),
    "UploadTooLarge": (413, "the video is larger than the operator allows"),
    "RangeNotSatisfiable": (416, "the range is beyond the end of the GIF"),
    "TooManyRetries": (429, "too many retries in the last minute; `Retry-After` says when to try again"),
    "TooManyDeletions": (429, "too many deletions in the last minute; `Retry-After` says when to try again"),
    "TooManyUploads": (429, "too many uploads in the last minute; `Retry-After` says when to try again"),
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
