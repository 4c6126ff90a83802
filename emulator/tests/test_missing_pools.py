"""A job on a pool that does not exist is accepted, and its tasks wait for one with its id."""

from __future__ import annotations

from typing import TYPE_CHECKING

from azure.batch import models

from support.emulators import Emulator, call, emulator
from support.resources import add_task, make_job, make_pool, wait_for_task
from support.waiting import wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from azure.batch import BatchClient


def test_tasks_run_once_the_pool_exists(client: BatchClient, name: str) -> None:
    job = make_job(client, name, name)
    add_task(client, job, "t")
    found = client.get_job(job)
    assert (found.state, found.execution_info and found.execution_info.pool_id) == ("active", name)
    assert client.get_task(job, "t").state == "active"
    make_pool(client, name)
    info = wait_for_task(client, job, "t").execution_info
    assert info is not None
    assert info.result == "success"


def test_job_waits_across_a_kill(tmp_path: Path) -> None:
    with emulator("--data", tmp_path) as first, first.client() as client:
        add_task(client, make_job(client, "j", "late"), "t")
        first.kill()
    with emulator("--data", tmp_path) as second, second.client() as client:
        make_pool(client, "late")
        wait_for_task(client, "j", "t")


def test_job_can_be_terminated_and_deleted_while_it_waits(client: BatchClient, plain: Emulator, name: str) -> None:
    job = make_job(client, name, name)
    add_task(client, job, "t")
    assert call(plain, "POST", f"/jobs/{job}/terminate")[0] == 202
    wait_until(lambda: client.get_job(job).state == "completed")
    assert call(plain, "DELETE", f"/jobs/{job}")[0] == 202
    wait_until(lambda: call(plain, "GET", f"/jobs/{job}")[0] == 404)


def test_disabled_job_can_move_to_a_pool_that_does_not_exist(client: BatchClient, pool: str, name: str) -> None:
    job = make_job(client, name, pool)
    client.begin_disable_job(job, models.BatchJobDisableOptions(disable_tasks="requeue"), polling_interval=0)
    wait_until(lambda: client.get_job(job).state == "disabled")
    client.update_job(job, models.BatchJobUpdateOptions(pool_info=models.BatchPoolInfo(pool_id=name)))
    found = client.get_job(job)
    assert found.execution_info is not None
    assert found.execution_info.pool_id == name


def test_schedule_on_a_missing_pool_creates_its_job(plain: Emulator, client: BatchClient, name: str) -> None:
    body = {"id": name, "schedule": {}, "jobSpecification": {"poolInfo": {"poolId": "missing"}}}
    assert call(plain, "POST", "/jobschedules", body=body)[0] == 201

    def recent() -> object:
        return call(plain, "GET", f"/jobschedules/{name}")[2]["executionInfo"].get("recentJob")

    job = f"{name}:job-1"
    assert wait_until(recent) == {"id": job, "url": f"{plain.url}/jobs/{job}"}
    assert [each.id for each in client.list_jobs_from_schedule(name)] == [job]
