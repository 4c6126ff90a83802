"""What goes into the application package."""

from pathlib import Path

import pytest

from infra.package import linux_binary, sources

ELF = b"\x7fELF\x02\x01\x01" + bytes(9) + b"\x02\x00"
X86_64, ARM64, MAC = ELF + b"\x3e\x00", ELF + b"\xb7\x00", b"\xcf\xfa\xed\xfe" + bytes(16)


def test_the_packages_ffmpeg_is_the_one_of_the_pinned_wheel(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", "/bin/sh")
    path = sources()["ffmpeg"]
    assert path.parent.name == "binaries"
    assert path.parent.parent.name == "imageio_ffmpeg"


def test_of_several_binaries_the_one_that_nodes_can_run_is_taken(tmp_path: Path) -> None:
    for name, content in (("README.md", X86_64), ("ffmpeg-a", MAC), ("ffmpeg-b", ARM64), ("ffmpeg-c", X86_64)):
        (tmp_path / name).write_bytes(content)
    assert linux_binary(tmp_path).name == "ffmpeg-c"


@pytest.mark.parametrize("content", [MAC, ARM64, X86_64[:10], b""], ids=["a Mac's", "ARM's", "a part", "nothing"])
def test_without_a_binary_for_the_nodes_no_package_is_built(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "ffmpeg-v9").write_bytes(content)
    with pytest.raises(OSError, match="no ffmpeg for Linux on x86-64"):
        linux_binary(tmp_path)
