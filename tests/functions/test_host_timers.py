"""Timers of a running host."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from tests.functions.host_process import APPS, eventually, running_host

if TYPE_CHECKING:
    from pathlib import Path

EVERYTHING = APPS / "everything"
FAR = f"0 0 0 1 {(datetime.now(UTC).month + 5) % 12 + 1} *"
"""Once a year, half a year from now, whatever day it is."""
DAILY = "1.00:00:00"
"""A day after the last run: at midnight nothing happens."""


def test_a_timer_ticks_goes_on_after_errors_and_never_overlaps_itself(tmp_path: Path) -> None:
    with running_host(EVERYTHING, directory=tmp_path, TICK="00:00:00.2", TICK_SECONDS="0.5", TICK_FAILS="yes") as host:
        eventually(lambda: len(host.noted(tick="ended")) >= 3)
        marks = [note["tick"] for note in host.noted() if "tick" in note]
    assert marks == (["began", "ended"] * len(marks))[: len(marks)]
    assert "RuntimeError: this tick fails" in host.log.read_text()


def test_a_timer_of_every_second_ticks(tmp_path: Path) -> None:
    with running_host(EVERYTHING, directory=tmp_path, TICK="* * * * * *") as host:
        eventually(lambda: len(host.noted(tick="ended")) >= 2)


def test_run_on_startup_runs_at_once_and_a_future_timer_does_not(tmp_path: Path) -> None:
    with running_host(EVERYTHING, directory=tmp_path, TICK=FAR) as host:
        eventually(lambda: host.noted(yearly=True))
        assert host.noted(yearly=True)[0]["past_due"] is False
        assert not host.noted(tick="began")


def test_a_recorded_run_that_was_missed_is_made_up_for_at_start_and_only_once(tmp_path: Path) -> None:
    records = tmp_path / "records"
    records.mkdir()
    last = datetime.now(UTC) - timedelta(days=3)
    status = {"Last": last.isoformat(), "Next": (last + timedelta(days=1)).isoformat(), "LastUpdated": last.isoformat()}
    (records / "tick.json").write_text(json.dumps(status))
    arguments = ("--data", str(records))
    with running_host(EVERYTHING, *arguments, directory=tmp_path, TICK=DAILY) as host:
        eventually(lambda: host.noted(tick="ended"))
        assert [note["past_due"] for note in host.noted(tick="began")] == [True]
        eventually(lambda: json.loads((records / "tick.json").read_text())["Last"] > status["Last"])
    with running_host(EVERYTHING, *arguments, directory=tmp_path, TICK=DAILY) as host:
        eventually(lambda: len(host.noted(yearly=True)) >= 2)
        assert len(host.noted(tick="began")) == 1


def test_a_changed_schedule_is_not_past_due_by_its_old_record(tmp_path: Path) -> None:
    records = tmp_path / "records"
    records.mkdir()
    last = datetime.now(UTC) - timedelta(hours=1)
    status = {"Last": last.isoformat(), "Next": last.isoformat(), "LastUpdated": last.isoformat()}
    (records / "tick.json").write_text(json.dumps(status))
    with running_host(EVERYTHING, "--data", str(records), directory=tmp_path, TICK=FAR) as host:
        eventually(lambda: host.noted(yearly=True))
        time.sleep(0.1)
        assert not host.noted(tick="began")
