"""The command line that runs the escape suite on a node."""

import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).with_name("on_pool.sh")


def test_command_line_of_the_task_contains_all_that_it_needs(tmp_path: Path) -> None:
    command = subprocess.run([SCRIPT, "--command"], capture_output=True, text=True, check=True).stdout.strip()
    assert len(command) < 100_000  # Linux takes 128 KiB in one argument
    imports = (
        f'exec {sys.executable} -I -c "import sys; sys.path.insert(0, str()); import tests.converter.escape.__main__"'
    )
    there = command.replace("exec python3 -m tests.converter.escape", imports)
    assert there != command
    subprocess.run(there, shell=True, cwd=tmp_path, check=True)  # noqa: S602 - as a node's agent runs it
