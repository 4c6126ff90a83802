"""The API's routes: what they take, give and refuse. A test sees to it that function_app.py has the same."""

from __future__ import annotations

from dataclasses import dataclass

from shared.answers import HealthAnswer, ListAnswer, RetriedAnswer, VideoAnswer
from shared.conversion import STATES
from shared.listing import LIMIT, MOST, SORTS

Schema = dict[str, object]


@dataclass(frozen=True, kw_only=True)
class Parameter:
    """Something that a request may, or must, carry."""

    name: str
    where: str
    """`path`, `query` or `header`. An empty one in the query is as good as none: the Functions host drops it."""
    note: str
    schema: Schema
    example: str | None = None


@dataclass(frozen=True, kw_only=True)
class Body:
    """What an answer carries: JSON of a type of shared/answers.py, or another kind of content, or nothing."""

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
    answers: dict[int, Body]
    errors: tuple[str, ...] = ()
    """Codes of `shared.api.ERRORS`, besides those that every route can give."""
    parameters: tuple[Parameter, ...] = ()
    public: bool = False
    """Whether it is answered without a function key."""


EVERYWHERE = ("Internal", "Unavailable", "NotConfigured")
"""Codes that every route can give."""

_PRINTABLE = r"[^\x00-\x1f\x7f-\x9f]"
_NAME: Schema = {"type": "string", "minLength": 1, "maxLength": 1024, "pattern": f"^{_PRINTABLE}+$"}
_VIDEO = Parameter(
    name="video",
    where="path",
    note="The video's blob name. Slashes may stand as they are; all else is percent-encoded.",
    schema=_NAME,
    example="cats/tom.mp4",
)
_GIF = Parameter(
    name="gif", where="path", note="The GIF's blob name, encoded likewise.", schema=_NAME, example="cats/tom.gif"
)
_PAGE_FILE = Parameter(
    name="file", where="path", note="A file of the page.", schema={"type": "string"}, example="main.js"
)
_LIST = (
    Parameter(name="state", where="query", note="Only these.", schema={"type": "string", "enum": [*STATES, ""]}),
    Parameter(
        name="prefix",
        where="query",
        note="Only those whose names begin like this, as a folder's do.",
        schema={"type": "string", "maxLength": 1024, "pattern": f"^{_PRINTABLE}*$"},
        example="cats/",
    ),
    Parameter(
        name="sort",
        where="query",
        note=f"By name, in pages; or the newest first, up to {MOST} on one page.",
        schema={"type": "string", "enum": [*SORTS, ""], "default": "name"},
    ),
    Parameter(
        name="limit",
        where="query",
        note="At most so many.",
        schema={"type": "integer", "minimum": 1, "maximum": MOST, "default": LIMIT},
    ),
    Parameter(
        name="cursor",
        where="query",
        note="The `next` of the page before.",
        schema={"type": "string", "pattern": "^[A-Za-z0-9_-]*$"},
    ),
)

ROUTES = (
    Route(
        method="GET",
        path="status",
        operation="list_videos",
        summary="How all videos are doing, how many there are, and the pool.",
        answers={200: Body(note="A page of videos.", type=ListAnswer)},
        errors=("InvalidState", "InvalidPrefix", "InvalidSort", "InvalidLimit", "InvalidCursor"),
        parameters=_LIST,
    ),
    Route(
        method="GET",
        path="status/{video}",
        operation="show_video",
        summary="How one video is doing, fresh from Batch and the node if it has not ended.",
        answers={200: Body(note="The video.", type=VideoAnswer)},
        errors=("InvalidName", "UnknownVideo"),
        parameters=(_VIDEO,),
    ),
    Route(
        method="POST",
        path="retry/{video}",
        operation="retry_video",
        summary="Another attempt for a failed video.",
        answers={200: Body(note="The video, as it is now.", type=VideoAnswer)},
        errors=("InvalidName", "UnknownVideo", "VideoGone", "NotFailed", "Changed"),
        parameters=(_VIDEO,),
    ),
    Route(
        method="POST",
        path="retry",
        operation="retry_failed",
        summary="Another attempt for all failed videos, or those that failed with one error.",
        answers={200: Body(note="How many.", type=RetriedAnswer)},
        errors=("InvalidError",),
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
        answers={
            200: Body(
                note="With `via=app`: the GIF.", content="image/gif", headers=("ETag", "Last-Modified", "Accept-Ranges")
            ),
            206: Body(
                note="With `via=app` and `Range`: that part, 8 MiB at most.",
                content="image/gif",
                headers=("ETag", "Last-Modified", "Accept-Ranges", "Content-Range"),
            ),
            302: Body(
                note="The link. Also with `via=app` if the GIF has more than 8 MiB and no range is asked for.",
                headers=("Location",),
            ),
            304: Body(note="With `via=app` and `If-None-Match`: it has not changed.", headers=("ETag",)),
        },
        errors=("InvalidName", "InvalidVia", "UnknownGif", "RangeNotSatisfiable"),
        parameters=(
            _GIF,
            Parameter(
                name="via",
                where="query",
                note="`app` for the bytes themselves: where the storage account cannot be reached, as from a page.",
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
        answers={
            200: Body(note="All is well.", type=HealthAnswer),
            503: Body(note="Something is not.", type=HealthAnswer),
        },
    ),
    Route(
        method="GET",
        path="openapi.json",
        operation="show_contract",
        summary="This description.",
        answers={200: Body(note="OpenAPI 3.1.", content="application/json")},
    ),
    Route(
        method="GET",
        path="dashboard",
        operation="show_page",
        summary="A page for people: videos, GIFs and the pool, live.",
        answers={200: Body(note="The page.", content="text/html")},
    ),
    Route(
        method="GET",
        path="dashboard/{file}",
        operation="show_page_file",
        summary="The page's style and script, which hold no data and need no key.",
        answers={
            200: Body(note="The file.", content="*/*", headers=("ETag",)),
            304: Body(note="It has not changed.", headers=("ETag",)),
        },
        errors=("UnknownFile",),
        parameters=(_PAGE_FILE,),
        public=True,
    ),
)
