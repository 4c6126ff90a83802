"""A conversion as the outside sees it: the body of `GET status/{video}`, and the data of the results topic's events.

A string beside a type is its description in OpenAPI, a pair a keyword of its JSON schema.
"""

from typing import Annotated, Literal, TypedDict
from urllib.parse import quote

from shared.advice import ADVICE
from shared.conversion import NO_PROGRESS, Conversion, Gif, Problem, Progress, Source, State
from shared.options import NOT_KNOWN_PRESET
from shared.settings import Settings
from shared.timestamps import to_rfc3339

API = "/api"
"""Path of the API below the app's address."""

Moment = Annotated[str, "RFC 3339 in UTC, with milliseconds", ("format", "date-time")]
Fraction = Annotated[float, ("minimum", 0), ("maximum", 1)]
Count = Annotated[int, ("minimum", 0)]


class ErrorResponse(TypedDict):
    """What went wrong."""

    code: Annotated[str, "stable, for programs"]
    message: Annotated[str, "a sentence, for people"]


class VideoErrorResponse(TypedDict):
    """Why a video failed."""

    code: Annotated[str, "stable, for programs"]
    message: Annotated[str, "a sentence, for people"]
    retryable: Annotated[bool, "false where another attempt would fail alike"]
    advice: Annotated[str | None, "what helps where another attempt does not"]


class ExtraResponse(TypedDict):
    """A file beside a GIF."""

    kind: Literal["poster", "webp"]
    name: Annotated[str, "its blob's name in the output container"]
    url: Annotated[str, "its blob's address; GET gifs/{gif} takes its name, too"]
    bytes: Count
    width: Annotated[int, "pixels"]
    height: Annotated[int, "pixels"]


class GifResponse(TypedDict):
    """A finished GIF."""

    name: Annotated[str, "its blob's name in the output container"]
    url: Annotated[str, "its blob's address, for readers of the storage account; see also GET gifs/{gif}"]
    bytes: Count
    width: Annotated[int, "pixels"]
    height: Annotated[int, "pixels"]
    frames: int
    duration_seconds: float
    also: Annotated[list[ExtraResponse], "the files beside it that were asked for, made of the same frames"]


class SourceResponse(TypedDict):
    """The video, as far as it is known."""

    bytes: Count | None
    duration_seconds: float | None
    width: Annotated[int | None, "pixels"]
    height: Annotated[int | None, "pixels"]
    fps: float | None
    codec: str | None


class LinksResponse(TypedDict):
    """Addresses below the app's, for callers with a key; null where there is nothing."""

    self: str
    gif: str | None
    poster: str | None
    webp: str | None
    log: Annotated[str | None, "output of the converter, if its task failed"]


class TaskResponse(TypedDict):
    """The Batch task that converts the video."""

    job_id: str | None
    task_id: str | None
    node_id: str | None


class VideoResponse(TypedDict):
    """The status of one video."""

    video: Annotated[str, "its blob's name in the input container"]
    state: State
    progress: Annotated[
        Fraction | None, "the part done of a running one where it is known, 1 when it has succeeded, otherwise null"
    ]
    seconds_left: Annotated[float | None, "the converter's estimate for a running one", ("minimum", 0)]
    waiting_for: Annotated[str | None, "what a queued one waits for: the end of a sentence"]
    attempt: Annotated[int, "1, and more after a failure of a node or a retry", ("minimum", 1)]
    gif: GifResponse | None
    source: Annotated[SourceResponse | None, "null for videos of earlier versions"]
    options: Annotated[
        dict[str, object] | None,
        "the options of this attempt; one that is missing is left to the preset. Null in lists of earlier videos",
    ]
    notes: Annotated[list[str], "where the GIF differs from what was asked for"]
    warnings: Annotated[list[str], "what is wrong with the video's metadata although it can be converted"]
    error: Annotated[VideoErrorResponse | None, "why it failed"]
    queued_at: Moment | None
    started_at: Moment | None
    finished_at: Moment | None
    compute_seconds: Annotated[float | None, "time on nodes, all attempts together"]
    cost: Annotated[
        float | None,
        "USD for `compute_seconds` at the operator's price of a node; null without a price",
        ("minimum", 0),
    ]
    task: Annotated[TaskResponse | None, "null where no task was needed"]
    links: LinksResponse


def represent(
    conversion: Conversion, settings: Settings, *, progress: Progress = NO_PROGRESS, waiting_for: str | None = None
) -> VideoResponse:
    """The representation of a conversion; `waiting_for` is shown if it is queued."""
    gif, error = conversion.gif, conversion.error
    return {
        "video": conversion.video,
        "state": conversion.state,
        "progress": 1.0 if conversion.state == "succeeded" else progress.fraction,
        "seconds_left": progress.seconds_left,
        "waiting_for": waiting_for if conversion.state == "queued" else None,
        "attempt": conversion.attempt,
        "gif": _gif(gif, settings) if gif else None,
        "source": _source(conversion.source) if conversion.source else None,
        "options": conversion.options.to_json() if conversion.options.preset != NOT_KNOWN_PRESET else None,
        "notes": list(conversion.notes),
        "warnings": list(conversion.warnings),
        "error": _error(error) if error else None,
        "queued_at": to_rfc3339(conversion.queued_at) if conversion.queued_at else None,
        "started_at": to_rfc3339(conversion.started_at) if conversion.started_at else None,
        "finished_at": to_rfc3339(conversion.finished_at) if conversion.finished_at else None,
        "compute_seconds": conversion.compute_seconds,
        "cost": cost_of(conversion.compute_seconds, settings),
        "task": {"job_id": conversion.job_id, "task_id": conversion.task_id, "node_id": conversion.node_id}
        if conversion.task_id
        else None,
        "links": _links(conversion, settings),
    }


def _links(conversion: Conversion, settings: Settings) -> LinksResponse:
    gif, error = conversion.gif, conversion.error
    # The task of a video that was only rejected did not fail, and uploads no log.
    task_failed = error is not None and (error.code not in ADVICE or error.code == "TookTooLong")
    has_log = conversion.task_id and conversion.final and (task_failed or settings.logs == "always")
    beside = {extra.kind: f"{API}/gifs/{quote(extra.name)}" for extra in gif.also} if gif else {}
    return {
        "self": f"{API}/status/{quote(conversion.video)}",
        "gif": f"{API}/gifs/{quote(gif.name)}" if gif else None,
        "poster": beside.get("poster"),
        "webp": beside.get("webp"),
        "log": f"{API}/logs/{quote(conversion.video)}" if has_log else None,
    }


def _gif(gif: Gif, settings: Settings) -> GifResponse:
    return {
        "name": gif.name,
        "url": _url(gif.name, settings),
        "bytes": gif.bytes,
        "width": gif.width,
        "height": gif.height,
        "frames": gif.frames,
        "duration_seconds": gif.duration_seconds,
        "also": [
            {
                "kind": "poster" if extra.kind == "poster" else "webp",
                "name": extra.name,
                "url": _url(extra.name, settings),
                "bytes": extra.bytes,
                "width": extra.width,
                "height": extra.height,
            }
            for extra in gif.also
        ],
    }


def _url(name: str, settings: Settings) -> str:
    return f"{settings.storage_url}/{settings.output_container}/{quote(name)}"


def _error(error: Problem) -> VideoErrorResponse:
    advice = ADVICE.get(error.code)
    return {"code": error.code, "message": error.message, "retryable": advice is None, "advice": advice}


def _source(source: Source) -> SourceResponse:
    return {
        "bytes": source.bytes,
        "duration_seconds": source.duration_seconds,
        "width": source.width,
        "height": source.height,
        "fps": source.fps,
        "codec": source.codec,
    }


def cost_of(compute_seconds: float | None, settings: Settings) -> float | None:
    """USD for the share of a node that a task has, for so long; `None` without a price."""
    if compute_seconds is None or settings.node_price is None:
        return None
    return round(compute_seconds / 3600 * settings.node_price / settings.task_slots, 6)
