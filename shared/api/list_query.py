"""The query of `GET status`: its parameters, checked, and the cursor between pages."""

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

from shared.api.errors import ApiError
from shared.api.parameters import has_control_characters, whole_number
from shared.conversion import STATES, State

DEFAULT_LIMIT, MAX_LIMIT = 100, 1000
"""Videos on a page."""
MAX_LISTING_REQUESTS = 4
"""Listing requests that one response may cost: 20,000 records."""
MAX_PREFIX_CHARS = 1024
MAX_CURSOR_CHARS = 8192

PARTS = ("videos", "summary", "pool")
"""What a response can include; the videos always are."""
Sort = Literal["name", "newest"]
SORTS: tuple[Sort, ...] = get_args(Sort)


@dataclass(frozen=True, kw_only=True)
class Cursor:
    """Where a page begins: a marker of storage's listing, and the last name returned of what follows there."""

    marker: str | None = None
    after: str | None = None


@dataclass(frozen=True, kw_only=True)
class Query:
    """What a caller asks of the list."""

    state: State | None = None
    prefix: str = ""
    sort: Sort = "name"
    limit: int = DEFAULT_LIMIT
    cursor: Cursor = Cursor()
    include: frozenset[str] = frozenset(PARTS)


def parse_query(parameters: Mapping[str, str]) -> Query:
    """The query in a request's parameters.

    Raises `ApiError`: `InvalidState`, `InvalidSort`, `InvalidLimit`, `InvalidPrefix`, `InvalidCursor`,
    `InvalidInclude`.
    """
    state = parameters.get("state") or None
    if state is not None and state not in STATES:
        raise ApiError("InvalidState", f"state must be one of {', '.join(STATES)}.")
    sort = parameters.get("sort") or "name"
    if sort not in SORTS:
        raise ApiError("InvalidSort", f"sort must be one of {', '.join(SORTS)}.")
    limit = whole_number(parameters, "limit", "InvalidLimit", maximum=MAX_LIMIT) or DEFAULT_LIMIT
    prefix = parameters.get("prefix") or ""
    if len(prefix) > MAX_PREFIX_CHARS or has_control_characters(prefix):
        raise ApiError("InvalidPrefix", "No blob's name can begin with this prefix.")
    cursor = parameters.get("cursor") or ""
    if cursor and sort == "newest":
        raise ApiError("InvalidCursor", "sort=newest returns one page and takes no cursor.")
    include = parameters.get("include") or ",".join(PARTS)
    if len(include) > MAX_PREFIX_CHARS or not set(include.split(",")) <= set(PARTS):
        raise ApiError("InvalidInclude", f"include must be some of {', '.join(PARTS)}, with commas between them.")
    return Query(
        state=state,
        prefix=prefix,
        sort=sort,
        limit=limit,
        cursor=decode_cursor(cursor) if cursor else Cursor(),
        include=frozenset(include.split(",")),
    )


def encode_cursor(cursor: Cursor) -> str:
    """A cursor as callers see it: opaque, safe in a URL."""
    body = json.dumps([cursor.marker, cursor.after], separators=(",", ":"))
    return base64.urlsafe_b64encode(body.encode()).decode().rstrip("=")


def decode_cursor(text: str) -> Cursor:
    """The cursor that `encode_cursor` wrote. Raises `ApiError` `InvalidCursor`."""
    try:
        match json.loads(base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)):
            case [str() | None as marker, str() | None as after] if (
                len(marker or "") + len(after or "") <= MAX_CURSOR_CHARS
            ):
                return Cursor(marker=marker, after=after)
    except (ValueError, binascii.Error, RecursionError):
        pass
    raise ApiError("InvalidCursor", "cursor must be the next of an earlier response.")
