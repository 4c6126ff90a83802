"""Where a comparison of videos and records stopped: a blob beside the records, so that the next one continues."""

from __future__ import annotations

import json
import logging
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from shared.services.errors import ConflictError, NotFoundError

if TYPE_CHECKING:
    from shared.services.services import Services

log = logging.getLogger(__name__)

BLOB = ".reconciliation/cursor.json"


@dataclass(frozen=True, kw_only=True)
class Cursor:
    """A place in both listings: a marker of each, and the last name that was compared behind them."""

    videos: str | None = None
    records: str | None = None
    after: str = ""


async def load_cursor(services: Services) -> Cursor:
    """The stored cursor, or the beginning. Raises `ServiceError`."""
    try:
        content = await services.rest.read(services.settings.records_container, BLOB)
        match json.loads(content.body):
            case {"videos": str() | None as videos, "records": str() | None as records, "after": str() as after}:
                return Cursor(videos=videos, records=records, after=after)
    except NotFoundError:
        return Cursor()
    except ValueError:
        pass
    log.warning("the reconciliation's cursor is damaged: it starts at the beginning")
    return Cursor()


async def save_cursor(cursor: Cursor, services: Services) -> None:
    """Store the cursor. Raises `ServiceError`."""
    container = services.settings.records_container
    try:
        await services.rest.write(
            container,
            BLOB,
            json.dumps(asdict(cursor)).encode(),
            content_type="application/json",
            metadata={},
            expected_etag=await services.rest.etag(container, BLOB),
        )
    except ConflictError:
        log.info("another reconciliation has stored its cursor")
