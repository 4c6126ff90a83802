"""`deploy.sh rollback`: which release it chooses, and a run against the stand-ins from a commit of a repository."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from infra import rollback
from infra.rollback import NoReleaseError, Release, check_commit, find_target, overrides
from tests.infra.stand_ins import VERSION, StandIns, stand_ins
from tests.support.fork_server import ForkServer


def stage(name: str, time: int, *, succeeded: bool = True, **parameters: object) -> dict[str, Any]:
    return {
        "name": name,
        "properties": {
            "provisioningState": "Succeeded" if succeeded else "Failed",
            "timestamp": f"2026-11-21T{time:02}:00:00Z",
            "outputs": {"functionApp": {"value": "app"}},
            "parameters": {key: {"value": value} for key, value in parameters.items()},
        },
    }


def record(commit: str, deployment: str, time: int, *, verified: bool = True) -> dict[str, Any]:
    parameters = {"commit": commit, "deployment": deployment, "verified": str(verified).lower()}
    return {
        "name": f"gifdrop-release-{time}",
        "properties": {
            "provisioningState": "Succeeded",
            "timestamp": f"2026-11-21T{time:02}:00:00Z",
            "parameters": {key: {"value": value} for key, value in parameters.items()},
        },
    }


A = [stage("main-a", 1), record("aaa", "main-a", 2)]
B = [stage("main-b", 3), record("bbb", "main-b", 4)]


def test_release_before_is_the_last_verified_that_differs() -> None:
    assert find_target(A + B) == (Release("bbb", "main-b"), Release("aaa", "main-a"))
    assert find_target([*reversed(A + B)])[1] == Release("aaa", "main-a")


def test_release_whose_smoke_test_failed_is_not_a_target() -> None:
    failed = [stage("main-c", 5), record("ccc", "main-c", 6, verified=False)]
    assert find_target(A + failed) == (Release("ccc", "main-c"), Release("aaa", "main-a"))
    later = [stage("main-d", 7), record("ddd", "main-d", 8)]
    assert find_target(A + failed + later)[1] == Release("aaa", "main-a")


def test_changed_settings_alone_are_rolled_back() -> None:
    assert find_target([*A, stage("main-a2", 5)]) == (Release("aaa", "main-a2"), Release("aaa", "main-a"))


def test_failed_deployment_is_not_what_is_deployed() -> None:
    assert find_target([*A, *B, stage("main-c", 5, succeeded=False)])[0] == Release("bbb", "main-b")


def test_second_rollback_returns() -> None:
    back = [stage("main-a2", 5), record("aaa", "main-a2", 6)]
    assert find_target(A + B + back)[1] == Release("bbb", "main-b")


@pytest.mark.parametrize("history", [[], A, [stage("main-a", 1)], [*A, stage("main-b", 3)][1:]])
def test_nothing_to_roll_back_to_is_said(history: list[dict[str, Any]]) -> None:
    with pytest.raises(NoReleaseError, match=r"run deploy\.sh"):
        find_target(history)


def test_parameters_are_those_that_the_template_of_the_release_accepts() -> None:
    template = "param minNodes int = 0\nparam alertEmails string[] = []\nparam packageVersion string\n"
    parameters: dict[str, dict[str, Any]] = {
        "minNodes": {"value": 2},
        "alertEmails": {"value": ["me@example.com"]},
        "packageVersion": {"value": "abc"},
        "addedLater": {"value": True},
        "secret": {},
    }
    assert overrides(parameters, template) == ['alertEmails=["me@example.com"]', "minNodes=2"]


@pytest.mark.parametrize("commit", ["abc-dirty", "unknown", "0" * 40])
def test_commit_that_cannot_be_checked_out_is_refused(commit: str) -> None:
    with pytest.raises(NoReleaseError):
        check_commit(commit)


@pytest.fixture
def cloud(tmp_path: Path, python: ForkServer) -> Iterator[StandIns]:
    with stand_ins(tmp_path / "cloud", python) as tools:
        history = [
            stage("main-a", 1, minNodes=1, packageVersion=VERSION),
            *A[1:],
            stage("main-b", 3, minNodes=7, packageVersion="b" * 64),
            *B[1:],
        ]
        tools.answers["az deployment group list --resource-group pets --only-show-errors"] = json.dumps(history)
        yield tools


def artifact(folder: Path, version: str) -> str:
    (folder / "gifdrop").mkdir(parents=True)
    for name in (f"gifdrop/{version}.zip", "app.zip", "smoke.mp4"):
        (folder / name).write_bytes(b"")
    return str(folder)


def test_rollback_deploys_the_converter_settings_and_code_of_the_release(cloud: StandIns, tmp_path: Path) -> None:
    python = cloud.home / "bin" / "python"
    python.write_text(python.read_text().replace('case "$*" in', 'case "$*" in\n  "-m infra.package_check "*) exit ;;'))
    folder = artifact(tmp_path / "artifact", VERSION)

    run = cloud.run("-y", "-g", "pets", "-a", folder, "rollback")

    assert run.returncode == 0, run.stdout + run.stderr
    main = next(call for call in cloud.calls if "create" in call and "gifdrop-main" in call)
    assert "minNodes=1" in main
    assert f"packageVersion={VERSION}" in main
    assert any(f"--src {folder}/app.zip" in call for call in cloud.calls)
    records = [call for call in cloud.calls if "gifdrop-release-" in call]
    assert all("commit=aaa" in call for call in records)
    assert "Rolled back." in run.stdout


def test_artifact_of_another_release_is_refused(cloud: StandIns, tmp_path: Path) -> None:
    run = cloud.run("-y", "-g", "pets", "-a", artifact(tmp_path / "artifact", "c" * 64), "rollback")
    assert run.returncode == 1
    assert "does not hold the converter of that release" in run.stderr
    assert not [call for call in cloud.calls if "create" in call]


def test_rollback_asks_first(cloud: StandIns, tmp_path: Path) -> None:
    run = cloud.run("-g", "pets", "-a", artifact(tmp_path / "artifact", VERSION), "rollback")
    assert run.returncode == 1
    assert "Release before: commit aaa, settings of main-a" in run.stdout
    assert "Nothing was done" in run.stderr


def test_rollback_without_an_artifact_runs_the_scripts_of_the_commit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository = tmp_path / "repository"
    (repository / "infra").mkdir(parents=True)
    script = repository / "infra" / "deploy.sh"
    script.write_text('#!/bin/bash\necho "$GIFDROP_COMMIT $*" >"$OUT"\n')
    script.chmod(0o755)
    (repository / "infra" / "main.bicep").write_text("param minNodes int = 0\n")

    def git(*arguments: str) -> str:
        command = ["git", "-c", "user.name=t", "-c", "user.email=t@example.com", *arguments]
        return subprocess.run(command, cwd=repository, check=True, capture_output=True, text=True).stdout.strip()

    git("init", "-q")
    git("add", "-A")
    git("commit", "-qm", "first")
    commit = git("rev-parse", "HEAD")
    script.write_text("#!/bin/bash\nexit 1\n")
    git("commit", "-qam", "second")
    monkeypatch.setattr(rollback, "ROOT", repository)
    monkeypatch.setenv("OUT", str(tmp_path / "out"))

    code = rollback.roll_back("pets", Release(commit, "main-a"), {"minNodes": {"value": 1}, "new": {"value": 2}}, None)

    assert code == 0
    expected = f"{commit} -y -g pets -p minNodes=1 infra upload publish events smoke\n"
    assert (tmp_path / "out").read_text() == expected
    assert len(git("worktree", "list").splitlines()) == 1
