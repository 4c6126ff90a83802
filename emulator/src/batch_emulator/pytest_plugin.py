"""Fixtures for pytest: an emulator for the session, emptied after each test."""

from __future__ import annotations

import asyncio
import json
import secrets
import threading
import time
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import pytest

from batch_emulator.options import Options

if TYPE_CHECKING:
    from collections.abc import Iterator

    from azure.core.credentials import AzureNamedKeyCredential

_START_SECONDS = 30
_LIFETIME_SECONDS = 24 * 3600


@dataclass(frozen=True, slots=True)
class Faults:
    """Fault injection, as the README describes it."""

    url: str
    token_key: str = field(repr=False)

    def inject(self, **fault: object) -> None:
        """Inject a fault: `inject(operation="create_task", status=503, times=3)`."""
        self.post("faults", {"faults": [fault]})

    def lift(self, name: str | None = None) -> None:
        """Lift the fault of this name, or all."""
        self._send("DELETE", "faults" if name is None else f"faults/{name}")

    def lose_node(self, pool: str, node: str) -> None:
        """Remove a node with its files; another replaces it."""
        self.post(f"pools/{pool}/nodes/{node}/lose")

    def preempt_node(self, pool: str, node: str, *, seconds: float | None = None) -> None:
        """Preempt a node, and restore it after `seconds` if given."""
        self.post(f"pools/{pool}/nodes/{node}/preempt", {} if seconds is None else {"seconds": seconds})

    def reset(self) -> None:
        """Delete all pools, jobs and job schedules, and lift all faults."""
        self.post("reset")

    def post(self, path: str, body: object = None) -> None:
        """Send any request of the control endpoint."""
        self._send("POST", path, body)

    def state(self) -> dict[str, Any]:
        """The faults in force."""
        found: dict[str, Any] = json.loads(self._send("GET", ""))
        return found

    def _send(self, method: str, path: str, body: object = None) -> bytes:
        import jwt  # noqa: PLC0415 - the plugin is loaded by every run of pytest

        claims = {"aud": "https://batch.core.windows.net/", "exp": time.time() + _LIFETIME_SECONDS}
        token = jwt.encode(claims, self.token_key, algorithm="HS256")
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(  # noqa: S310 - its own URL
            f"{self.url}/_control/{path}".rstrip("/"),
            data=data,
            method=method,
            headers={"Authorization": f"Bearer {token}"},
        )
        with urllib.request.urlopen(request) as reply:  # noqa: S310
            content: bytes = reply.read()
        return content


@dataclass(frozen=True, slots=True)
class AsyncFaults:
    """Fault injection that does not block the event loop."""

    faults: Faults

    async def inject(self, **fault: object) -> None:
        """Inject a fault."""
        await asyncio.to_thread(lambda: self.faults.inject(**fault))

    async def lift(self, name: str | None = None) -> None:
        """Lift the fault of this name, or all."""
        await asyncio.to_thread(self.faults.lift, name)

    async def lose_node(self, pool: str, node: str) -> None:
        """Remove a node with its files; another replaces it."""
        await asyncio.to_thread(self.faults.lose_node, pool, node)

    async def preempt_node(self, pool: str, node: str, *, seconds: float | None = None) -> None:
        """Preempt a node, and restore it after `seconds` if given."""
        await asyncio.to_thread(lambda: self.faults.preempt_node(pool, node, seconds=seconds))

    async def reset(self) -> None:
        """Delete all pools, jobs and job schedules, and lift all faults."""
        await asyncio.to_thread(self.faults.reset)

    async def state(self) -> dict[str, Any]:
        """The faults in force."""
        return await asyncio.to_thread(self.faults.state)


@dataclass(frozen=True, slots=True)
class _Account:
    url: str
    account: str
    key: str = field(repr=False)

    @property
    def credential(self) -> AzureNamedKeyCredential:
        """For azure-batch 15, synchronous and asynchronous: `BatchClient(url, credential)`."""
        from azure.core.credentials import AzureNamedKeyCredential  # noqa: PLC0415 - the client's own dependency

        return AzureNamedKeyCredential(self.account, self.key)


@dataclass(frozen=True, slots=True)
class BatchAccount(_Account):
    """An emulated Batch account for synchronous tests."""

    faults: Faults


@dataclass(frozen=True, slots=True)
class AsyncBatchAccount(_Account):
    """An emulated Batch account for asynchronous tests."""

    faults: AsyncFaults


@contextmanager
def running_in_thread(options: Options) -> Iterator[tuple[str, str]]:
    """Run an emulator in a thread with an event loop of its own; yields its URL and key."""
    from batch_emulator.server import running  # noqa: PLC0415 - the plugin is loaded by every run of pytest

    ready: list[tuple[str, str]] = []
    failure: list[BaseException] = []
    started, stop, loop = threading.Event(), asyncio.Event(), asyncio.new_event_loop()

    async def serve() -> None:
        try:
            async with running(options) as emulator:
                ready.append((emulator.url, emulator.key))
                started.set()
                await stop.wait()
        except BaseException as error:
            failure.append(error)
            raise
        finally:
            started.set()

    def run() -> None:
        try:
            loop.run_until_complete(serve())
        except Exception:
            return

    thread = threading.Thread(target=run, name="batch-emulator", daemon=True)
    thread.start()
    try:
        started.wait(_START_SECONDS)
        if not ready:
            raise failure[0] if failure else TimeoutError("the emulator did not start")
        yield ready[0]
    finally:
        if thread.is_alive():
            loop.call_soon_threadsafe(stop.set)
        thread.join()
        loop.close()


@pytest.fixture(scope="session")
def batch_emulator_options() -> Options:
    """The options of the session's emulator. Override it in your conftest.py."""
    return Options(port=0)


@pytest.fixture(scope="session")
def _batch_emulator(batch_emulator_options: Options) -> Iterator[BatchAccount]:
    token_key = batch_emulator_options.token_key or secrets.token_hex(32)
    options = replace(batch_emulator_options, control=True, token_key=token_key)
    with running_in_thread(options) as (url, key):
        yield BatchAccount(url, options.account, key, Faults(url, token_key))


@pytest.fixture
def batch_account(_batch_emulator: BatchAccount) -> Iterator[BatchAccount]:
    """An emulated Batch account: url, account, key, credential, faults. It is emptied after the test."""
    yield _batch_emulator
    _batch_emulator.faults.reset()


@pytest.fixture
def async_batch_account(batch_account: BatchAccount) -> AsyncBatchAccount:
    """Like `batch_account`; the methods of its faults are coroutines."""
    made = batch_account
    return AsyncBatchAccount(made.url, made.account, made.key, AsyncFaults(made.faults))
