"""Options come from metadata over the defaults, and are always within their bounds."""

import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.options import METADATA, InvalidOptionError, Options, option_warnings, options_of
from shared.targets import TARGETS


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
        ("gif_height", "8"),
        ("gif_fit", "stretch"),
        ("gif_crop", "1"),
        ("gif_crop", "0:1"),
        ("gif_crop", "1.85:1"),
        ("gif_crop", "1000:1"),
        ("gif_crop", "15:100:0:0"),
        ("gif_crop", "100:100:-1:0"),
        ("gif_crop", "100:100:0:65536"),
        ("gif_crop", "100:100:0"),
        ("gif_crop", "iw/2:ih:0:0"),
        ("gif_crop", "1:1,drawtext=textfile=/etc/passwd"),
        ("gif_speed", "0.2"),
        ("gif_speed", "8.001"),
        ("gif_speed", "-1"),
        ("gif_reverse", "yes"),
        ("gif_boomerang", "1"),
        ("gif_max_bytes", "999"),
        ("gif_max_bytes", "257MiB"),
        ("gif_max_bytes", "10GB"),
        ("gif_max_bytes", "10 M"),
        ("gif_max_bytes", "-1"),
        ("gif_max_bytes", "1e6"),
        ("gif_max_bytes", "١MB"),
        ("gif_for", "myspace"),
        ("gif_also", "poster,exe"),
        ("gif_also", ","),
    ],
)
def test_option_out_of_bounds_is_refused_by_its_metadata_key(key: str, value: str) -> None:
    with pytest.raises(InvalidOptionError, match=f"^{key} must be "):
        options(**{key: value})


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("2000000", 2_000_000),
        ("2000000B", 2_000_000),
        ("10MB", 10_000_000),
        ("128KB", 128_000),
        ("128 kb", 128_000),
        ("1.5 MB", 1_500_000),
        ("128KiB", 131_072),
        ("256MiB", 268_435_456),
        ("1", None),
    ],
)
def test_size_has_decimal_and_binary_units(text: str, size: int | None) -> None:
    if size is None:
        with pytest.raises(InvalidOptionError, match=r"such as 2000000, 1.5MB or 128KB"):
            options(gif_max_bytes=text)
    else:
        assert options(gif_max_bytes=text).max_bytes == size


def test_framing_and_time_come_from_metadata() -> None:
    assert options(
        gif_height="240",
        gif_fit="cover",
        gif_crop="0640:0360:10:0",
        gif_speed="0.5",
        gif_reverse="True",
        gif_boomerang="false",
    ) == Options(fps=10, height=240, fit="cover", crop="640:360:10:0", speed=0.5, reverse=True)


def test_extras_are_in_one_order_without_repetition() -> None:
    assert options(gif_also="webp, poster,webp").also == ("poster", "webp")


@pytest.mark.parametrize("name", TARGETS)
def test_target_is_kept_by_name(name: str) -> None:
    assert options(gif_for=name).target == name


def test_targets_stay_within_the_bounds_of_the_converter() -> None:
    for target in TARGETS.values():
        assert 1000 <= target.bytes <= 256 * 2**20
        assert all(16 <= pixels <= 4096 for pixels in (target.width, target.height) if pixels is not None)
        assert target.frames is None or target.frames <= 1800, "the converter's own cap"
        assert target.source.startswith("https://")


def test_duration_is_limited_in_seconds_of_the_gif() -> None:
    assert options(gif_duration="120", gif_speed="2").duration == 120
    with pytest.raises(InvalidOptionError, match=r"^gif_duration must be a number from 0.1 to 60\.$"):
        options(gif_duration="60.1", gif_speed="0.5")


def test_option_that_is_not_set_is_not_in_the_json() -> None:
    assert Options().to_json() == {"preset": "balanced", "start": 0, "loop": 0}
    assert Options(target="x", also=("webp",), reverse=True).to_json() == {
        "preset": "balanced",
        "start": 0,
        "reverse": True,
        "loop": 0,
        "target": "x",
        "also": ["webp"],
    }


@given(st.dictionaries(st.sampled_from(["gif_crop", "gif_max_bytes", "gif_also", "gif_for"]), st.text(max_size=20)))
def test_text_options_are_of_their_few_characters_or_refused(metadata: dict[str, str]) -> None:
    try:
        got = options(**metadata)
    except InvalidOptionError:
        return
    assert got.crop is None or set(got.crop) <= set("0123456789:")
    assert got.max_bytes is None or 1000 <= got.max_bytes <= 256 * 2**20
    assert got.target is None or got.target in TARGETS


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


def test_docs_show_every_option_and_target() -> None:
    docs = (Path(__file__).parents[2] / "docs" / "options.md").read_text()
    assert [key for key in METADATA.values() if f"| `{key}` |" not in docs] == []
    assert [name for name, target in TARGETS.items() if f"| `{name}` |" not in docs or target.source not in docs] == []


def test_metadata_that_looks_like_an_option_and_is_none_gives_a_warning() -> None:
    assert option_warnings({"Gif_Widht": "320", "author": "somebody", "GIF_FPS": "12"}) == (
        "The metadata gif_widht is not an option and was ignored. Did you mean gif_width?",
    )


def test_warnings_are_few_and_short_whatever_the_metadata() -> None:
    warnings = option_warnings({f"gif_{number:03}{'x' * 5000}": "" for number in range(50)})
    assert len(warnings) == 3
    assert max(map(len, warnings)) < 200
