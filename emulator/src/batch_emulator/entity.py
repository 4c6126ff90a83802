"""The base of every resource: a wire document, an ETag, and a place in the order of creation."""

from __future__ import annotations

import itertools
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from batch_emulator import clock

if TYPE_CHECKING:
    from collections.abc import Callable

Doc = dict[str, Any]

_EPOCH_TICKS = 621_355_968_000_000_000
_sequence = itertools.count(1)
_last_tick = 0


def resume_after(seq: int) -> None:
    """Number new resources after those that were restored from the database."""
    global _sequence  # noqa: PLW0603
    _sequence = itertools.count(seq + 1)


def next_etag() -> str:
    """A unique ETag: ticks of 100 ns since the year 1."""
    global _last_tick  # noqa: PLW0603
    _last_tick = max(_last_tick + 1, time.time_ns() // 100 + _EPOCH_TICKS)
    return f"0x{_last_tick:X}"


def _not_stored(_entity: Entity) -> None:
    """Without a database, changes are not stored."""


@dataclass(slots=True, eq=False)
class Entity:
    """A resource: `doc` is at all times what a GET of it returns."""

    doc: Doc
    on_change: Callable[[Entity], None] = field(default=_not_stored, kw_only=True)
    seq: int = field(default_factory=lambda: next(_sequence), kw_only=True)

    @property
    def id(self) -> str:
        return str(self.doc["id"])

    @property
    def key(self) -> str:
        """The id as the account's dictionaries have it: ids are case-insensitive."""
        return self.id.lower()

    @property
    def state(self) -> str:
        return str(self.doc["state"])

    @property
    def etag(self) -> str:
        return str(self.doc["eTag"])

    def stored(self) -> Doc:
        """The document with what else must survive a restart."""
        return self.doc

    def save(self) -> None:
        """Store the document as it now is."""
        self.on_change(self)

    def touch(self) -> None:
        """Set a new ETag and modification time."""
        self.doc["eTag"] = next_etag()
        self.doc["lastModified"] = clock.now()
        self.save()

    def move_to(self, state: str) -> None:
        """Change the state and record the previous one."""
        doc = self.doc
        doc["previousState"], doc["previousStateTransitionTime"] = doc["state"], doc["stateTransitionTime"]
        doc["state"] = state
        self.touch()
        doc["stateTransitionTime"] = doc["lastModified"]


def created(doc: Doc, *, state: str) -> Doc:
    """`doc` with the properties that the service adds on creation."""
    stamp = clock.now()
    doc |= {"eTag": next_etag(), "lastModified": stamp, "creationTime": stamp}
    return doc | {"state": state, "stateTransitionTime": stamp}
