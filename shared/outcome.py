"""What a completed task came to, decided from Batch's word and the converter's verdict alone."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from shared.conversion import Gif, Problem

if TYPE_CHECKING:
    from azure.batch.models import BatchTaskExecutionInfo


@dataclass(frozen=True, kw_only=True)
class Converted:
    """There should be a GIF in staging with these measurements."""

    gif: Gif


@dataclass(frozen=True, kw_only=True)
class Rejected:
    """It is the video's fault, and trying again would change nothing."""

    error: Problem


@dataclass(frozen=True, kw_only=True)
class Trouble:
    """It is the machine's fault or ours: worth another attempt."""

    error: Problem


@dataclass(frozen=True, kw_only=True)
class Interrupted:
    """Somebody ended the task or its job: worth another attempt, and not held against the machine."""

    error: Problem


MOST = 1000
"""Characters that are kept of what a converter says: it comes from a machine that handled a stranger's file."""
LARGEST = 2**53
_CODE = re.compile("[A-Za-z0-9]{1,64}")

Outcome = Converted | Rejected | Trouble | Interrupted

_VIDEO_GONE = Problem(code="VideoGone", message="The video was removed before it could be converted.")
_TOOK_TOO_LONG = Problem(
    code="TookTooLong", message="The conversion took longer than it may. Ask for a shorter or smaller GIF."
)
_ENDED = Problem(code="TaskEnded", message="The conversion was stopped by hand, again and again.")


def outcome_of(execution: BatchTaskExecutionInfo, result: bytes | None, *, gif: str, limit: float) -> Outcome:
    """The outcome of a task.

    `result` is its result.json (`None` if there is none), `gif` the name its GIF is to have, `limit` the wall clock
    in seconds that it had.
    """
    failure = execution.failure_info
    if failure is not None:
        code = failure.code or "UnknownFailure"
        if code == "BlobNotFound":
            return Rejected(error=_VIDEO_GONE)
        if code == "TaskEnded":  # by its wall clock, or by hand: Batch says the same of both
            return Rejected(error=_TOOK_TOO_LONG) if _ran(execution) >= limit else Interrupted(error=_ENDED)
        if code == "FailureExitCode":
            message = f"The converter stopped unexpectedly (exit code {execution.exit_code}); its log tells more."
            return Trouble(error=Problem(code="ConverterFailed", message=message))
        details = "; ".join(f"{d.name}: {d.value}" for d in failure.details or ())
        message = f"The task could not run: {failure.message or code}" + (f" ({details})" if details else "")
        return Trouble(error=Problem(code=code, message=message))
    if result is None:
        return Trouble(error=Problem(code="ResultMissing", message="The converter left no result."))
    try:
        return _verdict(json.loads(result), gif)
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError) as error:
        message = f"The converter's result cannot be read: {str(error)[:MOST]!r}"
        return Trouble(error=Problem(code="ResultUnreadable", message=message))


def _ran(execution: BatchTaskExecutionInfo) -> float:
    if not (execution.start_time and execution.end_time):
        return 0.0
    return (execution.end_time - execution.start_time).total_seconds()


def _verdict(result: dict[str, object], gif: str) -> Outcome:
    if result["verdict"] == "rejected":
        code, message = str(result["code"]), str(result["message"])
        if not _CODE.fullmatch(code):
            raise ValueError("a code that is none")
        return Rejected(error=Problem(code=code, message=message.encode(errors="replace").decode()[:MOST]))
    if result["verdict"] != "converted":
        raise ValueError(f"verdict {result['verdict']!r}")
    measured = result["gif"]
    if not isinstance(measured, dict):
        raise TypeError("no measurements of the GIF")
    seconds = float(measured["duration_seconds"])
    whole = {name: int(measured[name]) for name in ("bytes", "width", "height", "frames")}
    if not (0 <= seconds < LARGEST and all(0 <= value < LARGEST for value in whole.values())):
        raise ValueError("measurements that cannot be")
    return Converted(gif=Gif(name=gif, duration_seconds=seconds, **whole))
