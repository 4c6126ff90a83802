"""Moments are UTC, to the millisecond."""

from datetime import UTC, datetime, timedelta, timezone

from shared.timestamps import to_milliseconds, to_rfc3339, utc_now

MOMENT = datetime(2026, 11, 21, 10, 20, 30, 123456, tzinfo=UTC)


def test_rfc3339_is_in_utc_with_milliseconds() -> None:
    assert to_rfc3339(MOMENT) == "2026-11-21T10:20:30.123Z"
    assert to_rfc3339(MOMENT.astimezone(timezone(timedelta(hours=2)))) == "2026-11-21T10:20:30.123Z"


def test_rfc3339_has_milliseconds_even_if_they_are_zero() -> None:
    assert to_rfc3339(MOMENT.replace(microsecond=0)) == "2026-11-21T10:20:30.000Z"


def test_to_milliseconds_cuts_and_does_not_round() -> None:
    assert to_milliseconds(MOMENT.replace(microsecond=999_999)).microsecond == 999_000


def test_moment_in_milliseconds_survives_rfc3339() -> None:
    assert datetime.fromisoformat(to_rfc3339(to_milliseconds(MOMENT))) == to_milliseconds(MOMENT)


def test_utc_now_is_in_utc_and_in_milliseconds() -> None:
    now = utc_now()
    assert now.utcoffset() == timedelta()
    assert now == to_milliseconds(now)
