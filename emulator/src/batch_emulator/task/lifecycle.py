"""The transitions of a task's state."""

from __future__ import annotations

from typing import TYPE_CHECKING

from batch_emulator import clock

if TYPE_CHECKING:
    from batch_emulator.machine.command import Outcome
    from batch_emulator.node.model import Node
    from batch_emulator.task.model import Task

_OF_OUTCOME = ("result", "exitCode", "failureInfo", "containerInfo")


def assign(task: Task, node: Node) -> None:
    """Assign it to `node`. Its state changes when the node begins to prepare or to run it."""
    task.node = node
    task.queued = False
    task.doc["nodeInfo"] = {
        "affinityId": node.doc["affinityId"],
        "nodeUrl": node.doc["url"],
        "poolId": node.pool.id,
        "nodeId": node.id,
        "taskRootDirectory": task.directory,
        "taskRootDirectoryUrl": f"{node.doc['url']}/files/{task.directory}",
    }


def start(task: Task) -> None:
    """Mark it running: fetching its resource files counts as running."""
    task.move_to("running")
    info = task.info
    info["startTime"] = task.doc["stateTransitionTime"]
    if info["retryCount"]:
        info["lastRetryTime"] = info["startTime"]


def complete(task: Task, outcome: Outcome) -> None:
    """Mark it completed, with its outcome."""
    info = task.info
    info["endTime"] = clock.now()
    info.setdefault("startTime", info["endTime"])
    for name in _OF_OUTCOME:
        info.pop(name, None)
    info |= outcome.doc()
    task.move_to("completed")


def reset(task: Task) -> None:
    """Return it to the queue as if it had not run."""
    task.satisfied = task.files_removed = False
    for name in ("startTime", "endTime", *_OF_OUTCOME):
        task.info.pop(name, None)
    task.doc.pop("nodeInfo", None)
    task.move_to("active")


def requeue(task: Task) -> None:
    """Return it to the queue because it was evicted from its node or lost it, which is not a failure."""
    task.info["requeueCount"] += 1
    task.info["lastRequeueTime"] = clock.now()
    reset(task)
