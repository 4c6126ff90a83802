"""Job schedules: their times, their automatic pool, and their state after a restart."""

from __future__ import annotations

import datetime as dt
import json
import sqlite3
from typing import TYPE_CHECKING, Any

from batch_emulator import clock
from support.emulators import Emulator, call, emulator
from support.resources import auto_pool_info, terminate_reason
from support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from azure.batch import BatchClient

    from batch_emulator.entity import Doc

Json = dict[str, Any]
TOMORROW = (dt.datetime.now(dt.UTC) + dt.timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%SZ")


def schedule(started: Emulator, name: str, pool_info: Json, **times: str) -> None:
    body = {"id": name, "schedule": times, "jobSpecification": {"poolInfo": pool_info}}
    status, _, answer = call(started, "POST", "/jobschedules", body=body)
    assert status == 201, answer


def shown(started: Emulator, name: str) -> Doc:
    found: Doc = call(started, "GET", f"/jobschedules/{name}")[2]
    return found


def jobs(client: BatchClient, name: str) -> list[str]:
    return [job.id for job in client.list_jobs_from_schedule(name)]


def end(client: BatchClient, job: str) -> None:
    client.begin_terminate_job(job, options=terminate_reason("enough"), polling_interval=0).wait()


def rewrite(directory: Path, change: Callable[[Doc], None]) -> None:
    """Change the one schedule on disk while no emulator runs."""
    with sqlite3.connect(directory / "batch.sqlite") as database:
        doc = json.loads(database.execute("select doc from entity where kind = 'schedule'").fetchone()[0])
        change(doc)
        database.execute("update entity set doc = ? where kind = 'schedule'", (json.dumps(doc),))
    database.close()


def test_schedule_without_recurrence_creates_one_job_across_restarts(tmp_path: Path) -> None:
    with emulator("--data", tmp_path) as first, first.client() as client:
        schedule(first, "once", auto_pool_info())
        wait_until(lambda: jobs(client, "once"))
        first.kill()
    with emulator("--data", tmp_path) as second, second.client() as client:
        end(client, "once:job-1")
        wait_until(lambda: shown(second, "once")["state"] == "completed")
        assert jobs(client, "once") == ["once:job-1"]


def test_recurring_schedule_keeps_next_run_and_pool_across_restarts_and_skips_missed_intervals(
    tmp_path: Path,
) -> None:
    with emulator("--data", tmp_path) as first, first.client() as client:
        schedule(first, "daily", auto_pool_info(), recurrenceInterval="P1D")
        wait_until(lambda: jobs(client, "daily"))
        end(client, "daily:job-1")
        wait_until(lambda: shown(first, "daily")["executionInfo"]["nextRunTime"] > TOMORROW[:19])
        due = shown(first, "daily")["executionInfo"]["nextRunTime"]
        pools = [pool.id for pool in client.list_pools()]
        first.kill()
    with emulator("--data", tmp_path) as second, second.client() as client:
        assert shown(second, "daily")["executionInfo"]["nextRunTime"] == due
        client.disable_job_schedule("daily")
        client.enable_job_schedule("daily")
        assert jobs(client, "daily") == ["daily:job-1"]
        second.kill()
    missed = clock.moment(due) - dt.timedelta(days=3.5)
    rewrite(tmp_path, lambda doc: doc["executionInfo"].update(nextRunTime=clock.timestamp(missed)))
    with emulator("--data", tmp_path) as third, third.client() as client:
        wait_until(lambda: len(jobs(client, "daily")) == 2)
        later = clock.timestamp(missed + dt.timedelta(days=3))
        wait_until(lambda: shown(third, "daily")["executionInfo"].get("nextRunTime") == later)
        assert [pool.id for pool in client.list_pools()] == pools
        info = client.get_job("daily:job-2").execution_info
        assert info is not None
        assert info.pool_id == pools[0]


def test_termination_of_a_schedule_continues_after_a_restart(tmp_path: Path) -> None:
    with emulator("--data", tmp_path) as first, first.client() as client:
        schedule(first, "s", auto_pool_info(), recurrenceInterval="P1D")
        wait_until(lambda: jobs(client, "s"))
        first.kill()
    rewrite(tmp_path, lambda doc: doc.update(state="terminating"))
    with emulator("--data", tmp_path) as second, second.client() as client:
        wait_until(lambda: shown(second, "s")["state"] == "completed")
        info = client.get_job("s:job-1").execution_info
        assert info is not None
        assert info.termination_reason == "TerminateJobSchedule"
        assert jobs(client, "s") == ["s:job-1"]


def test_automatic_pool_is_deleted_with_its_schedule_unless_kept_alive(tmp_path: Path) -> None:
    with emulator("--data", tmp_path) as started, started.client() as client:
        for name, keep in (("goes", False), ("stays", True)):
            schedule(started, name, auto_pool_info(keep=keep), recurrenceInterval="P1D")
            wait_until(lambda name=name: jobs(client, name))  # type: ignore[misc]
            client.begin_terminate_job_schedule(name, polling_interval=0).wait()
            wait_until(lambda name=name: shown(started, name)["state"] == "completed")  # type: ignore[misc]
        info = client.get_job("stays:job-1").execution_info
        assert info is not None
        wait_until(lambda: [pool.id for pool in client.list_pools()] == [info.pool_id])
        client.begin_delete_job_schedule("stays", polling_interval=0).wait()
        wait_until(lambda: not list(client.list_job_schedules(filter="id eq 'stays'")))
        assert [pool.state for pool in client.list_pools()] == ["active"]


def test_quota_of_active_jobs_counts_schedules_that_are_not_completed() -> None:
    with emulator("--max-active-jobs", 1) as started, started.client() as client:
        schedule(started, "s", auto_pool_info(), doNotRunUntil=TOMORROW)
        body = {"id": "t", "schedule": {}, "jobSpecification": {"poolInfo": auto_pool_info()}}
        status, _, answer = call(started, "POST", "/jobschedules", body=body)
        assert (status, answer["code"]) == (409, "ActiveJobAndScheduleQuotaReached")
        client.begin_terminate_job_schedule("s", polling_interval=0).wait()
        wait_until(lambda: shown(started, "s")["state"] == "completed")
        schedule(started, "t", auto_pool_info(), doNotRunUntil=TOMORROW)


def test_schedule_with_the_longest_interval_does_not_overflow(plain: Emulator, client: BatchClient) -> None:
    schedule(plain, "rare", auto_pool_info(), recurrenceInterval=clock.UNLIMITED)
    wait_until(lambda: jobs(client, "rare"))
    wait_until(lambda: shown(plain, "rare")["executionInfo"]["nextRunTime"].startswith("9999"))
    client.begin_delete_job_schedule("rare", polling_interval=0).wait()
