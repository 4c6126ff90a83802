"""What clients ask for that is odd, cut short or too much, and that must harm nothing else."""

from __future__ import annotations

import time
import uuid
import zipfile
from typing import TYPE_CHECKING, Any

import pytest
from azure.batch import models

from local.batch.node.packages import _unzip
from tests.batch.kit import ended, make_job, make_pool, pool_options, run_task, text_of, until
from tests.batch.test_jobs import reason
from tests.batch.test_wire import call

if TYPE_CHECKING:
    from pathlib import Path

    from azure.batch import BatchClient

    from tests.batch.kit import Emulator


@pytest.fixture
def name() -> str:
    return f"n{uuid.uuid4().hex[:12]}"


@pytest.fixture
def pool(client: BatchClient, name: str) -> str:
    """One node with one slot."""
    return make_pool(client, f"{name}-pool", task_slots_per_node=1)


def add(plain: Emulator, job: str, task: str, **settings: object) -> int:
    """Add a task as raw JSON; the status of the answer."""
    body: dict[str, Any] = {"id": task, "commandLine": "true"} | settings
    return call(plain, "POST", f"/jobs/{job}/tasks", body=body)[0]


def start_task(command: str, **settings: object) -> models.BatchStartTask:
    return models.BatchStartTask({"commandLine": command, "waitForSuccess": True} | settings)


def test_a_start_task_that_cannot_be_started_is_not_tried_for_ever(client: BatchClient, name: str) -> None:
    options = pool_options(name, start_task=start_task("/no/such/program", maxTaskRetryCount=-1))
    client.create_pool(options)
    until(lambda: [node.state for node in client.list_nodes(name)] == ["starttaskfailed"])


def test_a_start_task_that_the_system_refuses_does_not_keep_its_pool(client: BatchClient, name: str) -> None:
    odd = [models.EnvironmentSetting(name="A=B", value="c\0d")]
    client.create_pool(
        pool_options(name, start_task=models.BatchStartTask(command_line="true", environment_settings=odd))
    )
    until(lambda: [node.state for node in client.list_nodes(name)] in (["starttaskfailed"], ["idle"]))
    client.begin_delete_pool(name, polling_interval=0).wait()


@pytest.mark.parametrize(
    "settings",
    [
        {"constraints": {"retentionTime": None, "maxWallClockTime": None, "maxTaskRetryCount": None}},
        {"dependsOn": {"taskIds": None}},
        {"exitConditions": {"default": None, "exitCodes": None}},
    ],
)
def test_null_means_absent_however_deep(
    client: BatchClient, plain: Emulator, pool: str, name: str, settings: dict[str, object]
) -> None:
    job = make_job(client, name, pool, uses_task_dependencies=True)
    assert add(plain, job, "nulls", **settings) == 201
    assert add(plain, job, "next") == 201
    ended(client, job, "nulls")
    ended(client, job, "next")


def test_a_package_left_half_unzipped_is_unzipped_anew(tmp_path: Path) -> None:
    (tmp_path / "packages" / "app").mkdir(parents=True)
    for version in ("1.0.1", "1.0.2"):
        with zipfile.ZipFile(tmp_path / "packages" / "app" / f"{version}.zip", "w") as archive:
            archive.writestr(f"{version}.txt", version)
    for leftover in ("app-1.0.partial", "app-1.0.2.partial"):
        (tmp_path / leftover).mkdir()
        (tmp_path / leftover / "1.0.1.txt").write_text("half")
    unzipped = _unzip(tmp_path / "packages", tmp_path, "app", "1.0.2")
    assert [path.name for path in unzipped.iterdir()] == ["1.0.2.txt"]


def test_a_task_added_again_at_once_keeps_its_files(client: BatchClient, pool: str, name: str) -> None:
    job = make_job(client, name, pool)
    for number in range(10):
        run_task(client, job, "again", f"/bin/bash -c 'echo {number} | tee {{1..200}}.txt'")
        assert text_of(client, job, "again") == f"{number}\n"
        assert text_of(client, job, "again", "wd/200.txt") == f"{number}\n"
        client.delete_task(job, "again")


def test_nodes_work_on_when_their_removal_is_stopped(client: BatchClient, pool: str, name: str) -> None:
    job = make_job(client, name, pool)
    client.create_task(job, models.BatchTaskCreateOptions(id="long", command_line="sleep 2"))
    until(lambda: client.get_task(job, "long").state == "running")
    options = models.BatchPoolResizeOptions(target_dedicated_nodes=0, node_deallocation_option="taskcompletion")
    client.begin_resize_pool(pool, options, polling_interval=0)
    client.begin_stop_pool_resize(pool, polling_interval=0).wait()
    run_task(client, job, "after", "true")


def test_a_job_disabled_and_terminated_at_once_leaves_no_task_active(client: BatchClient, pool: str, name: str) -> None:
    job = make_job(client, name, pool)
    client.create_task(job, models.BatchTaskCreateOptions(id="long", command_line="sleep 60"))
    until(lambda: client.get_task(job, "long").state == "running")
    client.begin_disable_job(job, models.BatchJobDisableOptions(disable_tasks="requeue"), polling_interval=0)
    client.begin_terminate_job(job, options=reason("at once"), polling_interval=0).wait()
    assert client.get_task(job, "long").state == "completed"


def test_a_deleted_job_leaves_no_preparation_running(client: BatchClient, pool: str, name: str, tmp_path: Path) -> None:
    # It writes for as long as it lives.
    command = f"/bin/bash -c 'while sleep 0.05; do echo >> {tmp_path}/alive; done'"
    job = make_job(client, name, pool, job_preparation_task=models.BatchJobPreparationTask(command_line=command))
    client.create_task(job, models.BatchTaskCreateOptions(id="waits", command_line="true"))
    until((tmp_path / "alive").exists)
    client.begin_delete_job(job, polling_interval=0).wait()
    size = (tmp_path / "alive").stat().st_size
    time.sleep(0.3)
    assert (tmp_path / "alive").stat().st_size == size


def test_a_scheduling_policy_says_how_nodes_are_filled(plain: Emulator, name: str) -> None:
    body = pool_options(name).as_dict() | {"taskSchedulingPolicy": {}}
    status, _, error = call(plain, "POST", "/pools", body=body)
    assert (status, error["code"]) == (400, "MissingRequiredProperty")


def test_jobs_take_turns_when_slots_come_free_one_at_a_time(client: BatchClient, pool: str, name: str) -> None:
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
            execution = ended(client, job, str(number)).execution_info
            assert execution is not None
            started.append((execution.start_time, job))
    order = [job for _, job in sorted(started)]
    assert order in (jobs * 4, jobs[::-1] * 4)


def test_a_task_that_failed_while_another_was_waited_for_waits_again(client: BatchClient, pool: str, name: str) -> None:
    job = make_job(client, name, pool, uses_task_dependencies=True)
    client.create_task(job, models.BatchTaskCreateOptions(id="first", command_line="sleep 60"))
    waits = models.BatchTaskDependencies(task_ids=["first"])
    client.create_task(job, models.BatchTaskCreateOptions(id="second", command_line="true", depends_on=waits))
    client.terminate_task(job, "second")
    client.reactivate_task(job, "second")
    run_task(client, make_job(client, f"{name}-other", make_pool(client, f"{name}-spare")), "while", "true")
    assert client.get_task(job, "second").state == "active"
    client.terminate_task(job, "first")


def test_an_id_ends_where_it_ends(plain: Emulator, pool: str, name: str) -> None:
    status, _, error = call(plain, "POST", "/jobs", body={"id": f"{name}\n", "poolInfo": {"poolId": pool}})
    assert (status, error["code"]) == (400, "InvalidPropertyValue")
