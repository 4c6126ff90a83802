"""Fixtures: the converter unpacked from its package once, and a function that runs it on a file."""

import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra import package
from infra.package_check import FFMPEG
from tests.converter.runs import Convert, Outcome, run_converter
from tests.support.fork_server import ForkServer, fork_server


@pytest.fixture(scope="session")
def converter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """convert.py of the unpacked application package."""
    target = tmp_path_factory.mktemp("package")
    with zipfile.ZipFile(package.build(package.ROOT / ".local" / "packages").path) as archive:
        archive.extractall(target, [name for name in archive.namelist() if name != FFMPEG])
    shutil.copyfile(package.sources()[FFMPEG], target / FFMPEG)  # the same bytes, without inflating them
    (target / FFMPEG).chmod(0o755)
    return target / "convert.py"


@pytest.fixture(scope="session")
def python(converter: Path) -> Iterator[ForkServer]:
    """A Python that has imported the unpacked converter."""
    with fork_server("converter.main", path=converter.parent) as server:
        yield server


@pytest.fixture(scope="session")
def convert(converter: Path, python: ForkServer, tmp_path_factory: pytest.TempPathFactory) -> Convert:
    """`convert(file, *flags, name="input.mp4")` runs the converter in a new directory."""

    def run(source: Path, *flags: str, name: str = "input.mp4") -> Outcome:
        work = tmp_path_factory.mktemp("wd")
        return run_converter(converter, source, *flags, name=name, work=work, server=python)

    return run
