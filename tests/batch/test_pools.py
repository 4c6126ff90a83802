"""Pools and nodes: allocation, start tasks, scheduling, removal, autoscaling."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import pytest
from azure.batch import models
from azure.core.exceptions import HttpResponseError, ResourceExistsError, ResourceNotFoundError

from tests.batch.kit import Emulator, emulator, ended, make_job, make_pool, pool_options, run_task, text_of, until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from azure.batch import BatchClient


def steady(client: BatchClient, pool: str) -> models.BatchPool:
    """The pool, once nothing changes."""
    until(lambda: client.get_pool(pool).allocation_state == "steady")
    return client.get_pool(pool)


def node_ids(client: BatchClient, pool: str) -> list[str]:
    return [node.id for node in client.list_nodes(pool)]


def test_a_pool_gets_the_nodes_it_asks_for_and_loses_those_too_many(client: BatchClient) -> None:
    pool = make_pool(client, "resize", target_dedicated_nodes=2, target_low_priority_nodes=1)
    counts = next(each for each in client.list_pool_node_counts(filter="poolId eq 'resize'"))
    assert counts.dedicated is not None
    assert counts.low_priority is not None
    assert (counts.dedicated.idle, counts.dedicated.total, counts.low_priority.total) == (2, 2, 1)
    options = models.BatchPoolResizeOptions(target_dedicated_nodes=1, target_low_priority_nodes=2)
    client.begin_resize_pool(pool, options, polling_interval=0).wait()
    found = client.get_pool(pool)
    assert (found.current_dedicated_nodes, found.current_low_priority_nodes) == (1, 2)
    assert sum(not node.is_dedicated for node in client.list_nodes(pool)) == 2
    client.begin_delete_pool(pool, polling_interval=0).wait()
    with pytest.raises(ResourceNotFoundError):
        client.get_pool(pool)


def test_a_quota_shows_as_a_resize_error(client: BatchClient) -> None:
    client.create_pool(pool_options("quota", target_dedicated_nodes=70))
    found = steady(client, "quota")
    assert found.current_dedicated_nodes == 64
    assert found.resize_errors is not None
    assert found.resize_errors[0].code == "AccountCoreQuotaReached"
    client.begin_delete_pool("quota", polling_interval=0).wait()


def test_a_start_task_runs_before_any_task(client: BatchClient) -> None:
    start = models.BatchStartTask(
        command_line="/bin/bash -c 'echo ready > $AZ_BATCH_NODE_SHARED_DIR/f'", wait_for_success=True
    )
    pool = make_pool(client, "start", start_task=start)
    run_task(client, make_job(client, "start", pool), "t", "/bin/bash -c 'cat $AZ_BATCH_NODE_SHARED_DIR/f'")
    assert text_of(client, "start", "t") == "ready\n"
    (node,) = client.list_nodes(pool)
    assert node.start_task_info is not None
    assert (node.start_task_info.result, node.start_task_info.exit_code) == ("success", 0)
    assert "startup/stdout.txt" in {each.name for each in client.list_node_files(pool, node.id, recursive=True)}


def test_a_start_task_that_fails_keeps_tasks_off_the_node(client: BatchClient) -> None:
    start = models.BatchStartTask(command_line="/bin/bash -c 'exit 3'", wait_for_success=True, max_task_retry_count=1)
    client.create_pool(pool_options("badstart", start_task=start))
    until(lambda: [node.state for node in client.list_nodes("badstart")] == ["starttaskfailed"])
    (node,) = client.list_nodes("badstart")
    assert node.start_task_info is not None
    assert (node.start_task_info.retry_count, node.start_task_info.exit_code) == (1, 3)
    job = make_job(client, "badstart", "badstart")
    client.create_task(job, models.BatchTaskCreateOptions(id="t", command_line="true"))
    assert client.get_task(job, "t").state == "active"


def test_tasks_of_a_removed_node_run_again_elsewhere(client: BatchClient) -> None:
    pool = make_pool(client, "remove", target_dedicated_nodes=2)
    job = make_job(client, "remove", pool)
    wait = "/bin/bash -c 'test -e $AZ_BATCH_NODE_SHARED_DIR/../../again-remove || sleep 1000'"
    client.create_task(job, models.BatchTaskCreateOptions(id="t", command_line=wait))
    first = until(lambda: (t := client.get_task(job, "t")).state == "running" and t.node_info and t.node_info.node_id)
    shared = text_path(client, pool)
    try:
        shared.write_text("")
        options = models.BatchNodeRemoveOptions(node_ids=[str(first)], node_deallocation_option="requeue")
        client.begin_remove_nodes(pool, options, polling_interval=0).wait()
        task = ended(client, job, "t")
        assert task.node_info is not None
        assert task.execution_info is not None
        assert task.node_info.node_id != first
        assert (task.execution_info.requeue_count, task.execution_info.retry_count) == (1, 0)
        assert client.get_pool(pool).target_dedicated_nodes == 1
    finally:
        shared.unlink()


def text_path(client: BatchClient, pool: str):  # type: ignore[no-untyped-def]  # noqa: ANN201
    """A file beside the nodes' directories, which a task can see."""
    from pathlib import Path

    job = make_job(client, f"where-{pool}", pool)
    run_task(client, job, "t", "/bin/bash -c 'echo $AZ_BATCH_NODE_ROOT_DIR'")
    return Path(text_of(client, job, "t").strip()).parent / f"again-{pool}"


def test_taskcompletion_lets_a_node_finish_its_work(client: BatchClient) -> None:
    pool = make_pool(client, "finish")
    job = make_job(client, "finish", pool)
    client.create_task(job, models.BatchTaskCreateOptions(id="t", command_line="sleep 0.5"))
    until(lambda: client.get_task(job, "t").state == "running")
    options = models.BatchPoolResizeOptions(target_dedicated_nodes=0, node_deallocation_option="taskcompletion")
    client.begin_resize_pool(pool, options, polling_interval=0).wait()
    info = client.get_task(job, "t").execution_info
    assert info is not None
    assert (info.result, info.requeue_count) == ("success", 0)
    assert node_ids(client, pool) == []


def test_a_node_with_scheduling_disabled_gets_no_tasks(client: BatchClient) -> None:
    pool = make_pool(client, "offline")
    (name,) = node_ids(client, pool)
    how = models.BatchNodeDisableSchedulingOptions(node_disable_scheduling_option="requeue")
    client.disable_node_scheduling(pool, name, how)
    with pytest.raises(ResourceExistsError):
        client.disable_node_scheduling(pool, name, how)
    job = make_job(client, "offline", pool)
    client.create_task(job, models.BatchTaskCreateOptions(id="t", command_line="true"))
    assert client.get_task(job, "t").state == "active"
    client.enable_node_scheduling(pool, name)
    ended(client, job, "t")


def test_a_reboot_keeps_files_and_a_reimage_does_not(client: BatchClient) -> None:
    pool = make_pool(client, "reboot")
    (name,) = node_ids(client, pool)
    job = make_job(client, "reboot", pool)
    run_task(client, job, "t", "echo here")
    # The SDK does not export the classes of these options.
    reboot: Any = {"nodeRebootOption": "requeue"}
    client.begin_reboot_node(pool, name, reboot, polling_interval=0).wait()
    until(lambda: client.get_node(pool, name).state == "idle")
    assert text_of(client, job, "t") == "here\n"
    reimage: Any = {"nodeReimageOption": "requeue"}
    client.begin_reimage_node(pool, name, reimage, polling_interval=0).wait()
    until(lambda: client.get_node(pool, name).state == "idle")
    with pytest.raises(ResourceNotFoundError):
        client.get_task_file_properties(job, "t", "stdout.txt")


def test_packing_fills_one_node_and_spreading_uses_both(client: BatchClient) -> None:
    for fill, nodes in (("pack", 1), ("spread", 2)):
        policy = models.BatchTaskSchedulingPolicy(node_fill_type=fill)
        pool = make_pool(client, fill, target_dedicated_nodes=2, task_scheduling_policy=policy)
        job = make_job(client, fill, pool)
        tasks = [models.BatchTaskCreateOptions(id=f"t{i}", command_line="sleep 0.3") for i in range(2)]
        client.create_task_collection(job, models.BatchTaskGroup(task_values=tasks))
        used = {task.node_info.node_id for task in (ended(client, job, f"t{i}") for i in range(2)) if task.node_info}
        assert len(used) == nodes


def test_node_users_and_login_settings_answer(client: BatchClient) -> None:
    pool = make_pool(client, "users")
    (name,) = node_ids(client, pool)
    client.create_node_user(pool, name, models.BatchNodeUserCreateOptions(name="me", password="x"))  # noqa: S106
    with pytest.raises(ResourceExistsError):
        client.create_node_user(pool, name, models.BatchNodeUserCreateOptions(name="me"))
    client.delete_node_user(pool, name, "me")
    assert client.get_node_remote_login_settings(pool, name).remote_login_port == 22
    assert list(client.list_node_extensions(pool, name)) == []
    assert {image.os_type for image in client.list_supported_images()} == {"linux"}


FORMULA = """
seen = $PendingTasks.GetSamplePercent(TimeInterval_Minute * 5);
tasks = seen > 0 ? max($PendingTasks.GetSample(TimeInterval_Minute * 5)) : 0;
$TargetDedicatedNodes = min(3, tasks);
$NodeDeallocationOption = taskcompletion;
"""


@pytest.fixture(scope="module")
def fast() -> Iterator[Emulator]:
    """An emulator whose autoscale time runs 600 times as fast: five minutes in half a second."""
    with emulator("--autoscale-speed", 600) as started:
        yield started


def test_a_pool_grows_with_its_tasks_and_shrinks_without(fast: Emulator) -> None:
    with fast.client() as client:
        scaling = pool_options(
            "auto",
            target_dedicated_nodes=None,
            enable_auto_scale=True,
            auto_scale_formula=FORMULA,
            auto_scale_evaluation_interval=dt.timedelta(minutes=5),
        )
        client.create_pool(scaling)
        found = client.get_pool("auto")
        assert found.auto_scale_run is not None
        assert found.auto_scale_run.error is None
        assert (found.auto_scale_run.results or "").startswith("$TargetDedicatedNodes=0;")
        job = make_job(client, "auto", "auto")
        tasks = [models.BatchTaskCreateOptions(id=f"t{i}", command_line="sleep 1") for i in range(8)]
        client.create_task_collection(job, models.BatchTaskGroup(task_values=tasks))
        until(lambda: client.get_pool("auto").current_dedicated_nodes == 3)
        until(lambda: client.get_job_task_counts(job).task_counts.completed == 8)
        until(lambda: client.get_pool("auto").current_dedicated_nodes == 0)


def test_a_formula_is_evaluated_without_being_applied(fast: Emulator) -> None:
    with fast.client() as client:
        pool = make_pool(client, "evaluate")
        with pytest.raises(HttpResponseError):
            client.evaluate_pool_auto_scale(
                pool, models.BatchPoolEvaluateAutoScaleOptions(auto_scale_formula="$TargetDedicatedNodes=2;")
            )
        client.enable_pool_auto_scale(
            pool, models.BatchPoolEnableAutoScaleOptions(auto_scale_formula="$TargetDedicatedNodes=1;")
        )
        tried = client.evaluate_pool_auto_scale(
            pool, models.BatchPoolEvaluateAutoScaleOptions(auto_scale_formula="x=7; $TargetDedicatedNodes=2;")
        )
        assert tried.results == (
            "$TargetDedicatedNodes=2;$TargetLowPriorityNodes=0;$NodeDeallocationOption=requeue;x=7"
        )
        wrong = client.evaluate_pool_auto_scale(
            pool, models.BatchPoolEvaluateAutoScaleOptions(auto_scale_formula="a=1;\nb=$CPUPercent.GetSample(1, 2, 3);")
        )
        assert wrong.error is not None
        assert wrong.error.code == "AutoScalingFormulaEvaluationError"
        assert wrong.error.error_values is not None
        assert (wrong.error.error_values[0].value or "").startswith("Line 2, Col 3: ")
        assert client.get_pool(pool).target_dedicated_nodes == 1
        with pytest.raises(HttpResponseError) as refused:
            client.enable_pool_auto_scale(pool, models.BatchPoolEnableAutoScaleOptions(auto_scale_formula="$x = ;"))
        assert refused.value.error is not None
        assert refused.value.error.code == "InvalidPropertyValue"
        with pytest.raises(ResourceExistsError):
            client.begin_resize_pool(pool, models.BatchPoolResizeOptions(target_dedicated_nodes=3))
        client.disable_pool_auto_scale(pool)
        assert client.get_pool(pool).enable_auto_scale is False
