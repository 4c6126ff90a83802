"""Keys of the index: they sort as lists and audits need them, and fit Table storage."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from shared.conversion import Conversion
from shared.services.storage.index_rows import MAX_KEY_NAME_BYTES, pointer_key, row_key, row_order

QUEUED = Conversion(video="a.mp4", etag="1", id="1", queued_at=datetime(2026, 11, 21, 12, tzinfo=UTC))
MOMENTS = st.datetimes(min_value=datetime(1971, 1, 1), max_value=datetime(3000, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)


def test_row_keys_of_the_same_millisecond_sort_newest_first() -> None:
    assert QUEUED.queued_at
    moments = [QUEUED.queued_at + timedelta(microseconds=number) for number in range(1000)]
    keys = [row_key(replace(QUEUED, queued_at=moment)) for moment in moments]
    assert sorted(set(keys)) == keys[::-1]


@given(MOMENTS, MOMENTS)
def test_row_keys_sort_newest_first(one: datetime, other: datetime) -> None:
    keys = [row_key(replace(QUEUED, queued_at=moment)) for moment in (one, other)]
    assert (keys[0] < keys[1]) == (one > other)


def test_row_without_a_time_sorts_last() -> None:
    assert row_key(replace(QUEUED, queued_at=None)) > row_key(QUEUED)


def test_rows_of_videos_queued_at_the_same_moment_differ() -> None:
    assert row_key(QUEUED) != row_key(replace(QUEUED, video="b.mp4"))


@given(MOMENTS, MOMENTS)
def test_row_order_sorts_all_states_newest_first(one: datetime, other: datetime) -> None:
    older, newer = sorted((one, other))
    orders = [
        row_order(replace(QUEUED, state="failed", queued_at=newer)),
        row_order(replace(QUEUED, state="succeeded", queued_at=older)),
    ]
    assert older == newer or orders == sorted(orders)


@given(TEXTS, TEXTS, TEXTS)
def test_pointer_keys_sort_like_the_names(stem: str, one: str, other: str) -> None:
    first, second = sorted((stem + one, stem + other))
    if first != second and second.encode()[:MAX_KEY_NAME_BYTES] != first.encode()[:MAX_KEY_NAME_BYTES]:
        assert pointer_key(first) < pointer_key(second)


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=190, max_size=260))
def test_pointer_keys_fit_table_storage(name: str) -> None:
    key = pointer_key(name)
    assert len(key) <= 512
    assert key.isascii()
    assert key.isprintable()
    assert not set(key) & set("/\\#?")


def test_pointer_keys_of_names_with_the_same_beginning_differ() -> None:
    stem = "x" * MAX_KEY_NAME_BYTES
    assert len({pointer_key(stem + end) for end in ("", "1", "2", "/")}) == 4
