"""Faults that are in force for a time, across a kill and a restart with the same --data."""

from __future__ import annotations

from typing import TYPE_CHECKING

from support.emulators import call, emulator
from support.faults import control_state, inject, lift
from support.resources import add_task, make_job, make_pool, wait_for_task
from support.waiting import wait_until

if TYPE_CHECKING:
    from pathlib import Path


def test_preempted_node_is_restored_after_a_kill(tmp_path: Path) -> None:
    with emulator("--control", "--data", tmp_path) as first, first.client() as client:
        pool = make_pool(client, "p", target_dedicated_nodes=0, target_low_priority_nodes=2)
        job = make_job(client, "j", pool)
        timed, lasting = client.list_nodes(pool)
        for node, body in ((timed, {"seconds": 4}), (lasting, {})):
            assert call(first, "POST", f"/_control/pools/{pool}/nodes/{node.id}/preempt", body=body)[0] == 204
        add_task(client, job, "t")
        first.kill()
    with emulator("--control", "--data", tmp_path) as second, second.client() as client:
        wait_until(lambda: client.get_node(pool, timed.id).state == "idle")
        wait_for_task(client, job, "t")
        assert client.get_node(pool, lasting.id).state == "preempted"
        second.kill()
    with emulator("--control", "--data", tmp_path) as third, third.client() as client:
        wait_until(lambda: client.get_node(pool, timed.id).state == "idle")
        assert client.get_node(pool, lasting.id).state == "preempted"


def test_node_preempted_again_is_not_restored_by_the_first_preemption(tmp_path: Path) -> None:
    with emulator("--control", "--data", tmp_path) as started, started.client() as client:
        pool = make_pool(client, "p", target_dedicated_nodes=0, target_low_priority_nodes=2)
        again, other = client.list_nodes(pool)
        url = f"/_control/pools/{pool}/nodes/{again.id}"
        call(started, "POST", f"{url}/preempt", body={"seconds": 1})
        call(started, "POST", f"{url}/restore")
        wait_until(lambda: client.get_node(pool, again.id).state == "idle")
        call(started, "POST", f"{url}/preempt")
        call(started, "POST", f"/_control/pools/{pool}/nodes/{other.id}/preempt", body={"seconds": 1.5})
        wait_until(lambda: client.get_node(pool, other.id).state == "idle")
        assert client.get_node(pool, again.id).state == "preempted"


def test_faults_with_a_duration_or_until_lifted_survive_a_kill_and_counted_ones_do_not(tmp_path: Path) -> None:
    with emulator("--control", "--data", tmp_path) as first:
        inject(first, name="timed", operation="get_job", code="JobBeingTerminated", seconds=2)
        inject(first, name="long", operation="get_task", code="TaskNotFound", seconds=3600)
        inject(first, name="lasting", operation="get_pool", code="PoolBeingDeleted", times=-1)
        inject(first, name="both", operation="get_node", code="NodeNotReady", times=2, seconds=3600)
        inject(first, name="counted", operation="list_jobs", code="TooManyRequests", times=5)
        inject(first, name="lifted", operation="list_pools", code="TooManyRequests", times=-1)
        lift(first, "lifted")
        assert call(first, "GET", "/pools/p/nodes/n")[2]["code"] == "NodeNotReady"
        first.kill()
    with emulator("--control", "--data", tmp_path) as second:
        names = [fault["name"] for fault in control_state(second)["faults"]]
        assert [name for name in names if name != "timed"] == ["long", "lasting", "both"]  # its time may be over
        assert call(second, "GET", "/jobs")[0] == 200
        assert call(second, "GET", "/pools/p")[2]["code"] == "PoolBeingDeleted"
        assert call(second, "GET", "/pools/p/nodes/n")[2]["code"] == "NodeNotReady"
        assert call(second, "GET", "/pools/p/nodes/n")[2]["code"] == "PoolNotFound"
        wait_until(lambda: call(second, "GET", "/jobs/j")[2]["code"] == "JobNotFound")
        second.kill()
    with emulator("--control", "--data", tmp_path) as third:
        assert [fault["name"] for fault in control_state(third)["faults"]] == ["long", "lasting"]
        lift(third)
        third.kill()
    with emulator("--control", "--data", tmp_path) as fourth:
        assert control_state(fourth)["faults"] == []
