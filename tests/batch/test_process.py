"""The emulator as a process: nothing outlives it."""

from __future__ import annotations

import os
import signal
import uuid
from typing import TYPE_CHECKING

import psutil
from azure.batch import models

from tests.batch.kit import Emulator, emulator, make_job, make_pool, until

if TYPE_CHECKING:
    from pathlib import Path


def _sleeper(started: Emulator) -> str:
    """Start a task that starts others; the argument that all of them have."""
    marker = f"{uuid.uuid4().int % 10**6 + 10**6}"
    with started.client() as client:
        make_job(client, "j", make_pool(client, "p"))
        command = f"/bin/bash -c 'sleep {marker} & sleep {marker}'"
        client.create_task("j", models.BatchTaskCreateOptions(id="t", command_line=command))
    until(lambda: len(_alive(marker)) == 2)
    return marker


def _alive(marker: str) -> list[int]:
    return [each.pid for each in psutil.process_iter(["cmdline"]) if each.info["cmdline"] == ["sleep", marker]]


def test_a_stop_ends_every_task() -> None:
    with emulator() as started:
        marker = _sleeper(started)
        assert started.stop() == 0
        assert _alive(marker) == []


def test_the_end_of_standard_input_is_a_stop() -> None:
    with emulator() as started:
        marker = _sleeper(started)
        assert started.end() == 0
        assert _alive(marker) == []


def test_a_kill_of_the_emulator_leaves_no_task_behind() -> None:
    with emulator() as started:
        marker = _sleeper(started)
        os.kill(started.process.pid, signal.SIGKILL)
        started.end()
        until(lambda: not _alive(marker))


def test_what_outlived_even_the_guardian_ends_at_the_next_start(tmp_path: Path) -> None:
    with emulator("--node-root", tmp_path) as started:
        marker = _sleeper(started)
        (guardian,) = (
            each for each in psutil.Process(started.process.pid).children() if "signal" in " ".join(each.cmdline())
        )
        guardian.kill()
        os.kill(started.process.pid, signal.SIGKILL)
        started.end()
        assert len(_alive(marker)) == 2
        with emulator("--node-root", tmp_path):
            assert _alive(marker) == []


def test_two_emulators_do_not_share_a_directory(tmp_path: Path) -> None:
    import subprocess
    import sys

    from tests.batch.kit import ROOT

    with emulator("--node-root", tmp_path):
        second = subprocess.run(
            [sys.executable, "-m", "local.batch", "--port", "0", "--node-root", str(tmp_path)],
            cwd=ROOT,
            capture_output=True,
            check=False,
        )
    assert second.returncode != 0
    assert b"another emulator works in" in second.stderr
