"""Job preparation and job release tasks: what one job does on one node besides its tasks."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from local.batch import clock
from local.batch.node import program
from local.batch.node.program import Outcome, Program

if TYPE_CHECKING:
    from local.batch.domain.entity import Doc
    from local.batch.domain.job import Job
    from local.batch.domain.node import Node


class PreparationFailedError(Exception):
    """The preparation task failed for good: the job may not use this node."""


@dataclass(slots=True, eq=False)
class NodePart:
    """A job's preparation and release on one node."""

    job: Job
    node: Node
    prepared: bool = False
    failed: bool = False
    preparation: Doc | None = None
    release: Doc | None = None
    work: asyncio.Task[None] | None = field(default=None)

    def doc(self) -> Doc:
        """The item of the list of preparation and release states."""
        doc: Doc = {"poolId": self.node.pool.id, "nodeId": self.node.id, "nodeUrl": self.node.doc["url"]}
        if self.preparation is not None:
            doc["jobPreparationTaskExecutionInfo"] = self.preparation
        if self.release is not None:
            doc["jobReleaseTaskExecutionInfo"] = self.release
        return doc


def part(job: Job, node: Node) -> NodePart:
    """The part of `job` on `node`, made on first use."""
    found = job.parts.get(node.id)
    if found is None or found.node is not node:
        found = job.parts[node.id] = NodePart(job, node)
    return found


def directory(job: Job, name: str) -> str:
    """Where the special task `name` runs, below the node's root."""
    return f"{job.directory}/{name}"


async def prepare(here: NodePart) -> None:
    """Wait until the preparation task has run. Raises PreparationFailedError."""
    if here.prepared:
        return
    if here.failed:
        raise PreparationFailedError
    if here.work is None:
        here.work = asyncio.get_running_loop().create_task(_prepare(here))
    await asyncio.shield(here.work)
    if here.failed:
        raise PreparationFailedError


async def _prepare(here: NodePart) -> None:
    spec = here.job.doc["jobPreparationTask"]
    limit = spec.get("constraints", {}).get("maxTaskRetryCount", 0)
    info: Doc = {"retryCount": 0}
    here.preparation = info
    try:
        while (outcome := await _attempt(here, spec, info)).failure is not None:
            if outcome.stage != "exit" or 0 <= limit <= info["retryCount"]:
                break
            info["retryCount"] += 1
            info["lastRetryTime"] = clock.now()
        here.failed = info["result"] != "success" and bool(spec["waitForSuccess"])
        here.prepared = not here.failed
    finally:
        here.work = None


async def release(here: NodePart) -> None:
    """Run the release task once, whatever comes of it."""
    here.release = {}
    spec = here.job.doc["jobReleaseTask"]
    clocked = {"maxWallClockTime": spec.get("maxWallClockTime", "PT15M")}
    await _attempt(here, spec | {"constraints": clocked}, here.release)


async def _attempt(here: NodePart, spec: Doc, info: Doc) -> Outcome:
    job, node = here.job, here.node
    root = directory(job, spec["id"])
    info |= {
        "startTime": clock.now(),
        "state": "running",
        "taskRootDirectory": root,
        "taskRootDirectoryUrl": f"{node.doc['url']}/files/{root}",
    }
    for name in ("endTime", "exitCode", "failureInfo", "result"):
        info.pop(name, None)
    outcome = await program.run(
        node.pool.account.machine,
        Program(
            command_line=spec["commandLine"],
            directory=root,
            resource_files=spec.get("resourceFiles", []),
            settings=job.doc.get("commonEnvironmentSettings", []) + spec.get("environmentSettings", []),
            wall_clock=clock.seconds(spec.get("constraints", {}).get("maxWallClockTime", clock.UNLIMITED)),
            job_id=job.id,
            task_id=spec["id"],
        ),
        node,
    )
    info |= outcome.doc() | {"endTime": clock.now(), "state": "completed"}
    return outcome
