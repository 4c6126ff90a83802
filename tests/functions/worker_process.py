"""Runs Microsoft's worker library on an app in a new process without app settings."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
APPS = Path(__file__).parent / "apps"
_DRIVER = Path(__file__).with_name("worker_driver.py")


def run_worker(app: Path, *invocations: dict[str, Any], cwd: Path, **settings: str) -> dict[str, Any]:
    """Index `app` and run the invocations; worker_driver.py describes their format and that of the report."""
    done = subprocess.run(
        [sys.executable, "-P", str(_DRIVER), str(app)],
        cwd=cwd,
        env=settings,
        input=json.dumps(invocations),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    report: dict[str, Any] = json.loads(done.stdout)
    return report
