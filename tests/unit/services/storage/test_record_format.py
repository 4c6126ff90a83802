"""A conversion survives both its stored forms, and anything else is recognized as unreadable."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.conversion import STATES, Conversion, Extra, Gif, Problem, Source
from shared.names import extra_name, gif_name
from shared.options import NOT_KNOWN_PRESET, Options
from shared.services.storage.record_format import (
    MAX_METADATA_MESSAGE_CHARS,
    SCHEMA,
    UnreadableRecordError,
    from_json,
    from_metadata,
    is_newer,
    to_json,
    to_metadata,
)
from shared.timestamps import to_milliseconds

moments = st.none() | st.datetimes(min_value=datetime(2020, 1, 1), timezones=st.just(UTC)).map(  # noqa: DTZ001
    to_milliseconds
)
numbers = st.integers(0, 10**9)
videos = st.tuples(
    st.text(st.characters(codec="utf-8"), max_size=40), st.sampled_from([".mp4", ".MP4", ".mov", ".mov.mp4", ".webm"])
).map("".join)


GOLDEN = sorted((Path(__file__).parent / "golden").glob("*.json"))
"""Records as each release wrote them."""
VIDEO = Conversion(video="a.mp4", etag="0", id="0")


@st.composite
def conversions(draw: st.DrawFn) -> Conversion:
    video = draw(videos)
    also = draw(st.sampled_from([(), ("poster",), ("poster", "webp")]))
    gif = Gif(
        name=gif_name(video),
        bytes=draw(numbers),
        width=draw(numbers),
        height=draw(numbers),
        frames=draw(numbers),
        duration_seconds=draw(st.floats(0, 1e6)),
        also=tuple(
            Extra(kind=kind, name=extra_name(gif_name(video), kind), bytes=5, width=1, height=2) for kind in also
        ),
    )
    message = draw(st.text(st.characters(codec="utf-8"), max_size=200))
    return Conversion(
        video=video,
        etag="0x8DE",
        id="0" * 32,
        state=draw(st.sampled_from(STATES)),
        attempt=draw(st.integers(1, 9)),
        options=Options(
            width=draw(st.none() | st.integers(16, 1920)),
            fps=draw(st.none() | st.floats(1, 50)),
            crop=draw(st.none() | st.just("1:1")),
            reverse=draw(st.booleans()),
            max_bytes=draw(st.none() | st.integers(1000, 10**8)),
            target=draw(st.none() | st.just("github")),
            also=also,
        ),
        retries_left=draw(st.integers(0, 2)),
        preempted=draw(st.integers(0, 9)),
        batch_url=draw(st.none() | st.just("https://account.westeurope.batch.azure.com")),
        job_id=draw(st.none() | st.just("gifdrop-2026-11-21")),
        task_id=draw(st.none() | st.just("0" * 32 + "-1")),
        node_id=draw(st.none() | st.just("tvmps_0_d")),
        queued_at=draw(moments),
        started_at=draw(moments),
        finished_at=draw(moments),
        compute_seconds=draw(st.none() | st.floats(0, 1e6)),
        gif=draw(st.none() | st.just(gif)),
        error=draw(st.none() | st.just(Problem(code="NotAVideo", message=message))),
        source=draw(st.none() | st.builds(Source, bytes=numbers, duration_seconds=st.none() | st.floats(0, 1e6))),
        warnings=tuple(draw(st.lists(st.text(max_size=20), max_size=3))),
        notes=tuple(draw(st.lists(st.text(max_size=20), max_size=8))),
    )


@given(conversions())
def test_record_is_read_back_as_it_was_written(conversion: Conversion) -> None:
    assert from_json(to_json(conversion)).conversion == conversion


@given(conversions())
def test_metadata_has_everything_and_fits_into_headers(conversion: Conversion) -> None:
    metadata = to_metadata(conversion)
    assert all(value.isascii() and value.isprintable() for value in metadata.values())
    assert sum(len(name) + len(value) for name, value in metadata.items()) < 8192
    assert from_metadata(conversion.video, metadata) == conversion


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b"null", b"\xff", b'{"video": "a.mp4", "options": {"no": 1}}'])
def test_body_that_is_not_a_record_is_unreadable(body: bytes) -> None:
    with pytest.raises(UnreadableRecordError):
        from_json(body)


def test_record_in_an_unknown_state_is_unreadable() -> None:
    body = to_json(Conversion(video="a.mp4", etag="0", id="0")).replace(b'"queued"', b'"paused"')
    with pytest.raises(UnreadableRecordError, match="paused"):
        from_json(body)


def test_metadata_of_another_writer_is_unreadable() -> None:
    with pytest.raises(UnreadableRecordError):
        from_metadata("a.mp4", {"attempt": "one"})


def test_metadata_cuts_a_long_message_so_that_it_fits_into_headers() -> None:
    gif = Gif(name="a.gif", bytes=10**9, width=1920, height=1920, frames=3000, duration_seconds=59.999)
    problem = Problem(code="x" * 64, message="\N{GRINNING FACE}" * 1000)
    conversion = Conversion(video="a.mp4", etag="0x8DE", id="0" * 32, gif=gif, error=problem)
    metadata = to_metadata(conversion)
    assert sum(len(name) + len(value) for name, value in metadata.items()) < 8192
    error = from_metadata("a.mp4", metadata).error
    assert error
    assert error.message == "\N{GRINNING FACE}" * MAX_METADATA_MESSAGE_CHARS


def test_metadata_leaves_out_notes_that_do_not_fit_and_keeps_the_rest() -> None:
    notes = ("\N{GRINNING FACE}" * 200,) * 8
    conversion = replace(VIDEO, options=Options(width=320), warnings=("w",), notes=notes)
    metadata = to_metadata(conversion)
    assert sum(len(name) + len(value) for name, value in metadata.items()) < 8192
    assert from_metadata("a.mp4", metadata) == replace(conversion, notes=())


def test_leftovers_are_in_the_body_only() -> None:
    conversion = replace(VIDEO, leftovers=("poster", "webp"))
    assert from_json(to_json(conversion)).conversion == conversion
    assert from_metadata("a.mp4", to_metadata(conversion)) == replace(VIDEO, leftovers=())


def test_moment_cut_to_milliseconds_is_read_back_equal() -> None:
    moment = to_milliseconds(datetime(2026, 11, 21, 10, 20, 30, 123456, tzinfo=UTC))
    conversion = Conversion(video="a.mp4", etag="0", id="0", started_at=moment)
    assert from_json(to_json(conversion)).conversion == conversion
    assert from_metadata("a.mp4", to_metadata(conversion)).started_at == moment


def test_record_keeps_unknown_fields_when_it_is_written_again() -> None:
    stored = json.loads(to_json(VIDEO)) | {"colour": "blue", "stars": [1, 2]}
    record = from_json(json.dumps(stored).encode())
    assert (record.conversion, record.newer) == (VIDEO, False)
    assert json.loads(to_json(VIDEO, unknown=record.unknown)) == stored


@pytest.mark.parametrize("field", ["options", "gif", "error"])
def test_record_with_an_unknown_nested_field_is_readable(field: str) -> None:
    whole = replace(
        VIDEO,
        gif=Gif(name="a.gif", bytes=1, width=2, height=3, frames=4, duration_seconds=5),
        error=Problem(code="C", message="m"),
    )
    stored = json.loads(to_json(whole))
    stored[field]["new"] = 1
    assert from_json(json.dumps(stored).encode()).conversion == whole


def test_record_of_a_newer_schema_is_marked_and_read_as_far_as_possible() -> None:
    newer = json.loads(to_json(VIDEO)) | {"schema": SCHEMA + 1}
    record = from_json(json.dumps(newer).encode())
    assert (record.conversion, record.newer) == (VIDEO, True)
    unreadable = from_json(json.dumps(newer | {"state": "paused"}).encode())
    assert (unreadable.conversion, unreadable.newer) == (None, True)


def test_metadata_shows_a_newer_schema() -> None:
    metadata = to_metadata(VIDEO)
    assert not is_newer(metadata)
    assert is_newer(metadata | {"schema": str(SCHEMA + 1)})
    assert not is_newer({})


@pytest.mark.parametrize(
    "golden", sorted((Path(__file__).parent / "golden").glob("*.json")), ids=lambda path: path.stem
)
def test_records_of_every_release_are_readable(golden: Path) -> None:
    stored = json.loads(golden.read_text())
    for example in stored:
        record = from_json(json.dumps(example["body"]).encode())
        listed = from_metadata(example["body"]["video"], example["metadata"])
        assert not record.newer
        assert record.conversion
        assert (record.conversion.state, record.conversion.id) == (listed.state, listed.id)
        assert replace(record.conversion, options=listed.options) == listed
        assert listed.options in (record.conversion.options, Options(preset=NOT_KNOWN_PRESET))
