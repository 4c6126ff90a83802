"""The JSON bodies of the API. The OpenAPI description is generated from these types.

A string beside a type is its description there, a pair a keyword of its JSON schema.
"""

from typing import Annotated, TypedDict

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
    summary: Annotated[SummaryResponse | None, "null where more than 20,000 have the prefix"]
    pool: PoolResponse


class RetriedResponse(TypedDict):
    """The result of a retry of many."""

    retried: Annotated[Count, "how many failed videos were queued again"]


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
