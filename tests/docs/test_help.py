"""Every command that the documentation names explains itself with `--help`, and does nothing else then."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md"), ROOT / "emulator" / "README.md"]
TEXT = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)
MODULES = set(re.findall(r"python[\d.]* -m ([\w.]+)", TEXT)) - {"pytest", "compatibility"}
COMMANDS = {
    **{module: [sys.executable, "-m", module] for module in {*MODULES, "infra.plan", "infra.doctor", "tests.chaos"}},
    **{script: [str(ROOT / script)] for script in ("infra/deploy.sh", "infra/destroy.sh", "tests/newcomer.sh")},
}


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_command_explains_itself_and_does_nothing_else(name: str, tmp_path: Path) -> None:
    path = os.pathsep.join([str(ROOT), str(ROOT / "emulator" / "src")])
    done = subprocess.run(
        [*COMMANDS[name], "--help"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert name.removesuffix(".__main__").rpartition(".")[2].replace("_", "-") in done.stdout.replace("_", "-")
    assert list(tmp_path.iterdir()) == []
