"""The upload of the application package, against a fake of `az` that has Batch's states of a version."""

import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from infra.check.syntax import property_of, text
from infra.package_upload import KEEP_VERSIONS, MAX_VERSIONS, PRUNE_VERSIONS, UPLOADER_ROLE, deletable
from tests.infra import fake_az
from tests.infra.bicep import declaration, entries, roles
from tests.infra.stand_ins import VERSION, StandIns, stand_ins
from tests.support.fork_server import ForkServer

CREATE, UPLOAD, ACTIVATE = "az rest --method put", "az storage blob upload", "az batch application package activate"


@dataclass(frozen=True)
class Batch:
    """A fake Batch account."""

    home: Path
    tools: StandIns

    def upload(self, *, fail: str = "", after: bool = False, attempts: int = 1) -> subprocess.CompletedProcess[str]:
        """Run infra.package_upload; a command that starts with `fail` fails, `after` its effect or before."""
        for name, wanted in (("fail", fail), ("fail-after", after)):
            (self.home / name).unlink(missing_ok=True)
            if wanted:
                (self.home / name).write_text(fail)
        environment = self.tools.environment | {"GIFDROP_ATTEMPTS": str(attempts)}
        return self.tools.python("infra.package_upload", "pets", "gifdropabc", VERSION, "package.zip", **environment)

    def packages(self) -> dict[str, dict[str, Any]]:
        path = self.home / "packages"
        return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}

    def state(self) -> str:
        return str(self.packages().get(VERSION, {}).get("state", ""))

    def fill(self, count: int) -> list[str]:
        """Active versions of the package, oldest first."""
        known = {
            f"v{number:02}": {"state": "Active", "lastActivationTime": f"2026-01-01T00:00:{number:02}Z"}
            for number in range(count)
        }
        (self.home / "packages").write_text(json.dumps(known), encoding="utf-8")
        return list(known)

    def calls(self) -> list[str]:
        return [" ".join(json.loads(line)) for line in (self.home / "calls").read_text(encoding="utf-8").splitlines()]


@pytest.fixture
def batch(tmp_path: Path, python: ForkServer) -> Iterator[Batch]:
    with stand_ins(tmp_path, python) as tools:
        yield Batch(tmp_path, tools)


def test_package_is_uploaded_to_a_storage_account_without_keys(batch: Batch) -> None:
    run = batch.upload()
    assert run.returncode == 0, run.stderr
    assert batch.state() == "Active"
    upload = next(call for call in batch.calls() if call.startswith(UPLOAD))
    assert "--account-name gifdroppkgs --container-name app-gifdrop" in upload
    assert "--auth-mode login" in upload
    role = next(call for call in batch.calls() if call.startswith("az role assignment create"))
    assert f"--role {UPLOADER_ROLE}" in role
    assert f"--assignee-object-id {fake_az.OPERATOR}" in role
    assert roles()["Storage Blob Data Contributor"] == UPLOADER_ROLE


def test_upload_by_az_alone_is_refused_without_keys_and_leaves_the_version_pending(batch: Batch) -> None:
    """Why this module exists: az uploads to the URL that Batch returns, which has no signature."""
    command = ["batch", "application", "package", "create", "--version-name", VERSION, "--package-file", "package.zip"]
    az = str(batch.home / "bin" / "az")
    run = subprocess.run([az, *command], env=batch.tools.environment, capture_output=True, text=True, check=False)
    assert run.returncode == 1
    assert batch.state() == "Pending"


def test_signature_of_the_storage_url_is_passed_in_the_environment(batch: Batch) -> None:
    (batch.home / "storage-keys").touch()
    run = batch.upload()
    assert run.returncode == 0, run.stderr
    assert batch.state() == "Active"
    assert not any("secret" in call for call in batch.calls())
    assert not any("role assignment" in call for call in batch.calls())


def test_active_version_is_not_uploaded_again(batch: Batch) -> None:
    batch.upload()
    (batch.home / "calls").unlink()
    assert batch.upload().returncode == 0
    assert [call.partition(" --")[0] for call in batch.calls()] == ["az batch application package show"]


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("fail", [CREATE, UPLOAD, ACTIVATE])
@pytest.mark.parametrize("updates", ["allowed", "refused"])
def test_same_upload_succeeds_after_a_failure_between_any_two_steps(
    batch: Batch, fail: str, after: bool, updates: str
) -> None:
    if updates == "refused":  # as deployed by earlier versions of batch.bicep
        (batch.home / "updates-refused").touch()

    first = batch.upload(fail=fail, after=after)

    assert first.returncode == 1
    assert "Run the same command again" in first.stderr
    assert batch.state() in ("Active" if (fail, after) == (ACTIVATE, True) else "Pending", "")
    second = batch.upload()
    assert second.returncode == 0, second.stderr
    assert batch.state() == "Active"


def test_upload_is_attempted_again_until_the_role_has_taken_effect(batch: Batch) -> None:
    run = batch.upload(fail=UPLOAD, attempts=3)
    assert run.returncode == 1
    assert sum(call.startswith(UPLOAD) for call in batch.calls()) == 3


def test_versions_that_no_task_names_are_deleted_before_the_limit_is_reached(batch: Batch) -> None:
    names = batch.fill(MAX_VERSIONS)
    (batch.home / "updates-refused").touch()
    (batch.home / "used").write_text(f"{names[0]} {names[3].upper()}")
    (batch.home / "deployed").write_text(json.dumps([names[5]]))  # after a rollback

    run = batch.upload()

    assert run.returncode == 0, run.stderr
    assert set(batch.packages()) == {names[0], names[3], names[5], *names[-KEEP_VERSIONS:], VERSION}


def test_few_versions_are_kept_without_asking_for_tasks(batch: Batch) -> None:
    batch.fill(PRUNE_VERSIONS - 1)
    assert batch.upload().returncode == 0
    assert len(batch.packages()) == PRUNE_VERSIONS
    assert not any("batch job list" in call for call in batch.calls())


@pytest.mark.parametrize("fail", ["az batch task list", "az batch job list", "az deployment group list"])
def test_no_version_is_deleted_if_the_tasks_cannot_be_listed(batch: Batch, fail: str) -> None:
    batch.fill(PRUNE_VERSIONS)
    run = batch.upload(fail=fail)
    assert run.returncode == 0
    assert len(batch.packages()) == PRUNE_VERSIONS + 1
    assert "tasks cannot be listed" in run.stderr


def test_newest_and_used_versions_are_kept() -> None:
    versions = [
        {"name": f"v{number:02}", "properties": {"lastActivationTime": f"2026-01-01T00:00:{number:02}Z"}}
        for number in range(KEEP_VERSIONS + 3)
    ]
    assert deletable(versions, {"V01"}) == ["v00", "v02"]
    # A version that was never activated is the first to go.
    assert deletable([*versions, {"name": "pending", "lastActivationTime": None}], set())[0] == "pending"


def test_bicep_lets_versions_be_replaced_and_deleted() -> None:
    application = property_of(declaration("modules/batch.bicep", "application").value, "properties")
    assert text(entries(application)["allowUpdates"]) == "true"
