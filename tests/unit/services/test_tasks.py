"""A node's progress.json is a stranger's until checked."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.view import UNKNOWN, Progress, progress_from


def test_progress_is_a_fraction_and_the_time_left() -> None:
    body = b'{"phase": "encoding", "fraction": 0.25, "seconds_left": 12.34}'
    assert progress_from(body) == Progress(fraction=0.25, seconds_left=12.3)


@pytest.mark.parametrize(
    ("body", "progress"),
    [
        (b'{"fraction": 7}', Progress(fraction=1.0)),
        (b'{"fraction": -1, "seconds_left": -5}', Progress(fraction=0.0)),
        (b'{"fraction": 0.5, "seconds_left": 1e99}', Progress(fraction=0.5)),
        (b'{"fraction": NaN, "seconds_left": NaN}', UNKNOWN),
        (b'{"fraction": 0.5, "seconds_left": Infinity}', Progress(fraction=0.5)),
        (b'{"fraction": "much"}', UNKNOWN),
        (b'{"fraction": null}', UNKNOWN),
        (b'{"fraction": 1' + b"0" * 4000 + b"}", UNKNOWN),
        (b"[" * 4096, UNKNOWN),
        (b'{"fraction": 0.', UNKNOWN),
        (b"", UNKNOWN),
    ],
)
def test_what_cannot_be_is_left_out(body: bytes, progress: Progress) -> None:
    assert progress_from(body) == progress


@given(st.binary(max_size=200))
def test_no_bytes_break_it(body: bytes) -> None:
    assert progress_from(body) == UNKNOWN or 0 <= (progress_from(body).fraction or 0) <= 1
