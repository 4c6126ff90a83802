"""Runs invocations: decodes the trigger data, calls the function, encodes the result and logs the outcome."""

from __future__ import annotations

import asyncio
import logging
import os
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from azure.functions.meta import Datum

from local.functions.context import InvocationContext
from local.functions.signature import converter

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import timedelta

    from local.functions.index import HostedFunction

logger = logging.getLogger("functions")


class FunctionTimeoutError(Exception):
    """The function ran longer than `functionTimeout`."""


class WorkerExitedError(Exception):
    """The worker was restarted while the function ran."""


@dataclass(frozen=True)
class Outcome:
    """The outcome of an invocation: its error or, without one, its encoded result."""

    error: BaseException | None = None
    result: Datum | None = None


class Invoker:
    """Runs functions: async ones on the event loop, sync ones in a thread pool of the worker's size.

    timeout: Limit of an invocation. When one exceeds it, all running invocations end with an error and `timed_out` is
        done; the caller must then restart the process, because the functions themselves are not interrupted.
    """

    def __init__(self, *, timeout: timedelta | None, environ: Mapping[str, str] = os.environ) -> None:
        workers = environ.get("PYTHON_THREADPOOL_THREAD_COUNT", "")
        self._timeout = None if timeout is None else timeout.total_seconds()
        self._pool = ThreadPoolExecutor(max_workers=int(workers) if workers.isdecimal() else None)
        self._running: set[asyncio.Task[Outcome]] = set()
        self._calls: set[asyncio.Task[object]] = set()
        self.timed_out: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def invoke(self, function: HostedFunction, *, data: Datum, reason: str) -> Outcome:
        """Run one invocation and return its outcome; errors of the function are never raised.

        The function goes on running if the caller is cancelled, for example because a client disconnects.
        """
        return await asyncio.shield(self.start(function, data=data, reason=reason))

    def start(self, function: HostedFunction, *, data: Datum, reason: str) -> asyncio.Task[Outcome]:
        """Start one invocation without waiting for it."""
        task = asyncio.ensure_future(self._run(function, data=data, reason=reason))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return task

    async def drain(self, *, grace: float) -> None:
        """Wait `grace` seconds for running invocations, then cancel the rest (threads cannot be cancelled)."""
        if self._running:
            await asyncio.wait(self._running, timeout=grace)
        for task in self._running:
            task.cancel()
        if self._running:
            await asyncio.gather(*self._running, return_exceptions=True)
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def _run(self, function: HostedFunction, *, data: Datum, reason: str) -> Outcome:
        invocation_id = str(uuid.uuid4())
        logger.info("Executing 'Functions.%s' (Reason='%s', Id=%s)", function.name, reason, invocation_id)
        began = time.monotonic()
        try:
            result = await self._within_timeout(function, data=data, invocation_id=invocation_id)
            outcome = Outcome(result=_encode(function, result))
        except asyncio.CancelledError as error:
            outcome = Outcome(error=error)
        except Exception as error:  # must never fail the host
            outcome = Outcome(error=error)
        verdict = "Succeeded" if outcome.error is None else "Failed"
        milliseconds = round((time.monotonic() - began) * 1000)
        logger.log(
            logging.INFO if outcome.error is None else logging.ERROR,
            "Executed 'Functions.%s' (%s, Id=%s, Duration=%dms)",
            function.name,
            verdict,
            invocation_id,
            milliseconds,
            exc_info=outcome.error,
        )
        return outcome

    async def _within_timeout(self, function: HostedFunction, *, data: Datum, invocation_id: str) -> object:
        if self.timed_out.done():
            raise WorkerExitedError("The worker is restarting.")
        call = asyncio.create_task(self._call(function, data=data, invocation_id=invocation_id))
        self._calls.add(call)
        call.add_done_callback(self._calls.discard)
        try:
            ended: set[asyncio.Future[Any]] = {call, self.timed_out}
            await asyncio.wait(ended, timeout=self._timeout, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            call.cancel()
            await asyncio.wait({call})
            raise
        if call.done():
            return call.result()
        if self.timed_out.done():
            raise WorkerExitedError("The worker was restarted because another function timed out.")
        self.timed_out.set_result(None)
        message = f"Timeout value of {self._timeout:g} s exceeded by function 'Functions.{function.name}'"
        raise FunctionTimeoutError(f"{message} (Id: '{invocation_id}').")

    async def finish(self) -> None:
        """Wait until every invocation has its outcome."""
        if self._running:
            await asyncio.wait(self._running)

    async def _call(self, function: HostedFunction, *, data: Datum, invocation_id: str) -> object:
        signature = function.signature
        arguments = {signature.trigger.name: converter(function.kind).decode(data, trigger_metadata={})}
        context = InvocationContext(name=function.name, directory=function.directory, id=invocation_id)
        if signature.takes_context:
            arguments["context"] = context
        if signature.is_async:
            context.local.invocation_id = invocation_id
            return await function.call(**arguments)

        def run() -> object:
            context.local.invocation_id = invocation_id
            return function.call(**arguments)

        variables = copy_context()
        return await asyncio.get_running_loop().run_in_executor(self._pool, lambda: variables.run(run))


def _encode(function: HostedFunction, result: object) -> Datum | None:
    if function.signature.returns is None:
        if result is not None:
            raise RuntimeError(f"function '{function.name}' without a $return binding returned a non-None value")
        return None
    try:
        encoded = converter(function.signature.returns).encode(result, expected_type=None)
    except NotImplementedError:
        kind = type(result).__name__
        raise TypeError(f"function '{function.name}' returned a {kind}, which is not an HTTP response") from None
    return encoded if isinstance(encoded, Datum) else None
