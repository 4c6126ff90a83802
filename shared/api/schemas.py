"""The JSON bodies of the API. The OpenAPI description is generated from these types.

A string beside a type is its description there, a pair a keyword of its JSON schema.
"""

from typing import Annotated, Literal, NotRequired, TypedDict

from shared.representation import Count, ErrorResponse, Moment, VideoResponse


class Problem(TypedDict):
    """The body of a response that is an error: problem details (RFC 9457)."""

    type: Annotated[str, "a URN that ends in `code`"]
    title: Annotated[str, "what the code means"]
    status: Annotated[int, "the HTTP status"]
    detail: Annotated[str, "a sentence, for people"]
    code: Annotated[str, "stable, for programs"]
    request_id: Annotated[str, "to be quoted in a report; also in the header X-Request-Id, and in the app's log"]
    error: Annotated[ErrorResponse, "`code` and `detail` again, as in earlier versions"]


class SummaryResponse(TypedDict):
    """How many videos are in which state."""

    queued: Count
    running: Count
    succeeded: Count
    failed: Count
    total: Count
    as_of: Annotated[Moment, "when they were counted"]


class NodesResponse(TypedDict):
    """A number of nodes of each price."""

    dedicated: int
    low_priority: int


class AutoscaleResponse(TypedDict):
    """The last evaluation of the pool's autoscale formula."""

    at: Moment
    results: Annotated[str | None, "the formula's variables, as Batch prints them"]
    error: ErrorResponse | None


class PoolResponse(TypedDict):
    """The Batch pool. Where it cannot be read, `error` says why and most other fields are null or empty."""

    id: str
    state: str | None
    allocation_state: str | None
    nodes: NodesResponse | None
    targets: NodesResponse | None
    node_states: Annotated[dict[str, int], "how many nodes are in which of Batch's states; only states with nodes"]
    task_slots_per_node: int | None
    autoscale: Annotated[AutoscaleResponse | None, "null where autoscale is off or has not run"]
    resize_errors: list[ErrorResponse]
    start_task_failures: Annotated[list[ErrorResponse], "of up to 5 nodes whose start task failed"]
    notes: Annotated[list[str], "the above in sentences, the most important first"]
    error: ErrorResponse | None
    as_of: Moment


class ListResponse(TypedDict):
    """One page of videos, how many there are, and the pool."""

    videos: list[VideoResponse]
    next: Annotated[str | None, "cursor of the next page; a page may be short, or even empty, with more to come"]
    summary: Annotated[SummaryResponse | None, "null if it is not included, and where more than 20,000 have the prefix"]
    pool: Annotated[PoolResponse | None, "null if it is not included"]


class LinkResponse(TypedDict):
    """A link that works without a key."""

    url: str
    expires_at: Moment


class UploadRequest(TypedDict):
    """A video to be uploaded."""

    name: Annotated[str, "its blob's name", ("minLength", 1), ("maxLength", 1024)]
    bytes: Annotated[int, ("minimum", 1)]
    options: NotRequired[Annotated[dict[str, object], "as in metadata, without `gif_`: `width`, `fps`, …"]]
    overwrite: NotRequired[Annotated[bool, "whether a video of this name may be replaced; default false"]]


class UploadResponse(TypedDict):
    """A link that uploads one video, and the request to send."""

    video: str
    url: Annotated[str, "signed: treat it as a password until it expires"]
    method: Literal["PUT"]
    headers: Annotated[dict[str, str], "to be sent as they are; they carry the options"]
    max_bytes: Annotated[Count, "a larger video is refused after the upload"]
    expires_at: Annotated[Moment, "by when the upload must begin"]
    status: Annotated[str, "path of the video's status"]


class RetryRequest(TypedDict):
    """How to convert a video again."""

    options: NotRequired[
        Annotated[dict[str, object], "instead of those in the metadata; as in metadata, without `gif_`"]
    ]


class RetriedResponse(TypedDict):
    """The result of a retry of many."""

    retried: Annotated[Count, "how many failed videos were queued again"]


class QuantilesResponse(TypedDict):
    """How values are distributed."""

    median: Annotated[float, ("minimum", 0)]
    p95: Annotated[float, "95 of 100 are at most this", ("minimum", 0)]


class CodeCount(TypedDict):
    """How often an error occurred."""

    code: str
    count: Count


class StatsResponse(TypedDict):
    """How well gifdrop has done in the last hours."""

    hours: Annotated[int, "how many hours the figures are about, by when conversions ended"]
    complete: Annotated[bool, "false if there were more than 1000 of a state: the figures are of the newest then"]
    succeeded: Count
    failed: Count
    last_hour: Annotated[Count, "how many ended in the last hour"]
    wait_seconds: Annotated[QuantilesResponse | None, "from upload to start, of first attempts"]
    compute_seconds: Annotated[QuantilesResponse | None, "time on nodes of those that succeeded"]
    errors: Annotated[list[CodeCount], "of those that failed, the most frequent first, 20 at most"]
    cost: Annotated[float | None, "USD for the time on nodes; null without a price", ("minimum", 0)]
    backlog: Annotated[Count, "videos that are queued or running"]
    backlog_ends_at: Annotated[Moment | None, "at the rate of the last hour; null if it is empty, or nothing ended"]
    as_of: Moment


class CheckResponse(TypedDict):
    """One check of what gifdrop needs."""

    name: str
    ok: bool
    message: Annotated[str, "what was found"]
    what_to_do: Annotated[str | None, "where it is not ok"]


class HealthResponse(TypedDict):
    """Whether gifdrop can work, check by check."""

    ok: bool
    checks: list[CheckResponse]
    as_of: Moment


class UserResponse(TypedDict):
    """Who has signed in."""

    sign_in: Annotated[bool, "whether the deployment has sign-in"]
    name: Annotated[str | None, "null if nobody has signed in"]
    roles: Annotated[list[str], "app roles of the person: `Viewer`, `Operator`"]
