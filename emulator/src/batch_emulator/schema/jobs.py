"""Schemas of job and job schedule requests."""

from __future__ import annotations

from batch_emulator.schema import common, pools
from batch_emulator.schema.checks import (
    Check,
    anything,
    body,
    boolean,
    duration,
    identifier,
    integer,
    invalid,
    many,
    moment,
    one_of,
    text,
)

_manager = body(
    "id commandLine",
    **common.command,
    id=common.task_id,
    displayName=text(1024),
    outputFiles=many(common.output_file),
    constraints=common.constraints,
    requiredSlots=integer(1, 256),
    killJobOnCompletion=boolean,
    runExclusive=boolean,
    applicationPackageReferences=common.packages,
    authenticationTokenSettings=common.authentication_tokens,
    allowLowPriorityNode=boolean,
)
_preparation = body(
    "commandLine",
    **common.command,
    id=common.task_id,
    constraints=common.constraints,
    waitForSuccess=boolean,
    rerunOnNodeRebootAfterSuccess=boolean,
)
_release = body(
    "commandLine",
    **common.command,
    id=common.task_id,
    maxWallClockTime=duration(),
    retentionTime=duration(),
)
_pool_info = body(
    poolId=text(64),
    autoPoolSpecification=body(
        "poolLifetimeOption",
        autoPoolIdPrefix=text(20),
        poolLifetimeOption=one_of("jobschedule", "job"),
        keepAlive=boolean,
        pool=pools.specification,
    ),
)
_from_minus_one = integer(-1)


def _parallel(value: object, path: str) -> object:
    if value == 0:
        raise invalid(path, value, "-1 or a number above 0 is expected")
    return _from_minus_one(value, path)


_changeable: dict[str, Check] = {
    "priority": integer(-1000, 1000),
    "allowTaskPreemption": boolean,
    "maxParallelTasks": _parallel,
    "constraints": body(maxWallClockTime=duration(), maxTaskRetryCount=integer(-1)),
    "poolInfo": _pool_info,
    "onAllTasksComplete": one_of("noaction", "terminatejob"),
    "metadata": common.metadata,
    "networkConfiguration": anything,
}
_settings: dict[str, Check] = {
    **_changeable,
    "displayName": text(1024),
    "usesTaskDependencies": boolean,
    "jobManagerTask": _manager,
    "jobPreparationTask": _preparation,
    "jobReleaseTask": _release,
    "commonEnvironmentSettings": common.environment,
    "onTaskFailure": one_of("noaction", "performexitoptionsjobaction"),
}
# The properties of a GET response are allowed, because clients send back a whole job to change it.
_response_properties: dict[str, Check] = dict.fromkeys(
    [
        "id",
        "url",
        "eTag",
        "lastModified",
        "creationTime",
        "state",
        "stateTransitionTime",
        "previousState",
        "previousStateTransitionTime",
        "executionInfo",
        "stats",
    ],
    anything,
)

create = body("id poolInfo", **_settings, id=identifier)
update = body(**_changeable)
replace = body("poolInfo", **(_response_properties | _settings))
disable = body("disableTasks", disableTasks=one_of("requeue", "terminate", "wait"))
terminate = body(terminateReason=text())

_schedule = body(
    doNotRunUntil=moment,
    doNotRunAfter=moment,
    startWindow=duration(60),
    recurrenceInterval=duration(60),
)
_specification = body("poolInfo", **_settings)
create_schedule = body(
    "id schedule jobSpecification",
    id=identifier,
    displayName=text(1024),
    schedule=_schedule,
    jobSpecification=_specification,
    metadata=common.metadata,
)
_schedule_changes: dict[str, Check] = {
    "schedule": _schedule,
    "jobSpecification": _specification,
    "metadata": common.metadata,
}
update_schedule = body(**_schedule_changes)
replace_schedule = body("jobSpecification", **(_response_properties | {"displayName": text()} | _schedule_changes))
