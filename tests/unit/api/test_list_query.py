"""The query of the list: parameters are not trusted, and cursors survive a round trip."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.api.errors import ApiError
from shared.api.list_query import Cursor, Query, decode_cursor, encode_cursor, parse_query


def test_query_without_parameters_is_the_first_hundred_of_all() -> None:
    assert parse_query({}) == Query(state=None, prefix="", sort="name", limit=100, cursor=Cursor())


@given(st.text(max_size=1024), st.none() | st.text(max_size=1024))
def test_cursor_survives_encoding(marker: str, after: str | None) -> None:
    cursor = Cursor(marker=marker, after=after)
    assert decode_cursor(encode_cursor(cursor)) == cursor
    assert parse_query({"cursor": encode_cursor(cursor)}).cursor == cursor


def test_newest_takes_no_cursor() -> None:
    with pytest.raises(ApiError, match="sort=newest returns one page"):
        parse_query({"sort": "newest", "cursor": encode_cursor(Cursor(marker="m"))})


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
def test_invalid_parameter_is_refused_with_its_code(parameter: str, value: str, code: str) -> None:
    with pytest.raises(ApiError) as caught:
        parse_query({parameter: value})
    assert (caught.value.status, caught.value.code) == (400, code)


@given(st.dictionaries(st.sampled_from(["state", "limit", "prefix", "cursor", "sort"]), st.text()))
def test_query_is_accepted_or_refused_with_400_whatever_its_values(parameters: dict[str, str]) -> None:
    status = 200
    try:
        parse_query(parameters)
    except ApiError as error:
        status = error.status
    assert status in (200, 400)
