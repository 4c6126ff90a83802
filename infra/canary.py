"""Converts one video on the app's newest pool, before the day's job moves there: python -m infra.canary GROUP [--yes]

After a deployment that made a new pool, today's job stays on the earlier one. The canary runs as the only task of a
separate job, with the task that the app would add. If it succeeds, today's job is disabled after a confirmation, and
the app moves its waiting tasks to a job on the new pool.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from infra import smoke
from infra.az import AzError, az
from infra.deployment import Deployment, read_deployment
from shared.conversion import Conversion
from shared.names import JOB_PREFIX
from shared.services.batch.task_spec import build_task
from shared.settings import SettingsError, read_settings

TIMEOUT_SECONDS = 1500.0
"""An empty pool takes up to five minutes to be evaluated, and some more to start a node."""
INTERVAL_SECONDS = float(os.environ.get("GIFDROP_PAUSE_SECONDS", "10"))
PREFIX = "canary-"
"""Of job and conversion. The app looks at jobs that begin with `gifdrop-` only."""


class CanaryError(Exception):
    """The canary did not succeed; the message says why and what to do."""


def jobs_elsewhere(jobs: Sequence[Mapping[str, Any]], pool: str) -> list[str]:
    """The app's active jobs that are on another pool."""
    return sorted(
        job["id"]
        for job in jobs
        if job["id"].startswith(JOB_PREFIX) and job.get("state") == "active" and job["poolInfo"].get("poolId") != pool
    )


def task_of(video: str, name: str, settings: Mapping[str, str]) -> dict[str, Any]:
    """The Batch task of the canary, as the app would make it. Raises SettingsError."""
    conversion = Conversion(video=video, etag=name, id=name)
    task: dict[str, Any] = build_task(conversion, read_settings(settings)).as_dict()
    return task


def problem_of(task: Mapping[str, Any]) -> str | None:
    """Why a completed task did not succeed, `None` if it did."""
    execution = task.get("executionInfo") or {}
    if execution.get("exitCode") == 0 and execution.get("result") == "success":
        return None
    failure = execution.get("failureInfo") or {}
    what = f"exit code {execution.get('exitCode')}"
    if failure:
        what = f"{failure.get('code')}: {failure.get('message')}"
    node = (task.get("nodeInfo") or {}).get("nodeId", "unknown")
    return f"The canary failed on node {node} with {what}."


def run(at: Deployment, video: Path) -> list[str]:
    """Run the canary. Returns the app's jobs on other pools. Raises CanaryError, AzError, SettingsError."""
    pool = at.settings["GIFDROP_POOL_ID"]
    place = ("--account-name", at.output("batchAccount"), "--account-endpoint", at.settings["GIFDROP_BATCH_URL"])
    name = f"{PREFIX}{datetime.now(UTC):%Y%m%dT%H%M%S}"
    blob = f"smoke/{name}.mp4"
    task = task_of(blob, name, at.settings)
    az(
        *("storage", "blob", "upload", "--auth-mode", "login", "--account-name", at.output("dataAccount")),
        *(
            "--container-name",
            at.settings.get("GIFDROP_INPUT_CONTAINER", "videos"),
            "--name",
            blob,
            "--file",
            str(video),
        ),
        limit=300,
    )
    az("batch", "job", "create", "--id", name, "--pool-id", pool, *place)
    try:
        with TemporaryDirectory() as folder:
            file = Path(folder) / "task.json"
            file.write_text(json.dumps(task, default=str), encoding="utf-8")
            az("batch", "task", "create", "--job-id", name, "--json-file", str(file), *place)
        print(f"The canary {blob} is queued on pool {pool}.", flush=True)
        done = _wait(name, task["id"], place)
    finally:
        az("batch", "job", "delete", "--job-id", name, "--yes", *place)
    if problem := problem_of(done):
        raise CanaryError(
            f"{problem} Today's work stays where it is, but the next day's job (from midnight UTC) runs on {pool}:"
            f" read the container 'logs' under {task['id']}, and run 'infra/deploy.sh -g {at.group} rollback' first."
        )
    return jobs_elsewhere(az("batch", "job", "list", *place) or [], pool)


def _wait(job: str, task: str, place: Sequence[str]) -> Mapping[str, Any]:
    start, last = time.monotonic(), ""
    while time.monotonic() < start + TIMEOUT_SECONDS:
        shown: Mapping[str, Any] = az("batch", "task", "show", "--job-id", job, "--task-id", task, *place)
        if shown["state"] == "completed":
            return shown
        if shown["state"] != last:
            print(f"The canary is {shown['state']}.", flush=True)
            last = shown["state"]
        time.sleep(INTERVAL_SECONDS)
    raise CanaryError(
        f"The canary was {last} for {TIMEOUT_SECONDS / 60:.0f} minutes. 'infra/deploy.sh -g GROUP doctor' says what is"
        " wrong with the pool. Today's work stays where it is."
    )


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("group")
    parser.add_argument("--yes", action="store_true", help="move today's job without a confirmation")
    parser.add_argument("--video", type=Path, default=Path(".local/smoke.mp4"))
    given = parser.parse_args(arguments)
    try:
        at = read_deployment(given.group)
        if not given.video.exists():
            smoke.make(given.video)
        others = run(at, given.video)
        print(f"The canary succeeded on pool {at.settings['GIFDROP_POOL_ID']}.")
        if not others:
            print("No job is on another pool: nothing has to move.")
            return 0
        if not given.yes:
            print(f"Move the waiting tasks of {', '.join(others)} to the new pool? [y/N] ", end="", flush=True)
            if not sys.stdin.readline().lower().startswith("y"):
                print("They stay; the next day's job runs on the new pool.")
                return 0
        place = ("--account-name", at.output("batchAccount"), "--account-endpoint", at.settings["GIFDROP_BATCH_URL"])
        for job in others:
            az("batch", "job", "disable", "--job-id", job, "--disable-tasks", "wait", *place)
            print(f"Disabled {job}: running tasks end there, the others move within five minutes.")
    except (AzError, CanaryError, LookupError, SettingsError, subprocess.CalledProcessError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
