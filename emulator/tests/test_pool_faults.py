"""New evaluation schedules, and the faults of pools that tests inject: start tasks, nodes, resizes."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import pytest
from azure.batch import models
from azure.core.exceptions import HttpResponseError

from support.emulators import Emulator, call, emulator
from support.resources import make_job, make_pool, pool_options
from support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from azure.batch import BatchClient

ONE, TWO = "$TargetDedicatedNodes=1;", "$TargetDedicatedNodes=2;"
REBOOT: Any = {"nodeRebootOption": "requeue"}
REIMAGE: Any = {"nodeReimageOption": "requeue"}
FIVE_MINUTES, A_SECOND_MORE = dt.timedelta(minutes=5), dt.timedelta(minutes=5, seconds=1)


@pytest.fixture(scope="module")
def faulty() -> Iterator[Emulator]:
    with emulator("--control") as started:
        yield started


def control(faulty: Emulator, method: str, path: str, body: object = None) -> None:
    assert call(faulty, method, f"/_control/{path}", body=body)[0] == 204


def states(client: BatchClient, pool: str) -> list[str]:
    return sorted((node.state or "").lower() for node in client.list_nodes(pool))


def autoscaled(client: BatchClient, name: str, formula: str) -> None:
    client.create_pool(
        pool_options(
            name,
            target_dedicated_nodes=None,
            enable_auto_scale=True,
            auto_scale_formula=formula,
            auto_scale_evaluation_interval=FIVE_MINUTES,
        )
    )
    wait_until(lambda: client.get_pool(name).allocation_state == "steady" and states(client, name) == ["idle"])


def enable(client: BatchClient, pool: str, **options: Any) -> None:
    client.enable_pool_auto_scale(pool, models.BatchPoolEnableAutoScaleOptions(**options))


def test_new_interval_starts_a_new_schedule_at_once(faulty: Emulator) -> None:
    with faulty.client() as client:
        autoscaled(client, "interval", ONE)
        enable(client, "interval", auto_scale_formula=TWO, auto_scale_evaluation_interval=A_SECOND_MORE)
        wait_until(lambda: states(client, "interval") == ["idle", "idle"])
        found = client.get_pool("interval")
        assert (found.auto_scale_evaluation_interval, found.auto_scale_formula) == (A_SECOND_MORE, TWO)


@pytest.mark.parametrize("interval", [None, FIVE_MINUTES])
def test_formula_without_a_new_interval_is_evaluated_when_it_is_due(
    faulty: Emulator, interval: dt.timedelta | None
) -> None:
    with faulty.client() as client:
        name = f"formula{'-same' if interval else ''}"
        autoscaled(client, name, ONE)
        enable(client, name, auto_scale_formula=TWO, auto_scale_evaluation_interval=interval)
        found = client.get_pool(name)
        assert (found.auto_scale_formula, found.target_dedicated_nodes) == (TWO, 1)
        assert found.auto_scale_run is not None
        assert (found.auto_scale_run.results or "").startswith("$TargetDedicatedNodes=1;")


def test_autoscale_is_enabled_once_in_30_seconds(faulty: Emulator) -> None:
    with faulty.client() as client:
        autoscaled(client, "often", ONE)
        enable(client, "often", auto_scale_formula=ONE, auto_scale_evaluation_interval=A_SECOND_MORE)
        with pytest.raises(HttpResponseError) as refused:
            enable(client, "often", auto_scale_formula=TWO, auto_scale_evaluation_interval=FIVE_MINUTES)
        assert (refused.value.status_code, refused.value.error and refused.value.error.code) == (
            409,
            "AutoScaleTooManyRequestsToEnable",
        )
        assert client.get_pool("often").auto_scale_formula == ONE


def test_autoscale_is_not_enabled_while_the_pool_is_resized(faulty: Emulator) -> None:
    with faulty.client() as client:
        autoscaled(client, "resized", ONE)
        control(faulty, "POST", "resizes", {"seconds": 600})
        enable(client, "resized", auto_scale_formula=TWO, auto_scale_evaluation_interval=A_SECOND_MORE)
        with pytest.raises(HttpResponseError) as refused:
            enable(client, "resized", auto_scale_formula=ONE, auto_scale_evaluation_interval=FIVE_MINUTES)
        assert refused.value.error is not None
        assert refused.value.error.code == "PoolBeingResized"
        assert client.get_pool("resized").allocation_state == "resizing"
        client.begin_stop_pool_resize("resized")
        found = client.get_pool("resized")
        assert (found.allocation_state, found.current_dedicated_nodes) == ("steady", 1)
        control(faulty, "DELETE", "faults")


def test_start_tasks_fail_as_often_as_they_were_told_to(faulty: Emulator) -> None:
    with faulty.client() as client:
        control(faulty, "POST", "start-tasks", {"fail": 1})
        start = models.BatchStartTask(command_line="/bin/true", wait_for_success=True)
        client.create_pool(pool_options("starting", target_dedicated_nodes=2, start_task=start))
        wait_until(lambda: states(client, "starting") == ["idle", "starttaskfailed"])
        [failed] = client.list_nodes("starting", filter="state eq 'starttaskfailed'")
        assert failed.start_task_info is not None
        assert failed.start_task_info.failure_info is not None
        assert (failed.start_task_info.exit_code, failed.start_task_info.failure_info.code) == (1, "FailureExitCode")
        client.begin_reboot_node("starting", str(failed.id), REBOOT)
        wait_until(lambda: states(client, "starting") == ["idle", "idle"])


@pytest.mark.parametrize(
    ("remedy", "after_reboot", "after_reimage"),
    [("reboot", "idle", "idle"), ("reimage", "offline", "idle"), ("remove", "offline", "offline")],
)
def test_damaged_node_runs_no_tasks_until_its_remedy(
    faulty: Emulator, remedy: str, after_reboot: str, after_reimage: str
) -> None:
    with faulty.client() as client:
        pool = make_pool(client, f"damaged-{remedy}", target_dedicated_nodes=1)
        wait_until(lambda: states(client, pool) == ["idle"])
        job = make_job(client, pool, pool)
        client.create_task(job, models.BatchTaskCreateOptions(id="t", command_line="sleep 600"))
        wait_until(lambda: client.get_task(job, "t").state == "running")
        [node] = [str(each.id) for each in client.list_nodes(pool)]
        control(faulty, "POST", f"pools/{pool}/nodes/{node}/damage", {"state": "offline", "remedy": remedy})
        assert states(client, pool) == ["offline"]
        assert client.get_task(job, "t").state == "active"
        client.begin_delete_job(job)
        client.begin_reboot_node(pool, node, REBOOT)
        wait_until(lambda: states(client, pool) == [after_reboot])
        client.begin_reimage_node(pool, node, REIMAGE)
        wait_until(lambda: states(client, pool) == [after_reimage])
        client.begin_remove_nodes(pool, models.BatchNodeRemoveOptions(node_ids=[node]))
        wait_until(lambda: states(client, pool) == [])
