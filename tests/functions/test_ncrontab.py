"""Timer schedules."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.functions.ncrontab import InvalidScheduleError, is_sub_minute, parse, parse_time_span

FRIDAY = datetime(2026, 11, 20, 10, 59, 30, 250_000, tzinfo=UTC)


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("expression", "after"),
    [
        ("* * * * * *", "2026-11-20 10:59:31"),
        ("*/15 * * * * *", "2026-11-20 10:59:45"),
        ("30 * * * * *", "2026-11-20 11:00:30"),
        ("0 */5 * * * *", "2026-11-20 11:00:00"),
        ("5/20 * * * * *", "2026-11-20 10:59:45"),
        ("0 0 */2 * * *", "2026-11-20 12:00:00"),
        ("0 30 9 * * *", "2026-11-21 09:30:00"),
        ("0 30 9 * * 1-5", "2026-11-23 09:30:00"),
        ("0 30 9 * Jan Mon", "2027-01-04 09:30:00"),
        ("0 0 0 1,15 * *", "2026-12-01 00:00:00"),
        ("0 0 0 31 * *", "2026-12-31 00:00:00"),
        ("0 0 0 29 2 *", "2028-02-29 00:00:00"),
        ("0 0 0 29 february sun", "2032-02-29 00:00:00"),
        ("0 0 0 13 * Fri", "2027-08-13 00:00:00"),
        ("0 0 12-10 * * *", "2026-11-20 11:00:00"),
        ("59 59 23 31 12 *", "2026-12-31 23:59:59"),
        ("*/5 * * * *", "2026-11-20 11:00:00"),
        ("00:30:00", "2026-11-20 11:29:30.250"),
    ],
)
def test_schedule_gives_the_next_occurrence(expression: str, after: str) -> None:
    assert parse(expression).after(FRIDAY) == moment(after)


def test_next_occurrence_is_strictly_later() -> None:
    noon = moment("2026-11-20 12:00:00")
    assert parse("0 0 12 * * *").after(noon) == noon + timedelta(days=1)


@pytest.mark.parametrize(
    "expression",
    [
        "",
        "* * * *",
        "* * * * * * *",
        "60 * * * * *",
        "* * 24 * * *",
        "* * * 0 * *",
        "* * * * 13 *",
        "* * * * * 7",
        "-1 * * * * *",
        "a * * * * *",
        "*/x * * * * *",
        ", * * * * *",
        "1- * * * * *",
        "* * * * * xday",
        "0 0 0 30 2 *",
        "0 0 0 31 4,6 *",
        "soon",
        "00:00:00",
        "10:60:00",
        "%NAME%",
        "٣ * * * * *",
    ],
)
def test_invalid_schedule_is_rejected(expression: str) -> None:
    with pytest.raises(InvalidScheduleError):
        parse(expression)


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("00:05:00", timedelta(minutes=5)),
        ("01:30", timedelta(hours=1, minutes=30)),
        ("7", timedelta(days=7)),
        ("1.02:03:04.5", timedelta(days=1, hours=2, minutes=3, seconds=4.5)),
        ("24:00:00", timedelta(days=24)),
        ("3:01:00:00", timedelta(days=3, hours=1)),
    ],
)
def test_time_spans_are_parsed_as_in_dotnet(text: str, span: timedelta) -> None:
    assert parse_time_span(text) == span


@pytest.mark.parametrize(
    ("expression", "often"),
    [("*/15 * * * * *", True), ("0 * * * * *", False), ("0,59 0 0 1 1 *", False), ("00:00:59", True), ("1:00", False)],
)
def test_is_sub_minute_detects_recurrence_within_a_minute(expression: str, often: bool) -> None:
    assert is_sub_minute(parse(expression), FRIDAY) is often


moments = st.datetimes(min_value=datetime(1999, 12, 1), max_value=datetime(2040, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


@given(
    start=moments,
    second=st.sets(st.integers(0, 59), min_size=1, max_size=4),
    minute=st.sets(st.integers(0, 59), min_size=1, max_size=4),
    hour=st.sets(st.integers(0, 23), min_size=1, max_size=4),
    weekday=st.sets(st.integers(0, 6), min_size=1, max_size=7),
)
def test_next_occurrence_is_the_earliest_match(
    start: datetime, second: set[int], minute: set[int], hour: set[int], weekday: set[int]
) -> None:
    fields = [",".join(map(str, chosen)) for chosen in (second, minute, hour)]
    found = parse(f"{' '.join(fields)} * * {','.join(map(str, weekday))}").after(start)

    def due(day: datetime) -> bool:
        return day.isoweekday() % 7 in weekday

    times = sorted((h, m, s) for h in hour for m in minute for s in second)
    first_day = start.replace(hour=0, minute=0, second=0, microsecond=0)
    days = (first_day + timedelta(days=offset) for offset in range(9))
    candidates = (day.replace(hour=h, minute=m, second=s) for day in days if due(day) for h, m, s in times)
    assert found == next(candidate for candidate in candidates if candidate > start)
