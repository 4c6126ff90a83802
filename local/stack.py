"""The local stack: starts and stops all services and writes the files that clients need to connect."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Self

import psutil

from infra.package import build
from local import orphans, resources, services
from local.identity.managed_identity import write_identities
from local.layout import Layout, create_private, link_python, read_keys, write_connection_files
from local.lock import locked
from local.pause import paused
from local.ports import check_free, free_ports
from local.process import ROOT, ServiceCrashedError, ServiceProcess
from local.sandbox import sandbox_mode
from local.storage.client import connect
from local.storage.gateway import gateway
from local.tls import certificates

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path
    from types import TracebackType

PACKAGES = ROOT / ".local" / "packages"


class Stack:
    """All services of the local stack, as an async context manager.

    directory: Where blobs, keys and logs are kept. A later stack in the same directory reuses them; two stacks at the
        same time need two directories.
    fresh: Delete what an earlier stack left in `directory`; other files stay. Default False.
    ports: Port by service name; the others are picked.
    settings: App settings to add or override.
    arguments: Extra command-line arguments by service name.
    fault_proxies: Put a fault proxy before the storage account and one before the identity endpoint, and point the app
        at them. Default False. `endpoints` and `env` still name the services themselves.

    While it runs, `endpoints` holds the contents of `endpoints.json` and `env` those of `env`.
    """

    def __init__(
        self,
        *,
        directory: Path,
        fresh: bool = False,
        ports: Mapping[str, int] | None = None,
        settings: Mapping[str, str] | None = None,
        arguments: Mapping[str, Sequence[str]] | None = None,
        fault_proxies: bool = False,
    ) -> None:
        self.layout = Layout(directory.resolve())
        self.endpoints: dict[str, str] = {}
        self.env: dict[str, str] = {}
        self._fresh = fresh
        self._ports = ports or {}
        self._settings = settings or {}
        self._arguments = arguments or {}
        self._names = (*services.NAMES, *(services.FAULT_PROXIES.values() if fault_proxies else ()))
        self._specs: dict[str, services.Spec] = {}
        self._services: dict[str, ServiceProcess] = {}
        self._crash: asyncio.Future[ServiceCrashedError] | None = None
        self._exit = contextlib.ExitStack()
        self._gateway = contextlib.AsyncExitStack()

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

    async def crash(self) -> ServiceCrashedError:
        """Wait until a service exits unexpectedly and return the error."""
        assert self._crash is not None, "the stack has not been started"  # noqa: S101
        return await asyncio.shield(self._crash)

    async def kill(self, name: str) -> None:
        """Kill a service and everything it started, as a power cut would."""
        await self._services[name].kill()
        await self._terminate_orphans()

    async def restart(self, name: str, *, arguments: Sequence[str] = ()) -> None:
        """Start a killed service again on the same port. `arguments` override those it had at first."""
        await self._run(self._specs[name], *arguments)

    async def start_second(self, name: str, *, arguments: Sequence[str] = ()) -> str:
        """Start a second process of a service, on another port, and return its name; `arguments` override its own."""
        second = f"{name}_2"
        spec = self._specs[name]
        self._specs[second] = replace(spec, name=second, module=spec.module or f"local.{name}")
        await self._run(self._specs[second], "--port", "0", *arguments)
        return second

    def pid(self, name: str) -> int | None:
        """The process id of a service, or None when it is not running."""
        return self._services[name].pid

    @contextlib.contextmanager
    def paused(self, name: str) -> Iterator[None]:
        """Pause a service with everything it started during a `with` block: it accepts connections and is silent."""
        pid = self.pid(name)
        assert pid is not None, f"{name} is not running"  # noqa: S101
        with paused(psutil.Process(pid)):
            yield

    async def stop(self) -> None:
        """Stop all services: first those that send work, last those the others depend on."""
        errors: list[BaseException] = []
        await self._gateway.aclose()
        proxies = tuple(services.FAULT_PROXIES.values())
        seconds = tuple(name for name in self._services if name not in self._names)
        for names in ((*seconds, "events", "functions"), ("batch",), proxies, ("storage", "identity")):
            stopping = (self._services[name].stop() for name in names if name in self._services)
            errors += filter(None, await asyncio.gather(*stopping, return_exceptions=True))
        try:
            await self._terminate_orphans()
        finally:
            self.layout.endpoints.unlink(missing_ok=True)
            self.layout.env.unlink(missing_ok=True)
            self._exit.close()
        if errors:
            raise errors[0]

    async def _terminate_orphans(self) -> None:
        known = {service.pid for service in self._services.values() if service.pid is not None}
        found = orphans.find_orphans(self.layout.directory, known=known)
        if found:
            await asyncio.to_thread(orphans.terminate, found)

    def _on_crash(self, error: ServiceCrashedError) -> None:
        if self._crash is not None and not self._crash.done():
            self._crash.set_result(error)

    async def _start(self) -> None:
        layout = self.layout
        orphans.adopt_orphans()
        if self._fresh:
            layout.clear()
        for path in (PACKAGES.parent, layout.logs, layout.nodes):
            create_private(path)
        # Left by a stack that was killed.
        layout.endpoints.unlink(missing_ok=True)
        link_python(layout)
        write_identities(layout.identities, resources.IDENTITIES)
        layout.pools.write_text(json.dumps([resources.pool_definition()], indent=2))
        names = (*self._names, "tables", "links")
        check_free(self._ports)
        ports = dict(zip(names, free_ports(len(names)), strict=True)) | dict(self._ports)
        config = services.StackConfig(
            layout=layout,
            ports=ports,
            tls=certificates(layout.tls),
            keys=read_keys(layout),
            packages=PACKAGES,
            settings=self._settings,
        )
        try:
            async with asyncio.TaskGroup() as group:
                # Azurite first: it takes longest to start.
                storage = group.create_task(self._run(config.storage()))
                identity = group.create_task(self._run(config.identity()))
                group.create_task(self._run(config.batch()))
                for proxy in config.fault_proxies():
                    group.create_task(self._run(proxy))
                package, sandbox = await asyncio.gather(
                    asyncio.to_thread(build, PACKAGES, local=True), asyncio.to_thread(sandbox_mode)
                )
                self.env = config.env(package_version=package.version, sandbox=sandbox)
                group.create_task(self._run(config.functions(self.env)))
                group.create_task(self._run(config.events(self.env)))
                await self._create_containers(config, storage, identity)
        except ExceptionGroup as group_of_errors:
            # A service may have crashed because another stack answered on a port, or took one meanwhile.
            own = {process.pid for process in orphans.descendants(os.getpid())}
            check_free(ports, own={os.getpid(), *own})
            # Other errors are consequences of the crash.
            crashes = group_of_errors.subgroup(ServiceCrashedError)
            raise (crashes or group_of_errors).exceptions[0] from None
        origin = config.endpoints["storage"].rpartition("/")[0]
        links = gateway(origin, port=ports["links"], bundle=str(config.tls.bundle))
        await self._gateway.enter_async_context(links)
        self.endpoints = config.endpoints
        write_connection_files(layout, endpoints=self.endpoints, env=self.env)

    async def _run(self, spec: services.Spec, *arguments: str) -> dict[str, Any]:
        self._specs[spec.name] = spec
        service = self._services[spec.name] = ServiceProcess(
            name=spec.name,
            module=spec.module or f"local.{spec.name}",
            arguments=[*spec.arguments, *self._arguments.get(spec.name, ()), *arguments],
            environment=spec.environment | {orphans.STACK_VARIABLE: str(self.layout.directory)},
            log=self.layout.logs / f"{spec.name}.log",
            on_crash=self._on_crash,
        )
        return await service.start()

    async def _create_containers(self, config: services.StackConfig, *needed: asyncio.Task[dict[str, Any]]) -> None:
        await asyncio.gather(*needed)
        async with connect(
            config.endpoints["storage"],
            table_url=config.endpoints["tables"],
            identity_url=config.endpoints["identity"],
            identity_header=config.keys["identity_header"],
            client_id=resources.APP_IDENTITY.client_id,
            bundle=str(config.tls.bundle),
        ) as storage:
            await asyncio.gather(
                *map(storage.create_container, resources.CONTAINERS.values()),
                *map(storage.create_table, resources.TABLES.values()),
                storage.allow_origins(*config.page_origins),
            )
