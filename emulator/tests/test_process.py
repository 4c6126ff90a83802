"""The emulator as a process: no task outlives it."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
import uuid
from typing import TYPE_CHECKING

import psutil
from azure.batch import models

from support.emulators import ROOT, Emulator, emulator
from support.resources import add_task, file_text, make_job, make_pool, run_task, wait_for_task
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


def _helpers(started: Emulator) -> list[psutil.Process]:
    """The guardian, and the process that starts the tasks."""
    found = [each for each in psutil.Process(started.process.pid).children() if "-I" in each.cmdline()]
    assert len(found) == 2
    return found


def test_terminating_the_emulator_ends_every_task() -> None:
    with emulator() as started:
        marker = _sleeper(started)
        assert started.stop() == 0
        assert _alive(marker) == []


def test_no_helper_stays_in_the_directory_of_a_task() -> None:
    with emulator() as started:
        _sleeper(started)
        assert not [helper for helper in _helpers(started) if "workitems" in helper.cwd()]


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


def test_next_start_kills_tasks_that_outlived_the_emulator_and_its_helpers(tmp_path: Path) -> None:
    with emulator("--node-root", tmp_path) as started:
        marker = _sleeper(started)
        # Stopped, the emulator cannot react to the death of its helpers.
        started.process.send_signal(signal.SIGSTOP)
        for helper in _helpers(started):
            helper.kill()
        started.kill()
        assert len(_alive(marker)) == 2
        with emulator("--node-root", tmp_path):
            assert _alive(marker) == []


def test_death_of_the_helper_that_starts_tasks_fails_them_and_the_next_one_runs() -> None:
    with emulator() as started:
        marker = _sleeper(started)
        (spawner,) = (each for each in _helpers(started) if "spawner" in " ".join(each.cmdline()))
        spawner.kill()
        wait_until(lambda: not _alive(marker))
        with started.client() as client:
            info = wait_for_task(client, "j", "t").execution_info
            assert info is not None
            assert info.failure_info is not None
            assert info.failure_info.code == "CommandLaunchFailed"
            run_task(client, "j", "next", "true")


def test_running_task_has_its_output_files() -> None:
    with emulator() as started, started.client() as client:
        job = make_job(client, "j", make_pool(client, "p", task_slots_per_node=8))
        for index in range(8):
            add_task(client, job, f"t{index}", "sleep 600")
            wait_until(lambda index=index: client.get_task(job, f"t{index}").state == "running", interval=0)  # type: ignore[misc]
            assert {"stdout.txt", "stderr.txt"} <= {each.name for each in client.list_task_files(job, f"t{index}")}


def test_tasks_get_default_signal_handlers_a_process_group_of_their_own_and_no_terminal() -> None:
    ours, theirs = pty.openpty()
    with emulator(terminal=os.ttyname(theirs)) as started, started.client() as client:
        job = make_job(client, "j", make_pool(client, "p"))
        run_task(client, job, "t", "/bin/sh -c 'grep SigIgn /proc/self/status; ps -o pgid=,tty= -p $$; echo $$'")
        ignored, process, pid = file_text(client, job, "t", "stdout.txt").splitlines()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGPIPE, signal.SIGXFSZ):
            assert int(ignored.split()[1], 16) & 1 << (number - 1) == 0
        assert process.split() == [pid, "?"]
        (spawner,) = (each for each in _helpers(started) if "spawner" in " ".join(each.cmdline()))
        assert psutil.Process(started.process.pid).terminal() == os.ttyname(theirs)
        assert spawner.terminal() is None
    for descriptor in (ours, theirs):
        os.close(descriptor)


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
