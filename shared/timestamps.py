"""Moments as gifdrop stores and shows them: UTC, to the millisecond."""

from datetime import UTC, datetime


def utc_now() -> datetime:
    """The present, to the millisecond."""
    return to_milliseconds(datetime.now(UTC))


def seconds_since(moment: datetime) -> float:
    """Seconds from a moment until now; negative for a moment to come."""
    return (datetime.now(UTC) - moment).total_seconds()


def to_milliseconds(moment: datetime) -> datetime:
    """`moment` cut to whole milliseconds, so that it equals itself after it was stored and read back."""
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def to_rfc3339(moment: datetime) -> str:
    """RFC 3339 in UTC with milliseconds: `2026-11-21T10:20:30.123Z`."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
