"""`deploy.sh canary`: one video on the new pool before the day's job moves, against the stand-ins."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from infra.canary import jobs_elsewhere, problem_of, task_of
from tests.infra.stand_ins import StandIns, stand_ins
from tests.support.fork_server import ForkServer

SETTINGS = {
    "GIFDROP_STORAGE_URL": "https://gifdropabcdata.blob.core.windows.net",
    "GIFDROP_BATCH_URL": "https://gifdropabc.westeurope.batch.azure.com",
    "GIFDROP_POOL_ID": "gifdrop-new",
    "GIFDROP_POOL_IDENTITY": "/subscriptions/s/resourceGroups/g/providers/Microsoft.ManagedIdentity"
    "/userAssignedIdentities/pool",
    "GIFDROP_PACKAGE_VERSION": "a" * 64,
}
DONE = {"state": "completed", "executionInfo": {"exitCode": 0, "result": "success"}}
JOBS = [
    {"id": "gifdrop-2026-11-21", "state": "active", "poolInfo": {"poolId": "gifdrop-old"}},
    {"id": "gifdrop-2026-11-20", "state": "completed", "poolInfo": {"poolId": "gifdrop-old"}},
    {"id": "gifdrop-2026-11-21-2", "state": "active", "poolInfo": {"poolId": "gifdrop-new"}},
    {"id": "somebody-elses", "state": "active", "poolInfo": {"poolId": "gifdrop-old"}},
]


def test_only_active_jobs_of_the_app_on_another_pool_have_to_move() -> None:
    assert jobs_elsewhere(JOBS, "gifdrop-new") == ["gifdrop-2026-11-21"]


@pytest.mark.parametrize(
    ("execution", "message"),
    [
        ({"exitCode": 0, "result": "success"}, None),
        ({"exitCode": 1, "result": "failure"}, "exit code 1"),
        (
            {"exitCode": 0, "result": "failure", "failureInfo": {"code": "FileUploadAccessDenied", "message": "403"}},
            "FileUploadAccessDenied: 403",
        ),
        ({}, "exit code None"),
    ],
)
def test_task_succeeds_with_its_exit_code_and_its_uploads(execution: dict[str, Any], message: str | None) -> None:
    found = problem_of({"executionInfo": execution, "nodeInfo": {"nodeId": "tvm-1"}})
    assert found is None if message is None else message in (found or "")


def test_task_is_that_of_the_app() -> None:
    task = task_of("smoke/canary.mp4", "canary-1", SETTINGS)
    assert task["id"] == "canary-1-1"
    assert task["resourceFiles"][0]["httpUrl"].endswith("/videos/smoke/canary.mp4")
    assert task["applicationPackageReferences"] == [{"applicationId": "gifdrop", "version": "a" * 64}]
    json.dumps(task)


@pytest.fixture
def cloud(tmp_path: Path, python: ForkServer) -> Iterator[StandIns]:
    outputs = {"functionApp": "app", "dataAccount": "gifdropabcdata", "batchAccount": "gifdropabc"}
    deployment = {
        "name": "gifdrop-main-1",
        "properties": {
            "provisioningState": "Succeeded",
            "timestamp": "2026-11-21T10:00:00Z",
            "outputs": {name: {"value": value} for name, value in outputs.items()},
        },
    }
    with stand_ins(tmp_path / "cloud", python) as tools:
        tools.answers |= {
            "az account show": json.dumps({"id": "s"}),
            "az deployment group list": json.dumps([deployment]),
            "az functionapp config appsettings": json.dumps(
                [{"name": name, "value": value} for name, value in SETTINGS.items()]
            ),
            "az batch task show": json.dumps(DONE),
            "az batch job list": json.dumps(JOBS),
        }
        yield tools


@pytest.fixture
def video(tmp_path: Path) -> str:
    path = tmp_path / "cat.mp4"
    path.write_bytes(b"video")
    return str(path)


def changes(cloud: StandIns) -> list[str]:
    short = [call.partition(" --")[0] for call in cloud.calls]
    return [call for call in short if call.rpartition(" ")[2] in ("create", "delete", "disable", "upload")]


def test_day_moves_after_the_canary_succeeded(cloud: StandIns, video: str) -> None:
    run = cloud.run("-y", "-g", "pets", "-v", video, "canary")

    assert run.returncode == 0, run.stderr
    assert changes(cloud) == [
        "az storage blob upload",
        "az batch job create",
        "az batch task create",
        "az batch job delete",
        "az batch job disable",
    ]
    assert any("job create" in call and "--pool-id gifdrop-new" in call for call in cloud.calls)
    assert any("disable --job-id gifdrop-2026-11-21 " in call for call in cloud.calls)


def test_day_stays_without_a_confirmation(cloud: StandIns, video: str) -> None:
    run = cloud.run("-g", "pets", "-v", video, "canary")
    assert run.returncode == 0
    assert "They stay" in run.stdout
    assert "az batch job disable" not in changes(cloud)


def test_day_stays_after_the_canary_failed(cloud: StandIns, video: str) -> None:
    failed = {"state": "completed", "executionInfo": {"exitCode": 1, "result": "failure"}}
    cloud.answers["az batch task show"] = json.dumps(failed)

    run = cloud.run("-y", "-g", "pets", "-v", video, "canary")

    assert run.returncode == 1
    assert "Today's work stays where it is" in run.stderr
    assert "rollback" in run.stderr
    assert changes(cloud)[-1] == "az batch job delete"


@pytest.mark.parametrize("fault", ["failure", "time-out", "throttling", "denial", "refusal"])
@pytest.mark.parametrize("command", ["az storage blob upload", "az batch task create", "az batch task show"])
def test_canary_that_could_not_run_says_what_to_do(cloud: StandIns, video: str, fault: str, command: str) -> None:
    cloud.inject(fault, lambda call: call.startswith(command))

    run = cloud.run("-y", "-g", "pets", "-v", video, "canary")

    assert run.returncode == 1
    assert f"'{command}'" in run.stderr
    assert "az batch job disable" not in changes(cloud)
    if command != "az storage blob upload":
        assert changes(cloud)[-1] == "az batch job delete"
