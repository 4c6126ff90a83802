"""Names and ids are pure functions of what they name."""

import itertools
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared import names


def _cases(text: str) -> st.SearchStrategy[str]:
    """The text with each letter in upper or lower case."""
    return st.lists(st.booleans(), min_size=len(text), max_size=len(text)).map(
        lambda upper: "".join(c.upper() if up else c for c, up in zip(text, upper, strict=True))
    )


ENDINGS = st.sampled_from(names.VIDEO_ENDINGS).flatmap(_cases)
ROOTS = st.lists(ENDINGS | st.sampled_from(["", "a", ".gif", "/", ".", "\n", "\N{KELVIN SIGN}"]), max_size=3).map(
    "".join
)


@pytest.mark.parametrize(
    ("video", "gif"),
    [
        ("cats/tom.mp4", "cats/tom.gif"),
        ("tom.MP4", "tom.GIF"),
        ('-rf \'a "b" ☃.mp4', '-rf \'a "b" ☃.gif'),
        ("a.b.c.mp4", "a.b.c.gif"),
        (".mp4", ".gif"),
        ("a.mp4.mp4", "a.mp4.gif"),
        ("a.mov", "a.mov.gif"),
        ("a.MOV", "a.MOV.gif"),
        ("a.m4v", "a.m4v.gif"),
        ("a.webm", "a.webm.gif"),
        ("a.mkv", "a.mkv.gif"),
        ("a.mp4.mov", "a.mp4.mov.gif"),
        ("a.mov.mp4", "a.mov.mp4.gif"),
        ("a.mov.MP4.mp4", "a.mov.MP4.mp4.gif"),
        ("a.mov.gif.mp4", "a.mov.gif.gif"),
        (".mov.mp4", ".mov.mp4.gif"),
        ("mov.mp4", "mov.gif"),
    ],
)
def test_gif_name_is_the_video_name_with_another_suffix(video: str, gif: str) -> None:
    assert names.gif_name(video) == gif


@given(st.tuples(ROOTS | st.text(max_size=8), ENDINGS), st.tuples(ROOTS | st.text(max_size=8), ENDINGS))
@settings(max_examples=1000)
def test_gif_name_differs_for_different_videos(one: tuple[str, str], other: tuple[str, str]) -> None:
    first, second = "".join(one), "".join(other)
    assert names.is_video(first)
    assert names.is_video(second)
    assert (names.gif_name(first) == names.gif_name(second)) == (first == second)


@pytest.mark.parametrize(
    ("gif", "poster", "webp"),
    [
        ("cats/tom.gif", "cats/tom.jpg", "cats/tom.webp"),
        ("tom.GIF", "tom.JPG", "tom.WEBP"),
        ("tom.mov.gif", "tom.mov.jpg", "tom.mov.webp"),
        (".gif", ".jpg", ".webp"),
    ],
)
def test_extra_name_is_the_name_of_the_gif_with_another_suffix(gif: str, poster: str, webp: str) -> None:
    assert (names.extra_name(gif, "poster"), names.extra_name(gif, "webp")) == (poster, webp)


@given(st.tuples(ROOTS | st.text(max_size=8), ENDINGS), st.tuples(ROOTS | st.text(max_size=8), ENDINGS))
def test_no_two_videos_share_any_file_of_the_output(one: tuple[str, str], other: tuple[str, str]) -> None:
    first, second = (
        {gif, *(names.extra_name(gif, kind) for kind in names.EXTRA_FILES)}
        for gif in (names.gif_name("".join(video)) for video in (one, other))
    )
    assert len(first) == len(second) == 3
    assert bool(first & second) == ("".join(one) == "".join(other))


@pytest.mark.parametrize(
    ("name", "type_"),
    [
        ("a/tom.gif", "image/gif"),
        ("tom.GIF", "image/gif"),
        ("tom.WEBP", "image/webp"),
        ("tom.wEbp", "image/webp"),
        ("tom.jPg", "image/jpeg"),
        ("a.webp/tom", "image/gif"),
    ],
)
def test_content_type_follows_the_suffix(name: str, type_: str) -> None:
    assert names.content_type(name) == type_


def test_gif_name_differs_for_all_names_of_up_to_three_endings() -> None:
    endings = [f".{e}" for e in ("mp4", "MP4", "Mp4", "mP4", "mov", "MOV", "m4v", "webm", "mkv", "gif", "GIF")]
    videos = {"".join(name) for n in (1, 2, 3) for name in itertools.product(endings, repeat=n)}
    videos = {video for video in videos if names.is_video(video)}
    assert len({names.gif_name(video) for video in videos}) == len(videos)


@pytest.mark.parametrize(
    "name",
    [
        *("tom.avi", "mp4", "mov", "tom.mp4 ", "tom.mp4/", "tom.mp4.json", "", "tom.mp4\n", "tom.webm\n"),
        "tom.m\N{KELVIN SIGN}v",
    ],
)
def test_is_video_is_false_without_the_suffix_of_a_video(name: str) -> None:
    assert not names.is_video(name)


@pytest.mark.parametrize("name", ["", "../gifs/tom.mp4", "a/./tom.mp4", "x" * 1021 + ".mp4"])
def test_check_blob_name_refuses_a_name_that_no_blob_has_or_that_leads_to_another(name: str) -> None:
    with pytest.raises(names.InvalidNameError):
        names.check_blob_name(name)


@pytest.mark.parametrize("name", ["a", "..mp4", "a/...mp4", "-x.mp4", "ä\n☃.mp4", "x" * 1024])
def test_check_blob_name_accepts_any_other_name(name: str) -> None:
    names.check_blob_name(name)


def test_conversion_id_depends_on_container_name_and_version() -> None:
    ids = {names.conversion_id(c, v, e) for c in ("a", "b") for v in ("x.mp4", "y.mp4") for e in ("0x1", "0x2")}
    assert len(ids) == 8
    assert names.conversion_id("a", "x.mp4", '"0x1"') == names.conversion_id("a", "x.mp4", "0x1")


def test_conversion_id_changes_when_a_character_moves_between_its_parts() -> None:
    assert names.conversion_id("a", "bc.mp4", "0") != names.conversion_id("ab", "c.mp4", "0")


@given(st.text(max_size=1024), st.text(max_size=20), st.integers(1, 99))
def test_task_id_is_valid_in_batch(video: str, etag: str, attempt: int) -> None:
    id_ = names.task_id(names.conversion_id("videos", video, etag), attempt)
    assert len(id_) <= 64
    assert id_ == id_.lower()


def test_job_id_has_the_day_and_the_generation() -> None:
    assert names.job_id(date(2026, 11, 21)) == "gifdrop-2026-11-21"
    assert names.job_id(date(2026, 11, 21), 2) == "gifdrop-2026-11-21-2"


@pytest.mark.parametrize("generation", [1, 2, 11])
def test_job_day_is_the_day_of_a_job_id(generation: int) -> None:
    day = date(2026, 11, 21)
    assert names.job_day(names.job_id(day, generation)) == day


@pytest.mark.parametrize("job", ["gifdrop-", "gifdrop-nightly", "somebody-elses", ""])
def test_job_day_of_another_job_is_none(job: str) -> None:
    assert names.job_day(job) is None


def test_package_variable_is_the_one_that_batch_sets() -> None:
    assert names.package_variable("gif-drop", "1.0#2") == "AZ_BATCH_APP_PACKAGE_gif_drop_1_0_2"
