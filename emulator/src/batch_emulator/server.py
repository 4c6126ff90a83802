"""Starts the emulator from its options, and stops it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import ssl
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from aiohttp import web

from batch_emulator import app, certificates, clock, restore, scheduler, store
from batch_emulator.account import Account
from batch_emulator.due_actions import ACTIONS
from batch_emulator.faults import Faults
from batch_emulator.limits import Limits
from batch_emulator.machine import containers, isolation, podman
from batch_emulator.machine import guardian as guardians
from batch_emulator.machine.machine import Machine, open_session
from batch_emulator.machine.process import Processes
from batch_emulator.pool import creation as pool_creation
from batch_emulator.schema import pools as bodies
from batch_emulator.wire.account_key import stored_key
from batch_emulator.wire.auth import Authenticator

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from batch_emulator.options import Options


_ALL_ADDRESSES = ("0.0.0.0", "::")  # noqa: S104 - only compared


@dataclass(frozen=True, slots=True)
class Emulator:
    """A running emulator."""

    url: str
    account: Account
    key: str = field(repr=False)
    ca: Path | None = None


@contextlib.asynccontextmanager
async def running(options: Options) -> AsyncIterator[Emulator]:
    """Run an emulator during a `with` block; afterwards no process that a task started is left."""
    async with contextlib.AsyncExitStack() as stack:
        if options.data is not None:
            options.data.mkdir(parents=True, exist_ok=True, mode=0o700)
        root = _node_root(options, stack)
        guardian = guardians.open_in(root)
        stack.callback(guardian.close)
        containers.log_mode(options.containers)
        processes = Processes(guardian.journal, guardian.journal_path)
        stack.push_async_callback(processes.close)
        await processes.start()
        session = await stack.enter_async_context(open_session(options))
        account = Account(
            options=options,
            machine=Machine(
                options,
                processes,
                session,
                isolation.open_in(root) if options.isolate else None,
                podman.open_in(root) if options.containers == "podman" else None,
            ),
            node_root=root,
            autoscale_clock=clock.FastClock(options.autoscale_speed),
            store=store.open_store(options.data),
            limits=Limits.from_options(options),
            place_tasks=scheduler.place_tasks,
            due_actions=ACTIONS,
        )
        stack.callback(account.store.close)
        faults = Faults() if options.control else None
        key = options.key or stored_key(options.data)
        authenticator = Authenticator(
            options.account, key, token_key=options.token_key, unsigned_tokens=options.unsigned_tokens
        )
        tls = _make_certificates(options)
        url = await _serve(options, tls, app.build(account, authenticator, faults), stack)
        account.url, account.machine.url, account.machine.key = url, url, key
        stack.push_async_callback(_stop, account)
        restore.restore(account)
        if faults is not None:
            faults.restore(account.store, url=url)
        account.store.save_url(url)
        if options.pools is not None:
            _create_pools(account, json.loads(options.pools.read_text()))
        yield Emulator(url, account, key, tls.ca if tls is not None else None)


def _create_pools(account: Account, specs: list[object]) -> None:
    """Create the pools of the file that do not exist, and update those that do."""
    for given in specs:
        spec = bodies.seed.read(given)
        if "identity" in spec:
            spec["identity"] = {"type": "UserAssigned"} | spec["identity"]
        known = account.pools.get(spec["id"].lower())
        if known is None:
            pool_creation.create(account, spec)
        else:
            known.doc |= spec
            known.touch()


async def _stop(account: Account) -> None:
    """End every run, node and timer."""
    account.expiries.cancel()
    account.due_times.cancel()
    work = list(account.background)
    work += [each.work for each in account.schedules.values() if each.work is not None]
    for pool in account.pools.values():
        work += [each for each in (pool.resizing, pool.autoscaling) if each is not None]
        work += [node.startup for node in pool.nodes.values() if node.startup is not None]
    for job in account.jobs.values():
        if job.timer is not None:
            job.timer.cancel()
        work += [job.closing] if job.closing is not None else []
        work += [each.work for each in job.preparations.values() if each.work is not None]
        for task in job.running:
            if task.run is not None and task.run.work is not None:
                task.run.interruption = "stop"
                work.append(task.run.work)
    for each in work:
        each.cancel()
    await asyncio.gather(*work, return_exceptions=True)


def _node_root(options: Options, stack: contextlib.ExitStack | contextlib.AsyncExitStack) -> Path:
    if options.node_root is not None:
        return options.node_root.resolve()
    if options.data is not None:
        return (options.data / "nodes").resolve()
    directory = tempfile.TemporaryDirectory(prefix="batch-nodes-", ignore_cleanup_errors=True)
    return Path(stack.enter_context(directory)).resolve()


def _make_certificates(options: Options) -> certificates.Certificates | None:
    """The certificates of `--tls auto`."""
    if options.tls is None:
        return None
    if options.tls_dir is None:
        raise certificates.CertificatesError("--tls auto needs --tls-dir")
    public = urlsplit(options.public_url or "").hostname
    names = ["127.0.0.1", "::1", "localhost", socket.gethostname(), *options.tls_names]
    names += [public] if public else []
    names += [options.host] if options.host not in _ALL_ADDRESSES else []
    return certificates.make(options.tls_dir, names)


async def _serve(
    options: Options,
    tls: certificates.Certificates | None,
    application: web.Application,
    stack: contextlib.AsyncExitStack,
) -> str:
    chain, private_key = (tls.chain, tls.key) if tls is not None else (options.tls_cert, options.tls_key)
    context: ssl.SSLContext | None = None
    if chain is not None:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(chain, private_key)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=1)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    site = web.TCPSite(runner, options.host, options.port, ssl_context=context, backlog=1024)
    await site.start()
    if options.public_url is not None:
        return options.public_url.rstrip("/")
    port = runner.addresses[0][1]
    host = "127.0.0.1" if options.host in _ALL_ADDRESSES else options.host
    return f"{'https' if context else 'http'}://{f'[{host}]' if ':' in host else host}:{port}"
