"""When Event Grid tries again, and when it gives up.

https://learn.microsoft.com/azure/event-grid/delivery-and-retry
"""

from __future__ import annotations

from dataclasses import dataclass

_SCHEDULE = (10, 30, 60, 300, 600, 1800, 3600, 3 * 3600, 6 * 3600, 12 * 3600)
_NEVER_AGAIN = frozenset({400, 403, 413})
_AT_LEAST = {401: 300, 404: 300, 408: 120, 503: 30}
_JITTER = 0.1


@dataclass(frozen=True, kw_only=True)
class Policy:
    """A subscription's retry policy: an event is given up after so many attempts or seconds."""

    max_attempts: int = 30
    time_to_live: float = 24 * 3600


def delivered(status: int) -> bool:
    """Whether an endpoint's status code means that it took the event."""
    return 200 <= status <= 204


def wait_before_next(status: int | None, *, attempt: int, age: float, policy: Policy, chance: float) -> float | None:
    """Seconds until attempt number `attempt` + 1 of an event that is `age` seconds old, or None to give it up.

    `status` is the last answer's, None for no answer in time; `attempt` counts from 1; `chance` is from 0 to 1.
    """
    if status in _NEVER_AGAIN or attempt >= policy.max_attempts:
        return None
    step = _SCHEDULE[min(attempt, len(_SCHEDULE)) - 1]
    wait = max(step, _AT_LEAST.get(status or 0, 0)) * (1 + _JITTER * chance)
    return wait if age + wait <= policy.time_to_live else None
