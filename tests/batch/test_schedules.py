"""Job schedules: their times, their pool, and what they know after a restart."""

from __future__ import annotations

import datetime as dt
import json
import sqlite3
from typing import TYPE_CHECKING, Any

from local.batch import clock
from tests.batch.kit import Emulator, emulator, pool_options, until
from tests.batch.test_state import kill
from tests.batch.test_wire import call

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from azure.batch import BatchClient

    from local.batch.domain.entity import Doc

Json = dict[str, Any]
TOMORROW = (dt.datetime.now(dt.UTC) + dt.timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%SZ")


def own_pool(*, keep: bool = False) -> Json:
    spec = pool_options("ignored", target_dedicated_nodes=0).as_dict()
    spec.pop("id")
    return {"autoPoolSpecification": {"poolLifetimeOption": "jobschedule", "keepAlive": keep, "pool": spec}}


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
    reason: Any = {"terminateReason": "enough"}
    client.begin_terminate_job(job, options=reason, polling_interval=0).wait()


def rewrite(directory: Path, change: Callable[[Doc], None]) -> None:
    """Change the one schedule on disk while no emulator runs."""
    with sqlite3.connect(directory / "batch.sqlite") as database:
        doc = json.loads(database.execute("select doc from entity where kind = 'schedule'").fetchone()[0])
        change(doc)
        database.execute("update entity set doc = ? where kind = 'schedule'", (json.dumps(doc),))
    database.close()


def test_a_schedule_without_recurrence_makes_one_job_however_often_it_restarts(tmp_path: Path) -> None:
    with emulator("--data", tmp_path) as first, first.client() as client:
        schedule(first, "once", own_pool())
        until(lambda: jobs(client, "once"))
        kill(first)
    with emulator("--data", tmp_path) as second, second.client() as client:
        end(client, "once:job-1")
        until(lambda: shown(second, "once")["state"] == "completed")
        assert jobs(client, "once") == ["once:job-1"]


def test_a_recurring_schedule_keeps_its_next_time_and_its_pool_and_makes_up_for_no_missed_interval(
    tmp_path: Path,
) -> None:
    with emulator("--data", tmp_path) as first, first.client() as client:
        schedule(first, "daily", own_pool(), recurrenceInterval="P1D")
        until(lambda: jobs(client, "daily"))
        end(client, "daily:job-1")
        until(lambda: shown(first, "daily")["executionInfo"]["nextRunTime"] > TOMORROW[:19])
        due = shown(first, "daily")["executionInfo"]["nextRunTime"]
        pools = [pool.id for pool in client.list_pools()]
        kill(first)
    with emulator("--data", tmp_path) as second, second.client() as client:
        assert shown(second, "daily")["executionInfo"]["nextRunTime"] == due
        client.disable_job_schedule("daily")
        client.enable_job_schedule("daily")
        assert jobs(client, "daily") == ["daily:job-1"]
        kill(second)
    missed = clock.moment(due) - dt.timedelta(days=3.5)
    rewrite(tmp_path, lambda doc: doc["executionInfo"].update(nextRunTime=clock.timestamp(missed)))
    with emulator("--data", tmp_path) as third, third.client() as client:
        until(lambda: len(jobs(client, "daily")) == 2)
        later = clock.timestamp(missed + dt.timedelta(days=3))
        until(lambda: shown(third, "daily")["executionInfo"].get("nextRunTime") == later)
        assert [pool.id for pool in client.list_pools()] == pools
        info = client.get_job("daily:job-2").execution_info
        assert info is not None
        assert info.pool_id == pools[0]


def test_a_schedule_that_was_being_terminated_is_terminated_after_a_restart(tmp_path: Path) -> None:
    with emulator("--data", tmp_path) as first, first.client() as client:
        schedule(first, "s", own_pool(), recurrenceInterval="P1D")
        until(lambda: jobs(client, "s"))
        kill(first)
    rewrite(tmp_path, lambda doc: doc.update(state="terminating"))
    with emulator("--data", tmp_path) as second, second.client() as client:
        until(lambda: shown(second, "s")["state"] == "completed")
        info = client.get_job("s:job-1").execution_info
        assert info is not None
        assert info.termination_reason == "TerminateJobSchedule"
        assert jobs(client, "s") == ["s:job-1"]


def test_an_automatic_pool_goes_with_its_schedule_unless_it_is_to_stay(tmp_path: Path) -> None:
    with emulator("--data", tmp_path) as started, started.client() as client:
        for name, keep in (("goes", False), ("stays", True)):
            schedule(started, name, own_pool(keep=keep), recurrenceInterval="P1D")
            until(lambda name=name: jobs(client, name))  # type: ignore[misc]
            client.begin_terminate_job_schedule(name, polling_interval=0).wait()
            until(lambda name=name: shown(started, name)["state"] == "completed")  # type: ignore[misc]
        info = client.get_job("stays:job-1").execution_info
        assert info is not None
        until(lambda: [pool.id for pool in client.list_pools()] == [info.pool_id])
        client.begin_delete_job_schedule("stays", polling_interval=0).wait()
        until(lambda: not list(client.list_job_schedules(filter="id eq 'stays'")))
        assert [pool.state for pool in client.list_pools()] == ["active"]


def test_the_quota_counts_schedules_that_are_not_over() -> None:
    with emulator("--max-active-jobs", 1) as started, started.client() as client:
        schedule(started, "s", own_pool(), doNotRunUntil=TOMORROW)
        body = {"id": "t", "schedule": {}, "jobSpecification": {"poolInfo": own_pool()}}
        status, _, answer = call(started, "POST", "/jobschedules", body=body)
        assert (status, answer["code"]) == (409, "ActiveJobAndScheduleQuotaReached")
        client.begin_terminate_job_schedule("s", polling_interval=0).wait()
        until(lambda: shown(started, "s")["state"] == "completed")
        schedule(started, "t", own_pool(), doNotRunUntil=TOMORROW)


def test_the_longest_interval_never_comes_round(plain: Emulator, client: BatchClient) -> None:
    schedule(plain, "rare", own_pool(), recurrenceInterval=clock.UNLIMITED)
    until(lambda: jobs(client, "rare"))
    until(lambda: shown(plain, "rare")["executionInfo"]["nextRunTime"].startswith("9999"))
    client.begin_delete_job_schedule("rare", polling_interval=0).wait()
