"""The emulator as a process: no task outlives it."""

from __future__ import annotations

import subprocess
import sys
import uuid
from typing import TYPE_CHECKING

import psutil
from azure.batch import models

from support.emulators import ROOT, Emulator, emulator
from support.resources import make_job, make_pool
from support.waiting import wait_until

if TYPE_CHECKING:
    from pathlib import Path


def _sleeper(started: Emulator) -> str:
    """Start a task with two processes; returns an argument that identifies them."""
    marker = f"{uuid.uuid4().int % 10**6 + 10**6}"
    with started.client() as client:
        make_job(client, "j", make_pool(client, "p"))
        command = f"/bin/bash -c 'sleep {marker} & sleep {marker}'"
        client.create_task("j", models.BatchTaskCreateOptions(id="t", command_line=command))
    wait_until(lambda: len(_alive(marker)) == 2)
    return marker


def _alive(marker: str) -> list[int]:
    return [each.pid for each in psutil.process_iter(["cmdline"]) if each.info["cmdline"] == ["sleep", marker]]


def test_terminating_the_emulator_ends_every_task() -> None:
    with emulator() as started:
        marker = _sleeper(started)
        assert started.stop() == 0
        assert _alive(marker) == []


def test_end_of_standard_input_stops_the_emulator() -> None:
    with emulator() as started:
        marker = _sleeper(started)
        assert started.close() == 0
        assert _alive(marker) == []


def test_killing_the_emulator_ends_every_task() -> None:
    with emulator() as started:
        marker = _sleeper(started)
        started.kill()
        wait_until(lambda: not _alive(marker))


def test_next_start_kills_tasks_that_outlived_emulator_and_guardian(tmp_path: Path) -> None:
    with emulator("--node-root", tmp_path) as started:
        marker = _sleeper(started)
        (guardian,) = (
            each for each in psutil.Process(started.process.pid).children() if "signal" in " ".join(each.cmdline())
        )
        guardian.kill()
        started.kill()
        assert len(_alive(marker)) == 2
        with emulator("--node-root", tmp_path):
            assert _alive(marker) == []


def test_second_emulator_on_the_same_directory_is_refused(tmp_path: Path) -> None:

    with emulator("--node-root", tmp_path):
        second = subprocess.run(
            [sys.executable, "-m", "batch_emulator", "--port", "0", "--node-root", str(tmp_path)],
            cwd=ROOT,
            capture_output=True,
            check=False,
        )
    assert second.returncode != 0
    assert b"another emulator uses" in second.stderr
