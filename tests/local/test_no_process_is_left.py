"""However the stack ends, none of its processes is left."""

import asyncio
import signal
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from tests.local.kit import command, line_with
from tests.support.videos import make_video


def below(pid: int) -> list[psutil.Process]:
    return psutil.Process(pid).children(recursive=True)


def part(processes: list[psutil.Process], name: str) -> psutil.Process:
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            if f"local.{name}" in process.cmdline():
                return process
    raise LookupError(name)


async def with_ffmpeg(pid: int) -> list[psutil.Process]:
    """All below `pid`, as soon as an ffmpeg is among them: no line is waited for, as that could be told too late."""
    async with asyncio.timeout(60):
        while True:
            processes = below(pid)
            with suppress(psutil.NoSuchProcess):
                if any("ffmpeg" in process.name() for process in processes):
                    return processes
            await asyncio.sleep(0.05)


async def gone(processes: list[psutil.Process]) -> None:
    _, alive = await asyncio.to_thread(psutil.wait_procs, processes, timeout=20)
    assert alive == []


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A video whose conversion takes a while."""
    return make_video(tmp_path_factory.mktemp("video") / "long.mp4", seconds=60, size="640x360")


async def test_a_killed_supervisor_takes_all_with_it(tmp_path: Path) -> None:
    async with command("up", "--dir", str(tmp_path / "stack"), cwd=tmp_path) as up:
        await line_with(up, "gifdrop is up")
        processes = below(up.pid)
        assert len(processes) > 5  # Azurite is a process of its own
        up.kill()
        await gone(processes)


@pytest.mark.parametrize("name", ["storage", "functions"])
async def test_a_killed_part_ends_the_stack_and_is_named(name: str, tmp_path: Path) -> None:
    async with command("up", "--dir", str(tmp_path / "stack"), cwd=tmp_path) as up:
        await line_with(up, "gifdrop is up")
        processes = below(up.pid)
        part(processes, name).kill()
        await gone(processes)
        _, complaint = await up.communicate()
    assert up.returncode == 1
    assert f"{name} ended with exit code -9" in complaint.decode()
    assert not (tmp_path / "stack" / "endpoints.json").exists()


async def test_ctrl_c_in_the_middle_of_a_demo_ends_it_quietly(tmp_path: Path, video: Path) -> None:
    async with command("demo", "--dir", str(tmp_path / "stack"), str(video), cwd=tmp_path) as demo:
        processes = await with_ffmpeg(demo.pid)
        demo.send_signal(signal.SIGINT)
        await gone(processes)
        _, complaint = await demo.communicate()
    assert demo.returncode == 128 + signal.SIGINT
    assert complaint == b""


async def test_a_batch_emulator_killed_in_mid_task_leaves_no_converter(tmp_path: Path, video: Path) -> None:
    async with command("demo", "--dir", str(tmp_path / "stack"), str(video), cwd=tmp_path) as demo:
        processes = await with_ffmpeg(demo.pid)
        part(processes, "batch").kill()
        await gone(processes)
        _, complaint = await demo.communicate()
    assert demo.returncode == 1
    assert "batch ended with exit code -9" in complaint.decode()


async def test_two_stacks_in_one_directory_are_refused(tmp_path: Path) -> None:
    async with command("up", "--dir", str(tmp_path / "stack"), cwd=tmp_path) as up:
        await line_with(up, "gifdrop is up")
        async with command("up", "--dir", str(tmp_path / "stack"), cwd=tmp_path) as other:
            _, complaint = await other.communicate()
            assert other.returncode == 1
            assert f"process {up.pid}" in complaint.decode()
        processes = below(up.pid)
        up.send_signal(signal.SIGTERM)
        await gone(processes)
        await up.communicate()
    assert up.returncode == 0
