"""Timer schedules: NCRONTAB expressions (five or six fields) and .NET time spans."""

from __future__ import annotations

import re
from calendar import monthrange
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol


class InvalidScheduleError(ValueError):
    """The expression is neither an NCRONTAB expression nor a time span."""


class Schedule(Protocol):
    def after(self, moment: datetime) -> datetime:
        """The first occurrence strictly after `moment`, in the same time zone."""


@dataclass(frozen=True)
class _Field:
    name: str
    low: int
    high: int
    words: tuple[str, ...] = ()


_MONTHS = (
    "january", "february", "march", "april", "may", "june",
    "july", "august", "september", "october", "november", "december",
)  # fmt: skip
_DAYS = ("sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday")
_FIELDS = (
    _Field("second", 0, 59),
    _Field("minute", 0, 59),
    _Field("hour", 0, 23),
    _Field("day of month", 1, 31),
    _Field("month", 1, 12, _MONTHS),
    _Field("day of week", 0, 6, _DAYS),
)
# Each combination of day, month and weekday recurs within 28 years, or 40 across a century.
_HORIZON = timedelta(days=366 * 41)


@dataclass(frozen=True)
class CronSchedule:
    """One NCRONTAB expression; unlike in cron, a day must match *both* the day of month and the day of week."""

    seconds: tuple[int, ...]
    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: tuple[int, ...]
    months: tuple[int, ...]
    weekdays: tuple[int, ...]

    def after(self, moment: datetime) -> datetime:
        start = moment.replace(microsecond=0) + timedelta(seconds=1)
        day = start.replace(hour=0, minute=0, second=0)
        while day - start < _HORIZON:
            if day.month not in self.months:
                day = (day.replace(day=1) + timedelta(days=32)).replace(day=1)
                continue
            if self._is_due_on(day):
                if day.date() > start.date():
                    return day.replace(hour=self.hours[0], minute=self.minutes[0], second=self.seconds[0])
                if (found := self._later_that_day(start)) is not None:
                    return found
            day += timedelta(days=1)
        raise InvalidScheduleError("the schedule never occurs")

    def _is_due_on(self, day: datetime) -> bool:
        return day.day in self.days and day.isoweekday() % 7 in self.weekdays

    def _later_that_day(self, start: datetime) -> datetime | None:
        for hour in (h for h in self.hours if h >= start.hour):
            for minute in self.minutes:
                if (hour, minute) < (start.hour, start.minute):
                    continue
                for second in self.seconds:
                    if (hour, minute, second) >= (start.hour, start.minute, start.second):
                        return start.replace(hour=hour, minute=minute, second=second)
        return None


@dataclass(frozen=True)
class ConstantSchedule:
    """A fixed period between one run and the next."""

    period: timedelta

    def after(self, moment: datetime) -> datetime:
        return moment + self.period


def parse(expression: str) -> Schedule:
    """Parse an NCRONTAB expression or a time span; raises InvalidScheduleError with the reason."""
    tokens = expression.split()
    if len(tokens) == 1:
        return ConstantSchedule(parse_time_span(tokens[0]))
    if len(tokens) == 5:
        tokens = ["0", *tokens]
    if len(tokens) != 6:
        raise InvalidScheduleError(f"{expression!r} must have six fields (or five), or be a time span")
    schedule = CronSchedule(*(_values(field, token) for field, token in zip(_FIELDS, tokens, strict=True)))
    if not any(day <= monthrange(2000, month)[1] for day in schedule.days for month in schedule.months):
        raise InvalidScheduleError(f"{expression!r} never occurs")
    return schedule


def is_sub_minute(schedule: Schedule, now: datetime) -> bool:
    """Whether the schedule recurs within a minute; Azure does not record the status of such timers."""
    if isinstance(schedule, ConstantSchedule):
        return schedule.period < timedelta(minutes=1)
    return schedule.after(schedule.after(now)) < now + timedelta(minutes=1)


def _values(field: _Field, token: str) -> tuple[int, ...]:
    chosen: set[int] = set()
    for item in token.split(","):
        span, slash, step_text = item.partition("/")
        if slash and not re.fullmatch(r"\d+", step_text):
            raise InvalidScheduleError(f"{step_text!r} is not a valid step for the {field.name}")
        step = max(int(step_text), 1) if slash else 1
        first_text, dash, last_text = span.partition("-")
        if span == "*":
            first, last = field.low, field.high
        elif dash:
            first, last = sorted((_value(field, first_text), _value(field, last_text)))
        else:
            first = _value(field, span)
            last = field.high if slash else first
        chosen.update(range(first, last + 1, step))
    return tuple(sorted(chosen))


def _value(field: _Field, text: str) -> int:
    if re.fullmatch(r"\d+", text, re.ASCII):
        if not field.low <= int(text) <= field.high:
            raise InvalidScheduleError(f"{text} is not a valid {field.name}: it must be {field.low} to {field.high}")
        return int(text)
    for index, word in enumerate(field.words):
        if text and word.startswith(text.lower()):
            return index + field.low
    raise InvalidScheduleError(f"{text!r} is not a valid {field.name}")


def parse_time_span(text: str) -> timedelta:
    """Parse a .NET TimeSpan: `d`, `[d.]hh:mm[:ss[.fff]]` or `d:hh:mm:ss`; `24:00:00` is 24 days, as in .NET.

    Raises InvalidScheduleError, also for a zero span.
    """
    match = re.fullmatch(
        r"(?:(?P<only>\d+)|(?:(?P<days>\d+)[.:](?=\d+:\d+:\d+))?(?P<h>\d+):(?P<m>\d+)(?::(?P<s>\d+)(?:\.(?P<f>\d{1,7}))?)?)",
        text,
        re.ASCII,
    )
    if match is None:
        raise InvalidScheduleError(f"{text!r} is neither an NCRONTAB expression nor a time span")
    part = {name: int(value) if value else 0 for name, value in match.groupdict().items() if name != "f"}
    days, hours, minutes, seconds = part["only"] + part["days"], part["h"], part["m"], part["s"]
    if not match["days"] and hours > 23:
        days, hours, minutes, seconds = hours, minutes, seconds, 0
    if hours > 23 or minutes > 59 or seconds > 59:
        raise InvalidScheduleError(f"{text!r} is not a valid time span")
    fraction = timedelta(seconds=float(f"0.{match['f'] or 0}"))
    period = timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds) + fraction
    if not period:
        raise InvalidScheduleError("a period must be longer than zero")
    return period
