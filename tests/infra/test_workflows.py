"""The workflows for GitHub: only pinned actions, and no more rights than needed."""

import re
from pathlib import Path

import pytest

from tests.infra.bicep import ROOT

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


def test_there_are_workflows() -> None:
    assert {path.name for path in WORKFLOWS} == {"test.yml", "bicep.yml", "deploy.yml"}


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_every_action_is_pinned_to_a_commit(path: Path) -> None:
    used = re.findall(r"uses:\s*(\S+)", path.read_text(encoding="utf-8"))
    assert used
    assert [item for item in used if not re.fullmatch(r"[\w.-]+/[\w.-]+@[0-9a-f]{40}", item)] == []


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_what_a_workflow_installs_is_pinned_to_a_version(path: Path) -> None:
    installed = re.findall(r"npm install --global (\S+)", path.read_text(encoding="utf-8"))
    assert [item for item in installed if not re.search(r"@\d+\.\d+\.\d+$", item)] == []


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_names_its_rights_and_stores_no_credentials(path: Path) -> None:
    content = path.read_text(encoding="utf-8")
    assert re.search(r"^permissions:\n  contents: read\n", content, re.MULTILINE)
    assert "secrets." not in content
    assert content.count("actions/checkout@") == content.count("persist-credentials: false")
