"""The bytes of a GIF that a Range header requests."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.api.errors import ApiError
from shared.api.gifs import MAX_RESPONSE_BYTES, Span, parse_range


@pytest.mark.parametrize(
    ("header", "span"),
    [
        ("bytes=0-0", Span(first=0, last=0)),
        ("bytes=0-99", Span(first=0, last=99)),
        ("bytes=10-", Span(first=10, last=99)),
        ("bytes=-10", Span(first=90, last=99)),
        ("bytes=-1000", Span(first=0, last=99)),
        ("bytes=50-5000", Span(first=50, last=99)),
        (None, None),
        ("", None),
        ("bytes=-", None),
        ("bytes=9-3", None),
        ("bytes=0-1,5-6", None),
        ("lines=0-1", None),
        ("bytes=²-3", None),
    ],
)
def test_parse_range_returns_the_requested_bytes_of_a_hundred(header: str | None, span: Span | None) -> None:
    assert parse_range(header, size=100) == span


@pytest.mark.parametrize("header", ["bytes=100-", "bytes=100-200", "bytes=-0"])
def test_range_beyond_the_end_is_refused_with_the_size(header: str) -> None:
    with pytest.raises(ApiError) as caught:
        parse_range(header, size=100)
    assert (caught.value.status, caught.value.code) == (416, "RangeNotSatisfiable")
    assert caught.value.headers == {"Content-Range": "bytes */100"}


def test_range_is_cut_to_the_limit_of_a_response() -> None:
    assert parse_range("bytes=5-", size=10 * MAX_RESPONSE_BYTES) == Span(first=5, last=4 + MAX_RESPONSE_BYTES)


@given(st.text(max_size=60) | st.from_regex(r"bytes=\d{0,20}-\d{0,20}"), st.integers(1, 2 * MAX_RESPONSE_BYTES))
def test_range_never_leaves_the_gif_whatever_the_header(header: str, size: int) -> None:
    span, status = None, 200
    try:
        span = parse_range(header, size=size)
    except ApiError as error:
        status = error.status
    assert status in (200, 416)
    assert span is None or (0 <= span.first <= span.last < size and span.last - span.first < MAX_RESPONSE_BYTES)
