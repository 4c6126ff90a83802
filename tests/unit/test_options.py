"""Options come from metadata over the defaults, and are always within their bounds."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.options import InvalidOptionError, Options, option_warnings, options_of


def options(**metadata: str) -> Options:
    return options_of(metadata, Options(fps=10), max_seconds=60)


def test_options_are_the_defaults_without_metadata() -> None:
    assert options(author="somebody", gif_width=" ") == Options(fps=10)


def test_options_come_from_metadata_in_any_case() -> None:
    assert options(GIF_Width="320", gif_FPS="12.5", gif_preset="best") == Options(width=320, fps=12.5, preset="best")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("gif_width", "15"),
        ("gif_width", "1921"),
        ("gif_width", "320.5"),
        ("gif_width", "-320"),
        ("gif_width", "3_2_0"),
        ("gif_width", "٣٢٠"),
        ("gif_fps", "nan"),
        ("gif_fps", "1e1"),
        ("gif_fps", "0"),
        ("gif_start", "-1"),
        ("gif_start", "00:01:00"),
        ("gif_duration", "60.1"),
        ("gif_duration", "inf"),
        ("gif_preset", "huge"),
        ("gif_preset", "best; rm -rf /"),
        ("gif_loop", "65536"),
    ],
)
def test_option_out_of_bounds_is_refused_by_its_metadata_key(key: str, value: str) -> None:
    with pytest.raises(InvalidOptionError, match=f"^{key} must be "):
        options(**{key: value})


@given(st.dictionaries(st.sampled_from(["gif_width", "gif_fps", "gif_start", "gif_duration"]), st.text(max_size=12)))
def test_options_are_bounded_or_refused_whatever_the_metadata(metadata: dict[str, str]) -> None:
    try:
        got = options(**metadata)
    except InvalidOptionError:
        return
    assert got.width is None or 16 <= got.width <= 1920
    assert got.fps is not None
    assert 1 <= got.fps <= 50
    assert math.isfinite(got.start)
    assert got.duration is None or 0.1 <= got.duration <= 60


def test_metadata_that_looks_like_an_option_and_is_none_gives_a_warning() -> None:
    assert option_warnings({"Gif_Widht": "320", "author": "somebody", "GIF_FPS": "12"}) == (
        "The metadata gif_widht is not an option and was ignored. Did you mean gif_width?",
    )


def test_warnings_are_few_and_short_whatever_the_metadata() -> None:
    warnings = option_warnings({f"gif_{number:03}{'x' * 5000}": "" for number in range(50)})
    assert len(warnings) == 3
    assert max(map(len, warnings)) < 200
