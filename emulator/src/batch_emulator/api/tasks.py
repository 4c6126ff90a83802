"""Operations on the tasks of a job."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
from typing import TYPE_CHECKING

from batch_emulator import clock, execution
from batch_emulator.errors import BatchError
from batch_emulator.job import lifecycle as job_lifecycle
from batch_emulator.schema import tasks as bodies
from batch_emulator.task import creation as task_creation
from batch_emulator.task import dependencies
from batch_emulator.task import lifecycle as task_lifecycle
from batch_emulator.wire import listing
from batch_emulator.wire.call import REQUEST_ID, empty_response, entity_response, json_response

if TYPE_CHECKING:
    from aiohttp import web

    from batch_emulator.entity import Doc
    from batch_emulator.job.model import Job
    from batch_emulator.wire.call import Call

_RESPONSE_PROPERTIES = [
    "url",
    "eTag",
    "lastModified",
    "creationTime",
    "state",
    "stateTransitionTime",
    "previousState",
    "previousStateTransitionTime",
    "executionInfo",
    "nodeInfo",
    "stats",
]
TASKS = listing.kind(
    "tasks",
    [*bodies.create.properties, *_RESPONSE_PROPERTIES],
    "id displayName state stateTransitionTime creationTime lastModified lastModifiedTime executionInfo/startTime "
    "executionInfo/endTime executionInfo/exitCode executionInfo/result executionInfo/retryCount nodeInfo/nodeId",
)
_MAX_COLLECTION_TASKS = 100


async def create_task(call: Call) -> web.Response:
    job = call.account.job(call.path_variable("job"))
    spec = await call.body(bodies.create)
    job_lifecycle.check_changeable(job)
    task = task_creation.add(job, spec)
    return empty_response(201, task, location=task.doc["url"])


async def create_task_collection(call: Call) -> web.Response:
    job = call.account.job(call.path_variable("job"))
    given = (await call.body(bodies.collection))["value"]
    job_lifecycle.check_changeable(job)
    if len(given) > _MAX_COLLECTION_TASKS:
        raise BatchError(
            "InvalidPropertyValue", PropertyName="value", Reason=f"At most {_MAX_COLLECTION_TASKS} tasks at once"
        )
    results = [_add_one(call, job, spec) for spec in given]
    return json_response({"odata.metadata": f"{call.base}/$metadata#taskaddresult", "value": results})


def _add_one(call: Call, job: Job, spec: object) -> Doc:
    try:
        task = task_creation.add(job, bodies.create.read(spec))
    except BatchError as error:
        name = spec.get("id") if isinstance(spec, dict) else None
        body = error.body(request_id=call.request[REQUEST_ID], time=clock.now())
        return {"status": "clienterror", "taskId": str(name), "error": body}
    return {
        "status": "success",
        "taskId": task.id,
        "eTag": task.etag,
        "lastModified": task.doc["lastModified"],
        "location": task.doc["url"],
    }


async def list_tasks(call: Call) -> web.Response:
    job = call.account.job(call.path_variable("job"))
    if job.state == "deleting":
        job_lifecycle.check_changeable(job)
    return listing.page(call, TASKS, ((task.seq, task.doc) for task in job.tasks.values()))


async def get_task(call: Call) -> web.Response:
    task = call.task()
    return entity_response(call, task, "tasks", listing.project(task.doc, listing.selected(call, TASKS)))


async def replace_task(call: Call) -> web.Response:
    task = call.task()
    changes = await call.body(bodies.replace)
    job_lifecycle.check_changeable(task.job)
    defaults = {
        "maxWallClockTime": clock.UNLIMITED,
        "retentionTime": "P7D",
        "maxTaskRetryCount": task.job.doc["constraints"]["maxTaskRetryCount"],
    }
    task.doc["constraints"] = defaults | changes.get("constraints", {})
    task.touch()
    return empty_response(200, task)


async def terminate_task(call: Call) -> web.Response:
    task = call.task()
    if task.state == "completed":
        raise BatchError("TaskCompleted", "The specified task is already completed.")
    if task.run is not None:
        await task.run.interrupt("terminate")
    else:
        execution.finish(task, execution.terminated())
    return empty_response(204, task)


async def reactivate_task(call: Call) -> web.Response:
    task = call.task()
    job_lifecycle.check_changeable(task.job)
    if task.state != "completed":
        raise BatchError("OperationInvalidForCurrentState", f"The specified task is {task.state}, not completed.")
    if task.info.get("exitCode") == 0 and task.succeeded:
        raise BatchError("OperationInvalidForCurrentState", "The specified task completed successfully.")
    task.info["retryCount"] = 0
    task_lifecycle.reset(task)
    dependencies.enqueue_when_satisfied(task)
    task.job.wake_scheduler()
    return empty_response(204, task)


async def delete_task(call: Call) -> web.Response:
    task = call.task()
    job_lifecycle.check_changeable(task.job, completed_too=True)
    task.deleted = True
    if task.run is not None:
        await task.run.interrupt("discard")
    execution.remove(task)
    if task.node is not None and not task.files_removed:
        root = task.node.root / task.directory
        # Renamed first, because a task with the same id may be added at once; ids contain no dots.
        gone = root.with_name(f"{task.id}.{task.seq}.gone")
        with contextlib.suppress(OSError):
            root.rename(gone)
        call.account.run_in_background(asyncio.create_task(asyncio.to_thread(shutil.rmtree, gone, ignore_errors=True)))
    return empty_response(200)


async def list_subtasks(call: Call) -> web.Response:
    """The subtasks of an ordinary task: none."""
    call.task()
    return json_response({"odata.metadata": f"{call.base}/$metadata#subtaskslist", "value": []})
