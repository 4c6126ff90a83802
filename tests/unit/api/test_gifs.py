"""Which bytes of a GIF a Range header asks for."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.api import ApiError
from shared.gifs import MOST, Span, account_of, span_of


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
def test_a_range_of_a_hundred_bytes(header: str | None, span: Span | None) -> None:
    assert span_of(header, size=100) == span


@pytest.mark.parametrize("header", ["bytes=100-", "bytes=100-200", "bytes=-0"])
def test_a_range_beyond_the_end_is_told_the_size(header: str) -> None:
    with pytest.raises(ApiError) as caught:
        span_of(header, size=100)
    assert (caught.value.status, caught.value.code) == (416, "RangeNotSatisfiable")
    assert caught.value.headers == {"Content-Range": "bytes */100"}


def test_no_range_is_longer_than_an_answer_may_be() -> None:
    assert span_of("bytes=5-", size=10 * MOST) == Span(first=5, last=4 + MOST)


@given(st.text(max_size=60) | st.from_regex(r"bytes=\d{0,20}-\d{0,20}"), st.integers(1, 2 * MOST))
def test_no_header_leads_outside_the_gif(header: str, size: int) -> None:
    span, status = None, 200
    try:
        span = span_of(header, size=size)
    except ApiError as error:
        status = error.status
    assert status in (200, 416)
    assert span is None or (0 <= span.first <= span.last < size and span.last - span.first < MOST)


@pytest.mark.parametrize(
    "url", ["https://gifdrop.blob.core.windows.net", "https://127.0.0.1:10000/gifdrop", "https://gifdrop.z1.blob.net"]
)
def test_the_account_is_found_in_its_address(url: str) -> None:
    assert account_of(url) == "gifdrop"
