"""One scenario, three clients: azure-batch 15 synchronous and asynchronous, azure-batch 14."""

from __future__ import annotations

import json
import os
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from sdks import azure_batch_15, scenario
from support.emulators import ACCOUNT, ROOT, Emulator, emulator

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

OLD = ROOT / ".local/venvs/batch14/bin/python"
SEEN: dict[str, Any] = {
    "exists before": False,
    "pool": ["active", "standard_d2s_v3", 1, 2],
    "exists after": True,
    "pool again": "409 PoolExists",
    "metadata": [{"name": "a", "value": "b"}],
    "listed": True,
    "idle": 2,
    "autoscale": "x=2",
    "bad formula": "AutoScalingFormulaEvaluationError",
    "autoscale off": False,
    "job": ["active", 0, "noaction"],
    "stale": "412 ConditionNotMet",
    "priority": 9,
    "no job": "404 JobNotFound",
    "added": ["success"] * 6,
    "again": ["clienterror", "TaskExists"],
    "counts": {"active": 0, "running": 0, "completed": 6, "succeeded": 3, "failed": 3},
    "failed": [["t1", "FailureExitCode"], ["t3", "FailureExitCode"], ["t5", "FailureExitCode"]],
    "task": ["completed", 0, "success"],
    "files": ["stderr.txt", "stdout.txt", "wd"],
    "stdout": "3\n",
    "range": "3",
    "size": 2,
    "no task": "404 TaskNotFound",
    "completed": "409 TaskCompleted",
    "ended": "TaskEnded",
    "deleted": "404 TaskNotFound",
    "bad": "400 InvalidPropertyValue",
    "schedule": "active",
    "applications": ["hello"],
    "images": True,
    "reason": "over",
}


@pytest.fixture(scope="module")
def served(applications: Path) -> Iterator[Emulator]:
    with emulator("--applications", applications) as started:
        yield started


def observed(seen: object) -> object:
    return json.loads(json.dumps(seen))


def test_azure_batch_15_passes_the_scenario(served: Emulator) -> None:
    assert observed(scenario.run(azure_batch_15.make(served.url, ACCOUNT, served.key), "sync")) == SEEN


def test_asynchronous_azure_batch_15_passes_the_scenario(served: Emulator) -> None:
    sdk = azure_batch_15.make_async(served.url, ACCOUNT, served.key)
    try:
        assert observed(scenario.run(sdk, "async")) == SEEN
    finally:
        sdk.close()


@pytest.mark.skipif(not OLD.exists(), reason="azure-batch 14 is not installed; make test-clients installs and runs it")
def test_azure_batch_14_passes_the_scenario(served: Emulator) -> None:
    done = subprocess.run(
        [OLD, "-W", "ignore", "-m", "sdks.azure_batch_14", served.url, ACCOUNT, served.key, "old"],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT / "tests")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == SEEN
