"""The local stack: starts its parts together, tells others how to join in, and leaves nothing behind."""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
from typing import TYPE_CHECKING, Any, Self

from infra.package import build
from local import orphans, parts, provision
from local.identity import identities
from local.layout import Layout, write_joining, write_private
from local.lock import locked
from local.part import ROOT, Part, PartCrashedError
from local.ports import free_ports
from local.tls import certificates

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path
    from types import TracebackType

PACKAGES = ROOT / ".local" / "packages"


class Stack:
    """An async context manager: inside it everything runs.

    `endpoints` are the addresses and keys of `endpoints.json`, `env` the variables of `env`. A stack keeps its blobs
    and keys in `directory`, so one that is started there again has them, unless it is to be `fresh`; two at once need
    two directories. What else lies there stays.
    `ports` fixes ports by part, `settings` adds to the app's settings, and `arguments` to the command line of a part.
    """

    def __init__(
        self,
        *,
        directory: Path,
        fresh: bool = False,
        ports: Mapping[str, int] | None = None,
        settings: Mapping[str, str] | None = None,
        arguments: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        self.layout = Layout(directory.resolve())
        self.endpoints: dict[str, str] = {}
        self.env: dict[str, str] = {}
        self._fresh = fresh
        self._ports = ports or {}
        self._settings = settings or {}
        self._arguments = arguments or {}
        self._parts: dict[str, Part] = {}
        self._crash: asyncio.Future[PartCrashedError] | None = None
        self._exit = contextlib.ExitStack()

    async def __aenter__(self) -> Self:
        self._crash = asyncio.get_running_loop().create_future()
        self._exit.enter_context(locked(self.layout.directory))
        try:
            await self._start()
        except BaseException:
            await self.stop()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()
        if error is None and self._crash is not None and self._crash.done():
            raise self._crash.result()

    async def crash(self) -> PartCrashedError:
        """Wait until a part ends by itself."""
        assert self._crash is not None, "the stack has not been started"  # noqa: S101
        return await asyncio.shield(self._crash)

    async def kill(self, name: str) -> None:
        """Kill a part as a power cut would: with all that it started, without a chance to clean up."""
        await self._parts[name].kill()
        await self._end_orphans()

    async def restart(self, name: str) -> None:
        """Start a killed part again, on the same port."""
        await self._parts[name].start()

    def pid(self, name: str) -> int | None:
        """The id of a part's process while it runs."""
        return self._parts[name].pid

    async def stop(self) -> None:
        """Stop all parts: first what sends work, last what it needs."""
        errors: list[BaseException] = []
        for names in (("events", "functions"), ("batch",), ("storage", "identity")):
            stopping = (self._parts[name].stop() for name in names if name in self._parts)
            errors += filter(None, await asyncio.gather(*stopping, return_exceptions=True))
        try:
            await self._end_orphans()
        finally:
            self.layout.endpoints.unlink(missing_ok=True)
            self.layout.env.unlink(missing_ok=True)
            self._exit.close()
        if errors:
            raise errors[0]

    async def _end_orphans(self) -> None:
        known = {part.pid for part in self._parts.values() if part.pid is not None}
        found = orphans.orphans(self.layout.directory, known=known)
        if found:
            await asyncio.to_thread(orphans.end, found)

    def _crashed(self, error: PartCrashedError) -> None:
        if self._crash is not None and not self._crash.done():
            self._crash.set_result(error)

    async def _start(self) -> None:
        layout = self.layout
        orphans.adopt_orphans()
        if self._fresh:
            layout.clear()
        for path in (layout.logs, layout.nodes):
            path.mkdir(parents=True, exist_ok=True)
        # What a former stack in this directory told is no longer true.
        layout.endpoints.unlink(missing_ok=True)
        identities.write(layout.identities, provision.IDENTITIES)
        layout.pools.write_text(json.dumps([provision.pool()], indent=2))
        ports = dict(zip(parts.NAMES, free_ports(len(parts.NAMES)), strict=True)) | dict(self._ports)
        plan = parts.Plan(
            layout=layout,
            ports=ports,
            tls=certificates(layout.tls),
            keys=self._keys(),
            packages=PACKAGES,
            settings=self._settings,
        )
        try:
            async with asyncio.TaskGroup() as group:
                # The slowest first: Azurite.
                storage = group.create_task(self._run(plan.storage()))
                identity = group.create_task(self._run(plan.identity()))
                group.create_task(self._run(plan.batch()))
                package = await asyncio.to_thread(build, PACKAGES)
                self.env = plan.env(package_version=package.version)
                group.create_task(self._run(plan.functions(self.env)))
                group.create_task(self._run(plan.events(self.env)))
                await self._containers(plan, storage, identity)
        except ExceptionGroup as group_of_errors:
            # Whatever else went wrong went wrong because a part was gone.
            crashes = group_of_errors.subgroup(PartCrashedError)
            raise (crashes or group_of_errors).exceptions[0] from None
        self.endpoints = plan.endpoints
        write_joining(layout, endpoints=self.endpoints, env=self.env)

    async def _run(self, spec: parts.Spec) -> dict[str, Any]:
        part = self._parts[spec.name] = Part(
            name=spec.name,
            module=f"local.{spec.name}",
            arguments=[*spec.arguments, *self._arguments.get(spec.name, ())],
            environment=spec.environment | {orphans.MARK: str(self.layout.directory)},
            log=self.layout.logs / f"{spec.name}.log",
            crashed=self._crashed,
        )
        return await part.start()

    async def _containers(self, plan: parts.Plan, *needed: asyncio.Task[dict[str, Any]]) -> None:
        # Imported while the parts are busy with their own start.
        from local.storage.client import connect

        await asyncio.gather(*needed)
        async with connect(
            plan.endpoints["storage"],
            identity_url=plan.endpoints["identity"],
            identity_header=plan.keys["identity_header"],
            client_id=provision.APP_IDENTITY.client_id,
            bundle=str(plan.tls.bundle),
        ) as storage:
            await asyncio.gather(*map(storage.create_container, provision.CONTAINERS.values()))

    def _keys(self) -> dict[str, str]:
        """The stack's secrets, the same at every start, so that a bookmark of the dashboard stays good."""
        try:
            keys: dict[str, str] = json.loads(self.layout.keys.read_text())
        except FileNotFoundError:
            names = ("function", "master", "eventgrid", "identity_header")
            keys = {name: secrets.token_hex(32) for name in names}
            write_private(self.layout.keys, json.dumps(keys))
        return keys
