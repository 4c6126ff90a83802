"""Fault injection over HTTP: `/_control`, served only with `--control`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web

from batch_emulator.errors import STATUS, BatchError
from batch_emulator.job import lifecycle as job_lifecycle
from batch_emulator.pool import node_faults
from batch_emulator.reset import empty
from batch_emulator.schema.checks import body, boolean, identifier, integer, invalid, many, one_of, text
from batch_emulator.wire.call import Call, empty_response, json_response

if TYPE_CHECKING:
    from collections.abc import Collection

    from batch_emulator.account import Account
    from batch_emulator.entity import Doc
    from batch_emulator.faults import Faults


# Times further away cannot be represented.
_MAX_SECONDS = 10 * 365 * 86400


def _seconds(value: object, path: str) -> float:
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not 0 <= value <= _MAX_SECONDS:
        raise BatchError("InvalidPropertyValue", PropertyName=path, Reason="A number of seconds is expected")
    return value


def _seconds_or_forever(value: object, path: str) -> float:
    return -1 if value == -1 else _seconds(value, path)


_FAULT = body(
    name=identifier,
    operation=text(),
    method=one_of("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"),
    path=text(),
    times=integer(-1),
    seconds=_seconds,
    silent=boolean,
    delay=_seconds,
    status=integer(400, 599),
    code=text(),
    message=text(),
    retryAfter=_seconds,
    deleting=_seconds_or_forever,
    respondAfter=_seconds,
    pace=_seconds,
    truncate=integer(0),
    drop=boolean,
)
_FAULTS = body("faults", faults=many(_FAULT))
_UPLOADS = body(fail=integer(0), unmatched=integer(-1))
_QUOTA = body(activeJobs=integer(0), pools=integer(0), nodes=integer(0))
_PREEMPTION = body(seconds=_seconds)
_START_TASKS = body("fail", fail=integer(-1))
_RESIZES = body("seconds", seconds=_seconds)
_DEFECT = body(state=one_of("unusable", "offline"), remedy=one_of("reboot", "reimage", "remove"))


def _check(fault: Doc, operations: Collection[str]) -> None:
    """Refuse a fault that could never take effect as it is meant."""
    operation = fault.get("operation", "*")
    if operation != "*" and operation not in operations:
        raise invalid("operation", operation, "The operation does not exist")
    if fault.get("times") == 0:
        raise invalid("times", 0, "A number of calls, or -1 for all, is expected")
    if "code" in fault and "status" not in fault and fault["code"] not in STATUS:
        raise BatchError("MissingRequiredProperty", PropertyName="status")
    if "deleting" in fault and operation != "delete_job":
        raise invalid("deleting", fault["deleting"], "The operation must be delete_job")


def routes(account: Account, faults: Faults, operations: Collection[str]) -> list[web.RouteDef]:
    """The routes of the control endpoint, not authenticated. Faults can be given for the `operations`."""
    machine = account.machine

    async def list_faults(_request: web.Request) -> web.Response:
        return json_response(
            {
                "faults": faults.listed(),
                "requests": dict(faults.requests),
                "waitingRequests": len(faults.waiting),
                "heldJobs": [job.id for job in account.jobs.values() if job.deletion_hold is not None],
                "failingUploads": machine.failing_uploads,
                "failingUnmatchedUploads": machine.failing_unmatched_uploads,
                "failingStartTasks": account.pool_faults.failing_start_tasks,
            }
        )

    async def add_faults(request: web.Request) -> web.Response:
        given = (await Call(request, account).body(_FAULTS))["faults"]
        for fault in given:
            _check(fault, operations)
        for fault in given:
            faults.add(fault)
        return _stored()

    async def lift_fault(request: web.Request) -> web.Response:
        name = request.match_info["name"].lower()
        faults.lift(name)
        job_lifecycle.release_held_deletions(account, name)
        return _stored()

    async def clear_faults(_request: web.Request) -> web.Response:
        faults.lift()
        job_lifecycle.release_held_deletions(account)
        machine.failing_uploads = machine.failing_unmatched_uploads = 0
        account.limits = type(account.limits).from_options(account.options)
        account.pool_faults.clear()
        return _stored()

    async def reset(request: web.Request) -> web.Response:
        await empty(account)
        return await clear_faults(request)

    async def fail_uploads(request: web.Request) -> web.Response:
        given = await Call(request, account).body(_UPLOADS)
        machine.failing_uploads = given.get("fail", machine.failing_uploads)
        machine.failing_unmatched_uploads = given.get("unmatched", machine.failing_unmatched_uploads)
        return empty_response(204)

    async def set_quota(request: web.Request) -> web.Response:
        given = await Call(request, account).body(_QUOTA)
        for name, value in given.items():
            setattr(account.limits, {"activeJobs": "active_jobs"}.get(name, name), value)
        return empty_response(204)

    async def fail_start_tasks(request: web.Request) -> web.Response:
        given = await Call(request, account).body(_START_TASKS)
        account.pool_faults.failing_start_tasks = given["fail"]
        return empty_response(204)

    async def hold_resizes(request: web.Request) -> web.Response:
        given = await Call(request, account).body(_RESIZES)
        account.pool_faults.hold_resizes(given["seconds"])
        return empty_response(204)

    async def damage(request: web.Request) -> web.Response:
        call = Call(request, account)
        given = await call.body(_DEFECT, optional=True)
        state, remedy = given.get("state", "unusable"), given.get("remedy", "reboot")
        await node_faults.damage(call.node(), state=state, remedy=remedy)
        return _stored()

    async def lose(request: web.Request) -> web.Response:
        await node_faults.lose(Call(request, account).node())
        return _stored()

    async def preempt(request: web.Request) -> web.Response:
        call = Call(request, account)
        seconds = (await call.body(_PREEMPTION, optional=True)).get("seconds")
        await node_faults.preempt(call.node(), seconds=seconds)
        return _stored()

    async def restore(request: web.Request) -> web.Response:
        node_faults.restore_now(Call(request, account).node())
        return _stored()

    def _stored() -> web.Response:
        """A response to a change that is on disk."""
        account.store.flush()
        return empty_response(204)

    node = "/_control/pools/{pool}/nodes/{node}"
    return [
        web.get("/_control", list_faults),
        web.post("/_control/faults", add_faults),
        web.delete("/_control/faults", clear_faults),
        web.delete("/_control/faults/{name}", lift_fault),
        web.post("/_control/reset", reset),
        web.post("/_control/uploads", fail_uploads),
        web.post("/_control/quota", set_quota),
        web.post("/_control/start-tasks", fail_start_tasks),
        web.post("/_control/resizes", hold_resizes),
        web.post(f"{node}/damage", damage),
        web.post(f"{node}/lose", lose),
        web.post(f"{node}/preempt", preempt),
        web.post(f"{node}/restore", restore),
    ]
