"""The application package of the local stack on machines that are not like the nodes."""

import hashlib
import os
import zipfile
from pathlib import Path
from typing import NamedTuple

import pytest

from infra import package
from infra.package import LOCAL_FFMPEG_SHA256, build
from infra.package_check import FFMPEG_SHA256, problems

BINARY = b"an ffmpeg for another machine"


class Uname(NamedTuple):
    sysname: str
    machine: str


@pytest.fixture
def other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A Mac whose wheel of imageio-ffmpeg has BINARY; returns the folder of packages."""
    binaries = tmp_path / "binaries"
    binaries.mkdir()
    (binaries / "ffmpeg-macos-aarch64-v9.0").write_bytes(BINARY)
    (binaries / "README.md").touch()
    monkeypatch.setattr(package, "_BINARIES", binaries)
    monkeypatch.setattr(os, "uname", lambda: Uname("Darwin", "arm64"))
    return tmp_path / "packages"


def test_local_package_has_the_ffmpeg_that_is_pinned_for_this_machine(
    other: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(LOCAL_FFMPEG_SHA256, ("Darwin", "arm64"), hashlib.sha256(BINARY).hexdigest())
    built = build(other, local=True)
    with zipfile.ZipFile(built.path) as archive:
        assert archive.read("ffmpeg") == BINARY
    assert problems(built.path) == ["ffmpeg is not the pinned one"]  # so it cannot be deployed


def test_local_package_is_not_built_with_an_ffmpeg_that_is_not_pinned(other: Path) -> None:
    with pytest.raises(OSError, match="is not the pinned ffmpeg"):
        build(other, local=True)


def test_local_package_is_not_built_on_an_unknown_machine(other: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "uname", lambda: Uname("Darwin", "x86_64"))
    with pytest.raises(OSError, match="no ffmpeg is pinned for Darwin on x86_64; use the dev container"):
        build(other, local=True)


def test_package_to_deploy_is_built_on_machines_like_the_nodes_only(other: Path) -> None:
    with pytest.raises(OSError, match="no ffmpeg for Linux on x86-64"):
        build(other)


def test_no_other_ffmpeg_is_that_of_the_nodes() -> None:
    assert FFMPEG_SHA256 not in LOCAL_FFMPEG_SHA256.values()
