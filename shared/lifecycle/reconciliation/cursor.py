"""Where a comparison of videos and records stopped, so that the next one continues."""

from __future__ import annotations

import logging
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from shared.lifecycle.state_blob import load_state, save_state
from shared.services.errors import ConflictError

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
    state = await load_state(BLOB, services)
    if state.etag is None:
        return Cursor()
    match state.value:
        case {"videos": str() | None as videos, "records": str() | None as records, "after": str() as after}:
            return Cursor(videos=videos, records=records, after=after)
    log.warning("the reconciliation's cursor is damaged: it starts at the beginning")
    return Cursor()


async def save_cursor(cursor: Cursor, services: Services) -> None:
    """Store the cursor. Raises `ServiceError`."""
    stored = await load_state(BLOB, services)
    try:
        await save_state(BLOB, asdict(cursor), services, expected_etag=stored.etag)
    except ConflictError:
        log.info("another reconciliation has stored its cursor")
