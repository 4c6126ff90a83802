"""The outcome of a completed task, decided from Batch's execution information and the converter's result alone."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from shared.conversion import VIDEO_GONE, Extra, Gif, JobRef, Problem, Source
from shared.names import EXTRA_FILES, extra_name
from shared.timestamps import to_milliseconds

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shared.conversion import Conversion
    from shared.services.batch.tasks import Task, TaskFailure


@dataclass(frozen=True, kw_only=True)
class Converted:
    """The converter reports a GIF in staging with these measurements."""

    gif: Gif
    sha256: str | None
    """Digest of the GIF in hex, `None` if the converter reports none."""
    sandbox: str | None = None
    """Parts of the sandbox that the converter entered, `None` if it does not report them."""
    extra_sha256: Mapping[str, str] = field(default_factory=dict)
    """Digests of the files beside the GIF, by kind."""
    source: Source | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Rejected:
    """The video is at fault; another attempt would have the same outcome."""

    error: Problem
    source: Source | None = None


@dataclass(frozen=True, kw_only=True)
class TransientFailure:
    """The node, a service or gifdrop is at fault: worth another attempt."""

    error: Problem


@dataclass(frozen=True, kw_only=True)
class Interrupted:
    """Somebody terminated the task or its job: worth another attempt that uses up no retry."""

    error: Problem


Outcome = Converted | Rejected | TransientFailure | Interrupted

MAX_MESSAGE_CHARS = 1000
"""Characters kept of what a converter reports: it comes from a machine that handled a stranger's file."""
MAX_NOTES = 8
MAX_NOTE_CHARS = 200
LIMIT_TOLERANCE_SECONDS = 10.0
"""A task that was ended at its wall-clock limit may have run some seconds less by Batch's own times."""
UPLOAD_FAILURE_CODES = {"FileUploadAccessDenied", "FileUploadContainerNotFound", "FileUploadMiscError"}
MAX_MEASUREMENT = 2**53
_CODE = re.compile("[A-Za-z0-9]{1,64}")
_CODEC = re.compile("[A-Za-z0-9_]{1,32}")
_SHA256 = re.compile("[0-9a-f]{64}")
_JOB_ID = re.compile("[A-Za-z0-9_-]{1,64}")
_NODE_ID = re.compile("[A-Za-z0-9_.-]{1,128}")

_TOOK_TOO_LONG = Problem(
    code="TookTooLong", message="The conversion took longer than allowed. Ask for a shorter or smaller GIF."
)
_TERMINATED = Problem(code="TaskEnded", message="The conversion was stopped by hand, in every attempt.")


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What a task was asked for."""

    gif: str
    """Name of the GIF in the output container."""
    also: tuple[str, ...] = ()
    """Kinds of files beside it."""


def outcome_of(task: Task, result: bytes | None, asked: Asked, *, limit: float) -> Outcome:
    """The outcome of a completed task.

    `result` is its result.json (`None` if there is none), `limit` its wall-clock limit in seconds.
    """
    if task.failure is not None and task.failure.code in UPLOAD_FAILURE_CODES and result is not None:
        # A rejected video leaves no GIF, whose missing upload may be reported as a failure.
        outcome = outcome_of(replace(task, failure=None), result, asked, limit=limit)
        if isinstance(outcome, Rejected):
            return outcome
    if task.failure is not None:
        return _outcome_of_failure(task, task.failure, limit)
    if result is None:
        return TransientFailure(error=Problem(code="ResultMissing", message="The converter left no result."))
    return outcome_of_result(result, asked)


def outcome_of_result(result: bytes, asked: Asked) -> Outcome:
    """The outcome in a result.json."""
    try:
        return _read_verdict(json.loads(result), asked)
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError) as error:
        message = f"The converter's result cannot be read: {str(error)[:MAX_MESSAGE_CHARS]!r}"
        return TransientFailure(error=Problem(code="ResultUnreadable", message=message))


@dataclass(frozen=True, kw_only=True)
class Origin:
    """Where a result.json says that it comes from."""

    video: str
    job: JobRef | None
    node_id: str | None
    started_at: datetime | None


def origin_of_result(result: bytes) -> Origin | None:
    """The origin that a result.json states, `None` if it states none. It is not trusted: the record decides."""
    try:
        task = json.loads(result)["task"]
        node, started = task["node_id"], task["started_at"]
        return Origin(
            video=unquote(task["video"], errors="strict"),
            job=_job(task.get("batch_url"), task.get("job_id")),
            node_id=node if isinstance(node, str) and _NODE_ID.fullmatch(node) else None,
            started_at=to_milliseconds(datetime.fromisoformat(started).astimezone(UTC)) if started else None,
        )
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError):
        return None


def _job(url: object, job: object) -> JobRef | None:
    if isinstance(url, str) and isinstance(job, str) and _JOB_ID.fullmatch(job):
        return JobRef(batch_url=url.rstrip("/"), id=job)
    return None


def apply_outcome(conversion: Conversion, outcome: Outcome, *, at: datetime) -> Conversion:
    """The conversion after its task had this outcome: ended, or queued for another attempt."""
    match outcome:
        case Converted(gif=gif, sandbox=sandbox, source=source, notes=notes):
            return conversion.measured(source).succeeded(gif, at=at, sandbox=sandbox, notes=notes)
        case Rejected(error=error, source=source):
            return conversion.measured(source).failed(error, at=at)
        case Interrupted(error=error):
            return conversion.after_interruption(error, at=at)
        case TransientFailure(error=error):
            return conversion.after_transient_failure(error, at=at)


def _outcome_of_failure(task: Task, failure: TaskFailure, limit: float) -> Outcome:
    code = failure.code
    if code == "BlobNotFound":
        return Rejected(error=VIDEO_GONE)
    if code == "TaskEnded":  # Batch reports the same for the wall-clock limit and for a termination
        timed_out = task.seconds >= limit - LIMIT_TOLERANCE_SECONDS
        return Rejected(error=_TOOK_TOO_LONG) if timed_out else Interrupted(error=_TERMINATED)
    if code == "FailureExitCode":
        message = f"The converter stopped unexpectedly (exit code {task.exit_code}); see its log."
        return TransientFailure(error=Problem(code="ConverterFailed", message=message))
    details = "; ".join(f"{name}: {value}" for name, value in failure.details)
    message = f"The task could not run: {failure.message}" + (f" ({details})" if details else "")
    return TransientFailure(error=Problem(code=code, message=message))


def _read_verdict(result: dict[str, object], asked: Asked) -> Outcome:
    if result["verdict"] == "rejected":
        code, message = str(result["code"]), str(result["message"])
        if not _CODE.fullmatch(code):
            raise ValueError("invalid error code")
        message = message.encode(errors="replace").decode()[:MAX_MESSAGE_CHARS]
        return Rejected(error=Problem(code=code, message=message), source=_source(result.get("source")))
    if result["verdict"] != "converted":
        raise ValueError(f"verdict {result['verdict']!r}")
    measured = result["gif"]
    if not isinstance(measured, dict):
        raise TypeError("no measurements of the GIF")
    seconds = float(measured["duration_seconds"])
    whole = _whole_numbers(measured, "bytes", "width", "height", "frames")
    if not 0 <= seconds < MAX_MEASUREMENT:
        raise ValueError("impossible measurements")
    digest = None if measured.get("sha256") is None else _digest(measured)
    also = _extras(result.get("also"), asked)
    made = Gif(name=asked.gif, duration_seconds=seconds, also=tuple(extra for extra, _ in also), **whole)
    return Converted(
        gif=made,
        sha256=digest,
        extra_sha256={extra.kind: sha256 for extra, sha256 in also},
        sandbox=_sandbox(result.get("sandbox")),
        source=_source(result.get("source")),
        notes=_notes(result.get("notes")),
    )


def _extras(reported: object, asked: Asked) -> list[tuple[Extra, str]]:
    """The files beside the GIF with their digests. Raises an error unless they are just those that were asked for."""
    if not isinstance(reported, list | None) or len(reported or ()) != len(asked.also):
        raise ValueError("other files beside the GIF than were asked for")
    by_kind = {str(file["kind"]): file for file in reported or ()}
    if by_kind.keys() != set(asked.also) or any(file["name"] != EXTRA_FILES[kind] for kind, file in by_kind.items()):
        raise ValueError("other files beside the GIF than were asked for")
    return [
        (
            Extra(
                kind=kind,
                name=extra_name(asked.gif, kind),
                **_whole_numbers(by_kind[kind], "bytes", "width", "height"),
            ),
            _digest(by_kind[kind]),
        )
        for kind in asked.also
    ]


def _whole_numbers(measured: Mapping[str, Any], *names: str) -> dict[str, int]:
    values = {name: int(measured[name]) for name in names}
    if not all(0 <= value < MAX_MEASUREMENT for value in values.values()):
        raise ValueError("impossible measurements")
    return values


def _digest(measured: Mapping[str, Any]) -> str:
    digest = measured["sha256"]
    if not (isinstance(digest, str) and _SHA256.fullmatch(digest)):
        raise ValueError("invalid digest")
    return digest


def _sandbox(parts: object) -> str | None:
    if not isinstance(parts, list):
        return None  # of an earlier version
    return " ".join(part for part in ("landlock", "seccomp") if part in parts)


def _notes(notes: object) -> tuple[str, ...]:
    """The first notes, without what cannot be printed: they come from the node, and people read them."""
    if not isinstance(notes, list):
        return ()
    texts = [note for note in notes[:MAX_NOTES] if isinstance(note, str)]
    return tuple("".join(filter(str.isprintable, text[:MAX_NOTE_CHARS])) for text in texts)


def _source(source: object) -> Source | None:
    """What the converter measured of the video; a value that cannot be is left out."""
    if not isinstance(source, dict):
        return None
    codec = source.get("codec")
    width, height = (_measurement(source.get(name)) for name in ("width", "height"))
    return Source(
        duration_seconds=_measurement(source.get("duration_seconds")),
        width=None if width is None else int(width),
        height=None if height is None else int(height),
        fps=_measurement(source.get("fps")),
        codec=codec if isinstance(codec, str) and _CODEC.fullmatch(codec) else None,
    )


def _measurement(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < MAX_MEASUREMENT:
        return None
    return float(value)
