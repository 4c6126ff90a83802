"""Paused processes, and the shutdown of a stack with a paused service."""

import asyncio
import ssl
import subprocess
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import aiohttp
import psutil
import pytest

from local.pause import paused
from local.stack import Stack
from tests.support.waiting import wait_until, wait_until_async

PARENT = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'input()'], check=False)"


def test_paused_stops_a_process_with_its_descendants_and_resumes_them() -> None:
    with subprocess.Popen([sys.executable, "-c", PARENT], stdin=subprocess.PIPE) as child:
        process = psutil.Process(child.pid)
        [below] = wait_until(process.children)
        with paused(process):
            wait_until(lambda: process.status() == below.status() == psutil.STATUS_STOPPED)
        wait_until(lambda: psutil.STATUS_STOPPED not in (process.status(), below.status()))
        assert child.stdin is not None
        child.stdin.close()
        assert child.wait(timeout=20) == 0


def test_process_may_be_killed_while_paused() -> None:
    with subprocess.Popen([sys.executable, "-c", PARENT], stdin=subprocess.PIPE) as child:
        process = psutil.Process(child.pid)
        [below] = wait_until(process.children)
        with paused(process):
            below.kill()
            process.kill()
            child.wait(timeout=20)
    assert not process.is_running()


async def test_paused_storage_accepts_connections_and_is_silent(stack: Stack) -> None:
    async with aiohttp.ClientSession() as session:
        url, context = stack.endpoints["storage"], ssl.create_default_context(cafile=stack.env["SSL_CERT_FILE"])
        with stack.paused("storage"), pytest.raises(TimeoutError):
            await session.get(url, ssl=context, timeout=aiohttp.ClientTimeout(total=1))
        async with session.get(url, ssl=context) as response:
            assert response.status < 500


def is_stopped(process: psutil.Process) -> bool:
    return bool(process.status() == psutil.STATUS_STOPPED)


# Two stacks for all services: those that send work, and those that the others depend on.
@pytest.mark.parametrize("names", [("functions", "events", "batch"), ("storage", "identity", "storage_proxy")])
async def test_stack_stops_cleanly_while_services_are_paused(names: Sequence[str], tmp_path: Path) -> None:
    others = psutil.Process().children(recursive=True)
    async with Stack(directory=tmp_path / "stack", fault_proxies=True) as stack:
        processes = [each for each in psutil.Process().children(recursive=True) if each not in others]
        with ExitStack() as pauses:
            for name in names:
                pauses.enter_context(stack.paused(name))
                process = psutil.Process(stack.pid(name))
                await wait_until_async(partial(is_stopped, process))
            async with asyncio.timeout(30):
                await stack.stop()
            assert not any(each.is_running() for each in processes)
        services = {name: stack._services[name].process for name in names}
        assert {name: service and service.returncode for name, service in services.items()} == dict.fromkeys(names, 0)
