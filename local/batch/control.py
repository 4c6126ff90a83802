"""Fault injection over HTTP: `/_control`, served only with `--control`."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from aiohttp import web

from local.batch.domain import node_faults, node_lifecycle
from local.batch.errors import BatchError
from local.batch.schema.checks import body, boolean, integer, many, text
from local.batch.wire.call import Call, empty_response, json_response

if TYPE_CHECKING:
    from local.batch.domain.model import Account
    from local.batch.entity import Doc

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def _seconds(value: object, path: str) -> None:
    if not isinstance(value, (int, float)) or isinstance(value, bool) or value < 0:
        raise BatchError("InvalidPropertyValue", PropertyName=path, Reason="A number of seconds is expected")


_FAULT = body(
    "operation",
    operation=text(),
    times=integer(-1),
    status=integer(400, 599),
    code=text(),
    retryAfter=_seconds,
    delay=_seconds,
    drop=boolean,
)
_FAULTS = body("faults", faults=many(_FAULT))
_UPLOADS = body("fail", fail=integer(0))
_QUOTA = body(activeJobs=integer(0), pools=integer(0), nodes=integer(0))
_PREEMPTION = body(seconds=_seconds)


@dataclass(slots=True)
class Faults:
    """Faults still to be injected, in the order of their requests."""

    pending: list[Doc] = field(default_factory=list)

    def take(self, operation: str) -> Doc | None:
        """The fault to inject into this call, if any; counts down its `times`."""
        for fault in self.pending:
            if fault["operation"] in (operation, "*"):
                if fault["times"] > 0:
                    fault["times"] -= 1
                if fault["times"] == 0:
                    self.pending.remove(fault)
                return fault
        return None


async def inject(fault: Doc, request: web.Request, handler: Handler) -> web.StreamResponse:
    """Inject `fault` into a request: wait, fail, or do the work and drop the connection."""
    await asyncio.sleep(fault.get("delay", 0))
    if "status" in fault:
        code = fault.get("code", "TooManyRequests" if fault["status"] == 429 else "ServerBusy")
        error = BatchError(code, "This failure was injected.", status=fault["status"])
        if "retryAfter" in fault:
            error.headers["Retry-After"] = f"{fault['retryAfter']:g}"
        raise error
    response = await handler(request)
    if fault.get("drop"):
        with contextlib.suppress(AttributeError):
            request.transport.abort()  # type: ignore[union-attr]
    return response


def routes(account: Account, faults: Faults) -> list[web.RouteDef]:
    """The routes of the control endpoint."""

    async def list_faults(_request: web.Request) -> web.Response:
        return json_response({"faults": faults.pending, "failingUploads": account.machine.failing_uploads})

    async def add_faults(request: web.Request) -> web.Response:
        given = await Call(request, account).body(_FAULTS)
        faults.pending += [{"times": 1} | fault for fault in given["faults"]]
        return empty_response(204)

    async def clear_faults(_request: web.Request) -> web.Response:
        faults.pending.clear()
        account.machine.failing_uploads = 0
        account.limits = type(account.limits).from_options(account.options)
        return empty_response(204)

    async def fail_uploads(request: web.Request) -> web.Response:
        account.machine.failing_uploads = (await Call(request, account).body(_UPLOADS))["fail"]
        return empty_response(204)

    async def set_quota(request: web.Request) -> web.Response:
        given = await Call(request, account).body(_QUOTA)
        for name, value in given.items():
            setattr(account.limits, {"activeJobs": "active_jobs"}.get(name, name), value)
        return empty_response(204)

    async def lose(request: web.Request) -> web.Response:
        await node_faults.lose(Call(request, account).node())
        return empty_response(204)

    async def preempt(request: web.Request) -> web.Response:
        call = Call(request, account)
        seconds = (await call.body(_PREEMPTION, optional=True)).get("seconds")
        await node_faults.preempt(call.node(), seconds=seconds)
        return empty_response(204)

    async def restore(request: web.Request) -> web.Response:
        node_lifecycle.start(Call(request, account).node())
        return empty_response(204)

    node = "/_control/pools/{pool}/nodes/{node}"
    return [
        web.get("/_control", list_faults),
        web.post("/_control/faults", add_faults),
        web.delete("/_control/faults", clear_faults),
        web.post("/_control/uploads", fail_uploads),
        web.post("/_control/quota", set_quota),
        web.post(f"{node}/lose", lose),
        web.post(f"{node}/preempt", preempt),
        web.post(f"{node}/restore", restore),
    ]
