"""Functions that exceed `functionTimeout`: the worker restarts."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from tests.functions.host_process import APPS, running_host
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from pathlib import Path

EVERYTHING = APPS / "everything"
NEVER = "0 0 0 1 1 *"
OTHER_FUNCTIONS = {"AzureWebJobs.yearly.Disabled": "1"}


def test_timeout_restarts_the_worker_and_fails_other_invocations(tmp_path: Path) -> None:
    keys = ("--eventgrid-key", "e")
    with (
        running_host(EVERYTHING, *keys, directory=tmp_path, TICK=NEVER, **OTHER_FUNCTIONS) as host,
        ThreadPoolExecutor() as pool,
    ):
        over = pool.submit(host.request, "GET", "/api/slow?seconds=60")
        wait_until(lambda: len(host.notes_with(slow="began")) == 1)
        neighbours = [pool.submit(host.request, "GET", "/api/slow?seconds=30") for _ in range(3)]
        assert over.result() == (500, b"")
        assert [each.result() for each in neighbours] == [(500, b"")] * 3
        # Sent while the worker restarts.
        assert host.request("GET", "/api/text") == (200, b"plain")
        assert host.process.poll() is None
        guarded = f"/api/guarded?code={host.first_line['function_key']}"
        assert host.request("GET", guarded) == (200, b"in")
        assert not host.notes_with(slow="cancelled") + host.notes_with(slow="ended")
        log = host.log.read_text()
        assert "Timeout value of 2 s exceeded by function 'Functions.slow'" in log
        assert log.count("WorkerExitedError: The worker was restarted because another function timed out.") == 3
        assert "Restarting language worker processes due to function timing out." in log
        assert host.first_line["function_key"] not in log


def test_function_within_the_timeout_does_not_restart_the_worker(tmp_path: Path) -> None:
    with running_host(EVERYTHING, directory=tmp_path, TICK=NEVER) as host:
        assert host.request("GET", "/api/slow?seconds=1") == (200, b"done")
        assert "Restarting" not in host.log.read_text()


def test_timer_over_the_timeout_runs_again_after_the_restart(tmp_path: Path) -> None:
    settings = {"AzureFunctionsJobHost__functionTimeout": "00:00:00.5"}
    with running_host(EVERYTHING, directory=tmp_path, TICK="00:00:00.2", TICK_SECONDS="60", **settings) as host:
        wait_until(lambda: len(host.notes_with(tick="began")) >= 3)
        assert not host.notes_with(tick="ended")
        assert "Timeout value of 0.5 s exceeded by function 'Functions.tick'" in host.log.read_text()
        assert len(host.notes_with(yearly=True)) == 1


def test_recorded_timer_over_the_timeout_is_not_past_due_after_the_restart(tmp_path: Path) -> None:
    settings = {"AzureFunctionsJobHost__functionTimeout": "00:00:00.5", "TICK": "1.00:00:00", "TICK_SECONDS": "60"}
    records = tmp_path / "records"
    records.mkdir()
    missed = {"Last": "2020-01-01T00:00:00+00:00", "Next": "2020-01-02T00:00:00+00:00"}
    (records / "tick.json").write_text(json.dumps(missed | {"LastUpdated": missed["Last"]}))
    with running_host(EVERYTHING, "--data", str(records), directory=tmp_path, **settings) as host:
        wait_until(lambda: "Restarting language worker" in host.log.read_text())
        assert host.request("GET", "/api/text") == (200, b"plain")
        assert [note["past_due"] for note in host.notes_with(tick="began")] == [True]


def test_sync_function_does_not_outlive_its_timeout(tmp_path: Path) -> None:
    with running_host(APPS / "blocking", directory=tmp_path) as host:
        for _ in range(2):
            assert host.request("GET", "/api/block?seconds=60") == (500, b"")
        assert host.request("GET", "/api/block?seconds=0") == (200, b"done")


def test_restarted_host_stops_when_its_stdin_closes(tmp_path: Path) -> None:
    with running_host(APPS / "blocking", "--exit-with-stdin", directory=tmp_path) as host:
        assert host.request("GET", "/api/block?seconds=60") == (500, b"")
        assert host.request("GET", "/api/block?seconds=0") == (200, b"done")
        assert host.process.stdin is not None
        host.process.stdin.close()
        assert host.process.wait(timeout=20) == 0
