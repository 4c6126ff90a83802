"""Links, files, make targets and commands that the documentation names exist."""

import importlib.util
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
GIT = shutil.which("git") or "git"
TRACKED = subprocess.run([GIT, "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\n")
PAGES = [path for path in TRACKED if path.endswith(".md")]
FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)\s]+)\)")
# A path in backticks: with a folder or a suffix of this repository, and nothing to be filled in.
SPAN = re.compile(r"`([\w./-]+)`")
SUFFIXES = (".py", ".md", ".sh", ".bicep", ".js", ".cjs", ".yml", ".toml")
TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))


def text_of(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def anchors(page: Path) -> set[str]:
    """The anchors that GitHub gives the headings of a page."""
    headings = re.findall(r"^#+ (.+)$", FENCE.sub("", page.read_text(encoding="utf-8")), re.MULTILINE)
    plain = (re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading) for heading in headings)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in plain}


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_to_files_and_headings(page: str) -> None:
    broken = []
    for link in LINK.findall(FENCE.sub("", text_of(page))):
        if "://" in link or link.startswith("mailto:"):
            continue
        name, _, anchor = link.partition("#")
        target = (ROOT / page).parent / name if name else ROOT / page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)
    assert broken == []


@pytest.mark.parametrize("page", PAGES)
def test_files_named_in_text_exist(page: str) -> None:
    """A path may be given from the repository's root, from the page's folder, or by its last parts."""
    named = {span for span in SPAN.findall(FENCE.sub("", text_of(page))) if span.endswith(SUFFIXES)}
    endings = {"/".join(parts[i:]) for path in TRACKED for parts in [path.split("/")] for i in range(len(parts))}
    assert sorted(named - endings) == []


@pytest.mark.parametrize("page", PAGES)
def test_make_targets_exist(page: str) -> None:
    named = set(re.findall(r"(?:`|^|&& )make ([a-z-]+)\b", text_of(page), re.MULTILINE))
    assert sorted(named - TARGETS) == []


@pytest.mark.parametrize("page", PAGES)
def test_modules_run_by_commands_exist(page: str) -> None:
    named = set(re.findall(r"python[\d.]* -m ([\w.]+)", text_of(page)))
    assert [name for name in sorted(named) if importlib.util.find_spec(name) is None] == []
