"""Creates pools, jobs and tasks through the SDK, and waits for them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from azure.batch import models
from azure.core.exceptions import ResourceExistsError

from support.waiting import wait_until

if TYPE_CHECKING:
    from azure.batch import BatchClient


def pool_options(name: str, **changes: object) -> models.BatchPoolCreateOptions:
    """A pool of one node with two slots, unless changed."""
    machine = models.VirtualMachineConfiguration(
        image_reference=models.BatchVmImageReference(publisher="canonical", offer="ubuntu-24_04-lts", sku="server"),
        node_agent_sku_id="batch.node.ubuntu 24.04",
    )
    settings: Any = {"target_dedicated_nodes": 1, "task_slots_per_node": 2} | changes
    return models.BatchPoolCreateOptions(
        id=name, vm_size="standard_d2s_v3", virtual_machine_configuration=machine, **settings
    )


def auto_pool_info(*, keep: bool = False) -> dict[str, Any]:
    """The pool information of a job with an automatic pool without nodes."""
    spec = pool_options("ignored", target_dedicated_nodes=0).as_dict()
    spec.pop("id")
    return {"autoPoolSpecification": {"poolLifetimeOption": "jobschedule", "keepAlive": keep, "pool": spec}}


def make_pool(client: BatchClient, name: str, **changes: object) -> str:
    """Create a pool and wait until its nodes are idle."""
    client.create_pool(pool_options(name, **changes))
    wait_until(
        lambda: (
            client.get_pool(name).allocation_state == "steady"
            and all(node.state == "idle" for node in client.list_nodes(name))
        )
    )
    return name


def make_job(client: BatchClient, name: str, pool: str, **changes: object) -> str:
    """Create a job on `pool`."""
    options: Any = {"id": name, "pool_info": models.BatchPoolInfo(pool_id=pool)} | changes
    client.create_job(models.BatchJobCreateOptions(**options))
    return name


def terminate_reason(text: str) -> Any:
    """Options of a job's termination: the SDK does not export their class."""
    return {"terminateReason": text}


def add_task(client: BatchClient, job: str, task: str, command: str = "true", **settings: object) -> None:
    """Add a task; `settings` have their names on the wire."""
    client.create_task(job, models.BatchTaskCreateOptions({"id": task, "commandLine": command, **settings}))


def run_task(client: BatchClient, job: str, name: str, command: str, **settings: object) -> models.BatchTask:
    """Run a task to its end."""
    options: Any = {"id": name, "command_line": command} | settings
    client.create_task(job, models.BatchTaskCreateOptions(**options))
    return wait_for_task(client, job, name)


def wait_for_task(client: BatchClient, job: str, name: str) -> models.BatchTask:
    """Wait until the task is completed."""

    def completed() -> models.BatchTask | None:
        task = client.get_task(job, name)
        return task if task.state == "completed" else None

    task = wait_until(completed)
    assert task is not None
    return task


def file_text(client: BatchClient, job: str, name: str, path: str = "stdout.txt") -> str:
    """The contents of a file of a task."""
    return b"".join(client.download_task_file(job, name, path)).decode()


def files_expired(client: BatchClient, job: str, task: str) -> bool:
    """Whether the files of a task were removed after their retention time."""
    try:
        client.get_task_file_properties(job, task, "stdout.txt")
    except ResourceExistsError:
        return True
    return False
