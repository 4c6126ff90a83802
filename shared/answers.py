"""The bodies that the API answers with. The OpenAPI description is made from these types.

A text beside a type is its description there, a pair a keyword of its JSON schema.
"""

from typing import Annotated, TypedDict

from shared.conversion import State

Moment = Annotated[str, "RFC 3339 in UTC, with milliseconds", ("format", "date-time")]
Fraction = Annotated[float, ("minimum", 0), ("maximum", 1)]
Count = Annotated[int, ("minimum", 0)]


class ErrorAnswer(TypedDict):
    """What went wrong."""

    code: Annotated[str, "stable, for programs"]
    message: Annotated[str, "a sentence, for people"]


class ErrorBody(TypedDict):
    """An answer that is an error."""

    error: ErrorAnswer


class GifAnswer(TypedDict):
    """A finished GIF."""

    name: Annotated[str, "its blob's name in the output container"]
    url: Annotated[str, "its blob's address, for whoever may read the storage account; see also GET gifs/{gif}"]
    bytes: Count
    width: Annotated[int, "pixels"]
    height: Annotated[int, "pixels"]
    frames: int
    duration_seconds: float


class TaskAnswer(TypedDict):
    """Where Batch does the work."""

    job_id: str | None
    task_id: str | None
    node_id: str | None


class VideoAnswer(TypedDict):
    """How one video is doing."""

    video: Annotated[str, "its blob's name in the input container"]
    state: State
    progress: Annotated[
        Fraction | None, "the part done of a running one if it can be told, 1 when it has succeeded, otherwise null"
    ]
    seconds_left: Annotated[float | None, "the converter's estimate for a running one", ("minimum", 0)]
    waiting_for: Annotated[str | None, "what a queued one waits for: the end of a sentence"]
    attempt: Annotated[int, "1, and more after trouble with a machine or a retry", ("minimum", 1)]
    gif: GifAnswer | None
    error: Annotated[ErrorAnswer | None, "why it failed"]
    queued_at: Moment | None
    started_at: Moment | None
    finished_at: Moment | None
    compute_seconds: Annotated[float | None, "time on nodes, all attempts together"]
    task: Annotated[TaskAnswer | None, "null where no task was needed"]


class SummaryAnswer(TypedDict):
    """How many videos are in which state."""

    queued: Count
    running: Count
    succeeded: Count
    failed: Count
    total: Count
    as_of: Annotated[Moment, "when they were counted"]


class NodesAnswer(TypedDict):
    """A number of nodes, by what they cost."""

    dedicated: int
    low_priority: int


class AutoscaleAnswer(TypedDict):
    """The last evaluation of the pool's autoscale formula."""

    at: Moment
    results: Annotated[str | None, "the formula's variables, as Batch gives them"]
    error: ErrorAnswer | None


class PoolAnswer(TypedDict):
    """The Batch pool. Where it cannot be read, `error` says why and most else is null or empty."""

    id: str
    state: str | None
    allocation_state: str | None
    nodes: NodesAnswer | None
    targets: NodesAnswer | None
    node_states: Annotated[dict[str, int], "how many nodes are in which of Batch's states; only those there are"]
    task_slots_per_node: int | None
    autoscale: Annotated[AutoscaleAnswer | None, "null where autoscale is off or has not run"]
    resize_errors: list[ErrorAnswer]
    start_task_failures: Annotated[list[ErrorAnswer], "of up to 5 nodes whose start task failed"]
    notes: Annotated[list[str], "the above in words, what matters most first"]
    error: ErrorAnswer | None
    as_of: Moment


class ListAnswer(TypedDict):
    """One page of videos, how many there are, and the pool."""

    videos: list[VideoAnswer]
    next: Annotated[str | None, "cursor of the next page; a page may be short, or even empty, with more to come"]
    summary: Annotated[SummaryAnswer | None, "null while they are being counted for the first time"]
    pool: PoolAnswer


class RetriedAnswer(TypedDict):
    """What a retry of many came to."""

    retried: Annotated[Count, "how many failed videos have been queued again"]


class CheckAnswer(TypedDict):
    """One thing that must hold for gifdrop to work."""

    name: str
    ok: bool
    message: Annotated[str, "what was found"]
    what_to_do: Annotated[str | None, "where it is not ok"]


class HealthAnswer(TypedDict):
    """Whether gifdrop can work, check by check."""

    ok: bool
    checks: list[CheckAnswer]
    as_of: Moment
