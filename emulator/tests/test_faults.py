"""Fault injection through /_control."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from azure.batch import models
from azure.core.exceptions import HttpResponseError, ResourceExistsError, ServiceResponseError

from support.emulators import Emulator, call, emulator
from support.faults import control_state, inject
from support.resources import make_job, make_pool, wait_for_task
from support.waiting import wait_until

if TYPE_CHECKING:
    from azure.batch import BatchClient


pytestmark = pytest.mark.usefixtures("clear_faults")


def test_throttled_call_is_retried_by_the_sdk(plain: Emulator, client: BatchClient) -> None:
    pool = make_pool(client, "throttled")
    inject(plain, operation="get_pool", status=429, retryAfter=0.1, times=2)
    assert client.get_pool(pool).id == pool
    assert control_state(plain)["faults"] == []


def test_throttled_post_without_retry_after_raises_in_the_client(plain: Emulator, client: BatchClient) -> None:
    pool = make_pool(client, "throttled-post")
    inject(plain, operation="create_job", status=429)
    with pytest.raises(HttpResponseError) as refused:
        make_job(client, "throttled-post", pool)
    assert refused.value.status_code == 429
    assert refused.value.error is not None
    assert refused.value.error.code == "TooManyRequests"
    make_job(client, "throttled-post", pool)


def test_call_with_a_dropped_connection_takes_effect(plain: Emulator, client: BatchClient) -> None:
    job = make_job(client, "dropped", make_pool(client, "dropped"))
    inject(plain, operation="create_task", drop=True)
    options = models.BatchTaskCreateOptions(id="t", command_line="true")
    with pytest.raises(ServiceResponseError):
        client.create_task(job, options)
    with pytest.raises(ResourceExistsError) as refused:
        client.create_task(job, options)
    assert refused.value.error is not None
    assert refused.value.error.code == "TaskExists"
    wait_for_task(client, job, "t")


def test_task_of_a_lost_node_runs_on_another(plain: Emulator, client: BatchClient) -> None:
    pool = make_pool(client, "lost")
    job = make_job(client, "lost", pool)
    client.create_task(job, models.BatchTaskCreateOptions(id="t", command_line="sleep 0.7"))
    first = wait_until(
        lambda: (t := client.get_task(job, "t")).state == "running" and t.node_info and t.node_info.node_id
    )
    assert call(plain, "POST", f"/_control/pools/{pool}/nodes/{first}/lose")[0] == 204
    task = wait_for_task(client, job, "t")
    assert task.node_info is not None
    assert task.execution_info is not None
    assert task.node_info.node_id != first
    assert (task.execution_info.exit_code, task.execution_info.retry_count) == (0, 0)


def test_tasks_of_a_preempted_node_are_requeued(plain: Emulator, client: BatchClient) -> None:
    pool = make_pool(client, "spot", target_dedicated_nodes=0, target_low_priority_nodes=1)
    job = make_job(client, "spot", pool)
    client.create_task(job, models.BatchTaskCreateOptions(id="t", command_line="sleep 3"))
    node = wait_until(
        lambda: (t := client.get_task(job, "t")).state == "running" and t.node_info and t.node_info.node_id
    )
    address = f"/_control/pools/{pool}/nodes/{node}"
    assert call(plain, "POST", f"{address}/preempt")[0] == 204
    assert client.get_node(pool, str(node)).state == "preempted"
    assert client.get_task(job, "t").state == "active"
    assert call(plain, "POST", f"{address}/restore")[0] == 204
    wait_for_task(client, job, "t")


def test_each_loss_of_a_node_is_counted_as_a_requeue(plain: Emulator, client: BatchClient) -> None:
    pool = make_pool(client, "requeued", target_dedicated_nodes=0, target_low_priority_nodes=1)
    job = make_job(client, "requeued", pool)
    client.create_task(job, models.BatchTaskCreateOptions(id="t", command_line="sleep 60"))
    last = None
    for count, how in enumerate(("preempt", "lose", "preempt"), 1):
        wait_until(lambda: client.get_task(job, "t").state == "running")
        (node,) = client.list_nodes(pool)
        # The task of a disabled job stays active while the test looks at it.
        client.begin_disable_job(job, models.BatchJobDisableOptions(disable_tasks="wait"))
        assert call(plain, "POST", f"/_control/pools/{pool}/nodes/{node.id}/{how}")[0] == 204
        task = client.get_task(job, "t")
        info = task.execution_info
        assert info is not None
        assert (task.state, task.previous_state, task.node_info) == ("active", "running", None)
        assert (info.requeue_count, info.retry_count, info.start_time) == (count, 0, None)
        assert info.last_requeue_time is not None
        assert last is None or info.last_requeue_time > last
        last = info.last_requeue_time
        if how == "preempt":
            assert call(plain, "POST", f"/_control/pools/{pool}/nodes/{node.id}/restore")[0] == 204
        wait_until(lambda: client.get_job(job).state == "disabled")
        client.begin_enable_job(job)
    wait_until(lambda: client.get_task(job, "t").state == "running")
    running = client.get_task(job, "t")
    assert running.execution_info is not None
    assert running.execution_info.requeue_count == 3
    assert running.execution_info.start_time is not None
    client.begin_delete_job(job)


def test_control_endpoint_does_not_exist_without_control() -> None:
    with emulator() as started:
        assert call(started, "GET", "/_control")[0] == 404
