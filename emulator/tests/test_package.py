"""The distributions: what they contain, and that the README's first steps work after an installation."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from typing import TYPE_CHECKING

import pytest

from support.emulators import ROOT

if TYPE_CHECKING:
    from pathlib import Path

VERSIONS = ("3.11", "3.12", "3.13")
STEPS = re.compile(r"## First steps\n\n```console\n(?P<shell>.*?)```.*?```python\n(?P<python>.*?)```", re.DOTALL)
MODULES = {
    str(path.relative_to(ROOT / "src"))
    for path in (ROOT / "src").rglob("*")
    if path.is_file() and path.suffix in {".py", ".lark", ".typed"}
}


@pytest.fixture(scope="module")
def distributions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the wheel and the sdist."""
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "hatchling", "build", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    return folder


def contents(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return {name for name in archive.namelist() if ".dist-info/" not in name}


def test_wheel_contains_every_module_and_nothing_else(distributions: Path) -> None:
    (wheel,) = distributions.glob("*.whl")
    assert contents(wheel) == MODULES


def test_wheel_built_from_the_sdist_is_the_same(distributions: Path, tmp_path: Path) -> None:
    (sdist,) = distributions.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        archive.extractall(tmp_path, filter="data")
    (source,) = tmp_path.iterdir()
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path / "dist")]
    subprocess.run(command, cwd=source, check=True, capture_output=True)
    (wheel,) = (tmp_path / "dist").iterdir()
    assert contents(wheel) == MODULES


def test_no_file_of_the_package_names_the_project_that_uses_it() -> None:
    names = [path for path in (ROOT / "src").rglob("*.py") if "gifdrop" in path.read_text(encoding="utf-8").lower()]
    assert names == []


def interpreter(version: str) -> str:
    """The path of a Python. Skips if there is none."""
    found, pyenv = shutil.which(f"python{version}"), shutil.which("pyenv")
    if found is None:
        pytest.skip(f"Python {version} is not installed")
    environment = dict(os.environ)
    if pyenv:  # its programs on PATH run only the versions that are selected
        known = subprocess.run([pyenv, "whence", f"python{version}"], capture_output=True, text=True, check=False)
        environment["PYENV_VERSION"] = ":".join(known.stdout.split())
    command = [found, "-c", "import sys; print(sys.executable)"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"Python {version} does not start: {done.stderr.strip()}")
    return done.stdout.strip()


@pytest.mark.parametrize("version", VERSIONS)
def test_first_steps_of_the_readme_work_in_an_empty_environment(
    version: str, distributions: Path, tmp_path: Path
) -> None:
    python, home = interpreter(version), tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "uv", "venv", "--quiet", "--python", python, home], check=True)
    (wheel,) = distributions.glob("*.whl")
    install = [sys.executable, "-m", "uv", "pip", "install", "--quiet", "--python", str(home / "bin/python")]
    done = subprocess.run([*install, str(wheel), "azure-batch"], capture_output=True, text=True, check=False)
    if "error sending request" in done.stderr or "Network" in done.stderr:
        pytest.skip("the package index cannot be reached")
    assert done.returncode == 0, done.stderr
    steps = STEPS.search((ROOT / "README.md").read_text(encoding="utf-8"))
    assert steps is not None
    (tmp_path / "first.py").write_text(steps["python"])
    # Installed above from the wheel; another port, because 10100 may be in use.
    lines = [line for line in steps["shell"].splitlines() if not line.startswith("pip install")]
    script = "\n".join([*lines, "kill %1"]).replace("batch-emulator >", "batch-emulator --port 0 >")
    path = f"{home / 'bin'}{os.pathsep}{os.environ['PATH']}"
    shell = ["bash", "-mc", script]
    ran = subprocess.run(
        shell, cwd=tmp_path, env=os.environ | {"PATH": path}, capture_output=True, text=True, check=False, timeout=60
    )
    assert ran.stdout == "Hello from pool\n", ran.stderr
