"""The stack: killed services restart, and a second stack in the same directory keeps its data."""

import asyncio
import json
import os
import ssl
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import patch

import aiohttp
import psutil
import pytest

from cli.connection import Connection
from cli.convert import convert
from cli.output import Output
from cli.target import find_target
from cli.videos import Video
from local.layout import read_endpoints, read_env
from local.services import NAMES
from local.stack import Stack
from tests.support.videos import make_video
from tests.support.waiting import wait_until_async


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_video(tmp_path_factory.mktemp("video") / "two.mp4", seconds=2)


async def converted(stack: Stack, name: str, video: Path, out: Path) -> bool:
    target = find_target(Connection(directory=stack.layout.directory))
    videos = [Video(name=name, path=video)]
    async with asyncio.timeout(90):
        [result] = await convert(videos, target=target, out=out, metadata={}, output=Output())
    return result.saved is not None


async def all_delivered(stack: Stack, expected: dict[str, int]) -> bool:
    """Whether this many events, by subscription, have been delivered."""
    headers = {"X-IDENTITY-HEADER": stack.env["IDENTITY_HEADER"]}
    async with aiohttp.ClientSession(headers=headers) as session, session.get(stack.endpoints["events"]) as response:
        found = (await response.json())["subscriptions"]
    return {name: item["counts"].get("delivered", 0) for name, item in found.items()} == expected


@pytest.fixture
def environment() -> Iterator[None]:
    """Restores the environment, which `connect` changes."""
    with patch.dict(os.environ):
        yield


async def test_killed_services_restart_on_their_ports_and_conversions_continue(
    tmp_path: Path, video: Path, environment: None
) -> None:
    directory, out = tmp_path / "stack", tmp_path / "out"
    others = psutil.Process().children(recursive=True)
    async with Stack(directory=directory) as stack:
        for name in ("functions", "batch", "events", "identity"):
            pid = stack.pid(name)
            await stack.kill(name)
            assert pid is not None
            assert not psutil.pid_exists(pid)
            assert stack.pid(name) is None
            await stack.restart(name)
        assert await converted(stack, 'it\'s -a "name" 100%/☃.mp4', video, out)
        await wait_until_async(lambda: all_delivered(stack, {"on-video-uploaded": 1, "on-result-uploaded": 1}))
        assert read_endpoints(stack.layout) == stack.endpoints
        assert read_env(stack.layout) == stack.env
        keys = stack.endpoints["function_key"]
        processes = psutil.Process().children(recursive=True)
        arguments = "\0".join("\0".join(psutil.Process(stack.pid(name)).cmdline()) for name in NAMES)
        assert not any(key in arguments for key in json.loads(stack.layout.keys.read_text()).values())
    assert (out / 'it\'s -a "name" 100%' / "☃.gif").read_bytes()[:6] == b"GIF89a"
    assert [process for process in processes if process.is_running() and process not in others] == []

    async with Stack(directory=directory) as stack, aiohttp.ClientSession() as session:
        assert stack.endpoints["function_key"] == keys
        url = f"{stack.endpoints['functions']}/api/status"
        async with session.get(url, headers={"x-functions-key": keys}) as response:
            [kept] = (await response.json())["videos"]
    assert (kept["state"], kept["video"]) == ("succeeded", 'it\'s -a "name" 100%/☃.mp4')


async def test_app_uses_the_fault_proxies_and_clients_the_services(
    tmp_path: Path, video: Path, environment: None
) -> None:
    async with Stack(directory=tmp_path / "stack", fault_proxies=True) as stack:
        context = ssl.create_default_context(cafile=stack.env["SSL_CERT_FILE"])
        headers = {"X-IDENTITY-HEADER": stack.env["IDENTITY_HEADER"]}
        async with aiohttp.ClientSession(headers=headers) as session:

            async def inject(proxy: str, **fault: object) -> None:
                url = f"{stack.endpoints[proxy]}/_control/faults"
                async with session.post(url, json={"faults": [fault]}, ssl=context) as response:
                    assert response.status == 204

            async def pending(proxy: str) -> list[object]:
                async with session.get(f"{stack.endpoints[proxy]}/_control", ssl=context) as response:
                    found: list[object] = (await response.json())["faults"]
                    return found

            assert stack.env["GIFDROP_STORAGE_URL"] == stack.endpoints["storage"]
            await inject("identity_proxy", status=500)
            # A timer may have fetched the app's token already.
            await stack.kill("functions")
            await stack.restart("functions")
            await inject("storage_proxy", headers={"User-Agent": "azsdk*"}, method="PUT", status=503)
            await inject("storage_proxy", headers={"x-ms-copy-source": "*out.gif*"}, status=500)
            assert await converted(stack, "proxied.mp4", video, tmp_path / "out")
            assert (await pending("identity_proxy"), await pending("storage_proxy")) == ([], [])


async def test_stack_has_no_fault_proxies_by_default(stack: Stack) -> None:
    assert not [name for name in stack.endpoints if "proxy" in name]
    assert set(stack._services) == set(NAMES)
