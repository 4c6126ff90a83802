"""Responses of the API for thousands of videos, as a page would get them."""

from typing import Any

STATES = ("succeeded", "succeeded", "succeeded", "failed", "queued")


def many(total: int, limit: int) -> dict[str, Any]:
    """The body of `GET status?sort=newest` of `total` videos, each with a GIF of another shape or none."""
    return {
        "videos": [_video(number) for number in range(min(total, limit))],
        "next": None,
        "summary": {
            **{state: total * STATES.count(state) // len(STATES) for state in ("queued", "succeeded", "failed")},
            "running": 0,
            "total": total,
            "as_of": "2026-11-21T12:00:00.000Z",
        },
        "pool": _POOL,
    }


_POOL = {
    "nodes": {"dedicated": 0, "low_priority": 4},
    "targets": {"dedicated": 0, "low_priority": 4},
    "task_slots_per_node": 2,
    "autoscale": None,
    "notes": ["4 machines, 4 running."],
    "error": None,
}


def _video(number: int) -> dict[str, Any]:
    state = STATES[number % len(STATES)]
    name = f"many/{number:05}"
    width, height = ((480, 270), (270, 480), (480, 360), (480, 200))[number % 4]
    gif = {"name": f"{name}.gif", "bytes": 400_000, "width": width, "height": height, "also": []}
    error = {
        "code": "NotAVideo",
        "message": "The file is not an MP4 video.",
        "retryable": False,
        "advice": "Export it.",
    }
    return {
        "video": f"{name}.mp4",
        "state": state,
        "progress": None,
        "seconds_left": None,
        "waiting_for": "its turn on a machine" if state == "queued" else None,
        "attempt": 1,
        "gif": gif | {"frames": 48, "duration_seconds": 4.0} if state == "succeeded" else None,
        "source": None,
        "options": None,
        "notes": [],
        "warnings": [],
        "error": error if state == "failed" else None,
        "queued_at": f"2026-11-21T11:{59 - number // 60 % 60:02}:{59 - number % 60:02}.000Z",
        "started_at": None,
        "finished_at": None if state == "queued" else "2026-11-21T11:59:59.000Z",
        "cost": None,
        "links": {"log": None},
    }
