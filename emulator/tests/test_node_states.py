"""Nodes and tasks as Batch shows them: offline nodes, endpoints, resizes that end early, tasks that are terminated."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any

from azure.batch import models

from batch_emulator.machine import packages
from batch_emulator.options import Options
from batch_emulator.pool import creation as pool_creation
from batch_emulator.pool import node_faults
from batch_emulator.pool import resize as pool_resize
from batch_emulator.server import running
from support.emulators import Emulator, call
from support.inprocess import make_job_with_task, make_pool_in
from support.resources import add_task, make_job, make_pool, pool_options, wait_for_task
from support.waiting import wait_until, wait_until_async

if TYPE_CHECKING:
    from pathlib import Path

    import pytest
    from azure.batch import BatchClient


def test_drained_node_is_offline_until_scheduling_is_enabled(client: BatchClient, name: str) -> None:
    pool = make_pool(client, name)
    (node,) = client.list_nodes(pool)
    add_task(client, make_job(client, name, pool), "t", "sleep 0.5")
    wait_until(lambda: client.get_node(pool, node.id).state == "running")
    options = models.BatchNodeDisableSchedulingOptions(node_disable_scheduling_option="taskcompletion")
    client.disable_node_scheduling(pool, node.id, options)
    assert client.get_node(pool, node.id).state == "running"
    wait_until(lambda: client.get_node(pool, node.id).state == "offline")
    client.enable_node_scheduling(pool, node.id)
    assert client.get_node(pool, node.id).state == "idle"
    client.disable_node_scheduling(pool, node.id, options)
    assert client.get_node(pool, node.id).state == "offline"


def test_reboot_removes_the_errors_that_it_repairs(plain: Emulator, client: BatchClient, name: str) -> None:
    package = [models.BatchApplicationPackageReference(application_id="missing", version="1")]
    client.create_pool(pool_options(name, application_package_references=package))

    def state() -> Any:
        (node,) = client.list_nodes(name)
        return node.state == "unusable" and node

    wait_until(lambda: list(client.list_nodes(name)))
    node = wait_until(state)
    assert [error.code for error in node.errors] == ["ApplicationPackageError"]
    call(plain, "PATCH", f"/pools/{name}", body={"applicationPackageReferences": []})
    assert call(plain, "POST", f"/pools/{name}/nodes/{node.id}/reboot")[0] == 202
    wait_until(lambda: client.get_node(name, node.id).state == "idle")
    assert not client.get_node(name, node.id).errors


def test_node_has_an_endpoint_for_each_nat_pool_and_its_exact_image(plain: Emulator, name: str) -> None:
    nat = {"name": "web", "protocol": "UDP", "backendPort": 80, "frontendPortRangeStart": 60000}
    network = {"endpointConfiguration": {"inboundNATPools": [nat | {"frontendPortRangeEnd": 61000}]}}
    body = pool_options(name, target_dedicated_nodes=2).as_dict() | {"networkConfiguration": network}
    assert call(plain, "POST", "/pools", body=body)[0] == 201
    wait_until(lambda: len(call(plain, "GET", f"/pools/{name}/nodes")[2]["value"]) == 2)
    nodes = call(plain, "GET", f"/pools/{name}/nodes")[2]["value"]
    found = [
        [(each["name"], each["protocol"], each["frontendPort"], each["backendPort"]) for each in endpoints]
        for endpoints in (node["endpointConfiguration"]["inboundEndpoints"] for node in nodes)
    ]
    assert found == [
        [("web.0", "udp", 60000, 80), ("SSHRule.0", "tcp", 50000, 22)],
        [("web.1", "udp", 60001, 80), ("SSHRule.1", "tcp", 50001, 22)],
    ]
    assert nodes[0]["virtualMachineInfo"]["imageReference"]["exactVersion"]


def test_node_shows_the_extensions_of_its_pool_and_batchs_own(plain: Emulator, name: str) -> None:
    body = pool_options(name).as_dict()
    extension = {"name": "mine", "publisher": "p", "type": "t"}
    body["virtualMachineConfiguration"]["extensions"] = [extension]
    assert call(plain, "POST", "/pools", body=body)[0] == 201
    wait_until(lambda: call(plain, "GET", f"/pools/{name}/nodes")[2]["value"])
    node = call(plain, "GET", f"/pools/{name}/nodes")[2]["value"][0]["id"]
    extensions = call(plain, "GET", f"/pools/{name}/nodes/{node}/extensions")[2]["value"]
    assert [each["vmExtension"]["name"] for each in extensions] == ["mine", "batchNodeExtension"]
    one = call(plain, "GET", f"/pools/{name}/nodes/{node}/extensions/mine")[2]
    assert (one["provisioningState"], one["vmExtension"]) == ("Succeeded", extension)
    assert call(plain, "GET", f"/pools/{name}/nodes/{node}/extensions/other")[0] == 404


def test_upload_of_service_logs_says_where_they_will_be(plain: Emulator, client: BatchClient, pool: str) -> None:
    (node,) = client.list_nodes(pool)
    body = {"containerUrl": "http://127.0.0.1:9/logs", "startTime": "2026-11-21T00:00:00Z"}
    status, _, answer = call(plain, "POST", f"/pools/{pool}/nodes/{node.id}/uploadbatchservicelogs", body=body)
    assert (status, answer["numberOfFilesUploaded"]) == (200, 1)
    assert node.id in answer["virtualDirectoryName"]


async def test_stopped_resize_lets_a_leaving_node_leave() -> None:
    async with running(Options(port=0, max_nodes=9)) as emulator:
        pool = await make_pool_in(emulator.account, "p", nodes=3)
        pool_resize.resize(pool, dedicated=1)
        await wait_until_async(lambda: any(node.state == "leavingpool" for node in pool.nodes.values()), interval=0)
        pool_resize.stop(pool)
        await wait_until_async(lambda: pool.doc["allocationState"] == "steady")
        states = [node.state for node in pool.nodes.values()]
        assert "leavingpool" not in states
        assert pool.doc["targetDedicatedNodes"] == pool.doc["currentDedicatedNodes"] == len(states)
        assert pool.doc["resizeErrors"][0]["code"] == "ResizeStopped"


async def test_preempted_node_keeps_nothing_of_a_package_that_was_being_unzipped(
    monkeypatch: pytest.MonkeyPatch, applications: Path
) -> None:
    unzip, begun, may_end, ended = packages._unzip, threading.Event(), threading.Event(), threading.Event()

    def slow_unzip(archives: Path | None, root: Path, name: str, version: str) -> Path:
        begun.set()
        may_end.wait()
        try:
            return unzip(archives, root, name, version)
        finally:
            ended.set()

    monkeypatch.setattr(packages, "_unzip", slow_unzip)
    async with running(Options(port=0, applications=applications)) as emulator:
        spec = {"id": "p", "vmSize": "x", "targetDedicatedNodes": 1}
        spec["applicationPackageReferences"] = [{"applicationId": "hello"}]
        pool = pool_creation.create(emulator.account, spec)
        await wait_until_async(begun.is_set)
        (node,) = pool.nodes.values()
        preemption = asyncio.create_task(node_faults.preempt(node, seconds=None))
        await asyncio.wait([preemption], timeout=0.1)
        may_end.set()
        await preemption
        await wait_until_async(ended.is_set)
        assert not node.root.exists()
        node_faults.restore_now(node)
        await wait_until_async(lambda: node.state == "idle")


async def test_resize_ends_after_its_timeout_and_keeps_the_nodes_that_still_work() -> None:
    async with running(Options(port=0)) as emulator:
        pool = await make_pool_in(emulator.account, "p", nodes=1)
        task = make_job_with_task(emulator.account, pool, "sleep 60")
        await wait_until_async(lambda: task.state == "running")
        pool_resize.resize(pool, dedicated=0, option="taskcompletion", timeout="PT0.3S")
        await wait_until_async(lambda: pool.doc["allocationState"] == "steady")
        assert [error["code"] for error in pool.doc["resizeErrors"]] == ["AllocationTimedout"]
        assert (pool.doc["targetDedicatedNodes"], pool.doc["currentDedicatedNodes"]) == (0, 1)
        assert next(iter(pool.nodes.values())).removal is None


def test_terminated_task_does_not_terminate_its_job(client: BatchClient, pool: str, name: str) -> None:
    mode = models.BatchTaskFailureMode.PERFORM_EXIT_OPTIONS_JOB_ACTION
    job = make_job(client, name, pool, task_failure_mode=mode)
    for task, command in (("running", "sleep 60"), ("other", "true")):
        add_task(client, job, task, command)
    wait_until(lambda: client.get_task(job, "running").state == "running")
    client.terminate_task(job, "running")
    assert client.get_task(job, "running").state == "completed"
    assert client.get_job(job).state == "active"
    client.reactivate_task(job, "running")
    assert client.get_task(job, "running").state != "completed"
    client.terminate_task(job, "running")


def test_container_task_is_accepted_and_fails_on_a_pool_without_containers(client: BatchClient, job: str) -> None:
    add_task(client, job, "t", containerSettings={"imageName": "x", "registry": {"username": "u", "password": "p"}})
    task = wait_for_task(client, job, "t")
    assert task.execution_info is not None
    assert task.execution_info.failure_info is not None
    assert task.execution_info.failure_info.code == "ContainerPoolNotSupported"
    assert task.container_settings is not None
    assert task.container_settings.registry is not None
    assert task.container_settings.registry.password is None


def test_authentication_token_of_a_task_permits_requests_to_its_job_only(
    plain: Emulator, client: BatchClient, job: str, name: str
) -> None:
    print_variable = "/bin/sh -c 'printf %s \"$AZ_BATCH_AUTHENTICATION_TOKEN\"'"
    add_task(client, job, "t", print_variable, authenticationTokenSettings={"access": ["job"]})
    wait_for_task(client, job, "t")
    token = b"".join(client.download_task_file(job, "t", "stdout.txt")).decode()
    other = make_job(client, name, "none")
    headers = {"Authorization": f"Bearer {token}"}
    for path, status in ((f"/jobs/{job}", 200), (f"/jobs/{job}/tasks", 200), (f"/jobs/{other}", 401), ("/jobs", 401)):
        assert call(plain, "GET", path, headers=headers)[0] == status
