"""The process that starts the tasks, without what only Linux has."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from batch_emulator.machine import spawner
from batch_emulator.machine.process import Processes

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

_WITHOUT = """
import os, runpy, sys
for name in ("pipe2", "waitid"):
    delattr(os, name)
runpy.run_path({path!r}, run_name="__main__")
"""


async def test_tasks_run_and_end_without_waitid_and_pipe2(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    without = tmp_path / "without.py"
    without.write_text(_WITHOUT.format(path=spawner.__file__))
    monkeypatch.setattr(spawner, "__file__", str(without))
    journal = tmp_path / "journal"
    descriptor = os.open(journal, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    processes = Processes(descriptor, journal)
    output = tmp_path / "out"

    async def run(script: str) -> int:
        command = ["/bin/sh", "-c", script]
        env = {"PATH": os.environ["PATH"]}
        return await processes.run(command, cwd=str(tmp_path), env=env, stdout=str(output), stderr=f"{tmp_path}/err")

    try:
        assert await run("echo made; exit 3") == 3
        assert output.read_text() == "made\n"
        assert await run("kill -9 $$") == 128 + 9
        # What it leaves in its process group is killed: this file is never written.
        assert await run("(sleep 1; echo late >late) &") == 0
        assert await run("sleep 1.5") == 0
        assert not (tmp_path / "late").exists()
        assert journal.read_bytes() == b""
    finally:
        await processes.close()
        os.close(descriptor)
