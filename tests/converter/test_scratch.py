"""Reading what ffmpeg left in the scratch directory."""

import os
from pathlib import Path

import pytest

from converter.process import scratch
from converter.verdict import NodeFailure


@pytest.mark.parametrize("kind", ["link", "dangling", "hard link", "fifo", "directory", "missing", "large", "foreign"])
def test_read_refuses_anything_but_a_file_of_its_own(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, other = tmp_path / "draft.gif", tmp_path / "other.gif"
    other.write_bytes(b"other")
    match kind:
        case "link":
            path.symlink_to(other)
        case "dangling":
            path.symlink_to(tmp_path / "nothing")
        case "hard link":
            path.hardlink_to(other)
        case "fifo":
            os.mkfifo(path)
        case "directory":
            path.mkdir()
        case "large":
            path.write_bytes(bytes(101))
        case "foreign":
            path.write_bytes(b"x")
            monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    with pytest.raises(NodeFailure, match=r"draft\.gif"):
        scratch.read(path, max_bytes=100)
    if kind not in ("missing", "large"):
        with pytest.raises(NodeFailure):
            scratch.size(path)


def test_create_replaces_what_has_the_name_and_leaves_the_target_of_a_link_alone(tmp_path: Path) -> None:
    path, other = tmp_path / "draft.gif", tmp_path / "other.gif"
    other.write_bytes(b"other")
    path.symlink_to(other)
    scratch.create(path)
    assert (scratch.read(path, max_bytes=0), other.read_bytes()) == (b"", b"other")


def test_write_new_refuses_a_name_that_exists(tmp_path: Path) -> None:
    (path := tmp_path / "out.gif").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(FileExistsError):
        scratch.write_new(path, b"x")
    assert not (tmp_path / "elsewhere").exists()


def test_read_returns_the_whole_file(tmp_path: Path) -> None:
    (path := tmp_path / "draft.gif").write_bytes(b"x" * 100)
    assert scratch.read(path, max_bytes=100) == b"x" * 100
    assert scratch.size(path) == 100
