"""Trouble on demand: `/_control`, served only when asked for."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from aiohttp import web

from local.batch.domain import node_life, trouble
from local.batch.errors import BatchError
from local.batch.schema.checks import body, boolean, integer, many, text
from local.batch.wire.call import Call, answer, done

if TYPE_CHECKING:
    from local.batch.domain.account import Account
    from local.batch.domain.entity import Doc

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
    """Faults still to come, in the order in which they were asked for."""

    planned: list[Doc] = field(default_factory=list)

    def take(self, operation: str) -> Doc | None:
        """The fault that meets this call, if any."""
        for fault in self.planned:
            if fault["operation"] in (operation, "*"):
                if fault["times"] > 0:
                    fault["times"] -= 1
                if fault["times"] == 0:
                    self.planned.remove(fault)
                return fault
        return None


async def meet(fault: Doc, request: web.Request, handler: Handler) -> web.StreamResponse:
    """Let `fault` happen to a request: wait, fail, or do the work and drop the connection."""
    await asyncio.sleep(fault.get("delay", 0))
    if "status" in fault:
        code = fault.get("code", "TooManyRequests" if fault["status"] == 429 else "ServerBusy")
        error = BatchError(code, "This failure was asked for.", status=fault["status"])
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

    async def show(_request: web.Request) -> web.Response:
        return answer({"faults": faults.planned, "failingUploads": account.machine.broken_uploads})

    async def plan(request: web.Request) -> web.Response:
        given = await Call(request, account).body(_FAULTS)
        faults.planned += [{"times": 1} | fault for fault in given["faults"]]
        return done(204)

    async def clear(_request: web.Request) -> web.Response:
        faults.planned.clear()
        account.machine.broken_uploads = 0
        account.limits = type(account.limits).of(account.options)
        return done(204)

    async def uploads(request: web.Request) -> web.Response:
        account.machine.broken_uploads = (await Call(request, account).body(_UPLOADS))["fail"]
        return done(204)

    async def quota(request: web.Request) -> web.Response:
        given = await Call(request, account).body(_QUOTA)
        for name, value in given.items():
            setattr(account.limits, {"activeJobs": "active_jobs"}.get(name, name), value)
        return done(204)

    async def lose(request: web.Request) -> web.Response:
        await trouble.lose(Call(request, account).node())
        return done(204)

    async def preempt(request: web.Request) -> web.Response:
        call = Call(request, account)
        seconds = (await call.body(_PREEMPTION, optional=True)).get("seconds")
        await trouble.preempt(call.node(), seconds=seconds)
        return done(204)

    async def restore(request: web.Request) -> web.Response:
        node_life.boot(Call(request, account).node())
        return done(204)

    node = "/_control/pools/{pool}/nodes/{node}"
    return [
        web.get("/_control", show),
        web.post("/_control/faults", plan),
        web.delete("/_control/faults", clear),
        web.post("/_control/uploads", uploads),
        web.post("/_control/quota", quota),
        web.post(f"{node}/lose", lose),
        web.post(f"{node}/preempt", preempt),
        web.post(f"{node}/restore", restore),
    ]
