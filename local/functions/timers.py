"""Timer triggers: one loop per timer, so a timer never overlaps itself."""

from __future__ import annotations

import asyncio
import json
import logging
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from azure.functions.meta import Datum

from local.functions import ncrontab

if TYPE_CHECKING:
    from pathlib import Path

    from local.functions.index import HostedFunction
    from local.functions.invoke import Invoker

logger = logging.getLogger("functions.timers")


@dataclass(frozen=True)
class Status:
    """When a timer last ran (None before the first run) and when, counted from `updated`, it is due next; in UTC."""

    last: datetime | None
    next: datetime
    updated: datetime

    def as_json(self) -> dict[str, str]:
        last = "0001-01-01T00:00:00+00:00" if self.last is None else self.last.isoformat()
        return {"Last": last, "Next": self.next.isoformat(), "LastUpdated": self.updated.isoformat()}


def is_monitored(function: HostedFunction, schedule: ncrontab.Schedule) -> bool:
    """Whether the timer's status is recorded: not with `use_monitor=False` or if it recurs within a minute."""
    return function.trigger.get("useMonitor") is not False and not ncrontab.is_sub_minute(schedule, now())


def now() -> datetime:
    return datetime.now(UTC)


async def run(function: HostedFunction, *, invoker: Invoker, data: Path | None, restarted: bool = False) -> None:
    """Run a timer until cancelled. Errors of the function do not stop it.

    data: Directory for the timer's status, None to record none. With a recorded status, a run missed while the host
        was down takes place at once.
    restarted: Only the worker has been restarted, so `run_on_startup` has no effect.
    """
    schedule = ncrontab.parse(function.trigger["schedule"])
    monitored = is_monitored(function, schedule)
    record = data / f"{function.name}.json" if data is not None and monitored else None
    start = now()
    status = _read(record) or Status(last=None, next=schedule.after(start), updated=start)
    if schedule.after(status.updated) != status.next:  # the schedule has changed
        status = replace(status, next=schedule.after(status.updated))
    _write(record, status)
    past_due = record is not None and status.next < now()
    logger.info(
        "The timer '%s' (%s) runs next at %s", function.name, function.trigger["schedule"], status.next.isoformat()
    )

    async def fire(*, due: datetime | None, past_due: bool) -> Status:
        began = now()
        info = {
            "Schedule": {"AdjustForDST": True},
            "ScheduleStatus": status.as_json() if monitored else None,
            "IsPastDue": past_due,
        }
        await invoker.invoke(function, data=Datum(json.dumps(info), "json"), reason=_reason(began))
        last = began if due is None else max(began, due)  # the sleep may end slightly early
        ran = Status(last=last, next=schedule.after(last), updated=last)
        _write(record, ran)
        return ran

    if past_due or (function.trigger.get("runOnStartup") and not restarted):
        status = await fire(due=None, past_due=past_due)
    while True:
        await _until(status.next)
        status = await fire(due=status.next, past_due=False)


def _reason(moment: datetime) -> str:
    return f"Timer fired at {moment.isoformat()}"


async def _until(moment: datetime) -> None:
    # In short steps, to notice a changed clock or a suspended machine.
    while (left := (moment - now()).total_seconds()) > 0:
        await asyncio.sleep(min(left, 30.0))


def _read(record: Path | None) -> Status | None:
    try:
        content: dict[str, Any] = json.loads(record.read_text()) if record is not None else {}
        last = datetime.fromisoformat(content["Last"])
        return Status(
            last=last if last.year > 1 else None,
            next=datetime.fromisoformat(content["Next"]),
            updated=datetime.fromisoformat(content["LastUpdated"]),
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _write(record: Path | None, status: Status) -> None:
    if record is None:
        return
    partial = record.with_suffix(".partial")
    try:
        record.parent.mkdir(parents=True, exist_ok=True)
        partial.write_text(json.dumps(status.as_json()))
        partial.replace(record)
    except OSError:
        logger.exception("the timer's status cannot be recorded")
