"""The README's examples that run within one process; test_package.py runs its first steps."""

from __future__ import annotations

import re
import runpy
from typing import TYPE_CHECKING

import pytest

from support.emulators import ROOT

if TYPE_CHECKING:
    from pathlib import Path

EXAMPLES = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)


@pytest.mark.parametrize(("word", "printed"), [("running(", "[]\n"), ("History(", "6 requeue\n")])
def test_example_runs_as_printed(word: str, printed: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (example,) = [each for each in EXAMPLES if word in each]
    (tmp_path / "example.py").write_text(example)
    runpy.run_path(str(tmp_path / "example.py"), run_name="__main__")
    assert capsys.readouterr().out == printed
