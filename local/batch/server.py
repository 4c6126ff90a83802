"""The emulator as a running thing: made from options, started, stopped."""

from __future__ import annotations

import contextlib
import json
import ssl
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from aiohttp import web

from local.batch import clock, restore, store
from local.batch.control import Faults
from local.batch.domain import pool_life
from local.batch.domain.account import Account, Limits
from local.batch.node import guardian as guardians
from local.batch.node.machine import Machine, open_session
from local.batch.schema import pools as bodies
from local.batch.wire import app
from local.batch.wire.auth import Gate

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from local.batch.options import Options


@dataclass(frozen=True, slots=True)
class Emulator:
    """A running emulator."""

    url: str
    account: Account


@contextlib.asynccontextmanager
async def running(options: Options) -> AsyncIterator[Emulator]:
    """An emulator for the length of a block; when it ends, no process that a task started is left."""
    async with contextlib.AsyncExitStack() as stack:
        root = _node_root(options, stack)
        guardian = guardians.open_in(root)
        stack.callback(guardian.close)
        session = await stack.enter_async_context(open_session(options))
        account = Account(
            options,
            Machine(options, guardian, session),
            root,
            clock.Fast(options.autoscale_speed),
            store.open_store(options.data),
            Limits.of(options),
        )
        stack.callback(account.store.close)
        url = await _serve(options, account, stack)
        account.url = account.machine.url = url
        stack.push_async_callback(account.stop)
        restore.restore(account)
        account.store.serve_at(url)
        if options.pools is not None:
            _seed(account, json.loads(options.pools.read_text()))
        yield Emulator(url, account)


def _seed(account: Account, specs: list[object]) -> None:
    """Make the pools that are not there; give those that are what the file says of them now."""
    for given in specs:
        spec = bodies.seed.read(given)
        if "identity" in spec:
            spec["identity"] = {"type": "UserAssigned"} | spec["identity"]
        known = account.pools.get(spec["id"].lower())
        if known is None:
            pool_life.create(account, spec)
        else:
            known.doc |= spec
            known.touch()


def _node_root(options: Options, stack: contextlib.ExitStack | contextlib.AsyncExitStack) -> Path:
    if options.node_root is not None:
        return options.node_root.resolve()
    if options.data is not None:
        return (options.data / "nodes").resolve()
    directory = tempfile.TemporaryDirectory(prefix="batch-nodes-", ignore_cleanup_errors=True)
    return Path(stack.enter_context(directory)).resolve()


async def _serve(options: Options, account: Account, stack: contextlib.AsyncExitStack) -> str:
    context: ssl.SSLContext | None = None
    if options.tls_cert is not None:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(options.tls_cert, options.tls_key)
    runner = web.AppRunner(
        app.build(account, Gate(options.account, options.key), Faults() if options.control else None),
        access_log=None,
        shutdown_timeout=1,
    )
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    site = web.TCPSite(runner, "127.0.0.1", options.port, ssl_context=context, backlog=1024)
    await site.start()
    port = runner.addresses[0][1]
    return f"{'https' if context else 'http'}://127.0.0.1:{port}"
