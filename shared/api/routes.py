"""The API's routes: parameters, responses and errors. A test holds them against function_app.py."""

from __future__ import annotations

from dataclasses import dataclass

from shared.api.list_query import DEFAULT_LIMIT, MAX_LIMIT, SORTS
from shared.api.schemas import HealthResponse, ListResponse, RetriedResponse
from shared.conversion import STATES
from shared.representation import VideoResponse

Schema = dict[str, object]


@dataclass(frozen=True, kw_only=True)
class Parameter:
    """A parameter of a request."""

    name: str
    where: str
    """`path`, `query` or `header`. An empty query parameter counts as absent: the Functions host drops it."""
    note: str
    schema: Schema
    example: str | None = None


@dataclass(frozen=True, kw_only=True)
class Body:
    """The body of a response: JSON of a type in schemas.py, another content type, or nothing."""

    note: str
    type: type | None = None
    content: str | None = None
    headers: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Route:
    """One operation of the API."""

    method: str
    path: str
    """Below the route prefix, in OpenAPI's notation."""
    operation: str
    """The function's name in function_app.py."""
    summary: str
    responses: dict[int, Body]
    errors: tuple[str, ...] = ()
    """Codes of `ERRORS`, besides those that every route can return."""
    parameters: tuple[Parameter, ...] = ()
    public: bool = False
    """Whether it needs no function key."""


COMMON_ERRORS = ("Internal", "Unavailable", "NotConfigured")
"""Codes that every route can return."""
QUERY_ERRORS = ("UnknownParameter",)
"""Codes that every route can return that needs a key."""

_PRINTABLE = r"[^\x00-\x1f\x7f-\x9f]"
_NAME: Schema = {"type": "string", "minLength": 1, "maxLength": 1024, "pattern": f"^{_PRINTABLE}+$"}
_VIDEO = Parameter(
    name="video",
    where="path",
    note="The video's blob name, percent-encoded except for slashes.",
    schema=_NAME,
    example="cats/tom.mp4",
)
_GIF = Parameter(
    name="gif", where="path", note="The GIF's blob name, encoded in the same way.", schema=_NAME, example="cats/tom.gif"
)
_PAGE_FILE = Parameter(
    name="file", where="path", note="A file of the page.", schema={"type": "string"}, example="main.js"
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
        responses={200: Body(note="A page of videos.", type=ListResponse)},
        errors=("InvalidState", "InvalidPrefix", "InvalidSort", "InvalidLimit", "InvalidCursor"),
        parameters=_LIST,
    ),
    Route(
        method="GET",
        path="status/{video}",
        operation="show_video",
        summary="The status of one video, read from Batch and the node if it has not ended.",
        responses={200: Body(note="The video.", type=VideoResponse)},
        errors=("InvalidName", "UnsupportedName", "UnknownVideo", "NewerRecord"),
        parameters=(_VIDEO,),
    ),
    Route(
        method="POST",
        path="retry/{video}",
        operation="retry_video",
        summary="Retry a failed video.",
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
        ),
        parameters=(_VIDEO,),
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
        summary="A GIF: a redirect to a link that works for 15 minutes, or the bytes through the app.",
        responses={
            200: Body(
                note="With `via=app`: the GIF.", content="image/gif", headers=("ETag", "Last-Modified", "Accept-Ranges")
            ),
            206: Body(
                note="With `via=app` and `Range`: that range, 8 MiB at most.",
                content="image/gif",
                headers=("ETag", "Last-Modified", "Accept-Ranges", "Content-Range"),
            ),
            302: Body(
                note="The link. Also with `via=app` if the GIF has more than 8 MiB and no range is requested.",
                headers=("Location",),
            ),
            304: Body(note="With `via=app` and `If-None-Match`: not modified.", headers=("ETag",)),
        },
        errors=("InvalidName", "InvalidVia", "UnknownGif", "RangeNotSatisfiable"),
        parameters=(
            _GIF,
            Parameter(
                name="via",
                where="query",
                note="`app` for the bytes themselves, for clients that cannot reach the storage account.",
                schema={"type": "string", "enum": ["app", ""]},
            ),
            Parameter(name="Range", where="header", note="With `via=app`.", schema={"type": "string"}),
            Parameter(name="If-None-Match", where="header", note="With `via=app`.", schema={"type": "string"}),
            Parameter(name="If-Range", where="header", note="With `via=app`.", schema={"type": "string"}),
        ),
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
        responses={200: Body(note="OpenAPI 3.1.", content="application/json")},
    ),
    Route(
        method="GET",
        path="dashboard",
        operation="show_page",
        summary="A page for people: videos, GIFs and the pool, live. It holds no data and asks for a key.",
        responses={200: Body(note="The page.", content="text/html")},
        public=True,
    ),
    Route(
        method="GET",
        path="dashboard/{file}",
        operation="show_page_file",
        summary="The page's CSS and JavaScript, which hold no data and need no key.",
        responses={
            200: Body(note="The file.", content="*/*", headers=("ETag",)),
            304: Body(note="Not modified.", headers=("ETag",)),
        },
        errors=("UnknownFile",),
        parameters=(_PAGE_FILE,),
        public=True,
    ),
)
