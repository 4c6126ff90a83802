"""A fallback Batch account accepts tasks when the home account does not."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from infra.package import build
from local import services
from local.layout import Layout
from local.ports import free_ports
from local.process import ServiceCrashedError, ServiceProcess, clean_environment
from local.stack import PACKAGES, Stack
from tests.support.stack_client import StackClient
from tests.support.waiting import wait_until_async


class TwoAccounts:
    """A stack whose app has two Batch accounts: `home`, the stack's own, and the fallback `away`."""

    def __init__(self, directory: Path) -> None:
        # All ports at once, so that none is picked twice.
        away_port, *ports = free_ports(1 + len(services.NAMES))
        self.away_url = f"https://127.0.0.1:{away_port}"
        self.stack = Stack(
            directory=directory / "home",
            ports=dict(zip(services.NAMES, ports, strict=True)),
            settings={"GIFDROP_FALLBACK_BATCH_URLS": self.away_url, "GIFDROP_GRACE_SECONDS": "3"},
            arguments={"batch": ["--control"]},
        )
        layout, away = self.stack.layout, Layout(directory / "away")
        tls = layout.directory / "tls"
        self._arguments = [
            *("--port", str(away_port), "--account", "away"),
            *("--tls-cert", str(tls / "server.pem"), "--tls-key", str(tls / "server.key")),
            *("--node-root", str(away.nodes), "--applications", str(PACKAGES), "--pools", str(layout.pools)),
        ]
        self._log = directory / "away.log"
        self.crashes: list[ServiceCrashedError] = []

    async def start_away(self) -> ServiceProcess:
        """Start the fallback account."""
        env = self.stack.env
        identity = ["--identity-endpoint", env["IDENTITY_ENDPOINT"], "--identity-header", env["IDENTITY_HEADER"]]
        away = ServiceProcess(
            name="away",
            module="local.batch",
            arguments=[*self._arguments, *identity, "--ca-bundle", env["SSL_CERT_FILE"]],
            environment=clean_environment(),
            log=self._log,
            on_crash=self.crashes.append,
        )
        await away.start()
        return away


@pytest.fixture
async def accounts(tmp_path: Path) -> AsyncIterator[TwoAccounts]:
    build(PACKAGES)
    accounts = TwoAccounts(tmp_path)
    async with accounts.stack:
        away = await accounts.start_away()
        yield accounts
        await away.stop()
    assert accounts.crashes == []


@pytest.mark.timeout(240)
async def test_tasks_go_to_the_fallback_while_home_is_down_or_full(accounts: TwoAccounts, video: bytes) -> None:
    stack = accounts.stack
    async with StackClient(stack.endpoints, stack.env) as client:

        async def account_of(name: str) -> str:
            """The Batch account that converts a new video."""
            await client.drop(name, video)
            assert (await client.final_status(name))["state"] == "succeeded"
            return str((await client.record(name))["batch_url"])

        assert await account_of("home.mp4") == stack.env["GIFDROP_BATCH_URL"]

        await stack.kill("batch")
        assert await account_of("down.mp4") == accounts.away_url

        await stack.restart("batch")
        # A running app tries an account that failed last for a while; a new host tries it first.
        await stack.kill("functions")
        await stack.restart("functions")
        assert await account_of("back.mp4") == stack.env["GIFDROP_BATCH_URL"]

        url = f"{client.endpoints['batch']}/_control/quota"
        async with client.http.post(url, json={"activeJobs": 0}, ssl=client.tls) as response:
            assert response.status == 204
        async for job in client.batch.list_jobs():
            await client.batch.begin_delete_job(job.id)

        async def jobs_deleted() -> bool:
            return not [job async for job in client.batch.list_jobs()]

        await wait_until_async(jobs_deleted)
        assert await account_of("full.mp4") == accounts.away_url
