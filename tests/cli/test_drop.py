"""The `drop` command with a running stack."""

import shutil
import signal
from pathlib import Path

import pytest

from local.stack import Stack
from tests.cli.commands import line_with, running_command
from tests.support.videos import make_video


@pytest.fixture(scope="module")
async def directory(stack: Stack) -> Path:
    return stack.layout.directory


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_video(tmp_path_factory.mktemp("video") / "video.mp4", seconds=1)


async def test_drop_names_gifs_after_files_and_keeps_folders(directory: Path, video: Path, tmp_path: Path) -> None:
    names = ['it\'s [b]"bold".mp4', "☃ снег.MP4", "-rf.mp4", "100%25 #1?.mp4"]
    (tmp_path / "clips" / "more").mkdir(parents=True)
    for name in names:
        shutil.copy(video, tmp_path / "clips" / "more" / name)
    shutil.copy(video, tmp_path / "-v.mp4")
    async with running_command("drop", "--dir", str(directory), "clips", "--", "-v.mp4", cwd=tmp_path) as drop:
        stdout, stderr = await drop.communicate()
    assert (drop.returncode, stderr) == (0, b"")
    gifs = {path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*.*")}
    assert gifs == {*('more/it\'s [b]"bold".gif', "more/☃ снег.GIF", "more/-rf.gif", "more/100%25 #1?.gif", "-v.gif")}
    assert "more/-rf.mp4 -> out/more/-rf.gif  320x180, 12 frames, 1.0 s, " in stdout.decode()


async def test_drop_reports_an_invalid_video_and_converts_the_others(
    directory: Path, video: Path, tmp_path: Path
) -> None:
    shutil.copy(video, tmp_path / "good.mp4")
    (tmp_path / "bad.mp4").write_text("no video")
    async with running_command("drop", "--dir", str(directory), "good.mp4", "bad.mp4", cwd=tmp_path) as drop:
        stdout, _ = await drop.communicate()
    assert drop.returncode == 1
    assert "bad.mp4 failed: " in stdout.decode()
    assert "(NotAVideo)" in stdout.decode()
    assert "1 of 2 GIFs" in stdout.decode()
    assert (tmp_path / "out" / "good.gif").exists()


async def test_drop_reports_an_invalid_blob_name_and_converts_the_others(
    directory: Path, video: Path, tmp_path: Path
) -> None:
    (tmp_path / "clips").mkdir()
    for name in ("good.mp4", "two\nlines.mp4", "no\udcfftext.mp4"):
        shutil.copy(video, tmp_path / "clips" / name)
    async with running_command("drop", "--dir", str(directory), "clips", cwd=tmp_path) as drop:
        stdout, stderr = await drop.communicate()
    assert (drop.returncode, stderr) == (1, b"")
    assert "two\\nlines.mp4 failed: " in stdout.decode()
    assert "no\\udcfftext.mp4 failed: " in stdout.decode()
    assert "1 of 3 GIFs" in stdout.decode()
    assert (tmp_path / "out" / "good.gif").exists()


async def test_drop_waits_for_the_new_conversion_when_a_video_is_replaced(
    directory: Path, video: Path, tmp_path: Path
) -> None:
    (tmp_path / "same.mp4").write_text("no video")
    for expected in (1, 0):
        async with running_command("drop", "--dir", str(directory), "same.mp4", cwd=tmp_path) as drop:
            await drop.communicate()
        assert drop.returncode == expected
        shutil.copy(video, tmp_path / "same.mp4")


async def test_drop_watch_converts_videos_as_they_are_added(directory: Path, video: Path, tmp_path: Path) -> None:
    folder = tmp_path / "watched"
    folder.mkdir()
    shutil.copyfile(video, folder / "before.mp4")
    async with running_command("drop", "--dir", str(directory), "--watch", str(folder), cwd=tmp_path) as watch:
        await line_with(watch, "before.mp4 -> out/before.gif")
        shutil.copyfile(video, folder / "after.mp4")
        await line_with(watch, "after.mp4 -> out/after.gif")
        watch.send_signal(signal.SIGINT)
        stdout, stderr = await watch.communicate()
    assert (watch.returncode, stderr.decode()) == (0, f"Stopped watching {folder}.\n")
    assert b"before.mp4" not in stdout


async def test_drop_without_a_stack_explains_how_to_start_one(video: Path, tmp_path: Path) -> None:
    async with running_command("drop", "--dir", str(tmp_path / "none"), str(video), cwd=tmp_path) as drop:
        _, stderr = await drop.communicate()
    assert drop.returncode == 3
    assert "Start it with `" in stderr.decode()
