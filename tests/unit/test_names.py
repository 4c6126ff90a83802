"""Names and ids are pure functions of what they name."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared import names

SUFFIXES = st.sampled_from([".mp4", ".MP4", ".Mp4", ".mP4"])


@pytest.mark.parametrize(
    ("video", "gif"),
    [
        ("cats/tom.mp4", "cats/tom.gif"),
        ("tom.MP4", "tom.GIF"),
        ('-rf \'a "b" ☃.mp4', '-rf \'a "b" ☃.gif'),
        ("a.b.c.mp4", "a.b.c.gif"),
        (".mp4", ".gif"),
        ("a.mp4.mp4", "a.mp4.gif"),
    ],
)
def test_a_gif_is_named_after_its_video(video: str, gif: str) -> None:
    assert names.gif_name(video) == gif


@given(st.tuples(st.text(max_size=8), SUFFIXES), st.tuples(st.text(max_size=8), SUFFIXES))
def test_two_videos_never_share_a_gif(one: tuple[str, str], other: tuple[str, str]) -> None:
    first, second = "".join(one), "".join(other)
    assert (names.gif_name(first) == names.gif_name(second)) == (first == second)


@pytest.mark.parametrize("name", ["tom.mov", "mp4", "tom.mp4 ", "tom.mp4/", "tom.mp4.json", ""])
def test_what_does_not_end_in_mp4_is_no_video(name: str) -> None:
    assert not names.is_video(name)


def test_a_conversion_is_identified_by_container_name_and_version() -> None:
    ids = {names.conversion_id(c, v, e) for c in ("a", "b") for v in ("x.mp4", "y.mp4") for e in ("0x1", "0x2")}
    assert len(ids) == 8
    assert names.conversion_id("a", "x.mp4", '"0x1"') == names.conversion_id("a", "x.mp4", "0x1")


def test_moving_a_character_between_the_parts_gives_another_id() -> None:
    assert names.conversion_id("a", "bc.mp4", "0") != names.conversion_id("ab", "c.mp4", "0")


@given(st.text(max_size=1024), st.text(max_size=20), st.integers(1, 99))
def test_a_task_id_is_what_batch_takes(video: str, etag: str, attempt: int) -> None:
    id_ = names.task_id(names.conversion_id("videos", video, etag), attempt)
    assert len(id_) <= 64
    assert id_ == id_.lower()


def test_each_day_has_its_jobs() -> None:
    assert names.job_id(date(2026, 11, 21)) == "gifdrop-2026-11-21"
    assert names.job_id(date(2026, 11, 21), 2) == "gifdrop-2026-11-21-2"


def test_a_package_is_found_by_the_variable_that_batch_sets() -> None:
    assert names.package_variable("gif-drop", "1.0#2") == "AZ_BATCH_APP_PACKAGE_gif_drop_1_0_2"
