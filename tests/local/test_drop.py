"""Videos dropped into a running stack from the command line."""

import shutil
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from local.stack import Stack
from tests.local.kit import command, line_with
from tests.support.videos import make_video


@pytest.fixture(scope="module")
async def directory(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Path]:
    directory = tmp_path_factory.mktemp("stack")
    async with Stack(directory=directory):
        yield directory


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_video(tmp_path_factory.mktemp("video") / "video.mp4", seconds=1)


async def test_files_and_folders_come_out_as_gifs_under_their_names(
    directory: Path, video: Path, tmp_path: Path
) -> None:
    names = ['it\'s [b]"bold".mp4', "☃ снег.MP4", "-rf.mp4", "100%25 #1?.mp4"]
    (tmp_path / "clips" / "more").mkdir(parents=True)
    for name in names:
        shutil.copy(video, tmp_path / "clips" / "more" / name)
    shutil.copy(video, tmp_path / "-v.mp4")
    async with command("drop", "--dir", str(directory), "clips", "--", "-v.mp4", cwd=tmp_path) as drop:
        said, complaint = await drop.communicate()
    assert (drop.returncode, complaint) == (0, b"")
    gifs = {path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*.*")}
    assert gifs == {*('more/it\'s [b]"bold".gif', "more/☃ снег.GIF", "more/-rf.gif", "more/100%25 #1?.gif", "-v.gif")}
    assert "more/-rf.mp4 -> out/more/-rf.gif  320x180, 12 frames, 1.0 s, " in said.decode()


async def test_what_is_no_video_is_told_and_the_rest_is_converted(directory: Path, video: Path, tmp_path: Path) -> None:
    shutil.copy(video, tmp_path / "good.mp4")
    (tmp_path / "bad.mp4").write_text("no video")
    async with command("drop", "--dir", str(directory), "good.mp4", "bad.mp4", cwd=tmp_path) as drop:
        said, _ = await drop.communicate()
    assert drop.returncode == 1
    assert "bad.mp4 failed: NotAVideo: " in said.decode()
    assert "1 of 2 GIFs" in said.decode()
    assert (tmp_path / "out" / "good.gif").exists()


async def test_a_name_that_cannot_be_a_blobs_is_told_and_the_rest_is_converted(
    directory: Path, video: Path, tmp_path: Path
) -> None:
    (tmp_path / "clips").mkdir()
    for name in ("good.mp4", "two\nlines.mp4", "no\udcfftext.mp4"):
        shutil.copy(video, tmp_path / "clips" / name)
    async with command("drop", "--dir", str(directory), "clips", cwd=tmp_path) as drop:
        said, complaint = await drop.communicate()
    assert (drop.returncode, complaint) == (1, b"")
    assert "two\\nlines.mp4 failed: " in said.decode()
    assert "no\\udcfftext.mp4 failed: " in said.decode()
    assert "1 of 3 GIFs" in said.decode()
    assert (tmp_path / "out" / "good.gif").exists()


async def test_an_earlier_video_of_the_same_name_is_not_taken_for_the_new_one(
    directory: Path, video: Path, tmp_path: Path
) -> None:
    (tmp_path / "same.mp4").write_text("no video")
    for expected in (1, 0):
        async with command("drop", "--dir", str(directory), "same.mp4", cwd=tmp_path) as drop:
            await drop.communicate()
        assert drop.returncode == expected
        shutil.copy(video, tmp_path / "same.mp4")


async def test_a_watched_folder_is_converted_as_it_fills(directory: Path, video: Path, tmp_path: Path) -> None:
    folder = tmp_path / "watched"
    folder.mkdir()
    shutil.copyfile(video, folder / "before.mp4")
    async with command("drop", "--dir", str(directory), "--watch", str(folder), cwd=tmp_path) as watch:
        await line_with(watch, "before.mp4 -> out/before.gif")
        shutil.copyfile(video, folder / "after.mp4")
        await line_with(watch, "after.mp4 -> out/after.gif")
        watch.send_signal(signal.SIGINT)
        said, complaint = await watch.communicate()
    assert (watch.returncode, complaint) == (0, b"")
    assert b"before.mp4" not in said


async def test_without_a_stack_drop_says_how_to_start_one(video: Path, tmp_path: Path) -> None:
    async with command("drop", "--dir", str(tmp_path / "none"), str(video), cwd=tmp_path) as drop:
        _, complaint = await drop.communicate()
    assert drop.returncode == 1
    assert "start one with make up" in complaint.decode()
