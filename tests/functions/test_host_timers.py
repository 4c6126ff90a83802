"""Timers in a running host."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from tests.functions.host_process import APPS, running_host
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from pathlib import Path

EVERYTHING = APPS / "everything"
FAR = f"0 0 0 1 {(datetime.now(UTC).month + 5) % 12 + 1} *"
"""Once a year, in about half a year."""
DAILY = "1.00:00:00"
"""A time span, so that nothing is due at midnight."""


def test_timer_continues_after_errors_and_never_overlaps_itself(tmp_path: Path) -> None:
    with running_host(EVERYTHING, directory=tmp_path, TICK="00:00:00.2", TICK_SECONDS="0.5", TICK_FAILS="yes") as host:
        wait_until(lambda: len(host.notes_with(tick="ended")) >= 3)
        marks = [note["tick"] for note in host.notes_with() if "tick" in note]
    assert marks == (["began", "ended"] * len(marks))[: len(marks)]
    assert "RuntimeError: this tick fails" in host.log.read_text()


def test_timer_runs_every_second(tmp_path: Path) -> None:
    with running_host(EVERYTHING, directory=tmp_path, TICK="* * * * * *") as host:
        wait_until(lambda: len(host.notes_with(tick="ended")) >= 2)


def test_only_timers_with_run_on_startup_run_at_startup(tmp_path: Path) -> None:
    with running_host(EVERYTHING, directory=tmp_path, TICK=FAR) as host:
        wait_until(lambda: host.notes_with(yearly=True))
        assert host.notes_with(yearly=True)[0]["past_due"] is False
        assert not host.notes_with(tick="began")


def test_missed_recorded_run_takes_place_once_at_startup(tmp_path: Path) -> None:
    records = tmp_path / "records"
    records.mkdir()
    last = datetime.now(UTC) - timedelta(days=3)
    status = {"Last": last.isoformat(), "Next": (last + timedelta(days=1)).isoformat(), "LastUpdated": last.isoformat()}
    (records / "tick.json").write_text(json.dumps(status))
    arguments = ("--data", str(records))
    with running_host(EVERYTHING, *arguments, directory=tmp_path, TICK=DAILY) as host:
        wait_until(lambda: host.notes_with(tick="ended"))
        assert [note["past_due"] for note in host.notes_with(tick="began")] == [True]
        wait_until(lambda: json.loads((records / "tick.json").read_text())["Last"] > status["Last"])
    with running_host(EVERYTHING, *arguments, directory=tmp_path, TICK=DAILY) as host:
        wait_until(lambda: len(host.notes_with(yearly=True)) >= 2)
        assert len(host.notes_with(tick="began")) == 1


def test_changed_schedule_is_not_past_due_by_the_old_status(tmp_path: Path) -> None:
    records = tmp_path / "records"
    records.mkdir()
    last = datetime.now(UTC) - timedelta(hours=1)
    status = {"Last": last.isoformat(), "Next": last.isoformat(), "LastUpdated": last.isoformat()}
    (records / "tick.json").write_text(json.dumps(status))
    with running_host(EVERYTHING, "--data", str(records), directory=tmp_path, TICK=FAR) as host:
        wait_until(lambda: host.notes_with(yearly=True))
        time.sleep(0.1)
        assert not host.notes_with(tick="began")
