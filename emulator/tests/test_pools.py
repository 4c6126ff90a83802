"""Pools and nodes: allocation, start tasks, scheduling, removal, autoscaling."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from azure.batch import models
from azure.core.exceptions import HttpResponseError, ResourceExistsError, ResourceNotFoundError

from support.emulators import Emulator, emulator
from support.resources import file_text, make_job, make_pool, pool_options, run_task, wait_for_task
from support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from azure.batch import BatchClient


def wait_for_steady(client: BatchClient, pool: str) -> models.BatchPool:
    """Wait until the pool is steady."""
    wait_until(lambda: client.get_pool(pool).allocation_state == "steady")
    return client.get_pool(pool)


def node_ids(client: BatchClient, pool: str) -> list[str]:
    return [node.id for node in client.list_nodes(pool)]


def test_pool_is_resized_to_its_targets(client: BatchClient) -> None:
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


def test_pool_beyond_the_node_quota_has_a_resize_error(client: BatchClient) -> None:
    client.create_pool(pool_options("quota", target_dedicated_nodes=70))
    found = wait_for_steady(client, "quota")
    assert found.current_dedicated_nodes == 64
    assert found.resize_errors is not None
    assert found.resize_errors[0].code == "AccountCoreQuotaReached"
    client.begin_delete_pool("quota", polling_interval=0).wait()


def test_start_task_runs_before_any_task(client: BatchClient) -> None:
    start = models.BatchStartTask(
        command_line="/bin/bash -c 'echo ready > $AZ_BATCH_NODE_SHARED_DIR/f'", wait_for_success=True
    )
    pool = make_pool(client, "start", start_task=start)
    run_task(client, make_job(client, "start", pool), "t", "/bin/bash -c 'cat $AZ_BATCH_NODE_SHARED_DIR/f'")
    assert file_text(client, "start", "t") == "ready\n"
    (node,) = client.list_nodes(pool)
    assert node.start_task_info is not None
    assert (node.start_task_info.result, node.start_task_info.exit_code) == ("success", 0)
    assert "startup/stdout.txt" in {each.name for each in client.list_node_files(pool, node.id, recursive=True)}


def test_failed_start_task_keeps_tasks_off_the_node(client: BatchClient) -> None:
    start = models.BatchStartTask(command_line="/bin/bash -c 'exit 3'", wait_for_success=True, max_task_retry_count=1)
    client.create_pool(pool_options("badstart", start_task=start))
    wait_until(lambda: [node.state for node in client.list_nodes("badstart")] == ["starttaskfailed"])
    (node,) = client.list_nodes("badstart")
    assert node.start_task_info is not None
    assert (node.start_task_info.retry_count, node.start_task_info.exit_code) == (1, 3)
    job = make_job(client, "badstart", "badstart")
    client.create_task(job, models.BatchTaskCreateOptions(id="t", command_line="true"))
    assert client.get_task(job, "t").state == "active"


def test_tasks_of_a_removed_node_run_again_on_another(client: BatchClient) -> None:
    pool = make_pool(client, "remove", target_dedicated_nodes=2)
    job = make_job(client, "remove", pool)
    wait = "/bin/bash -c 'test -e $AZ_BATCH_NODE_SHARED_DIR/../../again-remove || sleep 1000'"
    client.create_task(job, models.BatchTaskCreateOptions(id="t", command_line=wait))
    first = wait_until(
        lambda: (t := client.get_task(job, "t")).state == "running" and t.node_info and t.node_info.node_id
    )
    shared = shared_path(client, pool)
    try:
        shared.write_text("")
        options = models.BatchNodeRemoveOptions(node_ids=[str(first)], node_deallocation_option="requeue")
        client.begin_remove_nodes(pool, options, polling_interval=0).wait()
        task = wait_for_task(client, job, "t")
        assert task.node_info is not None
        assert task.execution_info is not None
        assert task.node_info.node_id != first
        assert (task.execution_info.requeue_count, task.execution_info.retry_count) == (1, 0)
        assert client.get_pool(pool).target_dedicated_nodes == 1
    finally:
        shared.unlink()


def shared_path(client: BatchClient, pool: str) -> Path:
    """A file beside the nodes' directories, which a task can see."""
    job = make_job(client, f"where-{pool}", pool)
    run_task(client, job, "t", "/bin/bash -c 'echo $AZ_BATCH_NODE_ROOT_DIR'")
    return Path(file_text(client, job, "t").strip()).parent / f"again-{pool}"


def test_node_removed_with_taskcompletion_finishes_its_tasks(client: BatchClient) -> None:
    pool = make_pool(client, "finish")
    job = make_job(client, "finish", pool)
    client.create_task(job, models.BatchTaskCreateOptions(id="t", command_line="sleep 0.5"))
    wait_until(lambda: client.get_task(job, "t").state == "running")
    options = models.BatchPoolResizeOptions(target_dedicated_nodes=0, node_deallocation_option="taskcompletion")
    client.begin_resize_pool(pool, options, polling_interval=0).wait()
    info = client.get_task(job, "t").execution_info
    assert info is not None
    assert (info.result, info.requeue_count) == ("success", 0)
    assert node_ids(client, pool) == []


def test_node_with_scheduling_disabled_gets_no_tasks(client: BatchClient) -> None:
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
    wait_for_task(client, job, "t")


def test_reboot_keeps_files_and_reimage_removes_them(client: BatchClient) -> None:
    pool = make_pool(client, "reboot")
    (name,) = node_ids(client, pool)
    job = make_job(client, "reboot", pool)
    run_task(client, job, "t", "echo here")
    # The SDK does not export the classes of these options.
    reboot: Any = {"nodeRebootOption": "requeue"}
    client.begin_reboot_node(pool, name, reboot, polling_interval=0).wait()
    wait_until(lambda: client.get_node(pool, name).state == "idle")
    assert file_text(client, job, "t") == "here\n"
    reimage: Any = {"nodeReimageOption": "requeue"}
    client.begin_reimage_node(pool, name, reimage, polling_interval=0).wait()
    wait_until(lambda: client.get_node(pool, name).state == "idle")
    with pytest.raises(ResourceNotFoundError):
        client.get_task_file_properties(job, "t", "stdout.txt")


def test_pack_fills_one_node_and_spread_uses_both(client: BatchClient) -> None:
    for fill, nodes in (("pack", 1), ("spread", 2)):
        policy = models.BatchTaskSchedulingPolicy(node_fill_type=fill)
        pool = make_pool(client, fill, target_dedicated_nodes=2, task_scheduling_policy=policy)
        job = make_job(client, fill, pool)
        tasks = [models.BatchTaskCreateOptions(id=f"t{i}", command_line="sleep 0.3") for i in range(2)]
        client.create_task_collection(job, models.BatchTaskGroup(task_values=tasks))
        used = {
            task.node_info.node_id for task in (wait_for_task(client, job, f"t{i}") for i in range(2)) if task.node_info
        }
        assert len(used) == nodes


def test_node_users_and_login_settings(client: BatchClient) -> None:
    pool = make_pool(client, "users")
    (name,) = node_ids(client, pool)
    client.create_node_user(pool, name, models.BatchNodeUserCreateOptions(name="me", password="x"))  # noqa: S106
    with pytest.raises(ResourceExistsError):
        client.create_node_user(pool, name, models.BatchNodeUserCreateOptions(name="me"))
    client.delete_node_user(pool, name, "me")
    assert client.get_node_remote_login_settings(pool, name).remote_login_port == 22
    (extension,) = client.list_node_extensions(pool, name)
    assert extension.vm_extension is not None
    assert extension.vm_extension.name == "batchNodeExtension"
    assert {image.os_type for image in client.list_supported_images()} == {"linux", "windows"}


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


def test_autoscaled_pool_grows_with_its_tasks_and_shrinks_without(fast: Emulator) -> None:
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
        wait_until(lambda: client.get_pool("auto").current_dedicated_nodes == 3)
        wait_until(lambda: client.get_job_task_counts(job).task_counts.completed == 8)
        wait_until(lambda: client.get_pool("auto").current_dedicated_nodes == 0)


def test_evaluate_autoscale_does_not_apply_the_formula(fast: Emulator) -> None:
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
