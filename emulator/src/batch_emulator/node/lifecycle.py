"""Starting, draining, restarting and stopping a node."""

from __future__ import annotations

import asyncio
import logging
import shutil
from typing import TYPE_CHECKING

from batch_emulator import clock
from batch_emulator.machine import command, images, packages
from batch_emulator.machine.command import Command
from batch_emulator.machine.errors import PreparationError

if TYPE_CHECKING:
    from batch_emulator.entity import Doc
    from batch_emulator.node.model import Node

log = logging.getLogger(__name__)


def start(node: Node) -> None:
    """Begin to start it: directories, packages, container images, start task, then tasks."""
    # At once: what started it may be stored by the next commit.
    node.move_to("starting")
    node.startup = asyncio.get_running_loop().create_task(_start(node))


async def _start(node: Node) -> None:
    for name in ("errors", "startTaskInfo"):  # of an earlier start
        node.doc.pop(name, None)
    node.doc["lastBootTime"] = clock.now()
    for name in ("shared", "startup/wd", "workitems", "applications"):
        (node.root / name).mkdir(parents=True, exist_ok=True)
    try:
        await packages.install(node.pool.account.machine, node, node.pool_packages)
        await images.pull_for_node(node.pool.account.machine, node)
    except PreparationError as error:
        node.doc["errors"] = [{"code": error.code, "message": error.message, "errorDetails": error.details}]
        node.move_to("unusable")
        return
    except Exception:
        log.exception("starting node %s", node.id)
        node.move_to("unusable")
        return
    spec = node.pool.doc.get("startTask")
    if spec is None:
        _ready(node)
        return
    node.doc["startTask"] = spec
    wait = bool(spec.get("waitForSuccess", True))
    if wait:
        node.move_to("waitingforstarttask")
    else:
        _ready(node)
    succeeded = await _start_task(node, spec)
    if not wait:
        return
    if succeeded:
        _ready(node)
    else:
        node.move_to("starttaskfailed")


def _ready(node: Node) -> None:
    node.move_to(node.resting_state)
    node.pool.wake_scheduler()


async def _start_task(node: Node, spec: Doc) -> bool:
    limit = int(spec.get("maxTaskRetryCount", 0))
    info: Doc = {"state": "running", "startTime": clock.now(), "retryCount": 0}
    node.doc["startTaskInfo"] = info
    if node.pool.account.pool_faults.take_start_task():
        failure = {"category": "usererror", "code": "FailureExitCode", "message": "This failure was injected."}
        info |= {"state": "completed", "endTime": clock.now(), "exitCode": 1, "result": "failure"}
        info["failureInfo"] = failure
        node.save()
        return False
    while True:
        outcome = await command.run(
            node.pool.account.machine,
            Command(
                command_line=spec["commandLine"],
                directory="startup",
                startup=True,
                resource_files=spec.get("resourceFiles", []),
                settings=spec.get("environmentSettings", []),
                container=spec.get("containerSettings"),
            ),
            node,
        )
        # Only a failure with an exit code is retried.
        if outcome.failure is None or outcome.stage != "exit" or 0 <= limit <= info["retryCount"]:
            break
        info["retryCount"] += 1
        info["lastRetryTime"] = clock.now()
    info |= outcome.doc() | {"state": "completed", "endTime": clock.now()}
    node.save()
    return outcome.failure is None


async def evict(node: Node, *, requeue: bool) -> None:
    """Requeue or terminate its tasks."""
    runs = [task.run for task in list(node.tasks) if task.run is not None]
    if requeue:
        await asyncio.gather(*(run.interrupt("requeue") for run in runs))
    else:
        await asyncio.gather(*(run.interrupt("terminate", "The node was removed.") for run in runs))


async def drain(node: Node, option: str) -> None:
    """Wait for its tasks or evict them, as the node deallocation option says."""
    if option.lower() in ("taskcompletion", "retaineddata"):
        while runs := [task.run.work for task in node.tasks if task.run is not None and task.run.work is not None]:
            await asyncio.wait(runs)
    else:
        await evict(node, requeue=option.lower() == "requeue")


def _remove_files(node: Node) -> None:
    """Remove its directory, and what its start task changed in isolation."""
    shutil.rmtree(node.root, ignore_errors=True)
    layers = node.pool.account.machine.isolation
    if layers is not None:
        layers.remove_all(node.root)


async def power_off(node: Node) -> None:
    """End its start and preparation tasks and remove its directory."""
    if node.startup is not None and node.startup is not asyncio.current_task():
        node.startup.cancel()
        await asyncio.wait([node.startup])
    for job in node.pool.jobs.values():
        preparation = job.preparations.pop(node.id, None)
        if preparation is not None and preparation.work is not None:
            preparation.work.cancel()
    await packages.forget(node)
    await asyncio.to_thread(_remove_files, node)


async def _restart(node: Node, *, option: str, state: str) -> None:
    """Drain it, remove its files if it is reimaged, and start it again."""
    await drain(node, option)
    if state == "reimaging":
        await packages.forget(node)
        await asyncio.to_thread(_remove_files, node)
        for job in node.pool.jobs.values():
            job.preparations.pop(node.id, None)
    else:
        for job in node.pool.jobs.values():
            preparation = job.preparations.get(node.id)
            rerun = job.doc.get("jobPreparationTask", {}).get("rerunOnNodeRebootAfterSuccess")
            if preparation is not None and rerun:
                preparation.prepared = False
    if node.pool.account.options.allocation_delay:
        await asyncio.sleep(node.pool.account.options.allocation_delay)
    if node.defect is not None and node.defect.stays_after(state):
        node.move_to(node.defect.state)
        return
    node.defect = None
    node.move_to("starting")
    await _start(node)


def start_restart(node: Node, *, option: str, state: str) -> None:
    """Begin to reboot it (state `rebooting`, files stay) or to reimage it (`reimaging`, files go)."""
    if node.startup is not None:
        node.startup.cancel()
    node.move_to(state)
    node.startup = asyncio.get_running_loop().create_task(_restart(node, option=option, state=state))


def start_deallocate(node: Node, *, option: str) -> None:
    """Begin to deallocate it; it stays in its pool."""
    if node.startup is not None:
        node.startup.cancel()
    node.move_to("deallocating")
    node.startup = asyncio.get_running_loop().create_task(_deallocate(node, option))


async def _deallocate(node: Node, option: str) -> None:
    await drain(node, option)
    node.move_to("deallocated")


def disable_scheduling(node: Node) -> None:
    """Start no more tasks on it. Without a task it is offline."""
    node.doc["schedulingState"] = "disabled"
    node.save()
    if node.state == "idle":
        node.move_to("offline")


def enable_scheduling(node: Node) -> None:
    """Let it run tasks again."""
    node.doc["schedulingState"] = "enabled"
    node.save()
    if node.state == "offline":
        node.move_to("idle")
    node.pool.wake_scheduler()
