"""CHANGELOG.md is in the form of Keep a Changelog, and agrees with pyproject.toml and the release workflow."""

import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
CHANGELOG = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
VERSION: str = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]


def test_newest_version_is_that_of_the_project_and_every_version_has_a_link() -> None:
    versions = re.findall(r"^## \[(.+?)\]", CHANGELOG, re.MULTILINE)
    assert versions[:2] == ["Unreleased", VERSION]
    assert re.findall(r"^\[(.+?)\]: ", CHANGELOG, re.MULTILINE) == versions
    assert f"[Unreleased]: ../../compare/v{VERSION}...HEAD" in CHANGELOG


def test_changes_are_sorted_by_the_kinds_of_keep_a_changelog() -> None:
    kinds = {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
    assert set(re.findall(r"^### (.+)$", CHANGELOG, re.MULTILINE)) <= kinds


def test_release_needs_a_date_and_takes_its_notes_from_the_changelog(tmp_path: Path) -> None:
    steps = yaml.safe_load((ROOT / ".github" / "workflows" / "release.yml").read_text())["jobs"]["build"]["steps"]
    (check,) = [step["run"] for step in steps if "CHANGELOG.md" in step.get("name", "")]
    shutil.copy(ROOT / "pyproject.toml", tmp_path)

    def run(heading: str, tag: str = f"v{VERSION}") -> int:
        shutil.rmtree(tmp_path / "release", ignore_errors=True)
        text = re.sub(rf"^## \[{re.escape(VERSION)}\].*$", heading, CHANGELOG, flags=re.MULTILINE)
        (tmp_path / "CHANGELOG.md").write_text(text, encoding="utf-8")
        command = ["/bin/bash", "-e", "-o", "pipefail", "-c", check]
        return subprocess.run(command, cwd=tmp_path, env={"GITHUB_REF_NAME": tag}, check=False).returncode

    assert run(f"## [{VERSION}] - 2026-11-22") == 0
    notes = (tmp_path / "release" / "notes.md").read_text(encoding="utf-8")
    assert "### Added" in notes
    assert "]: ../../" not in notes
    assert run(f"## [{VERSION}] - not released") != 0
    assert run(f"## [{VERSION}] - 2026-11-22", tag="v9.9.9") != 0
