"""Fixtures: the converter unpacked from its package once, and a function that runs it on a file."""

import zipfile
from pathlib import Path

import pytest

from infra import package
from tests.converter.runs import Convert, Outcome, run_converter


@pytest.fixture(scope="session")
def converter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """convert.py of the unpacked application package."""
    target = tmp_path_factory.mktemp("package")
    with zipfile.ZipFile(package.build(package.ROOT / ".local" / "packages").path) as archive:
        archive.extractall(target)
    (target / "ffmpeg").chmod(0o755)
    return target / "convert.py"


@pytest.fixture(scope="session")
def convert(converter: Path, tmp_path_factory: pytest.TempPathFactory) -> Convert:
    """`convert(file, *flags, name="input.mp4")` runs the converter in a new directory."""

    def run(source: Path, *flags: str, name: str = "input.mp4") -> Outcome:
        return run_converter(converter, source, *flags, name=name, work=tmp_path_factory.mktemp("wd"))

    return run
