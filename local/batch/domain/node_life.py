"""A node's life between joining a pool and leaving it."""

from __future__ import annotations

import asyncio
import logging
import shutil
from typing import TYPE_CHECKING

from local.batch import clock
from local.batch.domain import scheduler
from local.batch.node import packages, program
from local.batch.node.problems import PreparationError
from local.batch.node.program import Program

if TYPE_CHECKING:
    from local.batch.domain.entity import Doc
    from local.batch.domain.node import Node

log = logging.getLogger(__name__)


def boot(node: Node) -> None:
    """Begin its life: directories, packages, start task, then tasks."""
    node.life = asyncio.get_running_loop().create_task(_boot(node))


async def _boot(node: Node) -> None:
    node.move_to("starting")
    node.doc["lastBootTime"] = clock.now()
    for name in ("shared", "startup/wd", "workitems", "applications"):
        (node.root / name).mkdir(parents=True, exist_ok=True)
    try:
        await packages.install(node.pool.account.machine, node, node.pool.doc.get("applicationPackageReferences", []))
    except PreparationError as error:
        node.doc["errors"] = [{"code": "ApplicationPackageError", "message": error.message}]
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
    waits = bool(spec.get("waitForSuccess", True))
    if waits:
        node.move_to("waitingforstarttask")
    else:
        _ready(node)
    succeeded = await _start_task(node, spec)
    if not waits:
        return
    if succeeded:
        _ready(node)
    else:
        node.move_to("starttaskfailed")


def _ready(node: Node) -> None:
    node.move_to("idle")
    scheduler.wake(node.pool)


async def _start_task(node: Node, spec: Doc) -> bool:
    limit = int(spec.get("maxTaskRetryCount", 0))
    info: Doc = {"state": "running", "startTime": clock.now(), "retryCount": 0}
    node.doc["startTaskInfo"] = info
    while True:
        outcome = await program.run(
            node.pool.account.machine,
            Program(
                command_line=spec["commandLine"],
                directory="startup",
                resource_files=spec.get("resourceFiles", []),
                settings=spec.get("environmentSettings", []),
            ),
            node,
        )
        # Only what ended with an exit code is tried again.
        if outcome.failure is None or outcome.stage != "exit" or 0 <= limit <= info["retryCount"]:
            break
        info["retryCount"] += 1
        info["lastRetryTime"] = clock.now()
    info |= outcome.doc() | {"state": "completed", "endTime": clock.now()}
    node.changed(node)
    return outcome.failure is None


async def evict(node: Node, *, requeue: bool) -> None:
    """Take its tasks off it, back to their queues or ended."""
    runs = [task.run for task in list(node.tasks) if task.run is not None]
    if requeue:
        await asyncio.gather(*(run.interrupt("requeue") for run in runs))
    else:
        await asyncio.gather(*(run.interrupt("terminate", "The node was removed.") for run in runs))


async def drain(node: Node, option: str) -> None:
    """Wait for its tasks, or take them off it: a node deallocation option says which."""
    if option.lower() in ("taskcompletion", "retaineddata"):
        while runs := [task.run.work for task in node.tasks if task.run is not None and task.run.work is not None]:
            await asyncio.wait(runs)
    else:
        await evict(node, requeue=option.lower() == "requeue")


async def power_off(node: Node) -> None:
    """End what still runs on it and remove its directory."""
    if node.life is not None and node.life is not asyncio.current_task():
        node.life.cancel()
        await asyncio.wait([node.life])
    for part in [part for job in node.pool.jobs.values() if (part := job.parts.pop(node.id, None))]:
        if part.work is not None:
            part.work.cancel()
    await asyncio.to_thread(shutil.rmtree, node.root, ignore_errors=True)


async def restart(node: Node, *, option: str, state: str) -> None:
    """Reboot (`rebooting`, files stay) or reimage (`reimaging`, files go) it."""
    await drain(node, option)
    if state == "reimaging":
        node.packages.clear()
        await asyncio.to_thread(shutil.rmtree, node.root, ignore_errors=True)
        for job in node.pool.jobs.values():
            job.parts.pop(node.id, None)
    else:
        for job in node.pool.jobs.values():
            part = job.parts.get(node.id)
            if part is not None and job.doc.get("jobPreparationTask", {}).get("rerunOnNodeRebootAfterSuccess"):
                part.prepared = False
    if node.pool.account.options.allocation_delay:
        await asyncio.sleep(node.pool.account.options.allocation_delay)
    await _boot(node)


def start_restart(node: Node, *, option: str, state: str) -> None:
    """Begin a restart and show it at once."""
    if node.life is not None:
        node.life.cancel()
    node.move_to(state)
    node.life = asyncio.get_running_loop().create_task(restart(node, option=option, state=state))


def start_deallocate(node: Node, *, option: str) -> None:
    """Begin to take the machine away and keep the node's place."""
    if node.life is not None:
        node.life.cancel()
    node.move_to("deallocating")
    node.life = asyncio.get_running_loop().create_task(_deallocate(node, option))


async def _deallocate(node: Node, option: str) -> None:
    await drain(node, option)
    node.move_to("deallocated")


def enable_scheduling(node: Node) -> None:
    """Let it have tasks again."""
    node.doc["schedulingState"] = "enabled"
    node.changed(node)
    scheduler.wake(node.pool)
