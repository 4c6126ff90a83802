"""Executes a task on a node and applies the consequences of its end."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from batch_emulator.job import lifecycle as job_lifecycle
from batch_emulator.job import preparation as job_preparation
from batch_emulator.machine import command
from batch_emulator.machine.command import Command, Outcome
from batch_emulator.task import dependencies
from batch_emulator.task import lifecycle as task_lifecycle

if TYPE_CHECKING:
    from batch_emulator.entity import Doc
    from batch_emulator.task.model import Run, Task

log = logging.getLogger(__name__)

_STAGE_CONDITION = {"prepare": "preProcessingError", "upload": "fileUploadError"}


async def execute(task: Task, run: Run) -> None:
    """Run `task` on its node and apply the consequences. Never raises."""
    run.started = True
    outcome: Outcome | None = None
    try:
        outcome = await _run(task, run)
    except job_preparation.PreparationFailedError:
        run.interruption = run.interruption or "unprepared"
    except asyncio.CancelledError:
        if run.interruption is None:
            run.interruption = "stop"
    except Exception:
        log.exception("running %s/%s", task.job.id, task.id)
        outcome = command.failed("OtherError", "The emulator failed to run the task.", category="servererror")
    task.run = None
    task.job.running.discard(task)
    run.node.release(task)
    if run.interruption == "stop":
        return
    try:
        _apply(task, run, outcome)
    except Exception:
        log.exception("finishing %s/%s", task.job.id, task.id)
    finally:
        run.node.pool.wake_scheduler()


async def _run(task: Task, run: Run) -> Outcome:
    job, node = task.job, run.node
    if "jobPreparationTask" in job.doc:
        preparation = job_preparation.on_node(job, node)
        if not preparation.prepared:
            task.move_to("preparing")
        await job_preparation.prepare(preparation)
    task_lifecycle.start(task)
    return await command.run(node.pool.account.machine, _command(task), node)


def _command(task: Task) -> Command:
    job, doc = task.job, task.doc
    settings = job.doc.get("commonEnvironmentSettings", []) + doc.get("environmentSettings", [])
    return Command(
        command_line=doc["commandLine"],
        directory=task.directory,
        resource_files=doc.get("resourceFiles", []),
        output_files=doc.get("outputFiles", []),
        packages=doc.get("applicationPackageReferences", []),
        settings=settings,
        container=doc.get("containerSettings"),
        wall_clock=task.wall_clock_seconds,
        job_id=job.id,
        task_id=task.id,
        with_token=bool(doc.get("authenticationTokenSettings", {}).get("access")),
        preparation=job_preparation.directory(job, job.doc["jobPreparationTask"]["id"])
        if "jobPreparationTask" in job.doc
        else None,
    )


def _apply(task: Task, run: Run, outcome: Outcome | None) -> None:
    """Complete, retry or requeue `task`, depending on its outcome and on what interrupted it."""
    if task.deleted:
        return
    if run.interruption in ("unprepared", "lost", "requeue") and task.job.state in ("terminating", "deleting"):
        finish(task, command.failed("TaskEnded", "The job was terminated."))
        return
    if run.interruption == "unprepared":
        task_lifecycle.reset(task)
        task.job.enqueue(task, first=True)
        return
    if run.interruption in ("lost", "requeue"):
        task_lifecycle.requeue(task)
        task.job.enqueue(task, first=True)
        return
    if run.interruption is not None or outcome is None:
        finish(task, terminated(run.message))
        return
    info = task.info
    if outcome.stage == "exit" and outcome.failure is not None and info["retryCount"] < task.max_retries:
        info["retryCount"] += 1
        task_lifecycle.reset(task)
        task.job.enqueue(task, first=True)
        return
    finish(task, outcome)


def terminated(message: str = "") -> Outcome:
    """The outcome of a task that somebody ended."""
    return command.failed("TaskEnded", message or "Task Was Ended by User Request", stage="terminated")


def finish(task: Task, outcome: Outcome) -> None:
    """Complete `task`, release the tasks that depend on it, and apply its job's action."""
    task_lifecycle.complete(task, outcome)
    job = task.job
    job.account.expire_files(task)
    if task.node is not None:
        task.node.add_recent(task)
    options = exit_options(task.doc.get("exitConditions", {}), outcome)
    default = "satisfy" if outcome.failure is None else "block"
    if options.get("dependencyAction", default).lower() == "satisfy":
        task.satisfied = True
        dependencies.release_dependents(task)
    if job.state == "active":
        _apply_job_action(task, outcome, options)


def remove(task: Task) -> None:
    """Remove a task that does not run; its job may be complete without it."""
    job = task.job
    job.account.remove_task(task)
    job.tasks.pop(task.key, None)
    task.uncount()
    job_lifecycle.terminate_if_all_complete(job)


def _apply_job_action(task: Task, outcome: Outcome, options: Doc) -> None:
    job = task.job
    # Somebody who ends one task does not mean the whole job, unless the task's exit conditions say so.
    default = "none" if outcome.failure is None or outcome.stage == "terminated" else "terminate"
    action = str(options.get("jobAction", default)).lower()
    enabled = job.doc["onTaskFailure"].lower() == "performexitoptionsjobaction"
    if enabled and action == "terminate":
        job_lifecycle.start_terminate(job, reason="TaskFailed")
    elif enabled and action == "disable":
        job_lifecycle.start_disable(job, tasks="requeue")
    elif _is_manager(task) and job.doc["jobManagerTask"].get("killJobOnCompletion", True):
        job_lifecycle.start_terminate(job, reason="JMComplete")
    else:
        job_lifecycle.terminate_if_all_complete(job)


def _is_manager(task: Task) -> bool:
    manager = task.job.doc.get("jobManagerTask")
    return manager is not None and manager["id"].lower() == task.key


def exit_options(conditions: Doc, outcome: Outcome) -> Doc:
    """The exit options that apply: by exit code, by range, by the stage that failed, else the default."""
    if outcome.failure is not None and outcome.stage in _STAGE_CONDITION:
        found: Doc | None = conditions.get(_STAGE_CONDITION[outcome.stage])
        return found or conditions.get("default", {})
    code = outcome.exit_code
    if code is not None:
        for each in conditions.get("exitCodes", []):
            if each["code"] == code:
                return dict(each["exitOptions"])
        for each in conditions.get("exitCodeRanges", []):
            if each["start"] <= code <= each["end"]:
                return dict(each["exitOptions"])
    return {} if outcome.failure is None else dict(conditions.get("default", {}))
