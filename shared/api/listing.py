"""`GET status`: many conversions from one listing, with a summary and the pool."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from typing import TYPE_CHECKING

from shared.api.errors import ApiError
from shared.api.http import revalidated
from shared.api.list_query import MAX_LISTING_REQUESTS, Cursor, encode_cursor, parse_query
from shared.api.pool import waiting_for
from shared.representation import represent
from shared.services.errors import ServiceError
from shared.services.storage.blob import MAX_PAGE_BLOBS
from shared.services.storage.records import from_listing

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from shared.api.http import Response
    from shared.api.list_query import Query
    from shared.api.pool import PoolReader
    from shared.api.schemas import ListResponse
    from shared.api.status import StatusReader
    from shared.api.summary import Summaries
    from shared.conversion import Conversion
    from shared.representation import VideoResponse
    from shared.services.services import Services
    from shared.services.storage.blob import Blob


class ListReader:
    """Lists conversions."""

    def __init__(self, services: Services, statuses: StatusReader, summaries: Summaries, pool: PoolReader) -> None:
        self._services = services
        self._statuses = statuses
        self._summaries = summaries
        self._pool = pool

    async def list_videos(self, parameters: Mapping[str, str]) -> ListResponse:
        """One page of conversions, the counts of all that match the prefix, and the pool.

        By name, a page is one request to the records. Of a state it is one request to the index, the newest first. Of
        a state and a prefix it is up to `MAX_LISTING_REQUESTS` to the records, and may be short, or empty, with more to
        come. Raises `ApiError` and `ServiceError`.
        """
        query = parse_query(parameters)
        (found, following), summary, pool = await asyncio.gather(
            self._found(query),
            self._summaries.summary(query.prefix) if "summary" in query.include else _nothing(),
            self._pool.current() if "pool" in query.include else _nothing(),
        )
        known_pool = pool or self._pool.recent()
        waiting = waiting_for(known_pool) if known_pool else None
        return {
            "videos": [self._video(conversion, waiting) for conversion in found],
            "next": encode_cursor(following) if following else None,
            "summary": summary,
            "pool": pool,
        }

    def _video(self, conversion: Conversion, waiting: str | None) -> VideoResponse:
        recent = None if conversion.final else self._statuses.recent(conversion.video)
        if recent and recent["attempt"] >= conversion.attempt:
            return recent
        return represent(conversion, self._services.settings, waiting_for=waiting)

    async def _found(self, query: Query) -> tuple[list[Conversion], Cursor | None]:
        if query.sort == "newest":
            return await self._summaries.newest(query.prefix, query.state, query.limit), None
        if query.state is None or query.prefix:
            return await self._page_by_name(query)
        with _cursor_errors(query.cursor):
            found, marker = await self._services.index.page(query.state, limit=query.limit, marker=query.cursor.marker)
        return found, Cursor(marker=marker) if marker else None

    async def _page_by_name(self, query: Query) -> tuple[list[Conversion], Cursor | None]:
        found: list[Conversion] = []
        cursor = query.cursor
        limit = query.limit if query.state is None and not cursor.after else MAX_PAGE_BLOBS
        for _ in range(MAX_LISTING_REQUESTS):
            with _cursor_errors(cursor):
                page = await self._services.rest.list_page(
                    self._services.settings.records_container, prefix=query.prefix, marker=cursor.marker, limit=limit
                )
            for blob in _following(page.blobs, cursor.after):
                conversion = from_listing(blob)
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


async def list_response(reader: ListReader, parameters: Mapping[str, str], headers: Mapping[str, str]) -> Response:
    """A page with a weak ETag, which does not depend on when something was read. Raises as `list_videos` does."""
    body = await reader.list_videos(parameters)
    same = [body["videos"], body["next"], *(_without_time(part) for part in (body["summary"], body["pool"]))]
    return revalidated(body, headers, same=same)


def _without_time(part: Mapping[str, object] | None) -> dict[str, object]:
    return {name: value for name, value in (part or {}).items() if name != "as_of"}


async def _nothing() -> None:
    return None


@contextmanager
def _cursor_errors(cursor: Cursor) -> Iterator[None]:
    """Raise `ApiError` `InvalidCursor` where a service does not accept the caller's cursor."""
    try:
        yield
    except ServiceError as error:
        if error.status == 400 and cursor.marker:
            raise ApiError("InvalidCursor", "cursor must be the next of an earlier response.") from error
        raise


def _following(blobs: list[Blob], after: str | None) -> list[Blob]:
    """The blobs after the one named `after`. Names are compared only where that blob was deleted since."""
    if after is None:
        return blobs
    for number, blob in enumerate(blobs):
        if blob.name == after:
            return blobs[number + 1 :]
    return [blob for blob in blobs if blob.name > after]
