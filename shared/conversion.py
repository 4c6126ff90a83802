"""The conversion: what is known of turning one version of one video into a GIF, and its two stored forms."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, datetime
from typing import Any, Literal, get_args
from urllib.parse import quote, unquote

from shared.options import Options

State = Literal["queued", "running", "succeeded", "failed"]
STATES: tuple[State, ...] = get_args(State)
FINAL: tuple[State, ...] = ("succeeded", "failed")


class UnreadableRecordError(Exception):
    """A stored record is not what gifdrop writes: damaged, or written by somebody else."""


@dataclass(frozen=True, kw_only=True)
class Gif:
    """A finished GIF, as measured by the converter and verified by the app."""

    name: str
    bytes: int
    width: int
    height: int
    frames: int
    duration_seconds: float


@dataclass(frozen=True, kw_only=True)
class Problem:
    """Why there is no GIF: a stable code for programs and a sentence for people."""

    code: str
    message: str


@dataclass(frozen=True, kw_only=True)
class Conversion:
    """One version of one video on its way to a GIF."""

    video: str
    """Name of the input blob; the record's blob bears the same name."""
    etag: str
    """ETag of the input blob's version, without quotes."""
    id: str
    state: State = "queued"
    attempt: int = 1
    options: Options = field(default_factory=Options)
    retries_left: int = 2
    """How often the machine's trouble may be answered with another attempt."""
    preempted: int = 0
    """How often a node was lost in mid-work and Batch queued this attempt's task again by itself."""
    batch_url: str | None = None
    """Endpoint of the Batch account whose job has the task."""
    job_id: str | None = None
    task_id: str | None = None
    node_id: str | None = None
    queued_at: datetime | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    compute_seconds: float | None = None
    """Time that tasks of this conversion have spent on nodes."""
    gif: Gif | None = None
    error: Problem | None = None

    @property
    def final(self) -> bool:
        return self.state in FINAL


def now() -> datetime:
    """The present, as a record holds it."""
    return as_stored(datetime.now(UTC))


def as_stored(moment: datetime) -> datetime:
    """A moment to the millisecond, as a record holds it: one that is read back is equal."""
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def to_json(conversion: Conversion) -> bytes:
    """The record's body."""
    values = asdict(conversion) | {"options": conversion.options.to_json()}
    return json.dumps(values, default=timestamp, ensure_ascii=False).encode()


def from_json(body: bytes) -> Conversion:
    """The conversion of a record's body. Raises `UnreadableRecordError`."""
    try:
        values = json.loads(body)
        return _conversion(values | {"options": Options(**values["options"])})
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise UnreadableRecordError(str(error)) from error


BRIEF = tuple(f.name for f in fields(Conversion) if f.name not in ("video", "options"))
"""What also stands in the record's metadata, so that listing conversions opens no record."""


def to_metadata(conversion: Conversion) -> dict[str, str]:
    """The fields of `BRIEF` that are set, as header-safe text: metadata must be ASCII and is limited to 8 KiB."""
    metadata = {}
    for name in BRIEF:
        value = getattr(conversion, name)
        if isinstance(value, Problem):
            metadata["error_code"] = value.code
            metadata["error_message"] = quote(value.message[:600], safe=" '(),:")
        elif isinstance(value, Gif):
            values = asdict(value)
            del values["name"]  # follows from the video's
            metadata[name] = json.dumps(values)
        elif value is not None:
            metadata[name] = timestamp(value) if isinstance(value, datetime) else str(value)
    return metadata


def from_metadata(video: str, metadata: Mapping[str, str], gif: str) -> Conversion:
    """The conversion as its record's metadata tells it; `options` are left out. Raises `UnreadableRecordError`."""
    try:
        values: dict[str, Any] = {name: metadata[name] for name in BRIEF if name in metadata}
        for name in ("attempt", "retries_left", "preempted"):
            if name in values:
                values[name] = int(values[name])
        if "compute_seconds" in values:
            values["compute_seconds"] = float(values["compute_seconds"])
        if "gif" in values:
            values["gif"] = {"name": gif} | json.loads(values["gif"])
        if "error_code" in metadata:
            values["error"] = {"code": metadata["error_code"], "message": unquote(metadata["error_message"])}
        return _conversion(values | {"video": video})
    except (ValueError, TypeError, KeyError) as error:
        raise UnreadableRecordError(str(error)) from error


def timestamp(moment: datetime) -> str:
    """RFC 3339 in UTC with milliseconds: `2026-11-21T10:20:30.123Z`."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _conversion(values: dict[str, Any]) -> Conversion:
    for name in ("queued_at", "started_at", "finished_at"):
        if values.get(name) is not None:
            values[name] = datetime.fromisoformat(values[name])
    if values.get("gif") is not None:
        values["gif"] = Gif(**values["gif"])
    if values.get("error") is not None:
        values["error"] = Problem(**values["error"])
    conversion = Conversion(**values)
    if conversion.state not in STATES:
        raise ValueError(f"unknown state {conversion.state!r}")
    return conversion
