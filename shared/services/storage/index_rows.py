"""The rows of the index: their keys and values, as pure functions.

Every video has two rows that change together. The *pointer* `video:<name in hex>.<hash>` is found by the video's name
and sorts like it; it names the *row* `<state>:<time>:<hash>:<attempt>`, which sorts by state, the newest first, and
holds what a list shows. `count:<writer>` has what one process has added to the number of videos in each state.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from shared.conversion import Conversion
from shared.services.storage.record_format import from_metadata, to_metadata

POINTERS = "video:"
COUNTERS = "count:"
MAX_KEY_NAME_BYTES = 200
"""Bytes of a name in its pointer's key: a key has at most 512 characters (1 KiB in UTF-16), and cannot hold
`/ \\ # ?`. Longer names are told apart by their hash."""
_LAST_MICROSECOND = 10**17 - 1
_STAGES = {"queued": 0, "running": 1, "succeeded": 2, "failed": 2}


@dataclass(frozen=True, kw_only=True)
class Pointer:
    """What the index knows of a video."""

    key: str
    row: str
    video: str
    conversion: str
    attempt: int
    queued_at: str
    modified: datetime

    @property
    def state(self) -> str:
        """The state that the row is filed under."""
        return self.row.partition(":")[0]

    def agrees_with(self, conversion: Conversion) -> bool:
        """Whether the index has this conversion in this state."""
        return (self.row, self.conversion, self.attempt) == (row_key(conversion), conversion.id, conversion.attempt)

    def is_newer_than(self, conversion: Conversion) -> bool:
        """Whether the index has this state of the video or a later one, as far as the order is known."""
        if self.conversion != conversion.id:
            return self.queued_at > _queued_at(conversion)
        return (self.attempt, _STAGES[self.state]) >= (conversion.attempt, _STAGES[conversion.state])


def pointer_key(video: str) -> str:
    """The key of a video's pointer. Keys sort like the first bytes of the names."""
    # A dot sorts before every hex digit, so that a name sorts before those that it begins.
    return f"{POINTERS}{video.encode()[:MAX_KEY_NAME_BYTES].hex()}.{_hash(video)}"


def row_key(conversion: Conversion) -> str:
    """The key of a conversion's row. It has the attempt, so that a late move of an earlier attempt finds no row."""
    queued = conversion.queued_at or datetime.fromtimestamp(0, UTC)
    age = _LAST_MICROSECOND - int(queued.timestamp() * 1_000_000)
    return f"{conversion.state}:{age:017}:{_hash(conversion.video)}:{conversion.attempt}"


def row_order(conversion: Conversion) -> str:
    """What conversions of all states are sorted by, the newest first."""
    return row_key(conversion).partition(":")[2]


def pointer_values(conversion: Conversion) -> dict[str, Any]:
    """The values of a conversion's pointer."""
    return {
        "video": conversion.video,
        "row": row_key(conversion),
        "conversion": conversion.id,
        "attempt": conversion.attempt,
        "queued_at": _queued_at(conversion),
    }


def pointer_from(key: str, values: Mapping[str, Any], modified: datetime) -> Pointer:
    """The pointer of an entity."""
    names = ("video", "row", "conversion", "attempt", "queued_at")
    return Pointer(key=key, modified=modified, **{name: values[name] for name in names})


def row_values(conversion: Conversion) -> dict[str, Any]:
    """The values of a conversion's row."""
    return {"video": conversion.video, "record": json.dumps(to_metadata(conversion))}


def conversion_from(values: Mapping[str, Any]) -> Conversion:
    """The conversion of a row. Raises `UnreadableRecordError`."""
    return from_metadata(values["video"], json.loads(values["record"]))


def _queued_at(conversion: Conversion) -> str:
    return conversion.queued_at.astimezone(UTC).isoformat(timespec="microseconds") if conversion.queued_at else ""


def _hash(video: str) -> str:
    return sha256(video.encode()).hexdigest()[:32]
