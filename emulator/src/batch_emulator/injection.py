"""Applies faults to requests: waits, refuses, keeps silent, sends responses late, slowly or in part."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from aiohttp import web

from batch_emulator import clock
from batch_emulator.errors import STATUS, BatchError
from batch_emulator.faults import Fault, Faults
from batch_emulator.job.deletion_hold import DeletionHold

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aiohttp.typedefs import Middleware

    from batch_emulator.account import Account
    from batch_emulator.entity import Doc

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_RESPONSE_FAULTS = frozenset(["respondAfter", "pace", "truncate", "drop"])
_HEAD_END = b"\r\n\r\n"


class _Capture(asyncio.Transport):
    """A transport that keeps what is written, for any kind of response, until it may be sent."""

    def __init__(self, connection: asyncio.Transport) -> None:
        super().__init__()
        self.connection = connection
        self.content = bytearray()

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.content += data

    def is_closing(self) -> bool:
        return self.connection.is_closing()

    def close(self) -> None:
        self.connection.close()

    def abort(self) -> None:
        self.connection.abort()

    def pause_reading(self) -> None:
        self.connection.pause_reading()

    def resume_reading(self) -> None:
        self.connection.resume_reading()

    def get_extra_info(self, name: str, default: object = None) -> object:
        return self.connection.get_extra_info(name, default)


_FAULT = web.RequestKey("fault", Fault)
_CAPTURE = web.RequestKey("capture", _Capture)


async def inject(
    account: Account, faults: Faults, fault: Fault, request: web.Request, handler: Handler
) -> web.StreamResponse:
    """Serve `request` as `fault` says; what it says about sending the response is left to the `delivery` middleware."""
    doc = fault.doc
    # While a client is still sending, its disconnecting goes unnoticed.
    await request.read()
    with faults.waiting_for(fault):
        if doc.get("silent") and not await fault.wait(request):
            return web.Response(status=499)  # nobody receives it
        if "delay" in doc:
            await fault.wait(request, doc["delay"], while_connected=False)
    connection = request.protocol.transport
    if connection is not None and not _RESPONSE_FAULTS.isdisjoint(doc):
        request[_FAULT], request[_CAPTURE] = fault, _Capture(connection)
        request.protocol.transport = request[_CAPTURE]
    if "status" in doc or "code" in doc:
        raise refusal(doc)
    with _held_deletion(account, fault, request) if "deleting" in doc else contextlib.nullcontext():
        return await handler(request)


def refusal(doc: Doc) -> BatchError:
    """The error of a fault with a status, a code or both."""
    status = doc.get("status") or STATUS[doc["code"]]
    code = doc.get("code") or ("TooManyRequests" if status == 429 else "ServerBusy")
    error = BatchError(code, doc.get("message", "This failure was injected."), status=status)
    if "retryAfter" in doc:
        error.headers["Retry-After"] = f"{doc['retryAfter']:g}"
    return error


@contextlib.contextmanager
def _held_deletion(account: Account, fault: Fault, request: web.Request) -> Iterator[None]:
    """Hold the job of the path in `deleting` if it gets there during a `with` block."""
    job = account.jobs.get(request.match_info["job"].lower())
    if job is None or job.state == "deleting":
        yield
        return
    seconds = fault.doc["deleting"]
    job.deletion_hold = DeletionHold(fault.key, timed=seconds >= 0)
    if seconds >= 0:
        account.due_times.add("release deletion", job.key, at=clock.after(seconds))
    try:
        yield
    finally:
        if job.state != "deleting":
            job.deletion_hold = None
            account.due_times.remove("release deletion", job.key)


def delivery(faults: Faults) -> Middleware:
    """The middleware that sends the captured response of a request late, slowly, in part or not at all."""

    @web.middleware
    async def deliver(request: web.Request, handler: Handler) -> web.StreamResponse:
        response = await handler(request)
        capture = request.get(_CAPTURE)
        if capture is not None:
            with contextlib.suppress(ConnectionError), faults.waiting_for(request[_FAULT]):
                await response.prepare(request)
                await response.write_eof()
                await _send(request, request[_FAULT], capture)
        return response

    return deliver


async def _send(request: web.Request, fault: Fault, capture: _Capture) -> None:
    doc, connection, content = fault.doc, capture.connection, bytes(capture.content)
    if not await fault.wait(request, doc.get("respondAfter", 0.0)):
        return
    request.protocol.transport = connection
    if doc.get("drop"):
        connection.abort()
        return
    if "truncate" in doc:
        content = content[: content.index(_HEAD_END) + len(_HEAD_END) + doc["truncate"]]
    sent = 0
    while "pace" in doc and sent < len(content) and not fault.is_over:
        connection.write(content[sent : sent + 1])
        sent += 1
        if not await fault.wait(request, doc["pace"]):
            return
    connection.write(content[sent:])
    if "truncate" in doc:
        connection.close()
