"""Deploys the release before: its code, its converter and its settings.

python -m infra.rollback GROUP [--yes] [--artifact DIR]

deploy.sh records releases in the history of deployments of the group. The release before is the newest that passed its
smoke test and differs from what is deployed; a second rollback therefore returns to where the first began. The code
comes from git, or from DIR, which `python -m infra.artifact` built from the commit of the release.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra.az import AzError, az
from infra.az_output import COMPUTED_PARAMETERS

ROOT = Path(__file__).resolve().parent.parent
STEPS = ("infra", "upload", "publish", "events", "smoke")
RELEASE = "gifdrop-release-"


@dataclass(frozen=True)
class Release:
    """What ran at a time: a commit's code, with the parameters of a deployment of main.bicep."""

    commit: str
    deployment: str


class NoReleaseError(Exception):
    """There is nothing to roll back to; the message says why."""


def find_target(deployments: Sequence[Mapping[str, Any]]) -> tuple[Release, Release]:
    """What is deployed, and the release before. Raises NoReleaseError.

    deployments: The group's deployment history, in any order.
    """
    good = [item for item in deployments if item["properties"]["provisioningState"] == "Succeeded"]
    good.sort(key=lambda item: str(item["properties"]["timestamp"]))
    stages = [item["name"] for item in good if "functionApp" in (item["properties"].get("outputs") or {})]
    records = [
        {name: str(item["value"]) for name, item in entry["properties"]["parameters"].items()}
        for entry in good
        if entry["name"].startswith(RELEASE)
    ]
    if not stages or not records:
        raise NoReleaseError("No release is recorded in this group. Check out the commit you want and run deploy.sh.")
    current = Release(records[-1]["commit"], stages[-1])
    for record in reversed(records):
        release = Release(record["commit"], record["deployment"])
        if record["verified"] == "true" and release != current and release.deployment in stages:
            return current, release
    raise NoReleaseError(
        "No earlier release has passed its smoke test. Check out the commit you want and run deploy.sh."
    )


def overrides(parameters: Mapping[str, Mapping[str, Any]], template: str) -> list[str]:
    """The parameters of a deployment as NAME=VALUE, as far as a template accepts them."""
    accepted = set(re.findall(r"^param (\w+)", template, re.MULTILINE)) - COMPUTED_PARAMETERS
    return [
        f"{name}={value if isinstance(value, str) else json.dumps(value)}"
        for name, item in sorted(parameters.items())
        if name in accepted and (value := item.get("value")) is not None
    ]


def check_commit(commit: str) -> None:
    """Raises NoReleaseError if the code of a release is not in git."""
    if commit.endswith("-dirty") or commit == "unknown":
        raise NoReleaseError(
            f"The release before was published from uncommitted files ({commit}): check out what is nearest to it and"
            " run deploy.sh. Deploy from commits, so that a rollback finds them."
        )
    command = ["git", "cat-file", "-e", f"{commit}^{{commit}}"]
    known = subprocess.run(command, cwd=ROOT, capture_output=True, check=False)
    if known.returncode:
        raise NoReleaseError(f"This repository has no commit {commit}: run 'git fetch' first, or pass -a.")


def _deploy(folder: Path, group: str, given: Sequence[str], options: Sequence[str], commit: str) -> int:
    parameters = [word for item in given for word in ("-p", item)]
    command = [str(folder / "infra" / "deploy.sh"), "-y", "-g", group, *options, *parameters, *STEPS]
    environment = {**os.environ, "PYTHON": sys.executable, "GIFDROP_COMMIT": commit}
    if "PYTHON" in os.environ and "/" in os.environ["PYTHON"]:
        environment["PYTHON"] = str(Path(os.environ["PYTHON"]).absolute())
    return subprocess.run(command, cwd=folder, env=environment, check=False).returncode


def roll_back(group: str, target: Release, parameters: Mapping[str, Mapping[str, Any]], artifact: Path | None) -> int:
    """Deploy a release; the exit code of deploy.sh."""
    if artifact:
        template = (ROOT / "infra" / "main.bicep").read_text(encoding="utf-8")
        return _deploy(ROOT, group, overrides(parameters, template), ["-a", str(artifact)], target.commit)
    folder = ROOT / ".local" / "rollback" / target.commit
    git = ["git", "worktree"]
    if folder.exists():  # an earlier rollback was interrupted
        subprocess.run([*git, "remove", "--force", str(folder)], cwd=ROOT, check=False)
        shutil.rmtree(folder, ignore_errors=True)
    subprocess.run([*git, "add", "--force", "--detach", str(folder), target.commit], cwd=ROOT, check=True)
    try:
        template = (folder / "infra" / "main.bicep").read_text(encoding="utf-8")
        return _deploy(folder, group, overrides(parameters, template), [], target.commit)
    finally:
        subprocess.run([*git, "remove", "--force", str(folder)], cwd=ROOT, check=False)


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("group")
    parser.add_argument("--yes", action="store_true")
    parser.add_argument("--artifact", type=Path)
    given = parser.parse_args(arguments)
    try:
        deployments = az("deployment", "group", "list", "--resource-group", given.group)
        current, target = find_target(deployments)
        if not given.artifact:
            check_commit(target.commit)
    except (AzError, NoReleaseError) as error:
        print(error, file=sys.stderr)
        return 1
    parameters = next(item["properties"]["parameters"] for item in deployments if item["name"] == target.deployment)
    version = parameters.get("packageVersion", {}).get("value")
    print(f"Deployed now: commit {current.commit}, settings of {current.deployment}")
    print(f"Release before: commit {target.commit}, settings of {target.deployment}, converter {version}")
    if given.artifact and not (given.artifact / "gifdrop" / f"{version}.zip").is_file():
        print(f"{given.artifact} does not hold the converter of that release.", file=sys.stderr)
        return 1
    if not given.yes:
        print("Deploy the release before? [y/N] ", end="", flush=True)
        if not sys.stdin.readline().lower().startswith("y"):
            print("Nothing was done; pass -y to skip the confirmation.", file=sys.stderr)
            return 1
    code = roll_back(given.group, target, parameters, given.artifact)
    if code:
        print("The rollback failed. Run the same command again: every step is idempotent.", file=sys.stderr)
    else:
        print("Rolled back. Conversions that only the newer version understands wait until it is deployed again.")
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
