"""A conversion as the API shows it, and the progress that a node tells."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote

from shared.conversion import timestamp

if TYPE_CHECKING:
    from shared.answers import VideoAnswer
    from shared.clients import Clients
    from shared.conversion import Conversion


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How far a running conversion is; `None` is what cannot be told."""

    fraction: float | None = None
    seconds_left: float | None = None


UNKNOWN = Progress()


def view(
    conversion: Conversion, clients: Clients, *, progress: Progress = UNKNOWN, waits: str | None = None
) -> VideoAnswer:
    """A conversion as the API shows it; `waits` is what a queued one waits for."""
    gif, error = conversion.gif, conversion.error
    url = f"{clients.settings.storage_url}/{clients.settings.output_container}"
    return {
        "video": conversion.video,
        "state": conversion.state,
        "progress": 1.0 if conversion.state == "succeeded" else progress.fraction,
        "seconds_left": progress.seconds_left,
        "waiting_for": waits if conversion.state == "queued" else None,
        "attempt": conversion.attempt,
        "gif": {
            "name": gif.name,
            "url": f"{url}/{quote(gif.name)}",
            "bytes": gif.bytes,
            "width": gif.width,
            "height": gif.height,
            "frames": gif.frames,
            "duration_seconds": gif.duration_seconds,
        }
        if gif
        else None,
        "error": {"code": error.code, "message": error.message} if error else None,
        "queued_at": timestamp(conversion.queued_at) if conversion.queued_at else None,
        "started_at": timestamp(conversion.started_at) if conversion.started_at else None,
        "finished_at": timestamp(conversion.finished_at) if conversion.finished_at else None,
        "compute_seconds": conversion.compute_seconds,
        "task": {"job_id": conversion.job_id, "task_id": conversion.task_id, "node_id": conversion.node_id}
        if conversion.task_id
        else None,
    }


def progress_from(body: bytes) -> Progress:
    """The progress that a progress.json tells; it comes from a machine that is not trusted."""
    try:
        told = json.loads(body)
        fraction, left = float(told["fraction"]), told.get("seconds_left")
        return Progress(
            fraction=min(max(fraction, 0.0), 1.0) if fraction == fraction else None,  # NaN
            seconds_left=round(float(left), 1) if left is not None and 0 <= float(left) < 1e6 else None,
        )
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError):
        return UNKNOWN
