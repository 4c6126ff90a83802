"""Shutdown of the stack leaves no process behind; tests/cli/test_terminal.py has other ways."""

import asyncio
import signal
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from tests.cli.commands import line_with, running_command
from tests.support.videos import make_video
from tests.support.waiting import wait_until_async


def descendants(pid: int) -> list[psutil.Process]:
    return psutil.Process(pid).children(recursive=True)


def service(processes: list[psutil.Process], name: str) -> psutil.Process:
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            if {name, f"local.{name}"} & set(process.cmdline()):
                return process
    raise LookupError(name)


async def descendants_with_ffmpeg(pid: int) -> list[psutil.Process]:
    """All descendants of `pid` once ffmpeg is one of them; the command's output may report that too late."""

    def running() -> list[psutil.Process]:
        processes = descendants(pid)
        with suppress(psutil.NoSuchProcess):
            if any("ffmpeg" in process.name() for process in processes):
                return processes
        return []

    return await wait_until_async(running, within=60.0, interval=0.05)


async def wait_for_exit(processes: list[psutil.Process]) -> None:
    _, alive = await asyncio.to_thread(psutil.wait_procs, processes, timeout=20)
    assert alive == []


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A video whose conversion takes several seconds."""
    return make_video(tmp_path_factory.mktemp("video") / "long.mp4", seconds=20, size="640x360")


@pytest.mark.parametrize("name", ["storage", "functions"])
async def test_stack_stops_and_names_a_service_that_was_killed(name: str, tmp_path: Path) -> None:
    async with running_command("up", "--dir", str(tmp_path / "stack"), cwd=tmp_path) as up:
        await line_with(up, "gifdrop is up")
        processes = descendants(up.pid)
        service(processes, name).kill()
        await wait_for_exit(processes)
        _, stderr = await up.communicate()
    assert up.returncode == 5
    assert f"{name} exited unexpectedly with code -9" in stderr.decode()
    assert not (tmp_path / "stack" / "endpoints.json").exists()


async def test_ctrl_c_during_a_demo_stops_it_without_errors(tmp_path: Path, video: Path) -> None:
    async with running_command("demo", "--dir", str(tmp_path / "stack"), str(video), cwd=tmp_path) as demo:
        processes = await descendants_with_ffmpeg(demo.pid)
        demo.send_signal(signal.SIGINT)
        await wait_for_exit(processes)
        _, stderr = await demo.communicate()
    assert demo.returncode == 128 + signal.SIGINT
    assert stderr == b"Stopping the stack.\n"


async def test_converter_exits_when_the_batch_emulator_is_killed(tmp_path: Path, video: Path) -> None:
    async with running_command("demo", "--dir", str(tmp_path / "stack"), str(video), cwd=tmp_path) as demo:
        processes = await descendants_with_ffmpeg(demo.pid)
        service(processes, "batch_emulator").kill()
        await wait_for_exit(processes)
        _, stderr = await demo.communicate()
    assert demo.returncode == 5
    assert "batch exited unexpectedly with code -9" in stderr.decode()


async def test_second_stack_in_a_directory_is_rejected(tmp_path: Path) -> None:
    async with running_command("up", "--dir", str(tmp_path / "stack"), cwd=tmp_path) as up:
        await line_with(up, "gifdrop is up")
        async with running_command("up", "--dir", str(tmp_path / "stack"), cwd=tmp_path) as other:
            _, stderr = await other.communicate()
            assert other.returncode == 5
            assert f"process {up.pid}" in stderr.decode()
        processes = descendants(up.pid)
        up.send_signal(signal.SIGTERM)
        await wait_for_exit(processes)
        await up.communicate()
    assert up.returncode == 0
