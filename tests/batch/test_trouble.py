"""Trouble on demand, and what a restart finds."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import pytest
from azure.batch import models
from azure.core.exceptions import HttpResponseError, ResourceExistsError, ServiceResponseError

from tests.batch.kit import Emulator, emulator, ended, make_job, make_pool, run_task, text_of, until
from tests.batch.test_wire import call

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from azure.batch import BatchClient


@pytest.fixture(autouse=True)
def _calm_afterwards(plain: Emulator) -> Iterator[None]:
    yield
    call(plain, "DELETE", "/_control/faults")


def plan(plain: Emulator, **fault: object) -> None:
    assert call(plain, "POST", "/_control/faults", body={"faults": [fault]})[0] == 204


def test_a_throttled_call_is_retried_by_the_sdk(plain: Emulator, client: BatchClient) -> None:
    pool = make_pool(client, "throttled")
    plan(plain, operation="get_pool", status=429, retryAfter=0.1, times=2)
    assert client.get_pool(pool).id == pool
    assert call(plain, "GET", "/_control")[2]["faults"] == []


def test_a_throttle_without_retry_after_reaches_whoever_posts(plain: Emulator, client: BatchClient) -> None:
    pool = make_pool(client, "throttled-post")
    plan(plain, operation="create_job", status=429)
    with pytest.raises(HttpResponseError) as refused:
        make_job(client, "throttled-post", pool)
    assert refused.value.status_code == 429
    assert refused.value.error is not None
    assert refused.value.error.code == "TooManyRequests"
    make_job(client, "throttled-post", pool)


def test_a_connection_dropped_after_the_work_leaves_the_work_done(plain: Emulator, client: BatchClient) -> None:
    job = make_job(client, "dropped", make_pool(client, "dropped"))
    plan(plain, operation="create_task", drop=True)
    options = models.BatchTaskCreateOptions(id="t", command_line="true")
    with pytest.raises(ServiceResponseError):
        client.create_task(job, options)
    with pytest.raises(ResourceExistsError) as refused:
        client.create_task(job, options)
    assert refused.value.error is not None
    assert refused.value.error.code == "TaskExists"
    ended(client, job, "t")


def test_a_task_survives_the_loss_of_its_node(plain: Emulator, client: BatchClient) -> None:
    pool = make_pool(client, "lost")
    job = make_job(client, "lost", pool)
    client.create_task(job, models.BatchTaskCreateOptions(id="t", command_line="sleep 0.7"))
    first = until(lambda: (t := client.get_task(job, "t")).state == "running" and t.node_info and t.node_info.node_id)
    assert call(plain, "POST", f"/_control/pools/{pool}/nodes/{first}/lose")[0] == 204
    task = ended(client, job, "t")
    assert task.node_info is not None
    assert task.execution_info is not None
    assert task.node_info.node_id != first
    assert (task.execution_info.exit_code, task.execution_info.retry_count) == (0, 0)


def test_a_preempted_node_gives_its_tasks_back(plain: Emulator, client: BatchClient) -> None:
    pool = make_pool(client, "spot", target_dedicated_nodes=0, target_low_priority_nodes=1)
    job = make_job(client, "spot", pool)
    client.create_task(job, models.BatchTaskCreateOptions(id="t", command_line="sleep 0.5"))
    node = until(lambda: (t := client.get_task(job, "t")).state == "running" and t.node_info and t.node_info.node_id)
    address = f"/_control/pools/{pool}/nodes/{node}"
    assert call(plain, "POST", f"{address}/preempt")[0] == 204
    assert client.get_node(pool, str(node)).state == "preempted"
    assert client.get_task(job, "t").state == "active"
    assert call(plain, "POST", f"{address}/restore")[0] == 204
    ended(client, job, "t")


def test_without_control_there_is_no_control() -> None:
    with emulator() as started:
        assert call(started, "GET", "/_control")[0] == 404


def test_a_kill_loses_nothing_that_was_accepted(tmp_path: Path) -> None:
    count = 150
    with emulator("--data", tmp_path) as first, first.client() as client:
        job = make_job(client, "kept", make_pool(client, "kept"), uses_task_dependencies=True, priority=7)
        run_task(client, job, "before", "echo before")
        depends = models.BatchTaskDependencies(task_ids=["before", "t3"])
        last = models.BatchTaskCreateOptions(id="last", command_line="true", depends_on=depends)
        client.create_task(job, last)
        client.create_tasks(
            job, [models.BatchTaskCreateOptions(id=f"t{i}", command_line="sleep 0.01") for i in range(count)]
        )
        client.create_task(job, models.BatchTaskCreateOptions(id="long", command_line="sleep 1"))
        until(lambda: client.get_job_task_counts(job).task_counts.completed > 5)
        os.kill(first.process.pid, signal.SIGKILL)
        first.end()
    with emulator("--data", tmp_path) as second, second.client() as client:
        assert client.get_job(job).priority == 7
        assert client.get_job(job).url.startswith(second.url)
        assert text_of(client, job, "before") == "before\n"
        until(lambda: client.get_job_task_counts(job).task_counts.succeeded == count + 3)
        assert {task.id for task in client.list_tasks(job, select=["id"])} == (
            {"before", "last", "long"} | {f"t{i}" for i in range(count)}
        )
