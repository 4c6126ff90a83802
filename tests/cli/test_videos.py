"""The input files of commands, and printed names."""

from pathlib import Path

import pytest

from cli.errors import UsageError
from cli.videos import find_videos
from cli.words import printable


def names(*paths: Path) -> list[str]:
    return [video.name for video in find_videos(paths)]


def test_find_videos_names_each_mp4_by_its_path_in_the_given_folder(tmp_path: Path) -> None:
    for name in ("b.mp4", "a/tom & jerry's.MP4", "a/-rf.mp4", "notes.txt", "a/☃/x.mp4", "movie.mp4.part"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "folder.mp4").mkdir()
    assert names(tmp_path) == ["b.mp4", "a/-rf.mp4", "a/tom & jerry's.MP4", "a/☃/x.mp4"]
    assert names(tmp_path / "b.mp4", tmp_path / "a") == ["b.mp4", "-rf.mp4", "tom & jerry's.MP4", "☃/x.mp4"]


def test_find_videos_rejects_missing_files_other_types_empty_folders_and_duplicate_names(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").touch()
    (tmp_path / "tom.mp4").touch()
    (tmp_path / "other").mkdir()
    for paths, reason in (
        ([tmp_path / "gone.mp4"], "does not exist"),
        ([tmp_path / "notes.txt"], "is not an .mp4 or .m4v or"),
        ([tmp_path / "other"], "There is no .mp4 or .m4v or"),
        ([tmp_path / "tom.mp4", tmp_path], "would both be uploaded as tom.mp4"),
    ):
        with pytest.raises(UsageError, match=reason):
            find_videos(paths)


def test_printable_escapes_control_characters() -> None:
    assert printable("a\x1b[2Jb\r\n☃ \udcff") == "a\\x1b[2Jb\\r\\n☃ \\udcff"
