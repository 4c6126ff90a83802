"""Copies of the app as other versions of gifdrop could be."""

import shutil
from pathlib import Path

from local.process import ROOT

FIELD = "added_later"


def copy_newer_app(directory: Path, *, schema: int | None = None) -> Path:
    """Make `directory` a copy of the app whose records have one more field, `FIELD`, and `schema` if it is given."""
    shutil.copytree(ROOT / "shared", directory / "shared", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("function_app.py", "host.json"):
        shutil.copy(ROOT / name, directory)
    after_fields = "\n    @property\n    def final"
    _replace(directory / "shared" / "conversion.py", after_fields, f'    {FIELD}: str | None = "newer"\n{after_fields}')
    if schema is not None:
        record_format = directory / "shared" / "services" / "storage" / "record_format.py"
        _replace(record_format, "\nSCHEMA = 1\n", f"\nSCHEMA = {schema}\n")
    return directory


def _replace(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert text.count(old) == 1, f"{path} does not contain {old!r} once"
    path.write_text(text.replace(old, new))
