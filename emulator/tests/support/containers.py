"""Pools for containers and container tasks, through raw requests."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

from support.emulators import call
from support.waiting import wait_until

if TYPE_CHECKING:
    from support.emulators import Emulator

MACHINE = {
    "imageReference": {"publisher": "microsoft-azure-batch", "offer": "ubuntu-server-container", "sku": "20-04-lts"},
    "nodeAgentSKUId": "batch.node.ubuntu 20.04",
}
_STARTED = ("idle", "unusable", "starttaskfailed")


def pool_body(name: str, *, containers: bool = True, **settings: Any) -> dict[str, Any]:
    """The body of a pool's creation; `images` and `registries` are those of its container configuration."""
    configuration = {
        "type": "dockerCompatible",
        "containerImageNames": settings.pop("images", []),
        "containerRegistries": settings.pop("registries", []),
    }
    machine = MACHINE | ({"containerConfiguration": configuration} if containers else {})
    return {"id": name, "vmSize": "s", "virtualMachineConfiguration": machine, "targetDedicatedNodes": 1} | settings


def make_container_pool(started: Emulator, **settings: Any) -> tuple[str, dict[str, str], dict[str, Any]]:
    """The id of a new pool, the headers of the response to its creation, and its first node, once all have started."""
    name = f"p-{uuid.uuid4()}"
    status, headers, body = call(started, "POST", "/pools", body=pool_body(name, **settings))
    assert status == 201, body

    def started_node() -> dict[str, Any] | None:
        nodes = call(started, "GET", f"/pools/{name}/nodes")[2]["value"]
        return nodes[0] if nodes and all(node["state"] in _STARTED for node in nodes) else None

    node = wait_until(started_node)
    assert node is not None
    return name, headers, node


def run_container_task(
    started: Emulator, pool: str, command: str, *, image: str = "busybox", **settings: object
) -> tuple[dict[str, Any], str]:
    """The execution info and the standard output of a task in a container."""
    job = start_container_task(started, pool, command, image=image, **settings)

    def completed() -> dict[str, Any] | None:
        task = call(started, "GET", f"/jobs/{job}/tasks/t")[2]
        return task["executionInfo"] if task["state"] == "completed" else None

    info = wait_until(completed)
    assert info is not None
    if "exitCode" not in info:
        return info, ""
    with started.client() as client:
        return info, b"".join(client.download_task_file(job, "t", "stdout.txt")).decode()


def start_container_task(started: Emulator, pool: str, command: str, *, image: str = "busybox", **settings: Any) -> str:
    """Add a task `t` to a new job; returns the job's id."""
    job = f"j-{uuid.uuid4()}"
    assert call(started, "POST", "/jobs", body={"id": job, "poolInfo": {"poolId": pool}})[0] == 201
    body: dict[str, Any] = {"id": "t", "commandLine": command}
    body |= {name: settings.pop(name) for name in ("environmentSettings",) if name in settings}
    body |= {"containerSettings": {"imageName": image} | settings}
    status, _, answer = call(started, "POST", f"/jobs/{job}/tasks", body=body)
    assert status == 201, answer
    return job
