"""The application package: reproducible bytes, complete contents, an ffmpeg that runs on the nodes."""

import stat
import zipfile
from pathlib import Path

import pytest

from infra.package import ROOT, build, linux_binary, sources, version_of

ELF = b"\x7fELF\x02\x01\x01" + bytes(9) + b"\x02\x00"
X86_64, ARM64, MAC = ELF + b"\x3e\x00", ELF + b"\xb7\x00", b"\xcf\xfa\xed\xfe" + bytes(16)


@pytest.fixture
def packages() -> Path:
    """The folder in which the local stack builds packages."""
    return ROOT / ".local" / "packages"


def test_two_builds_have_the_same_bytes(packages: Path, tmp_path: Path) -> None:
    first, second = build(packages), build(tmp_path)
    assert first.version == second.version
    assert len(first.version) == 12
    assert first.path.read_bytes() == second.path.read_bytes()
    assert first.path == packages / "gifdrop" / f"{first.version}.zip"


def test_second_build_leaves_the_file_unchanged(packages: Path) -> None:
    before = build(packages).path.stat()
    after = build(packages).path.stat()
    assert (before.st_mtime_ns, before.st_ino) == (after.st_mtime_ns, after.st_ino)


def test_version_changes_with_the_content(packages: Path, tmp_path: Path) -> None:
    files = sources()
    changed = tmp_path / "gif.py"
    changed.write_text(files["converter/gif.py"].read_text() + "\n")
    cache = tmp_path / "digests.json"
    assert version_of(files, cache=cache) == build(packages).version
    assert version_of({**files, "converter/gif.py": changed}, cache=cache) != build(packages).version


def test_package_has_every_module_and_an_executable_ffmpeg(packages: Path) -> None:
    with zipfile.ZipFile(build(packages).path) as archive:
        modes = {entry.filename: entry.external_attr >> 16 for entry in archive.infolist()}
    assert stat.S_IMODE(modes["ffmpeg"]) == 0o755
    modules = {str(path.relative_to(ROOT)) for path in (ROOT / "converter").rglob("*.py")} - {"converter/convert.py"}
    assert set(modes) == modules | {"ffmpeg", "convert.py"}


def test_ffmpeg_is_the_one_of_the_pinned_wheel(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", "/bin/sh")
    path = sources()["ffmpeg"]
    assert path.parent.name == "binaries"
    assert path.parent.parent.name == "imageio_ffmpeg"


def test_linux_binary_is_the_one_that_nodes_can_run(tmp_path: Path) -> None:
    for name, content in (("README.md", X86_64), ("ffmpeg-a", MAC), ("ffmpeg-b", ARM64), ("ffmpeg-c", X86_64)):
        (tmp_path / name).write_bytes(content)
    assert linux_binary(tmp_path).name == "ffmpeg-c"


@pytest.mark.parametrize("content", [MAC, ARM64, X86_64[:10], b""], ids=["macOS", "ARM", "truncated", "empty"])
def test_package_is_not_built_without_a_binary_for_the_nodes(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "ffmpeg-v9").write_bytes(content)
    with pytest.raises(OSError, match="no ffmpeg for Linux on x86-64"):
        linux_binary(tmp_path)
