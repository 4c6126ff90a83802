"""Job preparation and job release tasks on a node."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from batch_emulator import clock
from batch_emulator.job.model import NodePreparation
from batch_emulator.machine import command
from batch_emulator.machine.command import Command, Outcome

if TYPE_CHECKING:
    from batch_emulator.entity import Doc
    from batch_emulator.job.model import Job
    from batch_emulator.node.model import Node


class PreparationFailedError(Exception):
    """The preparation task has failed with no retries left: the job may not use this node."""


def on_node(job: Job, node: Node) -> NodePreparation:
    """The preparation of `job` on `node`, created on first use."""
    found = job.preparations.get(node.id)
    if found is None or found.node is not node:
        found = job.preparations[node.id] = NodePreparation(job, node)
    return found


def directory(job: Job, name: str) -> str:
    """The directory of the preparation or release task `name`, relative to the node's root."""
    return f"{job.directory}/{name}"


async def prepare(preparation: NodePreparation) -> None:
    """Wait until the preparation task has run. Raises PreparationFailedError."""
    if preparation.prepared:
        return
    if preparation.failed:
        raise PreparationFailedError
    if preparation.work is None:
        preparation.work = asyncio.get_running_loop().create_task(_prepare(preparation))
    await asyncio.shield(preparation.work)
    if preparation.failed:
        raise PreparationFailedError


async def _prepare(preparation: NodePreparation) -> None:
    spec = preparation.job.doc["jobPreparationTask"]
    limit = spec.get("constraints", {}).get("maxTaskRetryCount", 0)
    info: Doc = {"retryCount": 0}
    preparation.preparation_info = info
    try:
        while (outcome := await _run(preparation, spec, info)).failure is not None:
            if outcome.stage != "exit" or 0 <= limit <= info["retryCount"]:
                break
            info["retryCount"] += 1
            info["lastRetryTime"] = clock.now()
        preparation.failed = info["result"] != "success" and bool(spec["waitForSuccess"])
        preparation.prepared = not preparation.failed
    finally:
        preparation.work = None


async def release(preparation: NodePreparation) -> None:
    """Run the release task once; a failure has no consequences."""
    preparation.release_info = {}
    spec = preparation.job.doc["jobReleaseTask"]
    constraints = {"maxWallClockTime": spec.get("maxWallClockTime", "PT15M")}
    await _run(preparation, spec | {"constraints": constraints}, preparation.release_info)


async def _run(preparation: NodePreparation, spec: Doc, info: Doc) -> Outcome:
    job, node = preparation.job, preparation.node
    root = directory(job, spec["id"])
    info |= {
        "startTime": clock.now(),
        "state": "running",
        "taskRootDirectory": root,
        "taskRootDirectoryUrl": f"{node.doc['url']}/files/{root}",
    }
    for name in ("endTime", "exitCode", "failureInfo", "result"):
        info.pop(name, None)
    outcome = await command.run(
        node.pool.account.machine,
        Command(
            command_line=spec["commandLine"],
            directory=root,
            resource_files=spec.get("resourceFiles", []),
            settings=job.doc.get("commonEnvironmentSettings", []) + spec.get("environmentSettings", []),
            container=spec.get("containerSettings"),
            wall_clock=clock.seconds(spec.get("constraints", {}).get("maxWallClockTime", clock.UNLIMITED)),
            job_id=job.id,
            task_id=spec["id"],
        ),
        node,
    )
    info |= outcome.doc() | {"endTime": clock.now(), "state": "completed"}
    return outcome
