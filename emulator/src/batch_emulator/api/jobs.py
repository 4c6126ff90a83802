"""Operations on jobs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from batch_emulator.errors import BatchError
from batch_emulator.job import creation as job_creation
from batch_emulator.job import lifecycle as job_lifecycle
from batch_emulator.schema import jobs as bodies
from batch_emulator.wire import listing, old_versions
from batch_emulator.wire.call import empty_response, entity_response, json_response

if TYPE_CHECKING:
    from aiohttp import web

    from batch_emulator.entity import Doc
    from batch_emulator.job.model import Job
    from batch_emulator.wire.call import Call

JOBS = listing.kind(
    "jobs",
    bodies.replace.properties,
    "id displayName state stateTransitionTime creationTime lastModified priority onAllTasksComplete "
    "executionInfo/poolId executionInfo/startTime executionInfo/endTime executionInfo/terminateReason",
)
PREPARATIONS = listing.kind(
    "jobpreparationandreleasetaskstatuslist",
    ["poolId", "nodeId", "nodeUrl", "jobPreparationTaskExecutionInfo", "jobReleaseTaskExecutionInfo"],
    "nodeId jobPreparationTaskExecutionInfo/exitCode jobReleaseTaskExecutionInfo/exitCode "
    "jobPreparationTaskExecutionInfo/state jobReleaseTaskExecutionInfo/state",
)


async def create_job(call: Call) -> web.Response:
    job = job_creation.add(call.account, await call.body(bodies.create))
    return empty_response(201, job, location=job.doc["url"])


async def list_jobs(call: Call) -> web.Response:
    return listing.page(call, JOBS, ((job.seq, job.doc) for job in call.account.jobs.values()))


async def get_job(call: Call) -> web.Response:
    job = call.job()
    return entity_response(call, job, "jobs", listing.project(job.doc, listing.selected(call, JOBS)))


async def update_job(call: Call) -> web.Response:
    job = call.job()
    job_lifecycle.check_changeable(job)
    changes = await call.body(bodies.update)
    return _update(job, changes)


async def replace_job(call: Call) -> web.Response:
    job = call.job()
    job_lifecycle.check_changeable(job)
    given = await call.body(bodies.replace)
    defaults: Doc = {"priority": 0, "maxParallelTasks": -1, "constraints": {}, "onAllTasksComplete": "noaction"}
    job.doc.pop("metadata", None)
    changeable = set(bodies.update.properties)
    return _update(job, {name: value for name, value in (defaults | given).items() if name in changeable})


def _update(job: Job, changes: Doc) -> web.Response:
    ending = (job.doc["onAllTasksComplete"].lower(), changes.get("onAllTasksComplete", "").lower())
    if ending == ("terminatejob", "noaction"):
        raise BatchError(
            "InvalidPropertyValue",
            PropertyName="onAllTasksComplete",
            Reason="terminatejob cannot be changed to noaction",
        )
    if "poolInfo" in changes:
        changes["poolInfo"] = job_creation.pool_info(changes["poolInfo"])
        job_creation.change_pool(job, changes["poolInfo"])
    job_lifecycle.apply(job, changes)
    return empty_response(200, job)


async def disable_job(call: Call) -> web.Response:
    job = call.job()
    change = await call.body(bodies.disable)
    job_lifecycle.start_disable(job, tasks=change["disableTasks"])
    return empty_response(202, job)


async def enable_job(call: Call) -> web.Response:
    job = call.job()
    job_lifecycle.enable(job)
    return empty_response(202, job)


async def terminate_job(call: Call) -> web.Response:
    job = call.job()
    change = await call.body(bodies.terminate, optional=True)
    job_lifecycle.start_terminate(job, reason=change.get("terminateReason", "UserTerminate"))
    return empty_response(202, job)


async def delete_job(call: Call) -> web.Response:
    job_lifecycle.start_delete(call.job())
    return empty_response(202)


async def get_job_task_counts(call: Call) -> web.Response:
    job = call.job()
    counts = job.counts.doc()
    if not old_versions.has_slots(call.version):
        counts = counts["taskCounts"]
    return json_response({"odata.metadata": f"{call.base}/$metadata#taskcountresults/@Element"} | counts)


async def list_job_preparation_and_release_task_status(call: Call) -> web.Response:
    job = call.job()
    if "jobPreparationTask" not in job.doc and "jobReleaseTask" not in job.doc:
        raise BatchError("JobPreparationTaskNotSpecified", "The job has no preparation task.")
    return listing.page(
        call, PREPARATIONS, ((index, each.doc()) for index, each in enumerate(job.preparations.values(), 1))
    )
