"""One host for the app `everything`, shared by all tests that only send it requests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import aiohttp
import pytest

from tests.functions.host_process import APPS, RunningHost, running_host

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator


@pytest.fixture(scope="session")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningHost]:
    keys = ("--function-key", "the function key", "--master-key", "master/key", "--eventgrid-key", "events")
    directory = tmp_path_factory.mktemp("host")
    with running_host(APPS / "everything", *keys, directory=directory, TICK="0 0 0 1 1 *") as running:
        yield running


@pytest.fixture(scope="session")
async def client(host: RunningHost) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(host.url) as session:
        yield session
