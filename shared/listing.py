"""Many conversions at once, from the records' listing alone, with a summary and the pool's state."""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

from shared.api import ApiError
from shared.blobs import PAGE, list_page
from shared.conversion import STATES, Conversion, State
from shared.pool import pool_status, waiting_for
from shared.records import brief
from shared.status import last_seen
from shared.summary import scan_of
from shared.view import view

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shared.answers import ListAnswer, VideoAnswer
    from shared.blobs import Blob
    from shared.clients import Clients

LIMIT, MOST = 100, 1000
REACH = 4
"""Listing requests that one page may cost when it is filtered by state: 20,000 records."""
Sort = Literal["name", "newest"]
SORTS: tuple[Sort, ...] = get_args(Sort)


@dataclass(frozen=True, kw_only=True)
class Cursor:
    """Where a page begins: a place in storage's own listing, and the last name given of what follows there."""

    marker: str | None = None
    after: str | None = None


@dataclass(frozen=True, kw_only=True)
class Query:
    """What a caller asks of the list."""

    state: State | None = None
    prefix: str = ""
    sort: Sort = "name"
    limit: int = LIMIT
    cursor: Cursor = Cursor()


def query_from(parameters: Mapping[str, str]) -> Query:
    """The query of a request's parameters.

    Raises `ApiError` 400: `InvalidState`, `InvalidSort`, `InvalidLimit`, `InvalidPrefix`, `InvalidCursor`.
    """
    state = parameters.get("state") or None
    if state is not None and state not in STATES:
        raise ApiError(400, "InvalidState", f"state must be one of {', '.join(STATES)}.")
    sort = parameters.get("sort") or "name"
    if sort not in SORTS:
        raise ApiError(400, "InvalidSort", f"sort must be one of {', '.join(SORTS)}.")
    limit = parameters.get("limit") or str(LIMIT)
    if not (limit.isascii() and limit.isdigit() and len(limit) <= 4 and 1 <= int(limit) <= MOST):
        raise ApiError(400, "InvalidLimit", f"limit must be a whole number from 1 to {MOST}.")
    prefix = parameters.get("prefix") or ""
    if len(prefix) > 1024 or any(ord(character) < 32 or 0x7F <= ord(character) < 0xA0 for character in prefix):
        raise ApiError(400, "InvalidPrefix", "No blob's name can begin like this.")
    cursor = parameters.get("cursor") or ""
    if cursor and sort == "newest":
        raise ApiError(400, "InvalidCursor", "The newest come on one page, without a cursor.")
    return Query(
        state=state,
        prefix=prefix,
        sort=sort,
        limit=int(limit),
        cursor=from_text(cursor) if cursor else Cursor(),
    )


async def list_statuses(parameters: Mapping[str, str], clients: Clients) -> ListAnswer:
    """One page of conversions, the counts of all that match the prefix, and the pool.

    A page by name costs one listing request, and at most `REACH` when filtered by state; then it may be short, or
    empty, with more to come. The newest, the counts and the pool are shared by all who ask within some seconds.
    """
    query = query_from(parameters)
    if query.sort == "newest":
        scan, pool = await asyncio.gather(scan_of(query.prefix, clients), pool_status(clients))
        found, following = scan.latest(query.state, query.limit) if scan else [], None
    else:
        (found, following), scan, pool = await asyncio.gather(
            _page(query, clients), scan_of(query.prefix, clients), pool_status(clients)
        )
    waits = waiting_for(pool)
    return {
        "videos": [_brief(conversion, clients, waits) for conversion in found],
        "next": to_text(following) if following else None,
        "summary": scan.summary() if scan else None,
        "pool": pool,
    }


def _brief(conversion: Conversion, clients: Clients, waits: str) -> VideoAnswer:
    seen = None if conversion.final else last_seen(conversion.video, clients)
    if seen and seen["attempt"] >= conversion.attempt:
        return seen
    return view(conversion, clients, waits=waits)


async def _page(query: Query, clients: Clients) -> tuple[list[Conversion], Cursor | None]:
    from azure.core.exceptions import HttpResponseError

    found: list[Conversion] = []
    cursor = query.cursor
    size = query.limit if query.state is None and not cursor.after else PAGE
    for _ in range(REACH):
        try:
            page = await list_page(
                clients,
                clients.settings.records_container,
                prefix=query.prefix,
                marker=cursor.marker,
                limit=size,
            )
        except HttpResponseError as error:
            if error.status_code == 400 and cursor.marker:
                raise ApiError(400, "InvalidCursor", "cursor must be the next of an earlier answer.") from error
            raise
        for blob in _rest(page.blobs, cursor.after):
            conversion = brief(blob)
            if conversion is None or query.state not in (None, conversion.state):
                continue
            if len(found) == query.limit:
                return found, Cursor(marker=cursor.marker, after=found[-1].video)
            found.append(conversion)
        if page.marker is None:
            return found, None
        cursor = Cursor(marker=page.marker)
        if len(found) == query.limit:
            break
    return found, cursor


def _rest(blobs: list[Blob], after: str | None) -> list[Blob]:
    """What follows a name in a listing. Names are compared only where that one has gone since."""
    if after is None:
        return blobs
    for number, blob in enumerate(blobs):
        if blob.name == after:
            return blobs[number + 1 :]
    return [blob for blob in blobs if blob.name > after]


def to_text(cursor: Cursor) -> str:
    """A cursor as callers see it: opaque, safe in a URL."""
    body = json.dumps([cursor.marker, cursor.after], separators=(",", ":"))
    return base64.urlsafe_b64encode(body.encode()).decode().rstrip("=")


def from_text(text: str) -> Cursor:
    """The cursor that `to_text` wrote. Raises `ApiError` 400 `InvalidCursor`."""
    try:
        match json.loads(base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)):
            case [str() | None as marker, str() | None as after] if len(marker or "") + len(after or "") <= 8192:
                return Cursor(marker=marker, after=after)
    except (ValueError, binascii.Error, RecursionError):
        pass
    raise ApiError(400, "InvalidCursor", "cursor must be the next of an earlier answer.")
