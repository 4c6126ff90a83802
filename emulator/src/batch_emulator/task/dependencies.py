"""Tasks that wait for other tasks of their job."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from batch_emulator.entity import Doc
    from batch_emulator.task.model import Task


def enqueue_when_satisfied(task: Task) -> None:
    """Queue `task` once every task that it depends on is satisfied."""
    task.dependencies = _keys(task.doc.get("dependsOn", {}))
    _check_next(task)


def release_dependents(task: Task) -> None:
    """Queue the tasks that waited for `task` alone."""
    job = task.job
    for key in job.dependents.pop(task.key, ()):
        waiting = job.tasks.get(key)
        if waiting is not None and waiting.waits_for == task.key and waiting.state == "active":
            _check_next(waiting)
            job.wake_scheduler()


def _check_next(task: Task) -> None:
    # A task that does not exist yet is not satisfied.
    for key in task.dependencies:
        other = task.job.tasks.get(key)
        if other is None or not other.satisfied:
            task.waits_for = key
            task.job.dependents.setdefault(key, set()).add(task.key)
            return
    task.waits_for = None
    task.job.enqueue(task)


def _keys(depends: Doc) -> Iterator[str]:
    """The keys of the tasks that `dependsOn` names; a range means decimal ids without leading zeros."""
    # A generator: a range may name more tasks than fit into memory.
    for each in depends.get("taskIds", []):
        yield str(each).lower()
    for span in depends.get("taskIdRanges", []):
        yield from map(str, range(span["start"], span["end"] + 1))
