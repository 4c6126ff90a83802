"""`az batch` against the emulator: commands from its help, with a shared key and JSON files."""

from __future__ import annotations

import json
import os
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from support.emulators import ACCOUNT, ROOT, Emulator
from support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

AZ = ROOT / ".local/venvs/az/bin/az"
pytestmark = pytest.mark.skipif(
    not AZ.exists(), reason="azure-cli is not installed; make test-clients installs and runs it"
)

POOL = {
    "id": "az",
    "vmSize": "standard_d2s_v3",
    "virtualMachineConfiguration": {
        "imageReference": {"publisher": "canonical", "offer": "ubuntu-24_04-lts", "sku": "server"},
        "nodeAgentSKUId": "batch.node.ubuntu 24.04",
    },
    "taskSlotsPerNode": 2,
    "enableAutoScale": True,
    "autoScaleFormula": "$TargetDedicatedNodes = 1;",
    "autoScaleEvaluationInterval": "PT5M",
}
TASKS = [
    {"id": "hello", "commandLine": "/bin/bash -c 'echo from az'"},
    {"id": "fail", "commandLine": "/bin/bash -c 'exit 5'"},
]


@pytest.fixture
def az(plain: Emulator, tmp_path: Path) -> Callable[..., Any]:
    """Run `az batch ...` in `tmp_path`; returns its JSON output or None."""
    env = os.environ | {
        "AZURE_CONFIG_DIR": str(tmp_path / "config"),
        "AZURE_CORE_COLLECT_TELEMETRY": "0",
        "AZURE_CORE_ONLY_SHOW_ERRORS": "1",
        "AZURE_BATCH_ACCOUNT": ACCOUNT,
        "AZURE_BATCH_ACCESS_KEY": plain.key,
        "AZURE_BATCH_ENDPOINT": plain.url,
    }

    def run(*arguments: str) -> Any:
        done = subprocess.run(
            [AZ, "batch", *arguments], env=env, cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout) if done.stdout.strip() else None

    return run


def test_az_runs_tasks_on_a_pool_and_cleans_up(az: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "pool.json").write_text(json.dumps(POOL))
    (tmp_path / "tasks.json").write_text(json.dumps(TASKS))
    az("pool", "create", "--json-file", "pool.json")
    assert az("pool", "show", "--pool-id", "az")["autoScaleRun"]["results"].startswith("$TargetDedicatedNodes=1;")
    az("job", "create", "--id", "az", "--pool-id", "az")
    added = az("task", "create", "--job-id", "az", "--json-file", "tasks.json")
    assert {each["taskId"] for each in added} == {"hello", "fail"}
    wait_until(lambda: az("job", "task-counts", "show", "--job-id", "az")["taskCounts"]["completed"] == 2)
    failed = az("task", "list", "--job-id", "az", "--filter", "executionInfo/exitCode eq 5")
    assert [each["id"] for each in failed] == ["fail"]
    files = az("task", "file", "list", "--job-id", "az", "--task-id", "hello")
    assert {"stdout.txt", "stderr.txt"} <= {each["name"] for each in files}
    out = tmp_path / "out" / "stdout.txt"
    out.parent.mkdir()
    where = ("--job-id", "az", "--task-id", "hello", "--file-path", "stdout.txt", "--destination", str(out))
    az("task", "file", "download", *where)
    assert out.read_text() == "from az\n"
    az("job", "delete", "--job-id", "az", "--yes")
    az("pool", "delete", "--pool-id", "az", "--yes")
    assert [each for each in az("pool", "list") if each["id"] == "az" and each["state"] != "deleting"] == []
