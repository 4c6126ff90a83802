"""The last repairs, so that neither a restart nor another instance repeats them."""

from __future__ import annotations

import logging
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

from shared.lifecycle.pool_repair.decision import NODE_STEPS, Repair
from shared.lifecycle.state_blob import load_state, save_state

if TYPE_CHECKING:
    from shared.services.services import Services

log = logging.getLogger(__name__)

BLOB = ".reconciliation/repairs.json"
MAX_REPAIRS = 200
"""Repairs that are kept: more than the past that counts can hold in a few accounts."""


@dataclass(frozen=True, kw_only=True)
class Journal:
    """Past repairs, oldest first, and what the last look at each account found."""

    repairs: tuple[Repair, ...] = ()
    findings: tuple[str, ...] = ()
    etag: str | None = None
    """`None` where there is no journal yet."""


async def load_journal(services: Services) -> Journal:
    """The stored journal, or an empty one. Raises `ServiceError`."""
    state = await load_state(BLOB, services)
    if state.etag is None:
        return Journal()
    try:
        repairs = tuple(_repair(each) for each in state.value["repairs"])
        return Journal(repairs=repairs, findings=tuple(map(str, state.value["findings"])), etag=state.etag)
    except (ValueError, KeyError, TypeError):
        log.warning("the journal of repairs is damaged: it starts anew")
        return Journal(etag=state.etag)


async def save_journal(journal: Journal, services: Services) -> Journal:
    """Store the journal over the version that was read, and return it with its ETag.

    Raises `ConflictError` if another process has stored one meanwhile, and other `ServiceError`s.
    """
    body = {
        "repairs": [asdict(repair) | {"at": repair.at.isoformat()} for repair in journal.repairs[-MAX_REPAIRS:]],
        "findings": list(journal.findings),
    }
    return replace(journal, etag=await save_state(BLOB, body, services, expected_etag=journal.etag))


def _repair(stored: dict[str, str]) -> Repair:
    step = stored["step"]
    if step not in (*NODE_STEPS, "stop resize"):
        raise ValueError(f"unknown step {step!r}")
    return Repair(
        at=datetime.fromisoformat(stored["at"]),
        account=stored["account"],
        step=step,  # type: ignore[arg-type]  # checked above
        node=stored["node"],
        reason=stored["reason"],
        refused=stored["refused"],
    )
