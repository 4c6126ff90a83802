"""A task's stay on a node, and everything that its end brings about."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING

from local.batch.domain import job_life, scheduler, special
from local.batch.node import program
from local.batch.node.program import Outcome, Program

if TYPE_CHECKING:
    from local.batch.domain.entity import Doc
    from local.batch.domain.job import Job
    from local.batch.domain.task import Run, Task

log = logging.getLogger(__name__)

_STAGE_CONDITION = {"prepare": "preProcessingError", "upload": "fileUploadError"}


async def drive(task: Task, run: Run) -> None:
    """Run `task` on its node and see to what follows. Never raises."""
    run.begun = True
    outcome: Outcome | None = None
    try:
        outcome = await _execute(task, run)
    except special.PreparationFailedError:
        run.interruption = run.interruption or "unprepared"
    except asyncio.CancelledError:
        if run.interruption is None:
            run.interruption = "stop"
    except Exception:
        log.exception("running %s/%s", task.job.id, task.id)
        outcome = program.failed("OtherError", "The emulator failed to run the task.", category="servererror")
    task.run = None
    task.job.running.discard(task)
    run.node.release(task)
    if run.interruption == "stop":
        return
    try:
        settle(task, run, outcome)
    except Exception:
        log.exception("settling %s/%s", task.job.id, task.id)
    finally:
        scheduler.wake(run.node.pool)


async def _execute(task: Task, run: Run) -> Outcome:
    job, node = task.job, run.node
    if "jobPreparationTask" in job.doc:
        part = special.part(job, node)
        if not part.prepared:
            task.move_to("preparing")
        await special.prepare(part)
    task.started()
    return await program.run(node.pool.account.machine, _program(task), node)


def _program(task: Task) -> Program:
    job, doc = task.job, task.doc
    settings = job.doc.get("commonEnvironmentSettings", []) + doc.get("environmentSettings", [])
    return Program(
        command_line=doc["commandLine"],
        directory=f"{job.directory}/{task.id}",
        resource_files=doc.get("resourceFiles", []),
        output_files=doc.get("outputFiles", []),
        packages=doc.get("applicationPackageReferences", []),
        settings=settings,
        wall_clock=task.wall_clock,
        job_id=job.id,
        task_id=task.id,
        preparation=special.directory(job, job.doc["jobPreparationTask"]["id"])
        if "jobPreparationTask" in job.doc
        else None,
    )


def settle(task: Task, run: Run, outcome: Outcome | None) -> None:
    """Give `task` the state that its run or its interruption leaves it in."""
    if task.deleted:
        return
    if run.interruption in ("unprepared", "lost", "requeue") and task.job.state in ("terminating", "deleting"):
        finish(task, program.failed("TaskEnded", "The job was terminated."))
        return
    if run.interruption in ("unprepared", "lost"):
        task.back_to_queue()
        task.job.enqueue(task, first=True)
        return
    if run.interruption == "requeue":
        task.requeued()
        task.job.enqueue(task, first=True)
        return
    if run.interruption is not None or outcome is None:
        finish(task, program.failed("TaskEnded", run.message or "Task Was Ended by User Request"))
        return
    info = task.info
    if outcome.stage == "exit" and outcome.failure is not None and info["retryCount"] < task.max_retries:
        info["retryCount"] += 1
        task.back_to_queue()
        task.job.enqueue(task, first=True)
        return
    finish(task, outcome)


def finish(task: Task, outcome: Outcome) -> None:
    """Complete `task`, then look at those that depend on it and at its job."""
    task.finished(outcome)
    job = task.job
    job.account.retain(task)
    if task.node is not None:
        task.node.ran(task)
    options = exit_options(task.doc.get("exitConditions", {}), outcome)
    usual = "satisfy" if outcome.failure is None else "block"
    if options.get("dependencyAction", usual).lower() == "satisfy":
        task.satisfied = True
        release_dependents(task)
    if job.state == "active":
        _job_action(task, outcome, options)


def _job_action(task: Task, outcome: Outcome, options: Doc) -> None:
    job = task.job
    usual = "none" if outcome.failure is None else "terminate"
    action = str(options.get("jobAction", usual)).lower()
    listens = job.doc["onTaskFailure"].lower() == "performexitoptionsjobaction"
    if listens and action == "terminate":
        job_life.start_terminate(job, reason="TaskFailed")
    elif listens and action == "disable":
        job_life.start_disable(job, tasks="requeue")
    elif _is_manager(task) and job.doc["jobManagerTask"].get("killJobOnCompletion", True):
        job_life.start_terminate(job, reason="JMComplete")
    else:
        end_if_all_done(job)


def _is_manager(task: Task) -> bool:
    manager = task.job.doc.get("jobManagerTask")
    return manager is not None and manager["id"].lower() == task.key


def end_if_all_done(job: Job) -> None:
    """Terminate a job that asked for it once every task is complete."""
    wanted = job.doc["onAllTasksComplete"].lower() == "terminatejob"
    counts = job.counts.tasks
    if wanted and job.state == "active" and not counts["active"] and not counts["running"]:
        job_life.start_terminate(job, reason="AllTasksComplete")


def release_dependents(task: Task) -> None:
    """Let those run that waited for `task` and for nothing else."""
    job = task.job
    for key in job.dependents.pop(task.key, ()):
        waiting = job.tasks.get(key)
        if waiting is not None and waiting.awaits == task.key and waiting.state == "active":
            waiting.await_others()
            scheduler.wake(job.pool)


def exit_options(conditions: Doc, outcome: Outcome) -> Doc:
    """The exit options that apply: by exit code, by range, by the stage that failed, else the default."""
    if outcome.stage in _STAGE_CONDITION and outcome.failure is not None:
        found: Doc | None = conditions.get(_STAGE_CONDITION[outcome.stage])
        return found or conditions.get("default", {})
    code = outcome.exit_code
    with contextlib.suppress(StopIteration):
        return next(each["exitOptions"] for each in conditions.get("exitCodes", []) if each["code"] == code) or {}
    if code is not None:
        with contextlib.suppress(StopIteration):
            ranges = conditions.get("exitCodeRanges", [])
            return next(each["exitOptions"] for each in ranges if each["start"] <= code <= each["end"]) or {}
    fallback: Doc = conditions.get("default", {})
    return {} if outcome.failure is None else fallback
