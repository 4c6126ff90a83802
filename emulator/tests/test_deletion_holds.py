"""Fault injection: jobs that stay in `deleting`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from azure.core.exceptions import HttpResponseError

from support.emulators import Emulator, call, emulator
from support.faults import control_state, inject, lift
from support.resources import add_task, make_job, make_pool, run_task
from support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from azure.batch import BatchClient

pytestmark = pytest.mark.usefixtures("clear_faults")


def delete_job(started: Emulator, job: str) -> None:
    assert call(started, "DELETE", f"/jobs/{job}")[0] == 202


def wait_until_gone(started: Emulator, job: str) -> None:
    wait_until(lambda: call(started, "GET", f"/jobs/{job}")[0] == 404)


def code_of(request: Callable[[], object]) -> tuple[int | None, str]:
    with pytest.raises(HttpResponseError) as refused:
        request()
    assert refused.value.error is not None
    return refused.value.status_code, str(refused.value.error.code)


def test_held_job_is_deleting_and_refuses_its_tasks_until_it_is_released(
    plain: Emulator, client: BatchClient, job: str
) -> None:
    run_task(client, job, "t", "true")
    inject(plain, operation="delete_job", deleting=-1)
    delete_job(plain, job)
    deleting = (409, "JobBeingDeleted")
    assert client.get_job(job).state == "deleting"
    assert code_of(lambda: list(client.list_tasks(job))) == deleting
    assert code_of(lambda: add_task(client, job, "u")) == deleting
    status, _, body = call(plain, "POST", f"/jobs/{job}/addtaskcollection", body={"value": []})
    assert (status, body["code"]) == deleting
    status, _, body = call(plain, "DELETE", f"/jobs/{job}")
    assert (status, body["code"]) == deleting
    assert [each.id for each in client.list_jobs(filter="state eq 'deleting'")] == [job]
    assert control_state(plain)["heldJobs"] == [job]
    lift(plain)
    wait_until_gone(plain, job)
    assert control_state(plain)["heldJobs"] == []


def test_held_job_is_deleted_after_the_given_time(plain: Emulator, client: BatchClient, job: str) -> None:
    inject(plain, operation="delete_job", deleting=1)
    delete_job(plain, job)
    assert client.get_job(job).state == "deleting"
    wait_until_gone(plain, job)


def test_only_matching_jobs_are_held_and_their_fault_releases_them(
    plain: Emulator, client: BatchClient, pool: str, name: str
) -> None:
    held, other = make_job(client, name, pool), make_job(client, f"other-{name}", pool)
    inject(plain, name="hold", operation="delete_job", path="/jobs/n-*", deleting=-1, times=-1)
    inject(plain, name="other", operation="get_job_task_counts", code="JobNotFound")
    delete_job(plain, held)
    delete_job(plain, other)
    wait_until_gone(plain, other)
    lift(plain, "other")
    assert client.get_job(held).state == "deleting"
    lift(plain, "hold")
    wait_until_gone(plain, held)


def test_refused_deletion_does_not_hold_a_later_one(plain: Emulator, job: str) -> None:
    inject(plain, operation="delete_job", deleting=-1)
    assert call(plain, "DELETE", f"/jobs/{job}", headers={"If-Match": "0x1"})[0] == 412
    delete_job(plain, job)
    wait_until_gone(plain, job)


def test_job_held_for_a_time_is_deleted_after_a_kill(tmp_path: Path) -> None:
    with emulator("--control", "--data", tmp_path) as first, first.client() as client:
        pool = make_pool(client, "p", target_dedicated_nodes=0)
        for job, seconds in (("short", 2), ("long", 3600)):
            make_job(client, job, pool)
            inject(first, operation="delete_job", deleting=seconds, times=1)
            delete_job(first, job)
        first.kill()
    with emulator("--control", "--data", tmp_path) as second:
        wait_until_gone(second, "short")
        assert call(second, "GET", "/jobs/long")[2]["state"] == "deleting"


def test_job_held_until_released_is_still_held_after_a_kill(tmp_path: Path) -> None:
    with emulator("--control", "--data", tmp_path) as first, first.client() as client:
        make_job(client, "j", make_pool(client, "p", target_dedicated_nodes=0))
        inject(first, name="hold", operation="delete_job", deleting=-1)
        delete_job(first, "j")
        first.kill()
    with emulator("--control", "--data", tmp_path) as second:
        assert control_state(second)["heldJobs"] == ["j"]
        lift(second, "hold")
        wait_until_gone(second, "j")


def test_job_held_until_released_is_deleted_after_a_restart_without_control(tmp_path: Path) -> None:
    with emulator("--control", "--data", tmp_path) as first, first.client() as client:
        make_job(client, "j", make_pool(client, "p", target_dedicated_nodes=0))
        inject(first, operation="delete_job", deleting=-1)
        delete_job(first, "j")
        first.kill()
    with emulator("--data", tmp_path) as second:
        wait_until_gone(second, "j")
