"""A second Batch account takes over when the first cannot, and the first gets its work back."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from infra.package import build
from local import services
from local.layout import Layout
from local.ports import free_ports
from local.process import ServiceCrashedError, ServiceProcess, clean_environment
from local.stack import PACKAGES, Stack
from tests.integration.kit import Person


class Regions:
    """A stack whose app knows two accounts: `home`, the stack's own, and `away`."""

    def __init__(self, directory: Path) -> None:
        # All together, so that none is given twice.
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

    async def open_away(self) -> ServiceProcess:
        """Start the second account."""
        env = self.stack.env
        joining = ["--identity-endpoint", env["IDENTITY_ENDPOINT"], "--identity-header", env["IDENTITY_HEADER"]]
        away = ServiceProcess(
            name="away",
            module="local.batch",
            arguments=[*self._arguments, *joining, "--ca-bundle", env["SSL_CERT_FILE"]],
            environment=clean_environment(),
            log=self._log,
            on_crash=self.crashes.append,
        )
        await away.start()
        return away


@pytest.fixture
async def regions(tmp_path: Path) -> AsyncIterator[Regions]:
    build(PACKAGES)
    regions = Regions(tmp_path)
    async with regions.stack:
        away = await regions.open_away()
        yield regions
        await away.stop()
    assert regions.crashes == []


@pytest.mark.timeout(240)
async def test_work_goes_away_when_home_is_down_or_full_and_comes_home_again(regions: Regions, video: bytes) -> None:
    stack = regions.stack
    async with Person(stack.endpoints, stack.env) as person:
        await person.drop("home.mp4", video)
        assert (await person.ended("home.mp4"))["state"] == "succeeded"
        assert (await person.record("home.mp4"))["batch_url"] == stack.env["GIFDROP_BATCH_URL"]

        await stack.kill("batch")
        await person.drop("down.mp4", video)
        assert (await person.ended("down.mp4"))["state"] == "succeeded"
        assert (await person.record("down.mp4"))["batch_url"] == regions.away_url

        await stack.restart("batch")
        # The app asks an account that failed again after a while; a fresh host asks it at once.
        await stack.kill("functions")
        await stack.restart("functions")
        await person.drop("back.mp4", video)
        assert (await person.ended("back.mp4"))["state"] == "succeeded"
        assert (await person.record("back.mp4"))["batch_url"] == stack.env["GIFDROP_BATCH_URL"]

        url = f"{person.endpoints['batch']}/_control/quota"
        async with person.http.post(url, json={"activeJobs": 0}, ssl=person.tls) as response:
            assert response.status == 204
        async for job in person.batch.list_jobs():
            await person.batch.begin_delete_job(job.id)
        await asyncio.sleep(0.5)
        await person.drop("full.mp4", video)
        assert (await person.ended("full.mp4"))["state"] == "succeeded"
        assert (await person.record("full.mp4"))["batch_url"] == regions.away_url
