"""Unusual and interrupted requests, which must not affect anything else."""

from __future__ import annotations

import time
import zipfile
from typing import TYPE_CHECKING, Any

import pytest
from azure.batch import models

from batch_emulator.machine.packages import _unzip
from support.emulators import Emulator, call
from support.resources import (
    file_text,
    make_job,
    make_pool,
    pool_options,
    run_task,
    terminate_reason,
    wait_for_task,
)
from support.waiting import wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from azure.batch import BatchClient


@pytest.fixture
def pool(client: BatchClient, name: str) -> str:
    """One node with one slot."""
    return make_pool(client, f"{name}-pool", task_slots_per_node=1)


def add_raw_task(plain: Emulator, job: str, task: str, **settings: object) -> int:
    """Add a task as raw JSON; returns the status."""
    body: dict[str, Any] = {"id": task, "commandLine": "true"} | settings
    return call(plain, "POST", f"/jobs/{job}/tasks", body=body)[0]


def start_task(command: str, **settings: object) -> models.BatchStartTask:
    return models.BatchStartTask({"commandLine": command, "waitForSuccess": True} | settings)


def test_start_task_with_a_missing_program_is_not_retried_forever(client: BatchClient, name: str) -> None:
    options = pool_options(name, start_task=start_task("/no/such/program", maxTaskRetryCount=-1))
    client.create_pool(options)
    wait_until(lambda: [node.state for node in client.list_nodes(name)] == ["starttaskfailed"])


def test_pool_with_a_start_task_that_cannot_be_launched_can_be_deleted(client: BatchClient, name: str) -> None:
    odd = [models.EnvironmentSetting(name="A=B", value="c\0d")]
    client.create_pool(
        pool_options(name, start_task=models.BatchStartTask(command_line="true", environment_settings=odd))
    )
    wait_until(lambda: [node.state for node in client.list_nodes(name)] in (["starttaskfailed"], ["idle"]))
    client.begin_delete_pool(name, polling_interval=0).wait()


@pytest.mark.parametrize(
    "settings",
    [
        {"constraints": {"retentionTime": None, "maxWallClockTime": None, "maxTaskRetryCount": None}},
        {"dependsOn": {"taskIds": None}},
        {"exitConditions": {"default": None, "exitCodes": None}},
    ],
)
def test_null_properties_are_treated_as_absent_at_any_depth(
    client: BatchClient, plain: Emulator, pool: str, name: str, settings: dict[str, object]
) -> None:
    job = make_job(client, name, pool, uses_task_dependencies=True)
    assert add_raw_task(plain, job, "nulls", **settings) == 201
    assert add_raw_task(plain, job, "next") == 201
    wait_for_task(client, job, "nulls")
    wait_for_task(client, job, "next")


def test_package_left_half_unzipped_is_unzipped_again(tmp_path: Path) -> None:
    (tmp_path / "packages" / "app").mkdir(parents=True)
    for version in ("1.0.1", "1.0.2"):
        with zipfile.ZipFile(tmp_path / "packages" / "app" / f"{version}.zip", "w") as archive:
            archive.writestr(f"{version}.txt", version)
    for leftover in ("app-1.0.partial", "app-1.0.2.partial"):
        (tmp_path / leftover).mkdir()
        (tmp_path / leftover / "1.0.1.txt").write_text("half")
    unzipped = _unzip(tmp_path / "packages", tmp_path, "app", "1.0.2")
    assert [path.name for path in unzipped.iterdir()] == ["1.0.2.txt"]


def test_task_added_again_right_after_its_deletion_keeps_its_files(client: BatchClient, pool: str, name: str) -> None:
    job = make_job(client, name, pool)
    for number in range(10):
        run_task(client, job, "again", f"/bin/bash -c 'echo {number} | tee {{1..200}}.txt'")
        assert file_text(client, job, "again") == f"{number}\n"
        assert file_text(client, job, "again", "wd/200.txt") == f"{number}\n"
        client.delete_task(job, "again")


def test_nodes_run_tasks_after_their_removal_is_stopped(client: BatchClient, pool: str, name: str) -> None:
    job = make_job(client, name, pool)
    client.create_task(job, models.BatchTaskCreateOptions(id="long", command_line="sleep 2"))
    wait_until(lambda: client.get_task(job, "long").state == "running")
    options = models.BatchPoolResizeOptions(target_dedicated_nodes=0, node_deallocation_option="taskcompletion")
    client.begin_resize_pool(pool, options, polling_interval=0)
    client.begin_stop_pool_resize(pool, polling_interval=0).wait()
    run_task(client, job, "after", "true")


def test_job_disabled_and_then_terminated_leaves_no_task_active(client: BatchClient, pool: str, name: str) -> None:
    job = make_job(client, name, pool)
    client.create_task(job, models.BatchTaskCreateOptions(id="long", command_line="sleep 60"))
    wait_until(lambda: client.get_task(job, "long").state == "running")
    client.begin_disable_job(job, models.BatchJobDisableOptions(disable_tasks="requeue"), polling_interval=0)
    client.begin_terminate_job(job, options=terminate_reason("at once"), polling_interval=0).wait()
    assert client.get_task(job, "long").state == "completed"


def test_deleting_a_job_ends_its_preparation_task(client: BatchClient, pool: str, name: str, tmp_path: Path) -> None:
    # The preparation task writes until it is killed.
    command = f"/bin/bash -c 'while sleep 0.05; do echo >> {tmp_path}/alive; done'"
    job = make_job(client, name, pool, job_preparation_task=models.BatchJobPreparationTask(command_line=command))
    client.create_task(job, models.BatchTaskCreateOptions(id="waits", command_line="true"))
    wait_until((tmp_path / "alive").exists)
    client.begin_delete_job(job, polling_interval=0).wait()
    size = (tmp_path / "alive").stat().st_size
    time.sleep(0.3)
    assert (tmp_path / "alive").stat().st_size == size


def test_scheduling_policy_requires_a_node_fill_type(plain: Emulator, name: str) -> None:
    body = pool_options(name).as_dict() | {"taskSchedulingPolicy": {}}
    status, _, error = call(plain, "POST", "/pools", body=body)
    assert (status, error["code"]) == (400, "MissingRequiredProperty")


def test_jobs_take_turns_when_slots_become_free_one_at_a_time(client: BatchClient, pool: str, name: str) -> None:
    jobs = [make_job(client, f"{name}-{number}", pool) for number in range(2)]
    nodes = [node.id for node in client.list_nodes(pool)]
    how = models.BatchNodeDisableSchedulingOptions(node_disable_scheduling_option="requeue")
    client.disable_node_scheduling(pool, nodes[0], how)
    for job in jobs:
        for number in range(4):
            client.create_task(job, models.BatchTaskCreateOptions(id=str(number), command_line="true"))
    client.enable_node_scheduling(pool, nodes[0])
    started = []
    for job in jobs:
        for number in range(4):
            execution = wait_for_task(client, job, str(number)).execution_info
            assert execution is not None
            started.append((execution.start_time, job))
    order = [job for _, job in sorted(started)]
    assert order in (jobs * 4, jobs[::-1] * 4)


def test_task_terminated_while_waiting_waits_again_when_reactivated(client: BatchClient, pool: str, name: str) -> None:
    job = make_job(client, name, pool, uses_task_dependencies=True)
    client.create_task(job, models.BatchTaskCreateOptions(id="first", command_line="sleep 60"))
    waits = models.BatchTaskDependencies(task_ids=["first"])
    client.create_task(job, models.BatchTaskCreateOptions(id="second", command_line="true", depends_on=waits))
    client.terminate_task(job, "second")
    client.reactivate_task(job, "second")
    run_task(client, make_job(client, f"{name}-other", make_pool(client, f"{name}-spare")), "while", "true")
    assert client.get_task(job, "second").state == "active"
    client.terminate_task(job, "first")


def test_id_with_a_trailing_newline_is_refused(plain: Emulator, pool: str, name: str) -> None:
    status, _, error = call(plain, "POST", "/jobs", body={"id": f"{name}\n", "poolInfo": {"poolId": pool}})
    assert (status, error["code"]) == (400, "InvalidPropertyValue")
