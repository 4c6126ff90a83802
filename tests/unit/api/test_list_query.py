"""A query string is hostile until checked."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.api import ApiError
from shared.listing import Cursor, Query, query_from, to_text


def test_nothing_asked_is_the_first_hundred_of_all() -> None:
    assert query_from({}) == Query(state=None, prefix="", sort="name", limit=100, cursor=Cursor())


@given(st.text(max_size=1024), st.none() | st.text(max_size=1024))
def test_a_cursor_leads_back_to_the_place_it_was_made_of(marker: str, after: str | None) -> None:
    cursor = Cursor(marker=marker, after=after)
    assert query_from({"cursor": to_text(cursor)}).cursor == cursor


def test_the_newest_have_no_second_page() -> None:
    with pytest.raises(ApiError, match="newest come on one page"):
        query_from({"sort": "newest", "cursor": to_text(Cursor(marker="m"))})


@pytest.mark.parametrize(
    ("parameter", "value", "code"),
    [
        ("state", "paused", "InvalidState"),
        ("sort", "oldest", "InvalidSort"),
        ("limit", "0", "InvalidLimit"),
        ("limit", "1001", "InvalidLimit"),
        ("limit", "-1", "InvalidLimit"),
        ("limit", "²", "InvalidLimit"),
        ("prefix", "x" * 1025, "InvalidPrefix"),
        ("prefix", "cats\x00", "InvalidPrefix"),
        ("cursor", "x", "InvalidCursor"),
        ("cursor", "bnVsbA", "InvalidCursor"),
        ("cursor", "WzEsMl0", "InvalidCursor"),
        ("cursor", "WyJhIl0", "InvalidCursor"),
        ("cursor", "W" * 200_000, "InvalidCursor"),
        ("cursor", "☃", "InvalidCursor"),
    ],
)
def test_what_is_not_allowed_is_refused_by_code(parameter: str, value: str, code: str) -> None:
    with pytest.raises(ApiError) as caught:
        query_from({parameter: value})
    assert (caught.value.status, caught.value.code) == (400, code)


@given(st.dictionaries(st.sampled_from(["state", "limit", "prefix", "cursor", "sort"]), st.text()))
def test_no_query_does_worse_than_400(parameters: dict[str, str]) -> None:
    status = 200
    try:
        query_from(parameters)
    except ApiError as error:
        status = error.status
    assert status in (200, 400)
