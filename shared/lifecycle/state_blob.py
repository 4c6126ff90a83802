"""What a timer keeps between its runs: a JSON blob beside the records, changed only under an ETag condition."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from shared.services.errors import NotFoundError

if TYPE_CHECKING:
    from shared.services.services import Services


@dataclass(frozen=True, kw_only=True)
class State:
    """A state as it was read."""

    value: Any = None
    """`None` where there is none, or none that is JSON."""
    etag: str | None = None
    """`None` where there is none."""


async def load_state(name: str, services: Services) -> State:
    """The state in a blob. Raises `ServiceError`."""
    try:
        content = await services.rest.read(services.settings.records_container, name)
    except NotFoundError:
        return State()
    try:
        return State(value=json.loads(content.body), etag=content.etag)
    except ValueError:
        return State(etag=content.etag)


async def save_state(name: str, value: object, services: Services, *, expected_etag: str | None) -> str:
    """Store a state over the version with `expected_etag`, `None` for a new one, and return its ETag.

    Raises `ConflictError` if another process has stored one meanwhile, and other `ServiceError`s.
    """
    return await services.rest.write(
        services.settings.records_container,
        name,
        json.dumps(value).encode(),
        content_type="application/json",
        metadata={},
        expected_etag=expected_etag,
    )
