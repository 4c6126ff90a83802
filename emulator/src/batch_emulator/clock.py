"""Times and durations in Batch's formats.

Timestamps have a fixed width: comparing two of them as text compares the times.
"""

from __future__ import annotations

import functools
import re
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal

UNLIMITED = "P10675199DT2H48M5.4775807S"
_DURATION = re.compile(
    r"^(?P<sign>-)?P(?:(?P<days>\d+(?:\.\d+)?)D)?"
    r"(?:T(?:(?P<hours>\d+(?:\.\d+)?)H)?(?:(?P<minutes>\d+(?:\.\d+)?)M)?(?:(?P<seconds>\d+(?:\.\d+)?)S)?)?$"
)


@dataclass(frozen=True, slots=True)
class FastClock:
    """A clock that starts at the current time and runs `speed` times as fast."""

    speed: float
    _start: datetime = field(default_factory=lambda: datetime.now(UTC))
    _began: float = field(default_factory=time.monotonic)

    def now(self) -> datetime:
        """Its current time."""
        return self._start + timedelta(seconds=(time.monotonic() - self._began) * self.speed)


def now() -> str:
    """The current time as `2026-11-21T10:20:30.1234560Z`."""
    return timestamp(datetime.now(UTC))


def timestamp(moment: datetime) -> str:
    """An aware `moment` in Batch's format."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")[:26] + "0Z"


def moment(text: str) -> datetime:
    """Parse an ISO 8601 date and time; without a zone it is UTC. Raises ValueError."""
    parsed = datetime.fromisoformat(text)
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)


def after(seconds: float) -> str:
    """The time in `seconds` from now."""
    return timestamp(datetime.now(UTC) + timedelta(seconds=seconds))


def seconds_until(text: str) -> float:
    """The time left until a date and time, negative when it has passed."""
    return (moment(text) - datetime.now(UTC)).total_seconds()


def normal_duration(text: str) -> str:
    """A valid duration as Batch returns it: `PT1H` for `PT01H00M00S`, `P1D` for `PT24H`."""
    match = _DURATION.fullmatch(text)
    assert match is not None  # noqa: S101
    days, hours, minutes, rest = (Decimal(match[name] or 0) for name in ("days", "hours", "minutes", "seconds"))
    left = ((days * 24 + hours) * 60 + minutes) * 60 + rest
    days, left = divmod(left, 86400)
    hours, left = divmod(left, 3600)
    minutes, left = divmod(left, 60)
    date = f"{days}D" if days else ""
    parts = ((hours, "H"), (minutes, "M"), (left, "S"))
    clock = "".join(f"{value.normalize():f}{unit}" for value, unit in parts if value)
    return f"{match['sign'] or ''}P{date}{f'T{clock}' if clock else ''}" if date or clock else "PT0S"


@functools.lru_cache(256)
def seconds(duration: str) -> float:
    """The length of an ISO 8601 duration of days and below. Raises ValueError."""
    match = _DURATION.fullmatch(duration)
    if match is None or duration.endswith(("P", "T")):
        raise ValueError(f"{duration!r} is not an ISO 8601 duration")
    days, hours, minutes, rest = (float(match[name] or 0) for name in ("days", "hours", "minutes", "seconds"))
    total = ((days * 24 + hours) * 60 + minutes) * 60 + rest
    return -total if match["sign"] else total
