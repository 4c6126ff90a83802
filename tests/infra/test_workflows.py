"""The GitHub workflows pin their actions and request minimal permissions."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.infra.bicep import ROOT

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
# What installs or runs code of dependencies.
INSTALLS = re.compile(r"\b(make|pip|npm|npx|uv|pytest)\b|\.venv/|bicep (install|build)")


def test_all_workflows_are_found() -> None:
    names = {"test.yml", "bicep.yml", "deploy.yml", "newcomer.yml", "nightly.yml", "release.yml"}
    assert {path.name for path in WORKFLOWS} == names


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_every_action_is_pinned_to_a_commit(path: Path) -> None:
    used = re.findall(r"uses:\s*(\S+)", path.read_text(encoding="utf-8"))
    assert used
    assert [item for item in used if not re.fullmatch(r"[\w.-]+/[\w.-]+@[0-9a-f]{40}", item)] == []


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_global_npm_packages_are_pinned_to_a_version(path: Path) -> None:
    installed = re.findall(r"npm install --global (\S+)", path.read_text(encoding="utf-8"))
    assert [item for item in installed if not re.search(r"@\d+\.\d+\.\d+$", item)] == []


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_workflow_declares_its_permissions_and_stores_no_credentials(path: Path) -> None:
    content = path.read_text(encoding="utf-8")
    assert re.search(r"^permissions:\n  contents: read\n", content, re.MULTILINE)
    assert "secrets." not in content
    assert content.count("actions/checkout@") == content.count("persist-credentials: false")


def jobs(name: str = "deploy.yml") -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = yaml.safe_load((ROOT / ".github" / "workflows" / name).read_text())["jobs"]
    return found


def commands(job: dict[str, Any]) -> str:
    return "\n".join(step.get("run", "") for step in job["steps"])


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_no_job_that_may_get_an_oidc_token_installs_anything(path: Path) -> None:
    for name, job in jobs(path.name).items():
        if job.get("permissions", {}).get("id-token") == "write":
            assert not INSTALLS.search(commands(job)), name
            assert not any("setup-" in step.get("uses", "") for step in job["steps"]), name
    assert "id-token" not in path.read_text(encoding="utf-8").partition("\njobs:")[0]


def test_only_the_deploying_job_has_the_environment_that_azure_trusts() -> None:
    assert [name for name, job in jobs().items() if "environment" in job] == ["deploy"]
    assert [name for name, job in jobs().items() if "azure/login" in str(job)] == ["deploy"]


def test_jobs_pass_on_an_attested_artifact() -> None:
    build, attest, deploy = (jobs()[name] for name in ("build", "attest", "deploy"))
    assert (attest["needs"], deploy["needs"]) == ("build", "attest")
    assert "permissions" not in build
    uploaded = next(step["with"] for step in build["steps"] if "upload-artifact" in step.get("uses", ""))
    for job in (attest, deploy):
        downloaded = next(step["with"] for step in job["steps"] if "download-artifact" in step.get("uses", ""))
        assert downloaded == {"name": uploaded["name"], "path": uploaded["path"]}
    subject = next(step["with"] for step in attest["steps"] if "attest-build-provenance" in step.get("uses", ""))
    assert subject == {"subject-path": f"{uploaded['path']}/**"}


def test_artifact_is_verified_before_signing_in() -> None:
    steps = jobs()["deploy"]["steps"]
    verify, login, run = (
        next(index for index, step in enumerate(steps) if wanted in str(step))
        for wanted in ("gh attestation verify", "azure/login", "infra/deploy.sh")
    )
    assert verify < login < run
    command = steps[verify]["run"]
    for flag in ("--signer-workflow", '--source-digest "$GITHUB_SHA"', "--deny-self-hosted-runners"):
        assert flag in command
    assert "-a artifact" in steps[run]["run"]


def test_deploying_needs_the_standard_library_only() -> None:
    """The commands of deploy.sh, on an interpreter without any package."""
    deploy = (ROOT / "infra" / "deploy.sh").read_text(encoding="utf-8")
    modules = set(re.findall(r'"\$PYTHON" -m (infra\.\w+)', deploy))
    assert modules == {
        "infra.az_output",
        "infra.canary",
        "infra.costs",
        "infra.doctor",
        "infra.failures",
        "infra.old_pools",
        "infra.package",
        "infra.package_check",
        "infra.package_upload",
        "infra.plan",
        "infra.rights",
        "infra.rollback",
        "infra.sign_in",
        "infra.smoke",
    }
    # The first is replaced by -a; an operator runs the others, not a workflow.
    for module in modules - {"infra.package", "infra.doctor", "infra.canary"}:
        code = f"import sys; sys.path.insert(0, {str(ROOT)!r}); import {module}"
        subprocess.run([sys.executable, "-I", "-S", "-c", code], check=True)


def test_every_template_that_is_deployed_is_compiled_in_ci() -> None:
    compiled = (ROOT / ".github" / "workflows" / "bicep.yml").read_text(encoding="utf-8")
    for path in (ROOT / "infra").glob("*.bicep"):
        assert f"infra/{path.name}" in compiled


def test_bicep_is_compiled_in_the_same_version_everywhere() -> None:
    versions = {
        version
        for path in WORKFLOWS
        for version in re.findall(r"az bicep install(?: --version (\S+))?", path.read_text(encoding="utf-8"))
    }
    assert len(versions) == 1
    assert re.fullmatch(r"v\d+\.\d+\.\d+", versions.pop())


def test_compiled_templates_are_published_and_scanned() -> None:
    build, scan = (jobs("bicep.yml")[name] for name in ("build", "scan"))
    uploaded = next(step["with"] for step in build["steps"] if "upload-artifact" in step.get("uses", ""))
    downloaded = next(step["with"] for step in scan["steps"] if "download-artifact" in step.get("uses", ""))
    assert downloaded == {"name": uploaded["name"], "path": uploaded["path"]}
    assert scan["needs"] == "build"
    used = [step.get("uses", "").partition("@")[0] for step in scan["steps"]]
    assert {"bridgecrewio/checkov-action", "microsoft/ps-rule"} <= set(used)


def test_linter_rules_are_errors() -> None:
    config = json.loads((ROOT / "infra" / "bicepconfig.json").read_text(encoding="utf-8"))
    levels = {name: rule["level"] for name, rule in config["analyzers"]["core"]["rules"].items()}
    # The versions of resource types are those of infra/check/types.json.
    assert {name for name, level in levels.items() if level != "error"} == {"use-recent-api-versions"}
