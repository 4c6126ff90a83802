"""The API's routes: parameters, responses and errors. A test holds them against function_app.py."""

from __future__ import annotations

from shared.api.contract import Body, Parameter, Route, Schema
from shared.api.list_query import DEFAULT_LIMIT, MAX_LIMIT, PARTS, SORTS
from shared.api.schemas import (
    HealthResponse,
    LinkResponse,
    ListResponse,
    RetriedResponse,
    RetryRequest,
    StatsResponse,
    UploadRequest,
    UploadResponse,
)
from shared.conversion import STATES
from shared.names import CONTENT_TYPES
from shared.representation import VideoResponse

USER_ERRORS = ("SignInOff", "SignInRequired", "RoleRequired", "HeaderRequired", "UnknownRoute")
"""Codes that the routes below `user/` can return, besides those of the same route with a key."""
COMMON_ERRORS = ("Internal", "Unavailable", "NotConfigured")
"""Codes that every route can return."""
QUERY_ERRORS = ("UnknownParameter",)
"""Codes that every route can return that needs a key."""

DEFAULT_LINK_MINUTES, MAX_LINK_MINUTES = 60, 1440
MAX_ATTEMPT = 9999

_PRINTABLE = r"[^\x00-\x1f\x7f-\x9f]"
# A name that begins with a slash does not reach the app.
_NAME: Schema = {"type": "string", "minLength": 1, "maxLength": 1024, "pattern": f"^(?!/){_PRINTABLE}+$"}
_VIDEO = Parameter(
    name="video",
    where="path",
    note="The video's blob name, percent-encoded except for slashes.",
    schema=_NAME,
    example="cats/tom.mp4",
)
_GIF = Parameter(
    name="gif",
    where="path",
    note="The blob name of the GIF or of a file beside it, encoded in the same way.",
    schema=_NAME,
    example="cats/tom.gif",
)
_PICTURES = tuple(CONTENT_TYPES.values())
_PAGE_FILE = Parameter(
    name="file", where="path", note="A file of the page.", schema={"type": "string"}, example="main.js"
)
_IF_NONE_MATCH = Parameter(
    name="If-None-Match", where="header", note="The ETag of an earlier response.", schema={"type": "string"}
)
_USER_PATH = Parameter(
    name="path",
    where="path",
    note="One of the other routes, such as `status/cats/tom.mp4`; or, with GET, `me`: who has signed in.",
    schema=_NAME,
    example="me",
)
_LIST = (
    Parameter(
        name="state", where="query", note="Only videos in this state.", schema={"type": "string", "enum": [*STATES, ""]}
    ),
    Parameter(
        name="prefix",
        where="query",
        note="Only videos whose names begin with this, such as a folder.",
        schema={"type": "string", "maxLength": 1024, "pattern": f"^{_PRINTABLE}*$"},
        example="cats/",
    ),
    Parameter(
        name="sort",
        where="query",
        note=f"By name, in pages; or the newest first, at most {MAX_LIMIT} on one page.",
        schema={"type": "string", "enum": [*SORTS, ""], "default": "name"},
    ),
    Parameter(
        name="limit",
        where="query",
        note="Videos on a page, at most.",
        schema={"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT},
    ),
    Parameter(
        name="include",
        where="query",
        note="What the response has beside the videos: some of `summary` and `pool`, with commas between them, or only"
        " `videos`. What is left out is not read, and null.",
        schema={"type": "string", "default": ",".join(PARTS)},
        example="summary",
    ),
    Parameter(
        name="cursor",
        where="query",
        note="The `next` of the previous page.",
        schema={"type": "string", "pattern": "^[A-Za-z0-9_-]*$"},
    ),
)

ROUTES = (
    Route(
        method="GET",
        path="status",
        operation="list_videos",
        summary="All videos with their status, how many there are, and the pool.",
        responses={
            200: Body(note="A page of videos.", type=ListResponse, headers=("ETag",)),
            304: Body(note="Nothing has changed but the times of reading.", headers=("ETag",)),
        },
        errors=("InvalidState", "InvalidPrefix", "InvalidSort", "InvalidLimit", "InvalidCursor", "InvalidInclude"),
        parameters=(*_LIST, _IF_NONE_MATCH),
    ),
    Route(
        method="GET",
        path="status/{video}",
        operation="show_video",
        summary="The status of one video, read from Batch and the node if it has not ended.",
        responses={
            200: Body(note="The video.", type=VideoResponse, headers=("ETag", "Retry-After")),
            304: Body(note="Not modified.", headers=("ETag", "Retry-After")),
        },
        errors=("InvalidName", "UnsupportedName", "UnknownVideo", "NewerRecord"),
        parameters=(_VIDEO, _IF_NONE_MATCH),
    ),
    Route(
        method="POST",
        path="retry/{video}",
        operation="retry_video",
        summary="Retry a failed video, or convert one that has ended again with other options.",
        responses={200: Body(note="The video with its new status.", type=VideoResponse)},
        errors=(
            "InvalidName",
            "OperatorKeyRequired",
            "UnknownVideo",
            "VideoGone",
            "NotFailed",
            "TooManyAttempts",
            "Changed",
            "TooManyRetries",
            "NewerRecord",
            "InvalidBody",
            "InvalidOption",
        ),
        parameters=(_VIDEO,),
        request=RetryRequest,
        request_required=False,
    ),
    Route(
        method="POST",
        path="retry",
        operation="retry_failed",
        summary="Retry all failed videos, or those with one error code.",
        responses={200: Body(note="How many were queued again.", type=RetriedResponse)},
        errors=("InvalidError", "OperatorKeyRequired", "TooManyRetries"),
        parameters=(
            Parameter(
                name="error",
                where="query",
                note="Only those whose `error.code` is this.",
                schema={"type": "string", "pattern": "^[A-Za-z0-9]{0,64}$"},
                example="ConverterFailed",
            ),
        ),
    ),
    Route(
        method="GET",
        path="gifs/{gif}",
        operation="show_gif",
        summary="A GIF, or a file beside it: a redirect to a link that works for 15 minutes, or the bytes.",
        responses={
            200: Body(
                note="With `via=app`: the GIF.",
                content=_PICTURES,
                headers=("ETag", "Last-Modified", "Accept-Ranges", "Content-Disposition"),
            ),
            206: Body(
                note="With `via=app` and `Range`: that range, 8 MiB at most.",
                content=_PICTURES,
                headers=("ETag", "Last-Modified", "Accept-Ranges", "Content-Disposition", "Content-Range"),
            ),
            302: Body(
                note="The link. Also with `via=app` if the GIF has more than 8 MiB and no range is requested.",
                headers=("Location",),
            ),
            304: Body(note="With `via=app` and `If-None-Match`: not modified.", headers=("ETag",)),
        },
        errors=("InvalidName", "InvalidVia", "InvalidDownload", "UnknownGif", "RangeNotSatisfiable"),
        parameters=(
            _GIF,
            Parameter(
                name="via",
                where="query",
                note="`app` for the bytes themselves, for clients that cannot reach the storage account.",
                schema={"type": "string", "enum": ["app", ""]},
            ),
            Parameter(
                name="download",
                where="query",
                note="`1` for a browser to save the GIF instead of showing it.",
                schema={"type": "string", "enum": ["1", ""]},
            ),
            Parameter(name="Range", where="header", note="With `via=app`.", schema={"type": "string"}),
            Parameter(name="If-None-Match", where="header", note="With `via=app`.", schema={"type": "string"}),
            Parameter(name="If-Range", where="header", note="With `via=app`.", schema={"type": "string"}),
        ),
    ),
    Route(
        method="GET",
        path="videos/{video}",
        operation="show_original",
        summary="A link to the video itself that works without a key for 15 minutes.",
        responses={200: Body(note="The link.", type=LinkResponse)},
        errors=("InvalidName", "UnknownVideo"),
        parameters=(_VIDEO,),
    ),
    Route(
        method="DELETE",
        path="videos/{video}",
        operation="delete_video",
        summary="Delete a video, its GIF and its record.",
        responses={204: Body(note="Deleted.")},
        errors=(
            "InvalidName",
            "OperatorKeyRequired",
            "UploadsOff",
            "UnknownVideo",
            "Changed",
            "TooManyDeletions",
            "NewerRecord",
        ),
        parameters=(_VIDEO,),
    ),
    Route(
        method="POST",
        path="uploads",
        operation="create_upload",
        summary="A link that uploads one video straight to storage.",
        responses={201: Body(note="The link and the request to send.", type=UploadResponse)},
        errors=(
            "InvalidBody",
            "InvalidName",
            "InvalidOption",
            "OperatorKeyRequired",
            "UploadsOff",
            "NameTaken",
            "UploadTooLarge",
            "TooManyUploads",
        ),
        request=UploadRequest,
    ),
    Route(
        method="GET",
        path="links/{gif}",
        operation="share_gif",
        summary="A link to a GIF that works without a key for a while.",
        responses={200: Body(note="The link.", type=LinkResponse)},
        errors=("InvalidName", "InvalidMinutes", "UnknownGif"),
        parameters=(
            _GIF,
            Parameter(
                name="minutes",
                where="query",
                note="How long it works.",
                schema={
                    "type": "integer",
                    "minimum": 1,
                    "maximum": MAX_LINK_MINUTES,
                    "default": DEFAULT_LINK_MINUTES,
                },
            ),
        ),
    ),
    Route(
        method="GET",
        path="logs/{video}",
        operation="show_log",
        summary="What the converter of a failed task wrote: the last 64 KiB of its error and standard output.",
        responses={200: Body(note="The log.", content=("text/plain",))},
        errors=("InvalidName", "InvalidAttempt", "UnknownVideo", "UnknownLog", "Changed"),
        parameters=(
            _VIDEO,
            Parameter(
                name="attempt",
                where="query",
                note="Of this attempt. Default: the last.",
                schema={"type": "integer", "minimum": 1, "maximum": MAX_ATTEMPT},
            ),
        ),
    ),
    Route(
        method="GET",
        path="stats",
        operation="show_stats",
        summary="Throughput, waits, errors and cost of the last 24 hours, and when the backlog ends.",
        responses={200: Body(note="The figures.", type=StatsResponse)},
    ),
    Route(
        method="GET",
        path="health",
        operation="show_health",
        summary="Whether gifdrop can work, check by check.",
        responses={
            200: Body(note="Every check is ok.", type=HealthResponse),
            503: Body(note="A check is not ok.", type=HealthResponse),
        },
    ),
    Route(
        method="GET",
        path="openapi.json",
        operation="show_contract",
        summary="This description.",
        responses={200: Body(note="OpenAPI 3.1.", content=("application/json",))},
    ),
    Route(
        method="GET",
        path="dashboard",
        operation="show_page",
        summary="A page for people: videos, GIFs and the pool, live. It holds no data and asks for a key.",
        responses={200: Body(note="The page.", content=("text/html",))},
        public=True,
    ),
    Route(
        method="GET",
        path="dashboard/{file}",
        operation="show_page_file",
        summary="The page's CSS and JavaScript, which hold no data and need no key.",
        responses={
            200: Body(note="The file.", content=("*/*",), headers=("ETag",)),
            304: Body(note="Not modified.", headers=("ETag",)),
        },
        errors=("UnknownFile",),
        parameters=(_PAGE_FILE,),
        public=True,
    ),
    Route(
        method="GET",
        path="user/{path}",
        operation="user_reads",
        summary="The other routes for people who have signed in with Entra ID, and need no key.",
        responses={200: Body(note="As of the same route with a key.", content=("*/*",))},
        errors=USER_ERRORS,
        parameters=(_USER_PATH,),
        public=True,
    ),
    Route(
        method="POST",
        path="user/{path}",
        operation="user_changes",
        summary="The same for operators who have signed in, and need no operator key.",
        responses={200: Body(note="As of the same route with a key.", content=("application/json",))},
        errors=USER_ERRORS,
        parameters=(_USER_PATH,),
        public=True,
    ),
    Route(
        method="DELETE",
        path="user/{path}",
        operation="user_deletes",
        summary="The same to delete a video.",
        responses={204: Body(note="As of the same route with a key.")},
        errors=USER_ERRORS,
        parameters=(_USER_PATH,),
        public=True,
    ),
)


def matching(path: str) -> list[tuple[Route, dict[str, str]]]:
    """The routes that a decoded path belongs to, one for each method, and the path's parameters."""
    found: list[tuple[Route, dict[str, str]]] = []
    for route in ROUTES:
        start, _, parameter = route.path.partition("{")
        if not parameter and path == start:
            found.append((route, {}))
        elif parameter and path.startswith(start) and path != start:
            found.append((route, {parameter.removesuffix("}"): path.removeprefix(start)}))
    return found
