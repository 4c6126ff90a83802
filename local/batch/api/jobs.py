"""Jobs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from local.batch.domain import job_add, job_life
from local.batch.errors import BatchError
from local.batch.schema import jobs as bodies
from local.batch.wire import listing
from local.batch.wire.call import answer, done, show

if TYPE_CHECKING:
    from aiohttp import web

    from local.batch.domain.entity import Doc
    from local.batch.domain.job import Job
    from local.batch.wire.call import Call

JOBS = listing.kind(
    "jobs",
    bodies.replace.properties,
    "id displayName state stateTransitionTime creationTime lastModified priority onAllTasksComplete "
    "executionInfo/poolId executionInfo/startTime executionInfo/endTime executionInfo/terminateReason",
)
PARTS = listing.kind(
    "jobpreparationandreleasetaskstatuslist",
    ["poolId", "nodeId", "nodeUrl", "jobPreparationTaskExecutionInfo", "jobReleaseTaskExecutionInfo"],
    "nodeId jobPreparationTaskExecutionInfo/exitCode jobReleaseTaskExecutionInfo/exitCode "
    "jobPreparationTaskExecutionInfo/state jobReleaseTaskExecutionInfo/state",
)


async def create_job(call: Call) -> web.Response:
    job = job_add.add(call.account, await call.body(bodies.create))
    return done(201, job, location=job.doc["url"])


async def list_jobs(call: Call) -> web.Response:
    return listing.page(call, JOBS, ((job.seq, job.doc) for job in call.account.jobs.values()))


async def get_job(call: Call) -> web.Response:
    job = call.job()
    return show(call, job, "jobs", listing.project(job.doc, listing.selected(call, JOBS)))


async def update_job(call: Call) -> web.Response:
    job = call.job()
    job_life.open_for_changes(job)
    changes = await call.body(bodies.update)
    return _changed(job, changes)


async def replace_job(call: Call) -> web.Response:
    job = call.job()
    job_life.open_for_changes(job)
    given = await call.body(bodies.replace)
    defaults: Doc = {"priority": 0, "maxParallelTasks": -1, "constraints": {}, "onAllTasksComplete": "noaction"}
    job.doc.pop("metadata", None)
    changeable = set(bodies.update.properties)
    return _changed(job, {name: value for name, value in (defaults | given).items() if name in changeable})


def _changed(job: Job, changes: Doc) -> web.Response:
    ending = (job.doc["onAllTasksComplete"].lower(), changes.get("onAllTasksComplete", "").lower())
    if ending == ("terminatejob", "noaction"):
        raise BatchError(
            "InvalidPropertyValue", PropertyName="onAllTasksComplete", Reason="terminatejob cannot be taken back"
        )
    if "poolInfo" in changes:
        job_add.change_pool(job, changes["poolInfo"])
    job_life.apply(job, changes)
    return done(200, job)


async def disable_job(call: Call) -> web.Response:
    job = call.job()
    change = await call.body(bodies.disable)
    job_life.start_disable(job, tasks=change["disableTasks"])
    return done(202, job)


async def enable_job(call: Call) -> web.Response:
    job = call.job()
    job_life.enable(job)
    return done(202, job)


async def terminate_job(call: Call) -> web.Response:
    job = call.job()
    change = await call.body(bodies.terminate, optional=True)
    job_life.start_terminate(job, reason=change.get("terminateReason", "UserTerminate"))
    return done(202, job)


async def delete_job(call: Call) -> web.Response:
    job_life.start_delete(call.job())
    return done(202)


async def get_job_task_counts(call: Call) -> web.Response:
    job = call.job()
    return answer({"odata.metadata": f"{call.base}/$metadata#taskcountresults/@Element"} | job.counts.doc())


async def list_job_preparation_and_release_task_status(call: Call) -> web.Response:
    job = call.job()
    if "jobPreparationTask" not in job.doc and "jobReleaseTask" not in job.doc:
        raise BatchError("JobPreparationTaskNotSpecified", "The job has no preparation task.")
    return listing.page(call, PARTS, ((index, part.doc()) for index, part in enumerate(job.parts.values(), 1)))
