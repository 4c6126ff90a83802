"""Event Grid's retry schedule.

https://learn.microsoft.com/azure/event-grid/delivery-and-retry
"""

from __future__ import annotations

from dataclasses import dataclass

_SCHEDULE_SECONDS = (10, 30, 60, 300, 600, 1800, 3600, 3 * 3600, 6 * 3600, 12 * 3600)
_NOT_RETRIED = frozenset({400, 403, 413})
_MIN_DELAY_SECONDS = {401: 300, 404: 300, 408: 120, 503: 30}
_MAX_JITTER = 0.1
"""Fraction of the delay."""


@dataclass(frozen=True, kw_only=True)
class Policy:
    """A subscription's retry policy: the number of attempts and the seconds after which retrying ends."""

    max_attempts: int = 30
    time_to_live: float = 24 * 3600


def delivered(status: int) -> bool:
    """Whether a status code means that the endpoint accepted the event."""
    return 200 <= status <= 204


def seconds_until_next(status: int | None, *, attempt: int, age: float, policy: Policy, jitter: float) -> float | None:
    """Seconds to wait after a failed attempt, or None to stop retrying.

    status: Status code of the failed attempt; None if there was no response.
    attempt: Number of the failed attempt, counted from 1.
    age: Seconds since the event was published.
    jitter: Random number from 0 to 1.
    """
    if status in _NOT_RETRIED or attempt >= policy.max_attempts:
        return None
    step = _SCHEDULE_SECONDS[min(attempt, len(_SCHEDULE_SECONDS)) - 1]
    wait = max(step, _MIN_DELAY_SECONDS.get(status or 0, 0)) * (1 + _MAX_JITTER * jitter)
    return wait if age + wait <= policy.time_to_live else None
