"""A stack whose app has two Batch accounts."""

from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from infra.package import build
from local import services
from local.layout import Layout, read_keys
from local.ports import free_ports
from local.process import ServiceCrashedError, ServiceProcess, clean_environment
from local.stack import PACKAGES, Stack


class TwoAccounts:
    """A stack whose app has two Batch accounts: `home`, the stack's own, and the fallback `away`.

    Use it as an async context manager. `settings`, `events` (arguments of the event sender) and `fault_proxies` are
    those of the stack.
    """

    def __init__(
        self,
        directory: Path,
        *,
        settings: Mapping[str, str],
        events: Sequence[str] = (),
        fault_proxies: bool = False,
    ) -> None:
        # All ports at once, so that none is picked twice.
        names = (*services.NAMES, *(services.FAULT_PROXIES.values() if fault_proxies else ()))
        away_port, *ports = free_ports(1 + len(names))
        self.away_url = f"https://127.0.0.1:{away_port}"
        self.stack = Stack(
            directory=directory / "home",
            ports=dict(zip(names, ports, strict=True)),
            settings={"GIFDROP_FALLBACK_BATCH_URLS": self.away_url, **settings},
            arguments={"batch": ["--control"], "events": events},
            fault_proxies=fault_proxies,
        )
        layout, away = self.stack.layout, Layout(directory / "away")
        tls = layout.directory / "tls"
        self._arguments = [
            *("--port", str(away_port), "--account", "away"),
            *("--tls-cert", str(tls / "server.pem"), "--tls-key", str(tls / "server.key")),
            *("--node-root", str(away.nodes), "--applications", str(PACKAGES), "--pools", str(layout.pools)),
        ]
        self._log = directory / "away.log"
        self._exit = AsyncExitStack()
        self._crashes: list[ServiceCrashedError] = []

    async def __aenter__(self) -> Self:
        build(PACKAGES)
        async with AsyncExitStack() as exit_:
            await exit_.enter_async_context(self.stack)
            away = self._away()
            exit_.push_async_callback(away.stop)
            await away.start()
            self._exit = exit_.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._exit.__aexit__(kind, error, trace)
        assert self._crashes == []

    def _away(self) -> ServiceProcess:
        env = self.stack.env
        identity = ["--identity-endpoint", env["IDENTITY_ENDPOINT"]]
        secrets = {
            "IDENTITY_HEADER": env["IDENTITY_HEADER"],
            "BATCH_TOKEN_KEY": read_keys(self.stack.layout)["token_key"],
        }
        return ServiceProcess(
            name="away",
            module="batch_emulator",
            arguments=[*self._arguments, *identity, "--ca-bundle", env["SSL_CERT_FILE"]],
            environment=clean_environment() | secrets,
            log=self._log,
            on_crash=self._crashes.append,
        )
