"""The GitHub workflows pin their actions and request minimal permissions."""

import re
from pathlib import Path

import pytest

from tests.infra.bicep import ROOT

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


def test_all_workflows_are_found() -> None:
    assert {path.name for path in WORKFLOWS} == {"test.yml", "bicep.yml", "deploy.yml"}


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
