"""The files that `func azure functionapp publish` uploads: only the app, and enough to start it."""

import hashlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from infra.artifact import app_files
from tests.infra.bicep import ROOT

# Core Tools excludes these whatever .funcignore says.
NEVER = {".funcignore", ".gitignore", "local.settings.json", "project.lock.json"}
AT_THE_ROOT = {"function_app.py", "host.json", "requirements.txt"}
STRAY = (
    ".env",
    ".local/env",
    ".venv/lib/python3.12/site-packages/azure/__init__.py",
    "__pycache__/function_app.cpython-312.pyc",
    "cat.mp4",
    "local.settings.json",
    "out/cat.gif",
    "shared/__pycache__/names.cpython-312.pyc",
    "tests/test_x.py",
)


def ignored_by_core_tools(path: str) -> bool:
    """Whether Azure Functions Core Tools excludes a file.

    It matches a pattern as a prefix of the path from the root; `*` stops at a slash and `**` does not.
    """
    if Path(path).name in NEVER or {".git", ".vscode"} & set(Path(path).parts):
        return True
    lines = (ROOT / ".funcignore").read_text(encoding="utf-8").splitlines()
    for line in lines:
        pattern = line.strip().removeprefix("/")
        if not pattern or pattern.startswith("#"):
            continue
        expression = re.escape(pattern).replace(r"\*\*", ".+").replace(r"\*", "[^/]+")
        if re.match(expression, path):
            return True
    return False


def ignored_by_git_rules(paths: list[str], folder: Path) -> set[str]:
    """The files excluded by tools that read .funcignore by git's rules."""
    for path in paths:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).touch()
    git = shutil.which("git") or "git"
    subprocess.run([git, "init", "--quiet", str(folder)], check=True)
    listing = [git, "-C", str(folder), "ls-files", "-z", "--others", "--ignored", "-X", str(ROOT / ".funcignore")]
    result = subprocess.run(listing, check=True, capture_output=True)
    return set(result.stdout.decode().split("\0")) - {""}


def checkout() -> list[str]:
    """Every file of the project that git does not ignore, committed or not."""
    git = shutil.which("git") or "git"
    listing = [git, "-C", str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    result = subprocess.run(listing, check=True, capture_output=True)
    return sorted(path for path in result.stdout.decode().split("\0") if path and (ROOT / path).is_file())


def published() -> list[str]:
    return [path for path in checkout() if not ignored_by_core_tools(path)]


def test_only_the_app_is_published() -> None:
    wanted = {path for path in checkout() if path in AT_THE_ROOT or path.startswith("shared/")}
    assert wanted >= AT_THE_ROOT
    assert set(published()) == wanted


def test_artifact_has_the_files_that_core_tools_publish() -> None:
    assert set(app_files()) == set(published())


@pytest.mark.parametrize("path", STRAY)
def test_stray_file_is_not_published(path: str) -> None:
    assert ignored_by_core_tools(path)


def test_git_rules_publish_the_same_files(tmp_path: Path) -> None:
    paths = [*checkout(), *STRAY]
    ignored = ignored_by_git_rules(paths, tmp_path)
    always = {path for path in paths if Path(path).name in NEVER}
    assert set(paths) - ignored - always == set(published())


def interpreters() -> list[str]:
    """This Python, and 3.12 and 3.13 if installed."""
    this = f"{sys.version_info.major}.{sys.version_info.minor}"
    others = [installed(version) for version in ("3.12", "3.13") if version != this]
    return [sys.executable, *filter(None, others)]


def installed(version: str) -> str | None:
    """The path of a Python that can make virtual environments, `None` if there is none of the version."""
    python, pyenv = shutil.which(f"python{version}"), shutil.which("pyenv")
    if python is None:
        return None
    environment = dict(os.environ)
    if pyenv:  # its programs on PATH run only the versions that are selected
        known = subprocess.run([pyenv, "whence", f"python{version}"], capture_output=True, text=True, check=False)
        environment["PYENV_VERSION"] = ":".join(known.stdout.split())
    code = "import sys, venv, ensurepip; print(sys.executable)"
    found = subprocess.run([python, "-c", code], env=environment, capture_output=True, text=True, check=False)
    return found.stdout.strip() or None


def environment_of(python: str) -> Path:
    """A virtual environment with only requirements.txt, cached per Python version and content of the file."""
    requirements = ROOT / "requirements.txt"
    code = "import sys; print('%d.%d' % sys.version_info[:2])"
    version = subprocess.run([python, "-c", code], check=True, capture_output=True, text=True).stdout.strip()
    home = ROOT / ".local" / "venvs" / f"{version}-{hashlib.sha256(requirements.read_bytes()).hexdigest()[:12]}"
    if not (home / ".ready").exists():
        shutil.rmtree(home, ignore_errors=True)
        subprocess.run([python, "-m", "venv", home], check=True)
        pip = [str(home / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, "--no-deps", "--require-hashes", "--requirement", str(requirements)], check=True)
        (home / ".ready").touch()
    return home


INDEX = """
import importlib
import pkgutil
import function_app
import shared
names = sorted(function.get_function_name() for function in function_app.app.get_functions())
for module in pkgutil.walk_packages(shared.__path__, "shared."):
    importlib.import_module(module.name)
import aiohttp, azure.batch.aio, azure.eventgrid.aio, azure.identity.aio, azure.storage.blob.aio
print(*names)
print(shared.__file__)
"""


@pytest.mark.timeout(300)
@pytest.mark.parametrize("python", interpreters())
def test_published_files_start_with_only_the_requirements(tmp_path: Path, python: str) -> None:
    for path in published():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / path, tmp_path / path)
    command = [str(environment_of(python) / "bin" / "python"), "-W", "error", "-c", INDEX]

    # An empty environment: importing the app must not need settings.
    result = subprocess.run(command, cwd=tmp_path, env={}, capture_output=True, text=True, check=False)

    assert result.returncode == 0, result.stderr
    names, where = result.stdout.splitlines()
    assert {"on_video_uploaded", "complete_conversions"} <= set(names.split())
    assert Path(where).parent == tmp_path / "shared"
